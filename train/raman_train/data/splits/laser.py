"""``laser``: learned with one laser, asked with another, of other samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError

from raman_train.data.splits.sample import asked
from raman_train.data.splits.split import Split, with_validation

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEARNED = (514, 532)
"""Excitation of what is learned from, nm."""
ASKED = (780, 785)
"""Excitation of what is asked, nm."""


def by_laser(labels: NDArray[np.intp], groups: NDArray[np.intp], lasers: NDArray[np.int32], seed: int) -> Split:
    """Groups go to one side as under ``sample``; each side then has the spectra of its lasers alone.

    A group without a spectrum to learn from is always asked; of the others, 30 % of a label's are, where they have both
    kinds. A label is asked where another group of it is learned from. Labels that nobody asks stay in training as
    distractors; spectra of neither laser, and of the wrong one for their side, are left out.
    """
    learned, red = np.isin(lasers, LEARNED), np.isin(lasers, ASKED)
    if not learned.any() or not red.any():
        msg = (
            f"protocol 'laser' learns at {LEARNED} nm and asks at {ASKED} nm; "
            f"the dataset has {int(learned.sum())} and {int(red.sum())} such spectra: choose another dataset or protocol"
        )
        raise ConfigError(msg)
    rng = np.random.default_rng(seed)
    spared = asked(labels[learned], groups[learned], rng, np.unique(groups[red]))
    held = np.isin(groups, spared) | ~np.isin(groups, groups[learned])
    train = np.flatnonzero(learned & ~held)
    return with_validation(rng.permutation(train), np.flatnonzero(red & held & np.isin(labels, labels[train])))
