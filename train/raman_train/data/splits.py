"""Splits: which spectra train a system and which test it, reproducible from a seed.

============  =========================================================================================
protocol      test set
============  =========================================================================================
``spectrum``  random spectra, as in the literature; crystals of the test set are in the training set too
``sample``    specimens outside the training set: **the honest figure**
``laser``     such specimens at 780 and 785 nm; training at 514 and 532 nm
``open``      as ``sample``, and spectra of species that are in no training set and no library
``few-shot``  species outside the training set, enrolled with up to five references of one specimen
``none``      empty: the refit after the measurement
============  =========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.config import DataConfig
    from raman_train.data.datasets import Dataset

COMMON_RECIPE = Recipe((Resample(start=30.0, stop=1599.0, step=1.0, outside="hold"), MinMax()))
"""Preprocessing under which near-duplicates are searched: the axis of the published arrays."""
COPY_PROTOCOLS = ("spectrum", "sample")
"""Protocols that accept copies of small classes."""
TEST_SHARE = 0.3
"""Share of the spectra, or of the specimens of a label, in the test set."""
VALIDATION_SHARE = 0.2
"""Share of the training part used for validation, from its shuffled end."""
SPECIES_SHARE = 0.15
"""Share of the species that ``open`` and ``few-shot`` keep out of the training."""
NEAR_DUPLICATE = 0.999
"""Two spectra with a higher cosine are one measurement processed twice."""
MIN_SPECIMENS = 2
"""Specimens of a label: one for training, one for the test."""
MAX_REFERENCES = 5
"""References of a new species under ``few-shot``, at most."""
MIN_REFERENCES = 2
"""A specimen with fewer spectra enrols no species: the figures for one and two references then cover the same species."""
TRAINING_LASERS = (514, 532)
"""Excitation under ``laser``, nm."""
TEST_LASERS = (780, 785)
"""Excitation under ``laser``, nm."""
COPIES = 20
"""Spectra of a class after copying, as close as whole copies of each get."""
OPEN_STREAM, FEW_SHOT_STREAM = 1, 2
"""Random streams of the two protocols, independent of the stream that chooses specimens from the same seed."""


def no_indices() -> NDArray[np.intp]:
    """Return an empty array of indices."""
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Indices into a dataset, disjoint except for copies made before the split."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]
    """Test spectra of species that the library holds."""
    enrolled: NDArray[np.intp] = field(default_factory=no_indices)
    """References added to the library after the training: species outside the training set (``few-shot``)."""
    unknown: NDArray[np.intp] = field(default_factory=no_indices)
    """Test spectra whose correct answer is "unknown": their species is in no library (``open``)."""

    @property
    def library(self) -> NDArray[np.intp]:
        """Indices that a library search may use: everything outside the test sets."""
        return np.concatenate([self.train, self.validation, self.enrolled])

    def through(self, index: NDArray[np.intp]) -> Split:
        """Return the split of a larger dataset of which ``index`` are the rows that this split refers to."""
        return Split(index[self.train], index[self.validation], index[self.test], index[self.enrolled], index[self.unknown])


def make(data: DataConfig, dataset: Dataset, classes: NDArray[np.intp]) -> Split:
    """Return the split that ``data`` configures; ``classes`` (n,) are the classes of the dataset's spectra.

    Near-duplicates are searched under :data:`COMMON_RECIPE`, not under the recipe of the system: every system gets the
    same test set.

    Raises:
        ConfigError: if the dataset does not allow this protocol.
    """
    if data.copies != "none" and data.protocol not in COPY_PROTOCOLS:
        msg = (
            f"data.copies = {data.copies!r} does not work with protocol {data.protocol!r}: expected {' or '.join(COPY_PROTOCOLS)}. "
            "Choose one of them, or copies = 'none'"
        )
        raise ConfigError(msg)
    if data.split_seed < 0:
        msg = f"data.split_seed: got {data.split_seed}, expected 0 or more"
        raise ConfigError(msg)
    if data.protocol == "none":
        return training_only(classes.size)
    index = copied(classes) if data.copies == "before_split" else np.arange(classes.size)
    match data.protocol:
        case "spectrum":
            split = by_spectrum(classes[index], data.split_seed).through(index)
        case "laser":
            split = by_laser(classes, _groups(dataset), dataset.lasers, data.split_seed)
        case "open":
            split = open_set(classes, _groups(dataset), data.split_seed)
        case "few-shot":
            split = few_shot(classes, dataset.specimens, _groups(dataset), data.split_seed)
        case "sample":
            split = by_sample(classes[index], _groups(dataset)[index], data.split_seed).through(index)
    if not split.test.size:
        msg = f"protocol {data.protocol!r} leaves an empty test set: no label has one specimen for training and another one for the test"
        raise ConfigError(msg)
    return with_copies(split, classes) if data.copies == "after_split" else split


@lru_cache(maxsize=2)
def _groups(dataset: Dataset) -> NDArray[np.intp]:
    """Return the group of each spectrum, (n,), cached for the next seed."""
    return near_duplicates(dataset.specimens, dataset.features(COMMON_RECIPE))


def near_duplicates(specimens: NDArray[np.str_], features: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return a group number for each spectrum, (n,): the same for one specimen and for near-duplicates."""
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


