"""Splits: disjoint, reproducible, and without a specimen on both sides."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train.config import DataConfig
from raman_train.data import splits, synthetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROTOCOLS = ("spectrum", "sample", "laser", "open", "few-shot")
RECIPE = Recipe((Resample(start=100.0, stop=1500.0, step=10.0), MinMax()))


class Cards:
    """Spectra reduced to label, specimen, group and laser, drawn from a seed."""

    def __init__(self, seed: int, count: int = 240) -> None:
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 14, count)
        self.groups = self.labels * 4 + rng.integers(0, 4, count)
        stranger = rng.random(count) < 0.02
        self.groups[stranger] = rng.integers(0, 56, int(stranger.sum()))  # specimens that carry two names
        self.specimens = np.array([f"S{group}-{half}" for group, half in zip(self.groups, rng.integers(0, 2, count), strict=True)])
        self.lasers = rng.choice([514, 532, 780, 785, 633, 0], count, p=[0.3, 0.2, 0.2, 0.2, 0.05, 0.05])

    def split(self, protocol: str, seed: int = 0) -> splits.Split:
        """Split them."""
        match protocol:
            case "spectrum":
                return splits.by_spectrum(self.labels, seed)
            case "laser":
                return splits.by_laser(self.labels, self.groups, self.lasers, seed)
            case "open":
                return splits.open_set(self.labels, self.groups, seed)
            case "few-shot":
                return splits.few_shot(self.labels, self.specimens, self.groups, seed)
            case _:
                return splits.by_sample(self.labels, self.groups, seed)


def sides(split: splits.Split) -> list[NDArray[np.intp]]:
    """Return every part of a split."""
    return [getattr(split, side.name) for side in fields(split)]


def digest(split: splits.Split) -> str:
    """Return a short digest of a split."""
    whole = np.concatenate([split.train, split.validation, split.test]).astype("<i8")
    return hashlib.sha256(whole.tobytes()).hexdigest()[:16]


def test_spectrum_split_has_the_papers_sizes() -> None:
    """Of 8578 spectra 2574 are for the test, as in the paper, and a fifth of the rest for validation."""
    labels = np.repeat(np.arange(1332), np.r_[np.full(1331, 6), 592])
    split = splits.by_spectrum(labels, 0)
    assert (split.train.size, split.validation.size, split.test.size) == (4803, 1201, 2574)
    assert np.array_equal(np.sort(np.concatenate([split.library, split.test])), np.arange(8578))


def test_published_splits_stay_as_they_are() -> None:
    """A seed gives the split of the published figures."""
    labels, groups = np.repeat(np.arange(40), 7), np.arange(280) // 3
    assert digest(splits.by_sample(labels, groups, 3)) == "7c9ee77170020c7e"
    assert digest(splits.by_spectrum(labels, 3)) == "77dba7a5ae856a7d"


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 25)), min_size=5, max_size=120), st.integers(0, 5))
def test_no_specimen_is_on_both_sides(rows: list[tuple[int, int]], seed: int) -> None:
    """Under ``sample`` a group is on one side, and every test label is in the training set."""
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    split = splits.by_sample(labels, groups, seed)
    assert not set(groups[split.library]) & set(groups[split.test])
    assert set(labels[split.test]) <= set(labels[split.library])
    assert np.array_equal(np.sort(np.concatenate([split.library, split.test])), np.arange(labels.size))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=examples(15), deadline=None)
@given(deal=st.integers(0, 10_000), seed=st.integers(0, 50))
def test_sides_are_disjoint_and_a_seed_gives_them_again(protocol: str, deal: int, seed: int) -> None:
    """No spectrum has two roles, every test label is in the library, and the seed determines the split."""
    cards = Cards(deal)
    split = cards.split(protocol, seed)
    whole = np.concatenate(sides(split))
    assert np.unique(whole).size == whole.size
    assert split.test.size
    assert split.train.size > split.validation.size > 0
    assert set(cards.labels[split.test]) <= set(cards.labels[split.library])
    for one, again in zip(sides(split), sides(cards.split(protocol, seed)), strict=True):
        assert np.array_equal(one, again)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_another_seed_is_another_split(protocol: str) -> None:
    """Other seeds give other test sets."""
    cards = Cards(1)
    assert not np.array_equal(cards.split(protocol, 3).test, cards.split(protocol, 4).test)


@pytest.mark.parametrize("protocol", ["sample", "laser", "open", "few-shot"])
@settings(max_examples=examples(25), deadline=None)
@given(deal=st.integers(0, 10_000))
def test_no_group_is_on_both_sides(protocol: str, deal: int) -> None:
    """A test specimen or near-duplicate is neither in the training set nor in the library."""
    cards = Cards(deal)
    split = cards.split(protocol)
    queries = np.concatenate([split.test, split.unknown])
    assert not set(cards.groups[queries]) & set(cards.groups[split.library])
    first_training = np.concatenate([split.train, split.validation])
    assert not set(cards.groups[split.enrolled]) & set(cards.groups[first_training])


@settings(max_examples=examples(25), deadline=None)
@given(deal=st.integers(0, 10_000))
def test_laser_trains_on_green_and_tests_on_red(deal: int) -> None:
    """Each side has only the spectra of its lasers; labels without a test stay in training."""
    cards = Cards(deal)
    split = cards.split("laser")
    assert set(cards.lasers[split.library]) <= {514, 532}
    assert set(cards.lasers[split.test]) <= {780, 785}
    green, red = (set(cards.groups[np.isin(cards.lasers, nm)]) for nm in ([514, 532], [780, 785]))
    assert green - red <= set(cards.groups[split.library])
    assert set(cards.labels[np.isin(cards.lasers, [514, 532])]) == set(cards.labels[split.library])


def test_laser_tests_every_group_without_training_spectra() -> None:
    """A specimen without a training laser is for the test, a label without one is not, and 30 % of the others are."""
    labels = np.array([0, 0, 0, 0, 0, 1, 1])
    groups = np.array([0, 0, 1, 1, 2, 3, 4])
    lasers = np.array([532, 785, 532, 785, 785, 785, 780])
    split = splits.by_laser(labels, groups, lasers, 0)
    assert 4 in split.test
    assert split.test.size == 2
    assert set(labels[split.test]) == {0}
    assert split.library.size == 1


def test_laser_needs_both_lasers() -> None:
    """A dataset of one laser cannot be split by laser."""
    with pytest.raises(ConfigError, match="7 and 0 such spectra"):
        splits.by_laser(np.zeros(7, dtype=np.intp), np.arange(7), np.full(7, 532), 0)


@settings(max_examples=examples(25), deadline=None)
@given(deal=st.integers(0, 10_000))
def test_open_tests_species_that_are_not_in_the_library(deal: int) -> None:
    """15 % of the labels are unknown; a specimen that also has a remaining label is left out."""
    cards = Cards(deal)
    split = cards.split("open")
    unknown = set(cards.labels[split.unknown])
    assert len(unknown) == 2  # of 14
    assert not unknown & set(cards.labels[np.concatenate([split.library, split.test])])
    two_names = set(cards.groups[np.isin(cards.labels, list(unknown))]) & set(cards.groups[~np.isin(cards.labels, list(unknown))])
    there = np.concatenate(sides(split))
    assert not two_names & set(cards.groups[there])
    assert there.size + np.isin(cards.groups, list(two_names)).sum() == cards.labels.size


def test_open_needs_enough_labels() -> None:
    """15 % of three labels are none."""
    with pytest.raises(ConfigError, match="dataset has 3"):
        splits.open_set(np.arange(12) % 3, np.arange(12), 0)


@settings(max_examples=examples(25), deadline=None)
@given(deal=st.integers(0, 10_000))
def test_few_shot_has_references_of_one_specimen_and_queries_of_others(deal: int) -> None:
    """A new species is in no training set, has two to five references of one specimen, and other specimens in the test."""
    cards = Cards(deal)
    split = cards.split("few-shot")
    new = set(cards.labels[split.enrolled])
    assert new == set(cards.labels[split.test])
    assert not new & set(cards.labels[np.concatenate([split.train, split.validation])])
    for label in new:
        references = split.enrolled[cards.labels[split.enrolled] == label]
        queries = split.test[cards.labels[split.test] == label]
        assert 2 <= references.size <= 5
        assert len(set(cards.specimens[references])) == 1
        assert not set(cards.groups[references]) & set(cards.groups[queries])
        own = np.isin(cards.groups, cards.groups[np.concatenate([references, queries])])
        assert set(cards.labels[own]) == {label}  # none of them carries two names


def test_few_shot_takes_references_in_random_order() -> None:
    """The first reference of a species is not always the first one of the dataset."""
    labels, groups = np.repeat(np.arange(20), 10), np.arange(200) // 5
    enrolled = splits.few_shot(labels, groups.astype(str), groups, 0).enrolled
    assert enrolled.size == 15
    assert any(enrolled[index] != enrolled[index : index + 5].min() for index in (0, 5, 10))


@pytest.mark.parametrize("each", [4, 1])
def test_few_shot_needs_two_specimens_and_two_spectra(each: int) -> None:
    """A label with one crystal leaves no test; a crystal with one spectrum leaves no second reference."""
    labels, groups = np.arange(60) // 4, np.arange(60) // each
    with pytest.raises(ConfigError, match="has 0 such labels"):
        splits.few_shot(labels, groups.astype(str), groups, 0)


def test_labels_with_one_specimen_stay_in_training() -> None:
    """They are distractors: always in training, never in the test."""
    labels = np.array([0, 0, 1, 1, 1, 1])
    groups = np.array([0, 0, 1, 2, 3, 4])
    split = splits.by_sample(labels, groups, 0)
    assert set(labels[split.test]) == {1}


def test_near_duplicates_are_one_group() -> None:
    """Two specimens with one common spectrum are one group; others are not."""
    rng = np.random.default_rng(0)
    features = rng.random((6, 300)).astype(np.float32)
    features[3] = features[0] * 2 + 1e-4
    specimens = np.array(["a", "a", "b", "b", "c", "d"])
    groups = splits.near_duplicates(specimens, features)
    assert len({groups[i] for i in (0, 1, 2, 3)}) == 1
    assert len(set(groups.tolist())) == 3


@pytest.mark.parametrize(("cosine", "groups"), [(0.9995, 1), (0.998, 2)])
def test_near_duplicates_are_nearer_than_0_999(cosine: float, groups: int) -> None:
    """The limit is the documented one."""
    features = np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]], dtype=np.float32)
    assert len(set(splits.near_duplicates(np.array(["a", "b"]), features).tolist())) == groups


def test_training_only_learns_everything() -> None:
    """The refit after the measurement has no test part."""
    split = splits.training_only(5)
    assert split.library.tolist() == [0, 1, 2, 3, 4]
    assert split.test.size == 0


def made(protocol: str, copies: str = "none", seed: int = 0) -> tuple[splits.Split, NDArray[np.intp], NDArray[np.str_]]:
    """Return a split of synthetic spectra for a configuration, their classes and their specimens."""
    dataset = synthetic.make(14, 4, 2)
    classes = np.unique(dataset.labels, return_inverse=True)[1]
    data = DataConfig(path="synthetic", protocol=protocol, copies=copies, split_seed=seed)  # type: ignore[arg-type] - parametrised
    return splits.make(data, dataset, classes), classes, dataset.specimens


@pytest.mark.parametrize("protocol", [*PROTOCOLS, "none"])
def test_a_configuration_names_its_protocol(protocol: str) -> None:
    """Every protocol of a configuration splits a dataset, and fills only its own parts."""
    split, classes, _ = made(protocol)
    filled = {side.name for side in fields(split) if getattr(split, side.name).size}
    apart = {"open": {"test", "validation", "unknown"}, "few-shot": {"test", "validation", "enrolled"}, "none": set()}
    assert filled == {"train"} | apart.get(protocol, {"test", "validation"})
    assert np.concatenate(sides(split)).size <= classes.size


def test_copies_before_the_split_stand_on_both_sides() -> None:
    """The paper's order: about 20 of each class, with test spectra in the training set."""
    split, classes, _ = made("spectrum", "before_split")
    whole = np.concatenate(sides(split))
    assert set(np.bincount(classes[whole])) == {16}  # twice 8; 24 would be as near to 20
    assert set(split.test.tolist()) & set(split.library.tolist())


