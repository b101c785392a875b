"""WITec TrueMatch ASCII."""

from __future__ import annotations

import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from raman_edge.formats import read
from raman_edge.formats.truematch import TrueMatch

TEXT = (EXAMPLES / "truematch.txt").read_text(encoding="utf-8")


class TestTrueMatch(FormatContract):
    """The contract, on two particles."""

    reader = TrueMatch()
    example = "truematch.txt"


def test_every_particle_is_a_spectrum() -> None:
    """Each with its own unit, its laser, and what was measured of it."""
    found = read(TEXT.encode(), ORIGIN)
    assert [spectrum.meta["title"] for spectrum in found] == ["Particle 1", "Particle 2"]
    assert [round(float(spectrum.axis.shift[spectrum.counts.argmax()])) for spectrum in found] == [250, 350]
    assert all(spectrum.axis.start == pytest.approx(150.5, abs=0.05) for spectrum in found)
    assert {(spectrum.meta["laser_nm"], spectrum.meta["length"]) for spectrum in found} == {("532.08", "12.5")}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("SpectrumSize = 40", "SpectrumSize = 41", "wrong number of points: got 40 points"),
        ("XDataKind = nm", "XDataKind = fathoms", "unsupported axis unit: got 'fathoms', expected nm or 1/cm"),
        ("[SpectrumData]", "[Spectrum]", "missing [SpectrumData]: got a particle without it"),
        ("ExcitationWavelength = 532.08\n", "", "unknown laser wavelength: got a wavelength axis (536.375 to 547.835 nm)"),
        ("[SpectrumHeader]", "[Header]", "wrong number of spectra: got 0 spectra, expected 1 to 4096"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, says: str) -> None:
    """One line, with the place."""
    assert says in str(answered(TEXT.replace(old, new).encode()))


def test_decimal_commas() -> None:
    """Written on a German computer."""
    head, mark, table = TEXT.partition("Particle 2")
    found = read((head + mark + table.replace("532.08", "532,08").replace(".", ",")).encode(), ORIGIN)
    assert found[1].axis.start == 150.5
