"""The embedded model, trained on minerals, identifies organic compounds after one reference each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.matching import library
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.matching.user_library import UserLibrary
from raman_edge.model.model import Model, default_path
from raman_edge.sources.files import FileSource
from raman_train.data import organics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_train.data.datasets import Dataset

pytestmark = pytest.mark.slow

SHARED = ("acetonitrile", "cyclohexane", "glycine", "methanol")
"""Compounds of both collections."""


@pytest.fixture(scope="module")
def pair() -> tuple[Model, Library]:
    """The embedded model and its library."""
    model = Model.open(default_path())
    return model, Library.open(library.default_path(), network=model.card.network)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[UserLibrary]:
    """An empty user library."""
    with UserLibrary.open(tmp_path / "own.sqlite3", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def handheld(real_data: Path) -> Dataset:
    """Compounds measured four times each with a handheld instrument."""
    path = real_data / "organics" / "handheld_785.npz"
    if not path.exists():
        pytest.skip(f"no {path}")
    return organics.read(path)


def test_one_replicate_is_enough_for_a_compound(pair: tuple[Model, Library], own: UserLibrary, handheld: Dataset) -> None:
    """With one reference each of 38 compounds, at least 95 % of the other replicates are identified among them and all minerals."""
    model, base = pair
    first = {str(label): int(np.flatnonzero(handheld.labels == label)[0]) for label in np.unique(handheld.labels)}
    for label, index in first.items():
        (one,), _ = own.add_reference(label, [handheld.spectrum(index)], model, base)
        assert one.is_named(label)
    joined = base.joined(own.references(model)[0])
    queries = [index for index in range(len(handheld)) if index not in first.values()]
    named = [identify(handheld.spectrum(index), model, joined).verdict.ranked[0].label for index in queries]
    assert np.mean([name == handheld.labels[index] for name, index in zip(named, queries, strict=True)]) >= 0.95


def test_a_reference_of_one_instrument_serves_another(
    pair: tuple[Model, Library], own: UserLibrary, handheld: Dataset, real_data: Path
) -> None:
    """References from another instrument identify the handheld's spectra, among everything else in the library."""
    model, base = pair
    folder = real_data / "organics" / "wasatch_library"
    for path in {*sorted(folder.glob("*.csv"))[::4], *(folder / f"{name}.csv" for name in SHARED)}:
        own.add_reference(path.stem, FileSource([str(path)]), model, base)
    joined = base.joined(own.references(model)[0])
    queries = np.flatnonzero(np.isin(handheld.labels, SHARED))
    named = [identify(handheld.spectrum(int(index)), model, joined).verdict.ranked[0].label for index in queries]
    assert queries.size == 16
    assert np.mean([name == handheld.labels[index] for name, index in zip(named, queries, strict=True)]) >= 0.9
