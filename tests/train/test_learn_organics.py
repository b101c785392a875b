"""The embedded model was shown minerals; organic compounds, taught by one spectrum each, are named among all of them."""

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
    """An empty library of one's own."""
    with UserLibrary.open(tmp_path / "own.sqlite3", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def handheld(real_data: Path) -> Dataset:
    """Compounds measured four times each with a handheld instrument."""
    path = real_data / "organics" / "handheld_785.npz"
    if not path.exists():
        pytest.skip(f"no {path}")
    return organics.read(path)


def test_one_replicate_teaches_a_compound(pair: tuple[Model, Library], own: UserLibrary, handheld: Dataset) -> None:
    """Of 38 compounds, one replicate each is taught: the other three are named among them and every mineral, at least 95 of 100."""
    model, base = pair
    first = {str(label): int(np.flatnonzero(handheld.labels == label)[0]) for label in np.unique(handheld.labels)}
    for label, index in first.items():
        (one,), _ = own.add_reference(label, [handheld.spectrum(index)], model, base)
        assert one.is_named(label)
    joined = base.joined(own.references(model)[0])
    asked = [index for index in range(len(handheld)) if index not in first.values()]
    named = [identify(handheld.spectrum(index), model, joined).verdict.ranked[0].label for index in asked]
    assert np.mean([name == handheld.labels[index] for name, index in zip(named, asked, strict=True)]) >= 0.95


def test_a_reference_of_one_instrument_serves_another(
    pair: tuple[Model, Library], own: UserLibrary, handheld: Dataset, real_data: Path
) -> None:
    """Compounds taught from another instrument's files are named in the handheld's spectra, beside what else that one measured."""
    model, base = pair
    folder = real_data / "organics" / "wasatch_library"
    for path in {*sorted(folder.glob("*.csv"))[::4], *(folder / f"{name}.csv" for name in SHARED)}:
        own.add_reference(path.stem, FileSource([str(path)]), model, base)
    joined = base.joined(own.references(model)[0])
    asked = np.flatnonzero(np.isin(handheld.labels, SHARED))
    named = [identify(handheld.spectrum(int(index)), model, joined).verdict.ranked[0].label for index in asked]
    assert asked.size == 16
    assert np.mean([name == handheld.labels[index] for name, index in zip(named, asked, strict=True)]) >= 0.9
