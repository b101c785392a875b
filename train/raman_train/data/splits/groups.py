"""What belongs together: spectra of one specimen, and spectra that are one measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR_DUPLICATE = 0.999
"""Two spectra with a higher cosine are one measurement processed twice."""


def near_duplicates(specimens: NDArray[np.str_], features: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return a group number a spectrum, (n,): same specimen or near-duplicate means same group."""
    _, index = np.unique(specimens, return_inverse=True)
    parent = np.arange(int(index.max()) + 1)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for low in range(0, len(unit), 1024):
        for row, column in np.argwhere(unit[low : low + 1024] @ unit.T > NEAR_DUPLICATE).tolist():
            parent[root(int(index[low + row]))] = root(int(index[column]))
    return np.array([root(int(node)) for node in index], dtype=np.intp)


def labels_of(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> dict[int, set[int]]:
    """Return the labels of every group: a specimen that carries two names has two."""
    members: dict[int, set[int]] = {}
    for group, label in zip(groups.tolist(), labels.tolist(), strict=True):
        members.setdefault(group, set()).add(label)
    return members


def across(taken: NDArray[np.bool_], groups: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which spectra are of a group that has some that are ``taken`` and some that are not, (n,)."""
    return np.isin(groups, np.intersect1d(groups[taken], groups[~taken]))
