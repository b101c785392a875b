"""``sample``: a specimen is on one side only, and so are near-duplicates of its spectra.

The honest figure: two thirds of Dataset_1 are the same crystal turned, so that a random
split asks a model to recognise a crystal it has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_train.data.splits.groups import labels_of
from raman_train.data.splits.split import TEST_SHARE, Split, with_validation

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SPECIMENS = 2
"""A label needs one specimen to learn from and one to ask."""


def by_sample(labels: NDArray[np.intp], groups: NDArray[np.intp], seed: int) -> Split:
    """Whole groups (see :func:`near_duplicates`) go to one side.

    Of each label with at least two groups, 30 % of them (rounded up, never all) are asked;
    labels with a single one stay in training as distractors.
    """
    rng = np.random.default_rng(seed)
    in_test = np.isin(groups, asked(labels, groups, rng))
    return with_validation(rng.permutation(np.flatnonzero(~in_test)), np.flatnonzero(in_test))


def asked(
    labels: NDArray[np.intp], groups: NDArray[np.intp], rng: np.random.Generator, candidates: NDArray[np.intp] | None = None
) -> list[int]:
    """Return the groups to ask, ascending: of each label 30 % of its groups, rounded up, never all; a label's last group is never asked.

    A group with several labels is asked where all of them can spare it. ``candidates`` are the groups that may be
    asked, all of them by default.
    """
    members = labels_of(labels, groups)
    have = np.bincount([label for known in members.values() for label in known], minlength=int(labels.max()) + 1)
    wanted = np.where(have >= LEAST_SPECIMENS, np.minimum(have - 1, np.ceil(TEST_SHARE * have)), 0).astype(int)
    may = set(members) if candidates is None else set(candidates.tolist())
    chosen = []
    for group in rng.permutation(sorted(members)).tolist():
        known = list(members[group])
        if group in may and (wanted[known] > 0).all():
            chosen.append(group)
            wanted[known] -= 1
    return sorted(chosen)
