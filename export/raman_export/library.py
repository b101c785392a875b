"""Build a library: embed every reference with the very model that will search it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from raman_edge import peaks
from raman_edge.library import Library

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.peaks import Peaks
    from raman_edge.spectrum import Axis

PEAKS = 16
"""Peaks in a label's table, the most prominent ones."""
SAME = 0.9995
"""Of references of one label with a higher cosine, one is kept."""


def build(
    network: str,
    labels: NDArray[np.str_],
    specimens: NDArray[np.str_],
    embedding: NDArray[np.float32],
    features: NDArray[np.float32],
    axis: Axis,
) -> Library:
    """Return the library of these references, (n, …), without those that say nothing new."""
    kept = distinct(labels, embedding)
    tables = {str(label): _table(np.flatnonzero(labels == label), embedding, features, axis) for label in np.unique(labels)}
    return Library.build(network, labels[kept].tolist(), embedding[kept], specimens[kept].tolist(), tables)


def distinct(labels: NDArray[np.str_], embedding: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the references to keep: the first of each label, and those unlike any kept before."""
    kept: list[int] = []
    for label in np.unique(labels):
        own: list[int] = []
        for index in np.flatnonzero(labels == label).tolist():
            if not own or float((embedding[own] @ embedding[index]).max()) < SAME:
                own.append(index)
        kept += own
    return np.array(sorted(kept), dtype=np.intp)


def _table(own: NDArray[np.intp], embedding: NDArray[np.float32], features: NDArray[np.float32], axis: Axis) -> Peaks:
    """Return the peaks of a label's most central spectrum."""
    central = own[int((embedding[own] @ embedding[own].T).mean(axis=1).argmax())]
    return peaks.find(axis, features[central].astype(np.float64), most=PEAKS)
