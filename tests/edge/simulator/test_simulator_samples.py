"""Samples of a simulated instrument, by name: standards, minerals of the library, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import raising
from raman_edge.calibration.standards import STANDARDS, Standard
from raman_edge.errors import ConfigError
from raman_edge.matching import library
from raman_edge.simulator import samples
from raman_edge.simulator.materials import Curve, Lamp, LinesMaterial

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("standard", STANDARDS, ids=lambda standard: standard.name)
def test_a_standard_has_its_own_lines(standard: Standard) -> None:
    """Every one, by its name in any case: those that a calibration looks for, to the last digit."""
    found = samples.find(standard.name.upper())
    if standard.lamp:
        assert isinstance(found, Lamp)
        assert np.array_equal(found.lines_nm, standard.truth())
    else:
        assert isinstance(found, LinesMaterial)
        assert found.peaks.shift.tolist() == list(standard.lines)
        assert found.peaks.height.max() == 1.0


def test_aliases_of_standards_are_known() -> None:
    """As `calibrate` has them."""
    assert samples.find("paracetamol").name == "4-acetamidophenol"


@pytest.mark.skipif(not library.default_path().exists(), reason="no library is embedded")
def test_a_mineral_has_the_peaks_of_the_library() -> None:
    """By its label in upper or lower case."""
    found = samples.find("gypsum")
    assert isinstance(found, LinesMaterial)
    assert found.name == "Gypsum"
    assert np.abs(found.peaks.shift - 1008).min() < 3


@pytest.mark.skipif(not library.default_path().exists(), reason="no library is embedded")
def test_packs_know_more_names() -> None:
    """A synonym or formula stands for its material, with the library's lines if it has them; a name of several is none."""
    assert [samples.find(name).name for name in ("Monazite-(Ce)", "rock crystal", "polypropylene", "pvc")] == [
        "MonaziteCe", "Quartz", "PP", "PVC"
    ]  # fmt: skip
    assert isinstance(samples.find("monazite-(ce)"), LinesMaterial)
    plastic = samples.find("Polypropylene")
    assert isinstance(plastic, Curve)
    assert plastic.intensity(np.array([0.0]), np.array([809.0]))[0] > 0.3  # its strong line
    with raising.refused(ConfigError, "several materials have that name", got="'CaCO3'", expected="one of Aragonite, Calcite"):
        samples.find("CaCO3")
    with pytest.raises(ConfigError, match="Did you mean polyethylene"):
        samples.find("polyethilene")


def test_without_a_library_there_are_a_few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Calcite, quartz and nothing, and advice for other names."""
    monkeypatch.setattr(library, "default_path", lambda: tmp_path / "none.npz")
    samples._library.cache_clear()
    try:
        assert [samples.find(name).name for name in ("calcite", "QUARTZ", "none")] == ["Calcite", "Quartz", "none"]
        with raising.refused(ConfigError, "unknown material", got="'quarz'"):
            samples.find("quarz")
        with raising.refused(ConfigError, "unknown material", expected="a standard such as polystyrene"):
            samples.find("zzzzzz")
    finally:
        samples._library.cache_clear()


def test_a_file_is_what_is_in_it(tmp_path: Path) -> None:
    """The first spectrum, brightest where that is; an unreadable file is reported by name."""
    file = tmp_path / "mine.csv"
    shift = np.arange(100.0, 1800.0, 2.0)
    counts = 50 + 900 / (1 + ((shift - 640) / 5) ** 2)
    file.write_text("".join(f"{x:.1f},{y:.2f}\n" for x, y in zip(shift, counts, strict=True)))
    found = samples.find(str(file))
    assert isinstance(found, Curve)
    assert found.name == "mine.csv"
    at = np.array([50.0, 200.0, 640.0, 1900.0])
    assert found.intensity(at, at) == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=0.01)
    file.write_text("<html>")
    with raising.refused(ConfigError, "not a spectrum", "mine.csv"):
        samples.find(str(file))
    with raising.refused(ConfigError, "cannot be read", tmp_path.name):
        samples.measured(tmp_path)
