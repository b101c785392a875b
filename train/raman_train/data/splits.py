"""Who learns and who is asked: splits, reproducible from a seed.

``spectrum`` is the literature's random split. ``sample`` is the honest one: a specimen is
on one side only, and so are near-duplicates of its spectra. Two thirds of Dataset_1 are
the same crystal turned, so that a random split asks a model to recognise a crystal it
has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

Index = "NDArray[np.intp]"

TEST_SHARE = 0.3
"""Share of the spectra (or of the specimens of a label) that is asked."""
VALIDATION_SHARE = 0.2
"""Share of the train part that is validation, from its shuffled end."""
NEAR_DUPLICATE = 0.999
"""Two spectra with a higher cosine are one measurement processed twice."""
LEAST_SPECIMENS = 2
"""A label needs one specimen to learn from and one to ask."""


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Indices into a dataset, disjoint."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]

    @property
    def library(self) -> NDArray[np.intp]:
        """What a library search may hold: everything that is not asked."""
        return np.concatenate([self.train, self.validation])


def by_spectrum(labels: NDArray[np.intp], seed: int) -> Split:
    """Random, stratified by label, 70/30; the last 20 % of the train part is validation."""
    everything = np.arange(labels.size)
    train, test = train_test_split(everything, test_size=TEST_SHARE, stratify=labels, random_state=seed)
    return _with_validation(train, test)


def by_sample(labels: NDArray[np.intp], groups: NDArray[np.intp], seed: int) -> Split:
    """Whole groups (see :func:`near_duplicates`) go to one side.

    Of each label with at least two groups, 30 % of them (rounded up, never all) are asked;
    labels with a single one stay in training as distractors.
    """
    rng = np.random.default_rng(seed)
    members: dict[int, set[int]] = {}
    for group, label in zip(groups.tolist(), labels.tolist(), strict=True):
        members.setdefault(group, set()).add(label)
    have = np.bincount([label for known in members.values() for label in known], minlength=int(labels.max()) + 1)
    wanted = np.where(have >= LEAST_SPECIMENS, np.minimum(have - 1, np.ceil(TEST_SHARE * have)), 0).astype(int)
    asked = set()
    for group in rng.permutation(sorted(members)).tolist():
        known = list(members[group])
        if (wanted[known] > 0).all():
            asked.add(group)
            wanted[known] -= 1
    in_test = np.isin(groups, sorted(asked))
    return _with_validation(rng.permutation(np.flatnonzero(~in_test)), np.flatnonzero(in_test))


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


def _with_validation(train: NDArray[np.intp], test: NDArray[np.intp]) -> Split:
    kept = train.size - round(VALIDATION_SHARE * train.size)
    return Split(train[:kept], train[kept:], test)


def nothing_apart(count: int) -> Split:
    """Everything is learned from: the refit after the measurement."""
    none = np.empty(0, dtype=np.intp)
    return Split(np.arange(count), none, none)
