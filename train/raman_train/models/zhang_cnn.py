"""The convolutional network of Zhang et al., J. Raman Spectrosc. 51 (2020) 176, after the authors' code."""

from __future__ import annotations

from torch import nn

from raman_train.models.layers import Classifier, flat

SLOPE = 0.3
"""Of LeakyReLU below zero."""
DROPOUT = 0.4
HIDDEN = 2048


class ZhangCnn(Classifier):
    """Three convolutions of 21, 11 and 5 points, one dense layer; no BatchNorm."""

    def __init__(self, length: int, classes: int) -> None:
        super().__init__(
            nn.Sequential(
                nn.Unflatten(1, (1, -1)),  # (batch, 1, n)
                *_stage(1, 16, 21),  # (batch, 16, n/2)
                *_stage(16, 32, 11),  # (batch, 32, n/4)
                *_stage(32, 64, 5),  # (batch, 64, n/8)
                nn.Flatten(),
                nn.Linear(flat(64, length // 8, length), HIDDEN), nn.Tanh(), nn.Dropout(DROPOUT),
            ),
            nn.Linear(HIDDEN, classes),
        )  # fmt: skip


def _stage(inputs: int, outputs: int, points: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(inputs, outputs, points, padding=points // 2)
    return conv, nn.LeakyReLU(SLOPE), nn.MaxPool1d(2), nn.Dropout(DROPOUT)
