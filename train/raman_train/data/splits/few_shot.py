"""``few-shot``: species that nobody was taught, known by a few references of one specimen, asked with others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError

from raman_train.data.splits.groups import labels_of
from raman_train.data.splits.split import SPECIES_SHARE, Split, with_validation

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCES = 5
"""Most references a new species is given."""
LEAST_REFERENCES = 2
"""A specimen with fewer spectra enrols no species: one and two references are then asked of the same species."""
LEAST_GROUPS = 2
"""One to enrol, one to ask."""
STREAM = 2
"""Drawn apart from what other protocols draw from the same seed."""


def few_shot(labels: NDArray[np.intp], specimens: NDArray[np.str_], groups: NDArray[np.intp], seed: int) -> Split:
    """Keep 15 % of the labels that can be enrolled out of the training.

    A label can be enrolled that has two groups of its own and a specimen of two spectra. Up to five spectra of one such
    specimen are its references, in random order; all spectra of its other groups are asked. What else is in the
    enrolled group is left out, and so is every group that carries a new label beside another one. Everything else is
    learned from.
    """
    rng = np.random.default_rng([seed, STREAM])
    names = labels_of(labels, groups)
    alone = np.array([len(names[group]) == 1 for group in groups.tolist()])
    able = [label for label in np.unique(labels).tolist() if _enrollable(alone & (labels == label), specimens, groups)]
    count = round(SPECIES_SHARE * len(able))
    if count == 0:
        msg = (
            "protocol 'few-shot' keeps 15 % of the labels with two specimens, one of them with two spectra, out of the training; "
            f"the dataset has {len(able)} such labels, which leaves none to keep out"
        )
        raise ConfigError(msg)
    new = np.sort(rng.choice(able, count, replace=False))
    enrolled, test = zip(*(_enrol(np.flatnonzero(alone & (labels == label)), specimens, groups, rng) for label in new), strict=True)
    taught = np.flatnonzero(~np.isin(groups, groups[np.isin(labels, new)]))
    return replace(with_validation(rng.permutation(taught), np.sort(np.concatenate(test))), enrolled=np.concatenate(enrolled))


def _enrollable(own: NDArray[np.bool_], specimens: NDArray[np.str_], groups: NDArray[np.intp]) -> bool:
    """Whether a label with the spectra ``own`` has enough groups, and a specimen with enough spectra."""
    if np.unique(groups[own]).size < LEAST_GROUPS:
        return False
    return bool(np.unique(specimens[own], return_counts=True)[1].max() >= LEAST_REFERENCES)


def _enrol(
    own: NDArray[np.intp], specimens: NDArray[np.str_], groups: NDArray[np.intp], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the references of one label and the spectra to ask: of a random specimen among those with the most, counted to five."""
    found, spectra = np.unique(specimens[own], return_counts=True)
    enough = np.minimum(spectra, REFERENCES)
    chosen = own[specimens[own] == rng.choice(found[enough == enough.max()])]
    return rng.permutation(chosen)[:REFERENCES], own[groups[own] != groups[chosen[0]]]
