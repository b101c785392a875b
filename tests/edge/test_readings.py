"""The stream goes on: whatever one spectrum does, the next one is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import pytest
from raman_edge import pipeline
from raman_edge.errors import LibraryError
from raman_edge.library import Library
from raman_edge.model import Model
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Model, Library]:
    """A model and its library."""
    model, library = build.write_pair(tmp_path)
    return Model.open(model), Library.open(library, network=build.NETWORK)


def test_a_defect_costs_one_spectrum(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that fails on one spectrum makes a fault of it, and the next one is named."""
    honest = pipeline.identify

    def defective(spectrum: pipeline.Spectrum, model: Model, library: Library) -> pipeline.Reading:
        if spectrum.origin.path == "bad":
            raise ZeroDivisionError
        return honest(spectrum, model, library)

    monkeypatch.setattr(pipeline, "identify", defective)
    bad = build.spectrum(origin=build.Origin("test", "bad"))
    got = list(pipeline.readings([bad, build.spectrum("Quartz")], *pair))
    assert isinstance(got[0], Fault)
    assert "ZeroDivisionError" in got[0].why
    assert isinstance(got[1], pipeline.Reading)
    assert got[1].verdict.ranked[0].label == "Quartz"


def test_a_model_that_fails_ends_the_run(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with model or library is no fault of the spectrum: it is raised."""

    def broken(*_: object) -> pipeline.Reading:
        raise LibraryError

    monkeypatch.setattr(pipeline, "identify", broken)
    with pytest.raises(LibraryError):
        list(pipeline.readings([build.spectrum()], *pair))
