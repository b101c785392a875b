"""How weights move: Adam or AdamW, the rate of every step, clipped gradients, a moving average."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn

    from raman_train.config import TrainingConfig
    from raman_train.models import Network

WARM_UP = 0.2
"""Share of the steps in which one-cycle's rate rises."""
ADAM_BETAS = (0.9, 0.999)
FUSED = ("cuda", "cpu")
"""Devices with a fused Adam: a tenth of the time of the plain one on a CPU."""


def make(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser, as one kernel over all weights; vectors (biases, norms, level weights) do not decay."""
    fused = next(network.parameters()).device.type in FUSED
    if config.optimiser == "adam":
        return torch.optim.Adam(network.parameters(), lr=config.rate, betas=ADAM_BETAS, fused=fused)
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.rate, betas=ADAM_BETAS, fused=fused)


def rate(progress: float, config: TrainingConfig) -> float:
    """Return the learning rate at ``progress`` 0..1: constant, or one-cycle with cosine flanks."""
    if config.optimiser == "adam":
        return config.rate
    if progress < WARM_UP:
        return config.rate * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * progress / WARM_UP)))
    return config.rate * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def clip(network: nn.Module, largest: float) -> None:
    """Scale down the gradient of each weight tensor whose norm is above ``largest``, as Keras' ``clipnorm`` does; 0 clips nothing."""
    if largest:
        for weight in network.parameters():
            torch.nn.utils.clip_grad_norm_(weight, largest)


class Average:
    """The exponential moving average of a network's weights and statistics.

    torch's own ``AveragedModel`` asks the device for its count at every step, which a GPU would
    have to stop for, and knows no warm-up.
    """

    def __init__(self, network: Network, keep: float) -> None:
        self.network = copy.deepcopy(network) if keep else network
        """The averaged network; the trained one itself where ``keep`` is 0."""
        self._keep = keep
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self._slow = [slow for slow, _ in pairs if slow.is_floating_point()]
        self._fast = [fast for _, fast in pairs if fast.is_floating_point()]
        self._counts = [(slow, fast) for slow, fast in pairs if not slow.is_floating_point()]

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move a little towards the present weights; faster in the first steps."""
        if not self._keep:
            return
        torch._foreach_lerp_(self._slow, self._fast, 1 - min(self._keep, (step + 1) / (step + 21)))
        for slow, fast in self._counts:
            slow.copy_(fast)
