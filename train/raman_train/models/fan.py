"""DeepCID, Fan et al., Analyst 144 (2019) 1789, and its authors' code, with one output a class.

The original is one small network a compound, each saying whether that compound is in a
mixture. One softmax over all classes is what a comparison on single minerals needs, and
must have been what Zhou 2022 ran. The authors' pools round up, ours down, as everywhere here.

The authors' code starts with normal weights of deviation 0.1, made for two outputs. With 157
classes (those of Dataset_2 with 14 spectra and more) that start gives a top-1 of .13 after 8
epochs, Glorot's .87: Glorot's stands.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from raman_train.models.layers import Classifier, flat

LEAST_DEVIATION = 1e-3
"""A point that hardly ever changes (outside most spectra's range) is not magnified; spectra are scaled 0..1."""


class Fan(Classifier):
    """Each point standardised, two strided convolutions, one dense layer."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, length: int, classes: int) -> None:
        super().__init__(
            nn.Sequential(
                nn.Unflatten(1, (1, -1)),  # (batch, 1, n)
                *_stage(1, 32),  # (batch, 32, n/4)
                *_stage(32, 64),  # (batch, 64, n/16)
                nn.Flatten(),
                nn.Linear(flat(64, quartered(quartered(length)), length), 1024), nn.ReLU(), nn.Dropout(0.5),
            ),
            nn.Linear(1024, classes),
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("deviation", torch.ones(length))

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:  # noqa: ARG002 - the contract of every system
        """Take mean and standard deviation of every point from spectra (count, n)."""
        self.mean.copy_(spectra.mean(0))
        self.deviation.copy_(spectra.std(0, correction=0).clamp_min(LEAST_DEVIATION))

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the last hidden layer at unit norm (batch, 1024), for spectra (batch, n)."""
        return super().forward((spectra - self.mean) / self.deviation)


def quartered(length: int) -> int:
    """Return what a stage leaves of ``length`` points: every second one (rounded up), pooled by two (rounded down)."""
    return (length + 1) // 2 // 2


def _stage(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(inputs, outputs, 5, stride=2, padding=2)
    return conv, nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(0.5)
