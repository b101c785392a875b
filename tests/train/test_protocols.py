"""The protocols on the real Dataset_2: no test crystal is in the training set. Skipped without real data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train.data import rruff, splits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_train.data.datasets import Dataset

COARSE = Recipe((Resample(start=30.0, stop=1598.0, step=4.0), MinMax()))
"""A quarter of the points: near-duplicates are found in a quarter of the time."""


@dataclass(frozen=True, eq=False)
class Minerals:
    """Dataset_2 and the inputs of its splits, read once."""

    dataset: Dataset
    features: NDArray[np.float32]
    classes: NDArray[np.intp]
    groups: NDArray[np.intp]
    ids: NDArray[np.str_]
    """RRUFF ids, read from the names by another expression than the importer's."""


@pytest.fixture(scope="module")
def minerals(real_data: Path) -> Minerals:
    """Dataset_2 at a quarter of its resolution."""
    dataset = rruff.paper_arrays(real_data / "rruff" / "paper_datasets.npz")
    features = dataset.features(COARSE)
    classes = np.unique(dataset.labels, return_inverse=True)[1]
    ids = np.array([(re.findall(r"__([RX]\d{6})", name) or [name])[0] for name in dataset.names.tolist()])
    return Minerals(dataset, features, classes, splits.near_duplicates(dataset.specimens, features), ids)


def split(minerals: Minerals, protocol: str, seed: int) -> splits.Split:
    """Split Dataset_2."""
    classes, groups = minerals.classes, minerals.groups
    match protocol:
        case "laser":
            return splits.by_laser(classes, groups, minerals.dataset.lasers, seed)
        case "open":
            return splits.open_set(classes, groups, seed)
        case "few-shot":
            return splits.few_shot(classes, minerals.dataset.specimens, groups, seed)
        case _:
            return splits.by_sample(classes, groups, seed)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("protocol", ["sample", "laser", "open", "few-shot"])
def test_no_rruff_id_is_on_both_sides(minerals: Minerals, protocol: str, seed: int) -> None:
    """No RRUFF id and no near-duplicate is on both sides, and every test label is in the library."""
    found = split(minerals, protocol, seed)
    queries = np.concatenate([found.test, found.unknown])
    assert not set(minerals.ids[queries]) & set(minerals.ids[found.library])
    assert set(minerals.classes[found.test]) <= set(minerals.classes[found.library])
    unit = minerals.features / np.linalg.norm(minerals.features, axis=1, keepdims=True)
    assert max(float((unit[part] @ unit[found.library].T).max()) for part in np.array_split(queries, 4)) <= splits.NEAR_DUPLICATE


def test_the_random_split_does_leak(minerals: Minerals) -> None:
    """Under ``spectrum`` two thirds of the test crystals are in the training set: the check above can fail."""
    found = splits.by_spectrum(minerals.classes, 0)
    assert found.test.size == 2574
    assert np.isin(minerals.ids[found.test], minerals.ids[found.library]).mean() > 0.66


def test_the_protocols_have_enough_queries(minerals: Minerals) -> None:
    """Each protocol has hundreds of test spectra of many species."""
    few, opened, laser = (split(minerals, protocol, 0) for protocol in ("few-shot", "open", "laser"))
    assert len(set(minerals.classes[opened.unknown])) >= 195
    assert opened.unknown.size > 500
    assert len(set(minerals.classes[few.test])) >= 70
    assert few.test.size > 300
    assert laser.test.size > 500
    assert len(set(minerals.classes[laser.test])) > 300
    assert set(minerals.dataset.lasers[laser.library]) == {514, 532}


def test_dataset_3_has_the_papers_axis() -> None:
    """0 to 1700 cm⁻¹ in 1024 points, zero outside the measured range."""
    recipe = Recipe((Resample(start=0.0, stop=1700.0, step=1700 / 1023, outside="zero"), MinMax()))
    assert len(recipe.axis) == 1024
    assert recipe.axis.start == 0.0
    assert recipe.axis.stop == pytest.approx(1700.0)
