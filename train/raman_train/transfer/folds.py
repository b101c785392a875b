"""Cross-validation folds by replicate.

A replicate is a specimen of a label; its spectra stay together. Without ``shots``, fold *i* tests the *i*-th replicate of every
label and trains on the others, so that each replicate is tested once. With ``shots`` K, fold *i* trains on K replicates from the
*i*-th on and tests the others, which is harder. A label with one replicate is only for training.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.errors import ConfigError

from raman_train.data.splits import Split, no_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.data.datasets import Dataset

MIN_REPLICATES = 2
"""Of a label: one for training, one for the test."""
DEFAULT_FOLDS = 4


def replicates(dataset: Dataset) -> dict[str, list[NDArray[np.intp]]]:
    """Return the indices of each replicate's spectra, by label; replicates in the order of their specimens' names."""
    found: dict[str, dict[str, list[int]]] = {}
    pairs = zip(dataset.labels.tolist(), dataset.specimens.tolist(), strict=True)
    for index, (label, specimen) in enumerate(pairs):
        found.setdefault(label, {}).setdefault(specimen, []).append(index)
    return {label: [np.array(own[name], dtype=np.intp) for name in sorted(own)] for label, own in sorted(found.items())}


def single_replicates(dataset: Dataset) -> list[str]:
    """Return the labels with one replicate, which are never tested."""
    return [label for label, own in replicates(dataset).items() if len(own) < MIN_REPLICATES]


def default_folds(dataset: Dataset) -> int:
    """Return the default number of folds: four, or the largest number of replicates of a label if that is smaller."""
    return min(DEFAULT_FOLDS, max(map(len, replicates(dataset).values())))


def make(dataset: Dataset, folds: int, shots: int = 0) -> list[Split]:
    """Return the split of each fold; ``shots`` 0 trains on every replicate outside the test.

    Raises:
        ConfigError: if no label has as many replicates as ``folds``, or more than ``shots``.
    """
    own = replicates(dataset)
    most = max(map(len, own.values()))
    if most < MIN_REPLICATES:
        msg = f"none of the {len(own)} labels has two replicates, one for training and one for the test: measure some materials again"
        raise ConfigError(msg)
    if not MIN_REPLICATES <= folds <= most:
        msg = f"--folds: got {folds}, expected {MIN_REPLICATES} to {most}, the largest number of replicates of a label"
        raise ConfigError(msg)
    if not 0 <= shots < most:
        msg = f"--shots: got {shots}, expected 0 to {most - 1}: a label has at most {most} replicates, and the test needs one"
        raise ConfigError(msg)
    return [_fold(list(own.values()), number, folds, shots) for number in range(folds)]


def _fold(own: list[list[NDArray[np.intp]]], number: int, folds: int, shots: int) -> Split:
    tested = [
        spectra
        for label in own
        for place, spectra in enumerate(label)
        if len(label) >= MIN_REPLICATES and (_is_beyond_shots(place, number, len(label), shots) if shots else place % folds == number)
    ]
    test = np.sort(np.concatenate(tested))
    everything = np.arange(sum(spectra.size for label in own for spectra in label))
    return Split(np.setdiff1d(everything, test), no_indices(), test)


def _is_beyond_shots(place: int, number: int, count: int, shots: int) -> bool:
    """Return whether the replicate at ``place`` of ``count`` is not among the ``shots`` training replicates of fold ``number``."""
    return (place - number) % count >= min(shots, count - 1)


def digest(dataset: Dataset, split: Split) -> str:
    """Return the digest of the names in training and test, lower-case hex."""
    parts = {"train": split.train, "test": split.test}
    return hashlib.sha256(msgspec.json.encode({part: sorted(dataset.names[which].tolist()) for part, which in parts.items()})).hexdigest()
