"""The networks of Zhang et al., J. Raman Spectrosc. 51 (2020) 176, after the authors' code: convolutional and dense.

Their transfer loads every layer except the last (here ``classify``) and trains all of them again.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from raman_train.models.layers import Classifier, flat

SLOPE = 0.3
"""Of LeakyReLU below zero."""
DROPOUT = 0.4
HIDDEN = 2048
WIDTHS = (3072, 2048, 2048, 2048, 2048, 1024)
"""Of the hidden layers of the dense network."""


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


class ZhangDnn(Classifier):
    """Six dense layers, each with tanh and dropout."""

    def __init__(self, length: int, classes: int) -> None:
        stages = [(nn.Linear(inputs, outputs), nn.Tanh(), nn.Dropout(DROPOUT)) for inputs, outputs in pairwise((length, *WIDTHS))]
        super().__init__(nn.Sequential(*(layer for stage in stages for layer in stage)), nn.Linear(WIDTHS[-1], classes))
