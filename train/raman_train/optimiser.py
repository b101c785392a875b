"""Optimiser, learning rate, gradient clipping and moving average of a training."""

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
"""Share of the steps in which the one-cycle rate rises."""
ADAM_BETAS = (0.9, 0.999)
FUSED = ("cuda", "cpu")
"""Devices with a fused Adam, which takes a tenth of the time of the plain one on a CPU."""


def make(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser, fused if the device supports it; vectors (biases, norms, level weights) do not decay."""
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

    torch's ``AveragedModel`` reads its count from the device at every step, which stalls a GPU, and has no warm-up.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network) if decay else network
        """The averaged network; the trained one itself if ``decay`` is 0."""
        self._decay = decay
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self._slow = [slow for slow, _ in pairs if slow.is_floating_point()]
        self._fast = [fast for _, fast in pairs if fast.is_floating_point()]
        self._counts = [(slow, fast) for slow, fast in pairs if not slow.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the present weights; faster in the first steps."""
        if not self._decay:
            return
        torch._foreach_lerp_(self._slow, self._fast, 1 - min(self._decay, (step + 1) / (step + 21)))
        for slow, fast in self._counts:
            slow.copy_(fast)
