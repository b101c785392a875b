"""Library search: the best similarity of each class over every reference.

``cosine`` compares the spectra, ``pearson`` the centred ones (the hit quality index, HQI, of
commercial libraries), ``derivative`` their first derivatives, ``root-derivative`` the
derivatives of their square roots: Savitzky-Golay over 11 points, second order, the ends by
the polynomial of the outermost window (scipy's ``savgol_filter(sqrt(y), 11, 2, deriv=1)``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from raman_edge.errors import ConfigError
from scipy.signal import savgol_filter
from torch import Tensor
from torch.nn import functional

from raman_train.models.references import References

if TYPE_CHECKING:
    from numpy.typing import NDArray

Similarity = Literal["cosine", "pearson", "derivative", "root-derivative"]
WINDOW, ORDER = 11, 2
"""Savitzky-Golay derivative, points and order of its polynomial."""
ABSENT = -1.0
"""The score of a class without a reference: no cosine is lower."""


class Search(References):
    """The answer is the class of the most similar reference."""

    derive: Tensor | None
    """(n, n), a row of spectra times this is its derivative; None where none is taken. Not in the checkpoint."""

    def __init__(self, length: int, classes: int, similarity: Similarity = "root-derivative") -> None:
        super().__init__(length, classes)
        self.similarity = similarity
        derive = torch.from_numpy(_derivative(length)) if "derivative" in similarity else None
        self.register_buffer("derive", derive, persistent=False)

    def embed(self, spectra: Tensor) -> Tensor:
        """Return what is compared, (batch, n) at unit norm, of spectra (batch, n)."""
        if self.similarity == "pearson":
            spectra = spectra - spectra.mean(dim=1, keepdim=True)
        if self.similarity == "root-derivative":
            spectra = spectra.clamp_min(0).sqrt()
        if self.derive is not None:
            spectra = spectra @ self.derive
        return functional.normalize(spectra, dim=1)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best similarity of each class, (batch, classes), and what was compared, (batch, n)."""
        asked = self.embed(spectra)
        best = torch.full((len(asked), self.count), ABSENT, device=asked.device)
        similarity = asked @ self.embeddings.T  # (batch, references)
        return best.scatter_reduce(1, self.classes.expand_as(similarity), similarity, "amax"), asked


def _derivative(length: int) -> NDArray[np.float32]:
    """Return the filter as a matrix: the derivative is linear, and scipy applied to unit impulses gives it whole, ends and all."""
    if length < WINDOW:
        msg = f"a derivative takes {WINDOW} points, the spectra have {length}: give the recipe's axis more points"
        raise ConfigError(msg)
    matrix: NDArray[np.float32] = savgol_filter(np.eye(length), WINDOW, ORDER, deriv=1, axis=1).astype(np.float32)
    return matrix
