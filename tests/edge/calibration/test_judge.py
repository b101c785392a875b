"""What a wrong standard, a wrong laser or chance give is refused; what is right is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import calibration_matrix as matrix
import numpy as np
import pytest
from raising import refused
from raman_edge.calibration import making, standards
from raman_edge.calibration.making import StandardSpectrum, make
from raman_edge.errors import SpectrumError
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

NM = 788 + 0.1585 * np.arange(1024) - 1.9e-5 * np.arange(1024.0) ** 2
DEVICE = matrix.Instrument(785.0, NM, width_cm=6.0, noise=1e-3, slope=0.2)
"""1024 pixels from 48 to 1985 cm⁻¹ at 785 nm."""
NAMES = [one.name for one in standards.STANDARDS]
ELSEWHERE = {"acetonitrile", "silicon", "sulfur"}
"""Standards with too few lines there for an axis of pixels."""


@pytest.fixture(autouse=True)
def _remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read each spectrum as each standard once."""
    monkeypatch.setattr(making, "_read", making._read)
    matrix.remembered()


def seen(truth: str, kind: str, label_nm: float = 785.0, seed: int = 3) -> Spectrum:
    """Return what :data:`DEVICE` measures of a material."""
    rng = np.random.default_rng([seed, len(truth)])
    return matrix.spectrum(DEVICE, matrix.exposed(truth, DEVICE, rng, "table"), kind, label_nm, rng)


@pytest.mark.parametrize("kind", ["pixel", "shift"])
@pytest.mark.parametrize("truth", [*NAMES, "quartz", "gypsum", "caffeine"])
def test_every_standard_as_every_standard(truth: str, kind: str) -> None:
    """Each spectrum is refused as anything that gives a wrong axis; a standard with lines enough is right as itself."""
    spectrum = seen(truth, kind)
    outcomes = [matrix.tried(spectrum, truth, claim, kind, "right", 785.0, DEVICE) for claim in NAMES]
    assert [one.claim for one in outcomes if one.verdict == "WRONG"] == []
    own = next((one for one in outcomes if one.claim == truth), None)
    if own is not None and not (kind == "pixel" and truth in ELSEWHERE) and truth != "acetonitrile":
        assert own.verdict == "right", own.why


@pytest.mark.parametrize("label", [532.0, 633.0, 808.0, 830.0, 1064.0])
@pytest.mark.parametrize("kind", ["pixel", "shift"])
def test_a_lamp_with_a_wrong_laser_is_refused(kind: str, label: float) -> None:
    """A lamp's lines are elsewhere on a shift axis, and on pixels the detector would see what no spectrometer does."""
    assert matrix.tried(seen("neon", kind, label), "neon", "neon", kind, "wrong", label, DEVICE).verdict == "refused"


@pytest.mark.parametrize(("truth", "claim"), [("neon", "polystyrene"), ("4-acetamidophenol", "neon"), ("polystyrene", "benzonitrile")])
@pytest.mark.parametrize("kind", ["pixel", "shift"])
def test_a_refusal_names_the_standard_that_fits(truth: str, claim: str, kind: str) -> None:
    """A wrong standard is refused with the option for the right one."""
    with pytest.raises(SpectrumError, match=rf"--standard {truth}\b"):
        make(StandardSpectrum(seen(truth, kind), standards.find(claim)), instrument="X", laser_nm=785.0, made=matrix.NOW, days=30)


def test_a_single_line_claims_no_more_than_its_own_place() -> None:
    """Silicon calibrates by an offset of at most 15 cm⁻¹, and only where nothing else strong is there."""
    silicon = seen("silicon", "shift")
    made = make(StandardSpectrum(silicon, standards.find("silicon")), instrument="X", laser_nm=785.0, made=matrix.NOW, days=30)
    assert made.order == 0
    moved = replace(silicon, axis=Axis(silicon.axis.shift - (silicon.axis.shift[int(np.argmax(silicon.counts))] - 520.45) + 20.0))
    with pytest.raises(SpectrumError, match="expected at most 15"):
        make(StandardSpectrum(moved, standards.find("silicon")), instrument="X", laser_nm=785.0, made=matrix.NOW, days=30)
    mixed = replace(silicon, counts=silicon.counts + seen("polystyrene", "shift").counts)
    with pytest.raises(SpectrumError, match="no lines of silicon"):
        make(StandardSpectrum(mixed, standards.find("silicon")), instrument="X", laser_nm=785.0, made=matrix.NOW, days=30)


