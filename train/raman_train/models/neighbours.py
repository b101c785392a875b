"""k nearest neighbours: the most similar references vote for their classes, each with its cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from raman_train.models.references import References

if TYPE_CHECKING:
    from torch import Tensor


class Neighbours(References):
    """A class that none of the k stands for scores 0."""

    def __init__(self, length: int, classes: int, k: int) -> None:
        super().__init__(length, classes)
        self.k = k

    def embed(self, spectra: Tensor) -> Tensor:
        """Return the spectra at unit norm, (batch, n)."""
        return functional.normalize(spectra, dim=1)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the cosines of each class among the k nearest, (batch, classes), and the spectra at unit norm."""
        asked = self.embed(spectra)
        cosines, nearest = (asked @ self.embeddings.T).topk(min(self.k, len(self.embeddings)), dim=1)  # (batch, k)
        votes = torch.zeros(len(asked), self.count, device=asked.device)
        return votes.scatter_add(1, self.classes[nearest], cosines), asked
