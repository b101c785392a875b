"""Splits: disjoint, reproducible, and without a specimen on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raman_train.data import splits


def test_spectrum_split_has_the_papers_sizes() -> None:
    """8578 spectra give 2574 to ask, as in the paper, and a fifth of the rest validates."""
    labels = np.repeat(np.arange(1332), np.r_[np.full(1331, 6), 592])
    split = splits.by_spectrum(labels, 0)
    assert (split.train.size, split.validation.size, split.test.size) == (4803, 1201, 2574)
    assert np.array_equal(np.sort(np.concatenate([split.library, split.test])), np.arange(8578))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 25)), min_size=5, max_size=120), st.integers(0, 5))
def test_no_specimen_is_on_both_sides(rows: list[tuple[int, int]], seed: int) -> None:
    """Under ``sample`` a group is asked or learned from, never both, and every label asked is learned."""
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    split = splits.by_sample(labels, groups, seed)
    assert not set(groups[split.library]) & set(groups[split.test])
    assert set(labels[split.test]) <= set(labels[split.library])
    assert np.array_equal(np.sort(np.concatenate([split.library, split.test])), np.arange(labels.size))


def test_labels_with_one_specimen_stay_in_training() -> None:
    """They are distractors: never asked, always there."""
    labels = np.array([0, 0, 1, 1, 1, 1])
    groups = np.array([0, 0, 1, 2, 3, 4])
    split = splits.by_sample(labels, groups, 0)
    assert set(labels[split.test]) == {1}


@pytest.mark.parametrize("protocol", ["sample", "spectrum"])
def test_a_seed_gives_the_same_split_again(protocol: str) -> None:
    """The same seed splits alike, another one does not."""
    labels = np.repeat(np.arange(20), 10)
    groups = np.arange(200) // 2

    def split(seed: int) -> splits.Split:
        return splits.by_sample(labels, groups, seed) if protocol == "sample" else splits.by_spectrum(labels, seed)

    assert np.array_equal(split(3).test, split(3).test)
    assert not np.array_equal(split(3).test, split(4).test)


def test_near_duplicates_are_one_group() -> None:
    """Two specimens with one spectrum in common are chained together; others are not."""
    rng = np.random.default_rng(0)
    features = rng.random((6, 300)).astype(np.float32)
    features[3] = features[0] * 2 + 1e-4
    specimens = np.array(["a", "a", "b", "b", "c", "d"])
    groups = splits.near_duplicates(specimens, features)
    assert len({groups[i] for i in (0, 1, 2, 3)}) == 1
    assert len(set(groups.tolist())) == 3


def test_nothing_apart_learns_everything() -> None:
    """The refit after the measurement has no test part."""
    split = splits.nothing_apart(5)
    assert split.library.tolist() == [0, 1, 2, 3, 4]
    assert split.test.size == 0
