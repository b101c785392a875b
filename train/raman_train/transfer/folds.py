"""Who learns and who is asked, replicate by replicate.

A replicate is a specimen of a label; its spectra stay together. Without ``shots``, fold *i* asks every label's *i*-th
replicate and learns from the others: each is asked once. With ``shots`` K, fold *i* learns from K replicates from the
*i*-th on and asks the others: the harder question. A label with one replicate is learned from and never asked.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.errors import ConfigError

from raman_train.data.splits import Split, nobody

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.data.datasets import Dataset

LEAST = 2
"""Replicates of a label: one to learn from, one to ask."""
USUAL = 4
"""Folds where nobody says how many and there are as many replicates."""


def replicates(dataset: Dataset) -> dict[str, list[NDArray[np.intp]]]:
    """Return the spectra of every replicate of every label, replicates in the order of their specimens' names."""
    found: dict[str, dict[str, list[int]]] = {}
    pairs = zip(dataset.labels.tolist(), dataset.specimens.tolist(), strict=True)
    for index, (label, specimen) in enumerate(pairs):
        found.setdefault(label, {}).setdefault(specimen, []).append(index)
    return {label: [np.array(own[name], dtype=np.intp) for name in sorted(own)] for label, own in sorted(found.items())}


def alone(dataset: Dataset) -> list[str]:
    """Return the labels with one replicate: they can only be wrong answers."""
    return [label for label, own in replicates(dataset).items() if len(own) < LEAST]


def usual(dataset: Dataset) -> int:
    """Return how many folds to make where nobody says: four, or as many as the best measured label has replicates."""
    return min(USUAL, max(map(len, replicates(dataset).values())))


def make(dataset: Dataset, folds: int, shots: int = 0) -> list[Split]:
    """Return one split a fold; ``shots`` 0 learns from every replicate that is not asked.

    Raises :class:`ConfigError` where no label has as many replicates as there are folds, or more than ``shots``.
    """
    own = replicates(dataset)
    most = max(map(len, own.values()))
    if most < LEAST:
        msg = f"none of the {len(own)} labels has two replicates: one is learned from and one asked, so measure some of them again"
        raise ConfigError(msg)
    if not LEAST <= folds <= most:
        msg = f"--folds {folds}: no label has more than {most} replicates, so expected {LEAST}..{most}"
        raise ConfigError(msg)
    if not 0 <= shots < most:
        msg = f"--shots {shots}: no label has more than {most} replicates and one has to be asked, so expected at most {most - 1}"
        raise ConfigError(msg)
    return [_fold(list(own.values()), number, folds, shots) for number in range(folds)]


def _fold(own: list[list[NDArray[np.intp]]], number: int, folds: int, shots: int) -> Split:
    asked = [
        spectra
        for label in own
        for place, spectra in enumerate(label)
        if len(label) >= LEAST and (_is_asked_of_few(place, number, len(label), shots) if shots else place % folds == number)
    ]
    test = np.sort(np.concatenate(asked))
    everything = np.arange(sum(spectra.size for label in own for spectra in label))
    return Split(np.setdiff1d(everything, test), nobody(), test)


def _is_asked_of_few(place: int, number: int, count: int, shots: int) -> bool:
    """Whether the replicate at ``place`` of ``count`` is beyond the ``shots`` that fold ``number`` learns from."""
    return (place - number) % count >= min(shots, count - 1)


def digest(dataset: Dataset, split: Split) -> str:
    """Return the digest of the names on each side, lower-case hex: who was learned from, who was asked."""
    sides = {"train": split.train, "test": split.test}
    return hashlib.sha256(msgspec.json.encode({side: sorted(dataset.names[which].tolist()) for side, which in sides.items()})).hexdigest()
