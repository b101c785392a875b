"""The network of Liu et al. 2017, arXiv 1708.09022 (Analyst 142, 4067), section 2 and Fig. 2.

LeNet in one dimension, with BatchNorm everywhere, also on the logits. The weight of a class is one over its size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from raman_train.models.layers import Classifier, flat

SLOPE = 0.3
"""Of LeakyReLU below zero."""
HIDDEN = 2048


class Liu(Classifier):
    """Three convolutions of 21, 11 and 5 points, one dense layer."""

    class_weights: Tensor

    def __init__(self, length: int, classes: int, *, class_weighted: bool = True) -> None:
        super().__init__(
            nn.Sequential(
                nn.Unflatten(1, (1, -1)),  # (batch, 1, n)
                *_stage(1, 16, 21),  # (batch, 16, n/2)
                *_stage(16, 32, 11),  # (batch, 32, n/4)
                *_stage(32, 64, 5),  # (batch, 64, n/8)
                nn.Flatten(),
                nn.Linear(flat(64, length // 8, length), HIDDEN), nn.BatchNorm1d(HIDDEN), nn.Tanh(), nn.Dropout(0.5),
            ),
            nn.Sequential(nn.Linear(HIDDEN, classes), nn.BatchNorm1d(classes)),
        )  # fmt: skip
        self._class_weighted = class_weighted
        self.register_buffer("class_weights", torch.ones(classes))

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Weight each class by one over its size; the mean weight of the training spectra is 1, an absent class has 0."""
        if not self._class_weighted:
            return
        size = torch.bincount(classes, minlength=self.class_weights.shape[0]).to(self.class_weights)
        shares = torch.where(size > 0, spectra.shape[0] / size.clamp_min(1), 0)
        self.class_weights.copy_(shares / (size > 0).sum())

    def loss(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean cross-entropy, weighted by class as in Keras."""
        logits, _ = self(spectra)
        each = functional.cross_entropy(logits, classes, reduction="none")
        return (self.class_weights[classes] * each).mean()


def _stage(inputs: int, outputs: int, points: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(inputs, outputs, points, padding=points // 2)
    return conv, nn.BatchNorm1d(outputs), nn.LeakyReLU(SLOPE), nn.MaxPool1d(2)
