"""drcnn-edge: the recursive idea of DRCNN as a small embedding network for an edge box.

Differences from the paper's network: √ and Savitzky-Golay derivative as a fixed first layer (part of the ONNX file), a narrow
recursion at half the resolution, a 1x1 squeeze before the flatten (which keeps positions: the position of a line is the signal),
and a cosine head with an additive margin (Wang et al., IEEE SPL 25 (2018) 926) instead of a softmax over classes with one
example each.

The embedding has two parts under one norm: the trained one, and the √-derivative spectrum projected onto its principal
directions. The cosine of two embeddings is therefore the weighted sum of two similarities, without any change to the search.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from scipy.signal import savgol_coeffs
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from raman_train.config import DrcnnEdgeConfig

WINDOW, ORDER = 11, 2
"""Savitzky-Golay derivative, points and order of its polynomial."""
DERIVATIVE_GAIN = 20.0
"""Scales the unit-norm derivative of some 1600 points to the size of the √ spectrum."""
FLAT = 1e-6
"""Largest derivative of √ (0..1) that counts as flat. Rounding of a held value gives 1.3e-8; under the least noise of training, some of
:data:`FLAT_POINTS` points together have 9e-6 or more (measured on 200 000 of either)."""
FLAT_POINTS = 21
"""Points that are flat together where nothing was measured: the recipe holds the last value there. No other number was tried."""
IDENTITY_NOISE = 0.2
"""The recursion starts as the identity plus this share of He noise, so that it preserves the signal."""


class DrcnnEdge(nn.Module):
    """Outputs ``logits`` (scale times cosines) and the unit-norm ``embedding``."""

    kernel: Tensor
    directions: Tensor

    def __init__(self, length: int, classes: int, config: DrcnnEdgeConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        kernel = savgol_coeffs(WINDOW, ORDER, deriv=1, use="dot")
        self.register_buffer("kernel", torch.tensor(kernel, dtype=torch.float32)[None, None, None])
        self.register_buffer("directions", torch.zeros(length, config.spectral))
        self.masked = config.masked is True
        self.embed_0 = nn.Conv2d(3 if self.masked else 2, width, (1, 7), stride=(1, 2), padding=(0, 3))
        self.embed_1 = _conv(width, width)
        self.recur = _conv(width, width)
        self.supervise = _conv(width, 2 * width)
        self.level_weights = nn.Parameter(torch.full((config.recursions,), 1.0 / config.recursions))
        self.reconstruct = _conv(2 * width, 4 * width)
        self.squeeze = nn.Conv2d(4 * width, config.squeeze, 1)
        self.dropout = nn.Dropout(config.dropout)
        self.project = nn.Linear((math.ceil(length / 2) >> 3) * config.squeeze, config.embedding)
        self.norm = nn.BatchNorm1d(config.embedding)
        self.classes = nn.Parameter(functional.normalize(torch.randn(classes, config.embedding), dim=1))
        self._initialise()
        # On a CPU these convolutions are fastest as one-row images with channels last.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own types leave this form out

    def _initialise(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # every convolution here has a bias
        with torch.no_grad():
            self.recur.weight.mul_(IDENTITY_NOISE)
            self.recur.weight[:, :, 0, 1].add_(torch.eye(self.config.width))

    def stem(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return √, with the mask where the network reads one (batch, 1 or 2, 1, n), and its derivative at unit norm (batch, 1, 1, n)."""
        root = torch.sqrt(spectra.clamp_min(0) + 1e-6)[:, None, None]
        half = WINDOW // 2
        derivative = functional.conv2d(functional.pad(root, (half, half, 0, 0), mode="replicate"), self.kernel)
        return masked(root, derivative) if self.masked else root, functional.normalize(derivative, dim=3)

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:  # noqa: ARG002 - the contract of every system
        """Compute the principal directions of the √-derivative of the training spectra (count, n)."""
        if not self.config.spectral:
            return
        _, derivative = self.stem(spectra)
        rows = derivative[:, 0, 0].double()
        _, vectors = torch.linalg.eigh(rows.T @ rows)  # eigenvalues increase
        self.directions.copy_(vectors[:, -self.config.spectral :].to(self.directions))

    def learned(self, root: Tensor, derivative: Tensor) -> Tensor:
        """Return the trained part of the embedding at unit norm, (batch, embedding)."""
        level = torch.cat([root, DERIVATIVE_GAIN * derivative], dim=1).contiguous(memory_format=torch.channels_last)
        level = functional.relu(self.embed_0(level))  # (batch, width, 1, n/2)
        level = functional.relu(self.embed_1(level))  # L₀
        weights = self.level_weights / self.level_weights.sum()
        supervised = []
        for weight in weights:
            level = functional.relu(self.recur(level))
            branch = functional.max_pool2d(level, (1, 2))
            supervised.append(weight * functional.max_pool2d(functional.relu(self.supervise(branch)), (1, 2)))
        together = torch.stack(supervised).sum(dim=0)  # (batch, 2 width, 1, n/8)
        made = functional.max_pool2d(functional.relu(self.reconstruct(together)), (1, 2))
        flat = self.dropout(self.squeeze(made).flatten(1))
        return functional.normalize(self.norm(self.project(flat)), dim=1)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the two-part embedding at unit norm."""
        root, derivative = self.stem(spectra)
        learned = self.learned(root, derivative)
        logits = self.config.scale * learned @ functional.normalize(self.classes, dim=1).T
        if not self.config.spectral:
            return logits, learned
        spectral = functional.normalize(derivative[:, 0, 0] @ self.directions, dim=1)
        share = self.config.spectral_weight
        return logits, torch.cat([math.sqrt(1 - share) * learned, math.sqrt(share) * spectral], dim=1)

    def loss(self, spectra: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy with the additive margin on the true class's cosine."""
        cosines = self.learned(*self.stem(spectra)) @ functional.normalize(self.classes, dim=1).T
        margin = self.config.margin * functional.one_hot(labels, cosines.shape[1])
        return functional.cross_entropy(self.config.scale * (cosines - margin), labels)


def masked(root: Tensor, derivative: Tensor) -> Tensor:
    """Return √ where it was measured and 0 elsewhere, and the mask, for √ and its derivative (batch, 1, 1, n); (batch, 2, 1, n)."""
    moves = (derivative.abs() > FLAT).float()
    measured = functional.max_pool2d(moves, (1, FLAT_POINTS), stride=1, padding=(0, FLAT_POINTS // 2))
    return torch.cat([root * measured, measured], dim=1)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1))