def with_validation(train: NDArray[np.intp], test: NDArray[np.intp]) -> Split:
    """Return the split that uses the end of the shuffled ``train`` for validation."""
    count = train.size - round(VALIDATION_SHARE * train.size)
    return Split(train[:count], train[count:], test)


def training_only(count: int) -> Split:
    """Return the split of ``count`` spectra that are all for training: the refit after the measurement."""
    return Split(np.arange(count), no_indices(), no_indices())


def by_spectrum(labels: NDArray[np.intp], seed: int) -> Split:
    """Split at random, stratified by label, 70/30; the last 20 % of the training part are for validation.

    Raises:
        ConfigError: if a label has too few spectra for both sides.
    """
    everything = np.arange(labels.size)
    try:
        train, test = train_test_split(everything, test_size=TEST_SHARE, stratify=labels, random_state=seed)
    except ValueError as error:
        single = int((np.bincount(labels) == 1).sum())
        msg = (
            f"protocol 'spectrum' cannot split {labels.size} spectra of {np.unique(labels).size} labels, {single} of which have one "
            f"spectrum: {error} Choose a subset (data.subset) or protocol 'sample'"
        )
        raise ConfigError(msg) from error
    return with_validation(train, test)


def by_sample(labels: NDArray[np.intp], groups: NDArray[np.intp], seed: int) -> Split:
    """Put whole groups (see :func:`near_duplicates`) on one side.

    Two thirds of Dataset_1 are the same crystals in other orientations: a random split measures how well a model
    recognises crystals of its training set. Of each label with at least two groups, 30 % of them (rounded up, never all)
    are for the test; labels with one group stay in the training set as distractors.
    """
    rng = np.random.default_rng(seed)
    in_test = np.isin(groups, _test_groups(labels, groups, rng))
    return with_validation(rng.permutation(np.flatnonzero(~in_test)), np.flatnonzero(in_test))


def _test_groups(
    labels: NDArray[np.intp], groups: NDArray[np.intp], rng: np.random.Generator, candidates: NDArray[np.intp] | None = None
) -> list[int]:
    """Return the groups for the test, ascending: 30 % of the groups of each label, rounded up, never its last one.

    A group with several labels is for the test if each of them can spare it. ``candidates`` restricts the choice.
    """
    members = _labels_of_groups(labels, groups)
    have = np.bincount([label for known in members.values() for label in known], minlength=int(labels.max()) + 1)
    wanted = np.where(have >= MIN_SPECIMENS, np.minimum(have - 1, np.ceil(TEST_SHARE * have)), 0).astype(int)
    allowed = set(members) if candidates is None else set(candidates.tolist())
    chosen = []
    for group in rng.permutation(sorted(members)).tolist():
        known = list(members[group])
        if group in allowed and (wanted[known] > 0).all():
            chosen.append(group)
            wanted[known] -= 1
    return sorted(chosen)


