"""Binary files as instruments write them, beside text of the same measurement; skipped where the data is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
from contracts.format_contract import answered
from data_folder import DATA
from raman_edge.formats import read
from raman_edge.spectrum import OTHER_METHOD, Origin

if TYPE_CHECKING:
    from raman_edge.spectrum import Spectrum

INSTRUMENTS = DATA / "instrument_files"
REFLEX, QONTOR = "renishaw/PST_Reflex532_Z050_010_10000msx2", "renishaw/nCal_Qontor785_z005H12_100_1x3s"
WITEC = "witec/PST_WITEcAlpha532_100x_075_10000ms_000_Spec.Data 1.spc"
BWTEK = "PST10_iR532_Probe_100_3000msx7"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no spectra in {DATA}; set RAMAN_DATA to their folder")


def one(name: str) -> Spectrum:
    """Read a file with one spectrum."""
    (found,) = read((INSTRUMENTS / name).read_bytes(), Origin("file", name))
    return found


READ = {
    f"galactic_spc/{BWTEK}.spc": (3808, None, None),
    "galactic_spc/RAMAN.SPC": (3632, None, "1064.4"),
    f"{REFLEX}.spc": (2578, 10.0, "532"),
    f"{QONTOR}.spc": (1021, None, "785"),
    f"{QONTOR}.wdf": (1021, 3.0, "785.016"),
    WITEC: (1600, None, None),
    "opus/test_opus.0": (4096, None, "1064.41"),
}
"""Points, exposure (s) and laser (nm) of the files that hold a Raman spectrum; None is what the file does not have."""
OTHERS = {
    "galactic_spc/m_xyxy.spc": (512, 8, "'Abundance' over 'mass (m/z)'"),
    "galactic_spc/s_evenx.spc": (1, 1844, "'absorbance' over 'wavenumber (cm-1)'"),
    "galactic_spc/s_xy.spc": (1, 512, "'arbitrary intensity' over 'time (minutes)'"),
}
"""Spectra, points of the first one, and what the codes say, of the files that hold no Raman spectrum."""


@pytest.mark.parametrize("name", READ)
def test_binary_files_are_read(name: str) -> None:
    """Points, exposure and laser are those of the file."""
    found = one(name)
    assert (len(found), found.exposure_s, found.meta.get("laser_nm")) == READ[name]


@pytest.mark.parametrize("name", OTHERS)
def test_other_methods_are_read_and_called_by_name(name: str) -> None:
    """Mass spectra, an infrared spectrum and a chromatogram are read, and are marked."""
    found = answered((INSTRUMENTS / name).read_bytes())
    assert not isinstance(found, str)
    assert (len(found), len(found[0]), found[0].meta[OTHER_METHOD]) == OTHERS[name]


def test_every_binary_file_is_known() -> None:
    """None is left out of the lists above."""
    there = [path for path in INSTRUMENTS.glob("*/*") if path.suffix.lower() in {".spc", ".wdf", ".0"}]
    assert {f"{path.parent.name}/{path.name}" for path in there} == {*READ, *OTHERS}


def test_wdf_and_the_text_beside_it_are_one_spectrum() -> None:
    """Point by point; the text has six decimals."""
    binary, text = one(f"{QONTOR}.wdf"), one(f"{QONTOR}.txt")
    assert np.allclose(binary.axis.shift, text.axis.shift, rtol=0, atol=1e-6)
    assert np.allclose(binary.counts, text.counts, rtol=0, atol=1e-6)
    assert binary.taken_at == datetime(2022, 8, 22, 11, 50, 17, 517_220, UTC)


@pytest.mark.parametrize("name", [REFLEX, QONTOR])
def test_spc_and_the_text_beside_it_are_one_spectrum(name: str) -> None:
    """WiRE exports SPC on an even axis: between the same ends, the text on that axis has the same counts."""
    binary, text = one(f"{name}.spc"), one(f"{name}.txt")
    assert len(binary) == len(text)
    assert (binary.axis.start, binary.axis.stop) == pytest.approx((text.axis.start, text.axis.stop), abs=0.01)
    expected = np.interp(binary.axis.shift, text.axis.shift, text.counts)
    assert np.abs(binary.counts - expected).max() < 5e-4 * np.ptp(text.counts)


def test_the_spc_that_bwspec_interpolates_is_the_spectrum_of_its_text() -> None:
    """On steps of 1 cm⁻¹, by a spline; a shift of one step would show."""
    binary, text = one(f"galactic_spc/{BWTEK}.spc"), one(f"bwtek/{BWTEK}.txt")
    assert np.allclose(np.diff(binary.axis.shift), 1.0)
    inside = slice(2, -2)
    shifted = [np.interp(binary.axis.shift + lag, text.axis.shift, text.counts)[inside] for lag in (-1, 0, 1)]
    before, agree, after = (np.corrcoef(binary.counts[inside], counts)[0, 1] for counts in shifted)
    assert agree > 0.9995
    assert max(before, after) < 0.995


def test_opus_knows_its_time_and_zone() -> None:
    """16:59:10.608 (GMT+1)."""
    assert one("opus/test_opus.0").taken_at == datetime(2023, 7, 4, 16, 59, 10, 608_000, timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("name", "low", "high", "line"),
    [
        (f"{REFLEX}.spc", 500, 1500, 1001),
        (f"galactic_spc/{BWTEK}.spc", 500, 1500, 1001),
        (f"{QONTOR}.wdf", 200, 1200, 1086),
        (f"{QONTOR}.spc", 200, 1200, 1086),
    ],
)
def test_the_axis_is_the_raman_shift(name: str, low: float, high: float, line: float) -> None:
    """Polystyrene and calcite have their strongest line where the literature has it (ASTM E1840)."""
    found = one(name)
    inside = (found.axis.shift >= low) & (found.axis.shift <= high)
    assert float(found.axis.shift[inside][found.counts[inside].argmax()]) == pytest.approx(line, abs=3)


@pytest.mark.parametrize("name", READ)
def test_a_binary_file_that_is_cut_short_is_reported(name: str) -> None:
    """Half of it, all but a hundred bytes, its header alone."""
    data = (INSTRUMENTS / name).read_bytes()
    for end in (512, len(data) // 2, len(data) - 100):
        assert "cut short or still being written" in str(answered(data[:end])), end
