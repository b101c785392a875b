"""The stream goes on: whatever one spectrum does, the next one is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from raman_edge.errors import LibraryError, SpectrumError
from raman_edge.matching import identify
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.spectrum import OTHER_METHOD, Axis, Fault, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.quality import Quality


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Model, Library]:
    """A model and its library."""
    model, library = build.write_pair(tmp_path)
    return Model.open(model), Library.open(library, network=build.NETWORK)


def test_a_defect_costs_one_spectrum(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that fails on one spectrum makes a fault of it, and the next one is named."""
    honest = identify.quality.assess

    def defective(spectrum: Spectrum, axis: Axis) -> Quality:
        if spectrum.origin.path == "bad":
            raise ZeroDivisionError
        return honest(spectrum, axis)

    monkeypatch.setattr(identify.quality, "assess", defective)
    bad = build.spectrum(origin=build.Origin("test", "bad"))
    got = list(identify.readings([bad, build.spectrum("Quartz")], *pair))
    assert isinstance(got[0], Fault)
    assert "ZeroDivisionError" in got[0].why
    assert isinstance(got[1], identify.Reading)
    assert got[1].verdict.ranked[0].label == "Quartz"


def test_a_model_that_fails_ends_the_run(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with model or library is no fault of the spectrum: it is raised."""

    def broken(*_: object) -> Quality:
        raise LibraryError

    monkeypatch.setattr(identify.quality, "assess", broken)
    with pytest.raises(LibraryError):
        list(identify.readings([build.spectrum()], *pair))


def test_many_at_once_are_named_as_one_by_one(pair: tuple[Model, Library]) -> None:
    """A batch, with a fault and a spectrum that cannot be prepared in it, gives the records that one by one gives, in order."""
    spectra = [build.spectrum(label, seed) for seed, label in enumerate(("Quartz", "Zircon", "Calcite") * 4)]
    flat = Spectrum(Axis.linear(150.0, 1400.0, 1.0), np.zeros(1251), build.Origin("test", "flat"))
    events: list[Spectrum | Fault] = [*spectra[:5], Fault(build.Origin("test", "f"), "why"), flat, *spectra[5:]]
    together = identify.identify_all(events, *pair)
    apart = [one for event in events for one in identify.identify_all([event], *pair)]
    assert [type(one) for one in together] == [type(one) for one in apart]
    for one, other in zip(together, apart, strict=True):
        if isinstance(one, Fault) or isinstance(other, Fault):
            assert one == other
        else:
            assert one.verdict.decision == other.verdict.decision
            assert [match.label for match in one.verdict.ranked] == [match.label for match in other.verdict.ranked]
            assert [match.score for match in one.verdict.ranked] == pytest.approx([match.score for match in other.verdict.ranked], abs=2e-4)
            assert one.quality == other.quality


def test_nothing_gives_nothing(pair: tuple[Model, Library]) -> None:
    """No spectra, or faults alone, need no network."""
    fault = Fault(build.Origin("test", "f"), "why")
    assert identify.identify_all([], *pair) == []
    assert identify.identify_all([fault], *pair) == [fault]


def test_another_method_is_never_named(pair: tuple[Model, Library]) -> None:
    """What its file calls an infrared spectrum is a fault with the reason, however much it looks like a mineral's."""
    seen = build.spectrum("Quartz")
    infrared = Spectrum(seen.axis, seen.counts, seen.origin, meta={OTHER_METHOD: "'absorbance' over 'wavenumber (cm-1)'"})
    (fault,) = identify.identify_all([infrared], *pair)
    assert isinstance(fault, Fault)
    assert "the file declares 'absorbance' over 'wavenumber (cm-1)', not a Raman spectrum" in fault.why
    with pytest.raises(SpectrumError, match="not a Raman spectrum"):
        identify.identify(infrared, *pair)