def test_copies_after_the_split_stand_on_one_side() -> None:
    """The honest order: training spectra are copied, test spectra are single and not in the training set."""
    plain, _, _ = made("spectrum")
    split, classes, _ = made("spectrum", "after_split")
    assert np.array_equal(split.test, plain.test)
    assert set(split.train.tolist()) == set(plain.train.tolist())
    assert set(split.validation.tolist()) == set(plain.validation.tolist())
    assert set(np.bincount(classes[split.library])) == {18, 20}  # of 8, 2 or 3 are for the test
    assert not set(split.test.tolist()) & set(split.library.tolist())


def test_copies_of_a_specimen_stay_together() -> None:
    """Under ``sample`` copies made before the split stay on one side."""
    split, _, specimens = made("sample", "before_split")
    assert split.test.size > np.unique(split.test).size
    assert not set(specimens[split.test]) & set(specimens[split.library])


def test_large_classes_are_not_cut() -> None:
    """A class of 50 keeps its size beside one of 2 that becomes 20."""
    times = np.bincount(splits.copied(np.repeat([0, 1, 2], [50, 2, 14])))
    assert times.tolist() == [1] * 50 + [10] * 2 + [1] * 14


@pytest.mark.parametrize("protocol", ["laser", "open", "few-shot", "none"])
def test_copies_mean_nothing_elsewhere(protocol: str) -> None:
    """Copies under other protocols are refused."""
    with pytest.raises(ConfigError, match="expected spectrum or sample"):
        made(protocol, "before_split")


def test_a_split_that_cannot_be_is_refused() -> None:
    """One spectrum per label, one specimen per label and a negative seed are each refused with the reason."""
    with pytest.raises(ConfigError, match="5 of which have one"):
        splits.by_spectrum(np.arange(5), 0)
    with pytest.raises(ConfigError, match="got -1, expected 0 or more"):
        made("sample", seed=-1)
    lonely = synthetic.make(6, 1, 2)
    classes = np.unique(lonely.labels, return_inverse=True)[1]
    with pytest.raises(ConfigError, match="leaves an empty test set"):
        splits.make(DataConfig(path="synthetic", protocol="sample"), lonely, classes)
