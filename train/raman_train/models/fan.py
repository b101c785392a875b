"""DeepCID, Fan et al., Analyst 144 (2019) 1789, after the authors' code, with one output per class.

The original has one small network per compound, which detects that compound in a mixture. A comparison on single minerals needs
one softmax over all classes, as Zhou 2022 must have used. The authors' pools round up, ours down.

The authors' code initialises with normal weights of deviation 0.1, for two outputs. With 157 classes (those of Dataset_2 with at
least 14 spectra) this gives a top-1 of .13 after 8 epochs, Glorot's initialisation .87; ours is Glorot's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from raman_train.models.layers import Classifier, flat

MIN_DEVIATION = 1e-3
"""Lower limit, so that points outside the range of most spectra are not amplified; spectra are scaled 0..1."""


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
        """Compute mean and standard deviation of every point of spectra (count, n)."""
        self.mean.copy_(spectra.mean(0))
        self.deviation.copy_(spectra.std(0, correction=0).clamp_min(MIN_DEVIATION))

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the last hidden layer at unit norm (batch, 1024), for spectra (batch, n)."""
        return super().forward((spectra - self.mean) / self.deviation)


def quartered(length: int) -> int:
    """Return the number of points after a stage: every second one (rounded up), pooled by two (rounded down)."""
    return (length + 1) // 2 // 2


def _stage(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(inputs, outputs, 5, stride=2, padding=2)
    return conv, nn.ReLU(), nn.MaxPool1d(2), nn.Dropout(0.5)
