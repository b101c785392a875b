"""Convolutions in the memory layout that hardware multiplies fastest.

A tensor core wants the channels of one point next to each other. PyTorch has that layout for
images alone ("channels last"), and brings whatever goes into a ``Conv1d`` back into the other
one. A spectrum is therefore shown as an image of one row; numbers and weights stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


class RowConv(nn.Conv1d):
    """A ``Conv1d`` that computes on images of one row, channels last; its output stays in that layout."""

    def forward(self, spectra: Tensor) -> Tensor:
        """Return (batch, out, m) for (batch, in, n)."""
        rows = spectra.unsqueeze(2).contiguous(memory_format=torch.channels_last)  # (batch, in, 1, n)
        weight = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        padding = self.padding if isinstance(self.padding, str) else (0, *self.padding)
        made = functional.conv2d(rows, weight, self.bias, (1, *self.stride), padding, (1, *self.dilation), self.groups)
        return made.squeeze(2)


def channels_last(network: nn.Module) -> None:
    """Let every ``Conv1d`` of ``network`` compute with channels last; its weights and their names stay."""
    for layer in network.modules():
        if type(layer) is nn.Conv1d and layer.padding_mode == "zeros":
            layer.__class__ = RowConv  # no state of its own: the same weights, another way to multiply
