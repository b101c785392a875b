"""``open``: species that stand nowhere are asked, and the right answer to them is "unknown"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError

from raman_train.data.splits.groups import across
from raman_train.data.splits.sample import by_sample
from raman_train.data.splits.split import SPECIES_SHARE, Split

if TYPE_CHECKING:
    from numpy.typing import NDArray

STREAM = 1
"""Which species are removed is drawn apart from which of the others' specimens are asked."""


def open_set(labels: NDArray[np.intp], groups: NDArray[np.intp], seed: int) -> Split:
    """Remove 15 % of the labels, ask all their spectra as ``unknown``, and split the rest as ``sample`` does.

    A group that carries a removed label and a kept one (a specimen of two names, one spectrum under two) is left out as a
    whole: learned from, it would teach the removed species under its other name; asked, it would have two right answers.
    """
    species = np.unique(labels)
    count = round(SPECIES_SHARE * species.size)
    if count == 0:
        msg = f"protocol 'open' removes 15 % of the labels; the dataset has {species.size}, which leaves none to remove"
        raise ConfigError(msg)
    removed = np.isin(labels, np.random.default_rng([seed, STREAM]).choice(species, count, replace=False))
    two_names = across(removed, groups)
    kept = np.flatnonzero(~removed & ~two_names)
    split = by_sample(labels[kept], groups[kept], seed).through(kept)
    return replace(split, unknown=np.flatnonzero(removed & ~two_names))
