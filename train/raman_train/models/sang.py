"""VGG-19 in one dimension, Sang et al., Neural Process. Lett. 54 (2022) 677, after the authors' code.

Its 16 convolutions have no padding: each removes two points.
"""

from __future__ import annotations

from torch import nn

from raman_train.models.layers import Classifier, flat

GROUPS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions of each group, which ends with a pool of two."""
POINTS = 3
"""Of every convolution."""
HIDDEN = 512


class Sang(Classifier):
    """Sixteen convolutions in five groups, two dense layers."""

    def __init__(self, length: int, classes: int) -> None:
        super().__init__(
            nn.Sequential(
                nn.Unflatten(1, (1, -1)),  # (batch, 1, n)
                *_groups(),
                nn.Flatten(),
                *_dense(flat(GROUPS[-1][0], left(length), length)),
                *_dense(HIDDEN),
            ),
            nn.Linear(HIDDEN, classes),
        )


def left(length: int) -> int:
    """Return the number of points after the five groups."""
    for _, count in GROUPS:
        length = max(0, length - count * (POINTS - 1)) // 2
    return length


def _groups() -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs = 1
    for outputs, count in GROUPS:
        for _ in range(count):
            layers += [nn.Conv1d(inputs, outputs, POINTS), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool1d(2))
    return layers


def _dense(inputs: int) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Dropout(0.5)
