"""Random convolutions and a ridge classifier, after HYDRA (Dempster et al., Data Min. Knowl. Discov. 37 (2023) 1779).

Groups of random kernels compete at every point of the √-derivative: only the largest response of a group counts, and only the smallest.
HYDRA sums these over the whole series; here they are summed over windows of the axis, because the position of a line is what identifies a
mineral. Each class has the same weight in the regression, whatever its number of spectra; otherwise the large classes take the answers of
the small ones. RamanBench 2026 (arXiv 2605.02003) reports .937 for HYDRA on random folds of RRUFF.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from raman_edge.errors import ConfigError
from torch import Tensor
from torch.nn import functional

from raman_train.models.layers import Untrained
from raman_train.models.search import LibrarySearch

if TYPE_CHECKING:
    from numpy.typing import NDArray

KERNELS = 8
"""Kernels that compete in a group."""
LENGTH = 9
"""Points of a kernel, as in HYDRA and ROCKET."""
DILATIONS = (1, 2, 4)
"""Distances of these points: a kernel spans 9, 17 or 33 points, as wide as a line or two."""
ABSENT = -1.0
"""Score of a class without a training spectrum; the targets are 0 and 1."""
BATCH = 64
"""Spectra whose features are computed together."""


class RandomConvolution(Untrained):
    """A ridge regression of one-hot classes on windowed responses of random kernels."""

    kernels: Tensor
    """(dilations, groups * KERNELS, LENGTH); not in the checkpoint."""
    weight: Tensor
    """(classes, features)."""
    bias: Tensor
    """(classes,)."""

    def __init__(self, length: int, classes: int, groups: int, window: int, ridge: float) -> None:
        super().__init__()
        if length < window:
            msg = f"got spectra of {length} points, expected at least model.window = {window}: give the axis of the recipe more points"
            raise ConfigError(msg)
        self.groups, self.window, self.ridge = groups, window, ridge
        self.search = LibrarySearch(length, classes, "root-derivative")
        self.register_buffer("kernels", torch.from_numpy(_kernels(groups)), persistent=False)
        windows = (length - window) // (window // 2) + 1
        size = 2 * len(DILATIONS) * groups * KERNELS * windows
        self.register_buffer("weight", torch.zeros(classes, size))
        self.register_buffer("bias", torch.full((classes,), ABSENT))

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Fit to spectra (count, n) of classes (count,)."""
        features = torch.cat([self.embed(part) for part in torch.split(spectra, BATCH)])
        seen = torch.unique(classes)
        targets = (classes[:, None] == seen).float()
        mean, share = features.mean(dim=0), targets.mean(dim=0)
        centred = features - mean
        gram = centred @ centred.T  # (count, count): there are fewer spectra than features
        gram.diagonal().add_(self.ridge * targets.sum(dim=0)[targets.argmax(dim=1)])  # every class has the same weight, however large
        dual = torch.cholesky_solve(targets - share, torch.linalg.cholesky(gram))
        self.weight[seen] = dual.T @ centred
        self.bias[seen] = share - self.weight[seen] @ mean

    def embed(self, spectra: Tensor) -> Tensor:
        """Return the features at unit norm, (batch, features), of spectra (batch, n)."""
        signal = self.search.embed(spectra)[:, None]  # (batch, 1, n)
        made = []
        for kernels, dilation in zip(self.kernels, DILATIONS, strict=True):
            response = functional.conv1d(signal, kernels[:, None], padding="same", dilation=dilation)
            response = response.view(len(response), self.groups, KERNELS, -1)  # (batch, groups, kernels, n)
            for sign in (1, -1):
                largest, winner = (sign * response).max(dim=2, keepdim=True)
                alone = torch.zeros_like(response).scatter_(2, winner, largest.clamp_min(0)).flatten(1, 2)
                made.append(functional.avg_pool1d(alone, self.window, self.window // 2).flatten(1))
        return functional.normalize(torch.cat(made, dim=1).sqrt(), dim=1)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score of each class, (batch, classes), and the features at unit norm."""
        features = self.embed(spectra)
        return functional.linear(features, self.weight, self.bias), features


def _kernels(groups: int) -> NDArray[np.float32]:
    """Return kernels with mean 0 and norm 1, (dilations, groups * KERNELS, LENGTH), the same in every run."""
    drawn = np.random.default_rng(0).standard_normal((len(DILATIONS), groups * KERNELS, LENGTH))
    drawn -= drawn.mean(axis=-1, keepdims=True)
    kernels: NDArray[np.float32] = (drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).astype(np.float32)
    return kernels