def test_a_dispersion_that_no_grating_has_is_refused() -> None:
    """Pixels whose dispersion doubles along the detector are not believed, however well the lines agree."""
    t = np.linspace(0, 1, 2048)
    bent = replace(DEVICE, wavelength=788 + 142 * (0.65 * t + 0.35 * t**2))
    rng = np.random.default_rng(1)
    spectrum = matrix.spectrum(bent, matrix.exposed("neon", bent, rng, "table"), "pixel", 785.0, rng)
    assert matrix.tried(spectrum, "neon", "neon", "pixel", "right", 785.0, bent).verdict == "refused"


def test_a_wrong_second_file_does_not_fit_the_laser() -> None:
    """On a lamp's scale, quartz and the lamp itself are no Raman standard; polystyrene is one."""
    neon = StandardSpectrum(seen("neon", "pixel"), standards.find("neon"))
    for truth in ("quartz", "neon", "gypsum"):
        for claim in ("polystyrene", "acetonitrile", "cyclohexane"):
            second = StandardSpectrum(seen(truth, "pixel"), standards.find(claim))
            with pytest.raises(SpectrumError):
                make(neon, instrument="X", laser_nm=785.0, made=matrix.NOW, days=30, laser=second)
    second = StandardSpectrum(seen("polystyrene", "pixel"), standards.find("polystyrene"))
    made = make(neon, instrument="X", laser_nm=784.0, made=matrix.NOW, days=30, laser=second)
    assert made.laser_nm == pytest.approx(785.0, abs=0.05)


@pytest.mark.parametrize(
    ("part", "truth"),
    [
        ("Ne_785nm", "neon"),
        ("neon_n", "neon"),
        ("acetonitrile_n", ""),
        ("Wardscalcite", ""),
        ("nCAL02", ""),
        ("PST10_iR785", "polystyrene"),
        ("PST_Reflex532_Z050_010_10000msx2.txt", "polystyrene"),
        ("PST_WITEcAlpha532", "polystyrene"),
        ("WP785_acetonitrile", "acetonitrile"),
        ("OOusb4000", ""),
    ],
)
def test_real_files_under_every_standard(real_data: Path, part: str, truth: str) -> None:
    """Files of real instruments are right as what they are of, and refused as everything else."""
    accepted = [one.claim for one in matrix.real(real_data, part) if one.verdict != "refused"]
    assert accepted == ([truth] if truth else [])


def test_random_lines_are_no_standard() -> None:
    """Three spectra of twelve random lines, on either kind of axis, are accepted as no standard."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        places, heights = rng.uniform(0, 1024, 12), rng.uniform(0.1, 1, 12)
        pixel = np.arange(1024.0)
        pure = (heights[:, None] * np.exp(-(((pixel - places[:, None]) / 2.5) ** 2) / 2)).sum(axis=0)
        counts = 300 + 20_000 * pure + rng.normal(0, 20, 1024)
        for kind in ("pixel", "shift"):
            spectrum = matrix.spectrum(DEVICE, counts, kind, 785.0, rng)
            for claim in NAMES:
                with pytest.raises(SpectrumError):
                    make(StandardSpectrum(spectrum, standards.find(claim)), instrument="X", laser_nm=785.0, made=matrix.NOW, days=30)


def test_a_blank_spectrum_is_refused() -> None:
    """Counts that are all alike have no lines."""
    blank = Spectrum(Axis.linear(100, 3000, 2.0), np.full(1451, 300.0), Origin("test", "blank"), meta={"laser_nm": "785"})
    with refused(SpectrumError, "too few lines", got="0 peaks"):
        make(StandardSpectrum(blank, standards.find("polystyrene")), instrument="X", laser_nm=785.0, made=matrix.NOW, days=30)
