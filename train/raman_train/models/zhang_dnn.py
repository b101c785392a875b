"""The dense network of Zhang et al., J. Raman Spectrosc. 51 (2020) 176, after the authors' code.

Their transfer loads every layer but the last (here ``classify``) and trains all of them again.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from raman_train.models.layers import Classifier

WIDTHS = (3072, 2048, 2048, 2048, 2048, 1024)
"""Of the hidden layers."""
DROPOUT = 0.4


class ZhangDnn(Classifier):
    """Six dense layers, each with tanh and dropout."""

    def __init__(self, length: int, classes: int) -> None:
        stages = [(nn.Linear(inputs, outputs), nn.Tanh(), nn.Dropout(DROPOUT)) for inputs, outputs in pairwise((length, *WIDTHS))]
        super().__init__(nn.Sequential(*(layer for stage in stages for layer in stage)), nn.Linear(WIDTHS[-1], classes))
