"""Systems that store references: library search, and k nearest neighbours.

The similarity of a library search is ``cosine`` of the spectra, ``pearson`` of the centred spectra (the hit quality index, HQI, of
commercial libraries), ``derivative`` of their first derivatives, or ``root-derivative`` of the derivatives of their square roots:
Savitzky-Golay over 11 points, second order, with the ends from the polynomial of the outermost window (scipy's
``savgol_filter(sqrt(y), 11, 2, deriv=1)``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from raman_edge.errors import ConfigError
from scipy.signal import savgol_filter
from torch import Tensor
from torch.nn import functional

from raman_train.models.layers import Untrained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

Similarity = Literal["cosine", "pearson", "derivative", "root-derivative"]
WINDOW, ORDER = 11, 2
"""Savitzky-Golay derivative, points and order of its polynomial."""
ABSENT = -1.0
"""Score of a class without a reference: no cosine is lower."""


class References(Untrained, ABC):
    """Embeddings and classes of the spectra given to :meth:`prepare`, in the checkpoint as buffers."""

    embeddings: Tensor
    """(references, e), unit norm."""
    classes: Tensor
    """(references,)."""

    def __init__(self, length: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("embeddings", torch.zeros(0, length))
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))
        # The number of references comes from the checkpoint; torch itself loads only tensors of the same size.
        self.register_load_state_dict_pre_hook(_resize)  # type: ignore[no-untyped-call]  # torch's own types

    @abstractmethod
    def embed(self, spectra: Tensor) -> Tensor:
        """Return the vectors to compare, (batch, e) at unit norm, of spectra (batch, n)."""

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Store the references: spectra (count, n) of classes (count,)."""
        self.embeddings, self.classes = self.embed(spectra), classes.clone()


def _resize(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    for name, buffer in module.named_buffers(recurse=False):
        if prefix + name in state:
            setattr(module, name, torch.empty_like(state[prefix + name], device=buffer.device))


class LibrarySearch(References):
    """The answer is the class of the most similar reference."""

    derive: Tensor | None
    """(n, n); the derivative of a row of spectra is its product with this. None without a derivative. Not in the checkpoint."""

    def __init__(self, length: int, classes: int, similarity: Similarity = "root-derivative") -> None:
        super().__init__(length, classes)
        self.similarity = similarity
        derive = torch.from_numpy(_derivative(length)) if "derivative" in similarity else None
        self.register_buffer("derive", derive, persistent=False)

    def embed(self, spectra: Tensor) -> Tensor:
        """Return the vectors to compare, (batch, n) at unit norm, of spectra (batch, n)."""
        if self.similarity == "pearson":
            spectra = spectra - spectra.mean(dim=1, keepdim=True)
        if self.similarity == "root-derivative":
            spectra = spectra.clamp_min(0).sqrt()
        if self.derive is not None:
            spectra = spectra @ self.derive
        return functional.normalize(spectra, dim=1)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the highest similarity of each class, (batch, classes), and the compared vectors, (batch, n)."""
        embedding = self.embed(spectra)
        best = torch.full((len(embedding), self.count), ABSENT, device=embedding.device)
        similarity = embedding @ self.embeddings.T  # (batch, references)
        return best.scatter_reduce(1, self.classes.expand_as(similarity), similarity, "amax"), embedding


class Neighbours(References):
    """The k most similar references vote, each with its cosine as weight; a class without a vote scores 0."""

    def __init__(self, length: int, classes: int, k: int) -> None:
        super().__init__(length, classes)
        self.k = k

    def embed(self, spectra: Tensor) -> Tensor:
        """Return the spectra at unit norm, (batch, n)."""
        return functional.normalize(spectra, dim=1)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the cosines of each class among the k nearest, (batch, classes), and the spectra at unit norm."""
        embedding = self.embed(spectra)
        cosines, nearest = (embedding @ self.embeddings.T).topk(min(self.k, len(self.embeddings)), dim=1)  # (batch, k)
        votes = torch.zeros(len(embedding), self.count, device=embedding.device)
        return votes.scatter_add(1, self.classes[nearest], cosines), embedding


def _derivative(length: int) -> NDArray[np.float32]:
    """Return the filter as a matrix: it is linear, and scipy's result for unit impulses is the matrix, ends included."""
    if length < WINDOW:
        msg = f"got spectra of {length} points, expected at least {WINDOW} for a derivative: give the axis of the recipe more points"
        raise ConfigError(msg)
    matrix: NDArray[np.float32] = savgol_filter(np.eye(length), WINDOW, ORDER, deriv=1, axis=1).astype(np.float32)
    return matrix