def _labels_of_groups(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> dict[int, set[int]]:
    """Return the labels of every group; a specimen listed under two names has two."""
    members: dict[int, set[int]] = {}
    for group, label in zip(groups.tolist(), labels.tolist(), strict=True):
        members.setdefault(group, set()).add(label)
    return members


def by_laser(labels: NDArray[np.intp], groups: NDArray[np.intp], lasers: NDArray[np.int32], seed: int) -> Split:
    """Put groups on one side as ``sample`` does; each side then keeps the spectra of its own lasers.

    A group without a spectrum at a training laser is for the test; of the groups with spectra at both, 30 % of a label's
    are. A label is in the test set if another group of it is in the training set; the other labels stay in training as
    distractors. Spectra at other lasers, and at the laser of the other side, are left out.

    Raises:
        ConfigError: if the dataset has no spectra at the lasers of one side.
    """
    for_training, for_test = np.isin(lasers, TRAINING_LASERS), np.isin(lasers, TEST_LASERS)
    if not for_training.any() or not for_test.any():
        msg = (
            f"protocol 'laser' trains at {TRAINING_LASERS} nm and tests at {TEST_LASERS} nm; "
            f"the dataset has {int(for_training.sum())} and {int(for_test.sum())} such spectra: choose another dataset or protocol"
        )
        raise ConfigError(msg)
    rng = np.random.default_rng(seed)
    spared = _test_groups(labels[for_training], groups[for_training], rng, np.unique(groups[for_test]))
    held_out = np.isin(groups, spared) | ~np.isin(groups, groups[for_training])
    train = np.flatnonzero(for_training & ~held_out)
    return with_validation(rng.permutation(train), np.flatnonzero(for_test & held_out & np.isin(labels, labels[train])))


def open_set(labels: NDArray[np.intp], groups: NDArray[np.intp], seed: int) -> Split:
    """Put all spectra of 15 % of the labels into ``unknown`` and split the others as ``sample`` does.

    A group with a removed and a remaining label (a specimen of two names, one spectrum under two) is left out: in the
    training set it would teach the removed species under its other name, in the test set it would have two correct answers.

    Raises:
        ConfigError: if the dataset has too few labels to remove one.
    """
    species = np.unique(labels)
    count = round(SPECIES_SHARE * species.size)
    if count == 0:
        msg = f"protocol 'open' removes 15 % of the labels; the dataset has {species.size}, which leaves none to remove"
        raise ConfigError(msg)
    removed = np.isin(labels, np.random.default_rng([seed, OPEN_STREAM]).choice(species, count, replace=False))
    two_names = np.isin(groups, np.intersect1d(groups[removed], groups[~removed]))
    remaining = np.flatnonzero(~removed & ~two_names)
    split = by_sample(labels[remaining], groups[remaining], seed).through(remaining)
    return replace(split, unknown=np.flatnonzero(removed & ~two_names))


def few_shot(labels: NDArray[np.intp], specimens: NDArray[np.str_], groups: NDArray[np.intp], seed: int) -> Split:
    """Keep 15 % of the labels that can be enrolled out of the training.

    A label can be enrolled if it has two groups of its own and a specimen with two spectra. Up to five spectra of one such
    specimen, in random order, are its references; all spectra of its other groups are test spectra. The rest of the
    enrolled group is left out, and so is every group with a new label beside another one. Everything else is for training.

    Raises:
        ConfigError: if too few labels can be enrolled.
    """
    rng = np.random.default_rng([seed, FEW_SHOT_STREAM])
    names = _labels_of_groups(labels, groups)
    one_label = np.array([len(names[group]) == 1 for group in groups.tolist()])
    able = [label for label in np.unique(labels).tolist() if _enrollable(one_label & (labels == label), specimens, groups)]
    count = round(SPECIES_SHARE * len(able))
    if count == 0:
        msg = (
            "protocol 'few-shot' keeps 15 % of the labels with two specimens, one of them with two spectra, out of the training; "
            f"the dataset has {len(able)} such labels, which leaves none to keep out"
        )
        raise ConfigError(msg)
    new = np.sort(rng.choice(able, count, replace=False))
    enrolled, test = zip(*(_enrol(np.flatnonzero(one_label & (labels == label)), specimens, groups, rng) for label in new), strict=True)
    trained = np.flatnonzero(~np.isin(groups, groups[np.isin(labels, new)]))
    return replace(with_validation(rng.permutation(trained), np.sort(np.concatenate(test))), enrolled=np.concatenate(enrolled))


def _enrollable(own: NDArray[np.bool_], specimens: NDArray[np.str_], groups: NDArray[np.intp]) -> bool:
    """Return whether a label with the spectra ``own`` has enough groups, and a specimen with enough spectra."""
    if np.unique(groups[own]).size < MIN_SPECIMENS:
        return False
    return bool(np.unique(specimens[own], return_counts=True)[1].max() >= MIN_REFERENCES)


def _enrol(
    own: NDArray[np.intp], specimens: NDArray[np.str_], groups: NDArray[np.intp], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the references of one label, from a random specimen among those with the most spectra (up to five), and its test spectra."""
    found, spectra = np.unique(specimens[own], return_counts=True)
    enough = np.minimum(spectra, MAX_REFERENCES)
    chosen = own[specimens[own] == rng.choice(found[enough == enough.max()])]
    return rng.permutation(chosen)[:MAX_REFERENCES], own[groups[own] != groups[chosen[0]]]


def copied(classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return indices into ``classes`` (n,) that repeat small classes to about 20 spectra (Zhou et al. 2022, Dataset_3).

    Classes with more spectra keep their size.
    """
    spectra = np.bincount(classes)
    times = np.maximum(1, np.rint(COPIES / np.maximum(spectra, 1))).astype(np.intp)
    return np.repeat(np.arange(classes.size), times[classes])


def with_copies(split: Split, classes: NDArray[np.intp]) -> Split:
    """Return the split with copies in the training and validation parts; the test sets stay as they are."""
    learned = np.concatenate([split.train, split.validation])
    again = copied(classes[learned])
    in_train = again < split.train.size
    return Split(learned[again[in_train]], learned[again[~in_train]], split.test, split.enrolled, split.unknown)
