"""Build a library: embed every reference with the very model that will search it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from raman_edge import peaks
from raman_edge.matching.library import TABLE, Library
from raman_edge.peaks import MaterialLines

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.spectrum import Axis

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
    tables, lines = {}, {}
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        every = {index: peaks.find(axis, features[index].astype(np.float64), most=TABLE) for index in own.tolist()}
        tables[str(label)] = every[central(own, embedding)]
        lines[str(label)] = MaterialLines.of(list(every.values()))
    return Library.build(network, labels[kept].tolist(), embedding[kept], specimens[kept].tolist(), tables, lines)


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


def central(own: NDArray[np.intp], embedding: NDArray[np.float32]) -> int:
    """Return which of the references ``own`` is most like all of them: its peaks stand for the label."""
    return int(own[int((embedding[own] @ embedding[own].T).mean(axis=1).argmax())])
