"""DRCNN, the deeply-recursive network of Zhou et al., RSC Adv. 2022, 12, 5053, Table 1.

Embedding, one convolution applied D times, supervision of every recursion by shared layers, their weighted sum, reconstruction,
and three dense layers. Any length works, since the pools round down.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

POOL = 2
DENSE = (1024, 512)
DROPOUT = 0.5


def halved(length: int, times: int) -> int:
    """Return the number of points after ``times`` pools of 2."""
    return length >> times


class Drcnn(nn.Module):
    """The paper's network; 70,456,371 parameters at 1024 points and 1322 classes."""

    def __init__(self, length: int, classes: int, recursions: int = 9) -> None:
        super().__init__()
        self.recursions = recursions
        self.embed = nn.Sequential(_conv(1, 64), nn.ReLU(), _conv(64, 128), nn.ReLU())
        self.recur = _conv(128, 128)
        self.supervise = nn.Sequential(
            nn.MaxPool1d(POOL), _conv(128, 256), nn.ReLU(), nn.MaxPool1d(POOL), _conv(256, 512), nn.ReLU(), nn.MaxPool1d(POOL)
        )
        self.level_weights = nn.Parameter(torch.full((recursions,), 1.0 / recursions))
        self.reconstruct = nn.Sequential(_conv(512, 1024), nn.ReLU(), nn.MaxPool1d(POOL), nn.Flatten())
        self.dense = nn.Sequential(
            nn.Linear(1024 * halved(length, 4), DENSE[0]), nn.BatchNorm1d(DENSE[0]), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(DENSE[0], DENSE[1]), nn.BatchNorm1d(DENSE[1]), nn.ReLU(), nn.Dropout(DROPOUT),
        )  # fmt: skip
        self.classify = nn.Linear(DENSE[1], classes)
        self._initialise()

    def _initialise(self) -> None:
        """He initialisation of the convolutions (He et al. 2015).

        With PyTorch's default, nine tied ReLU convolutions reduce the difference between two spectra to 3e-4: the deep
        recursions are dead before the first step.
        """
        for layer in self.modules():
            if isinstance(layer, nn.Conv1d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # every convolution here has a bias

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Do nothing: every weight of this network is trained."""

    def levels(self, spectra: Tensor) -> list[Tensor]:
        """Return L₁ … L_D, each (batch, 128, n), for spectra (batch, n)."""
        level = self.embed(spectra[:, None])  # L₀ (batch, 128, n)
        made = []
        for _ in range(self.recursions):
            level = functional.relu(self.recur(level))
            made.append(level)
        return made

    def hidden(self, spectra: Tensor) -> Tensor:
        """Return the last hidden layer, (batch, 512)."""
        levels = self.levels(spectra)
        # The branches share their weights: stacked on the batch axis they need one call. As rows they keep their memory layout.
        stacked = torch.cat([level.unsqueeze(2) for level in levels]).squeeze(2)  # (D batch, 128, n)
        supervised = self.supervise(stacked).unflatten(0, (self.recursions, -1))  # (D, batch, 512, n/8)
        weights = self.level_weights / self.level_weights.sum()
        # The sum, too, runs along the memory of rows, where the channels of a point are next to each other.
        together = (weights[:, None, None, None] * supervised.transpose(2, 3)).sum(0).transpose(1, 2)
        hidden: Tensor = self.dense(self.reconstruct(together))
        return hidden

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the last hidden layer at unit norm (batch, 512)."""
        hidden = self.hidden(spectra)
        return self.classify(hidden), functional.normalize(hidden, dim=1)

    def loss(self, spectra: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of the aggregate, the paper's only loss."""
        logits, _ = self(spectra)
        return functional.cross_entropy(logits, labels)


def _conv(inputs: int, outputs: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel_size=3, padding=1)
