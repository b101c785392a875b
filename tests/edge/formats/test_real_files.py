"""Files as RRUFF, instruments and their software write them; skipped where the data is not."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from contracts.format_contract import answered
from data_folder import DATA
from raman_edge.errors import FormatError
from raman_edge.formats import read
from raman_edge.spectrum import OTHER_METHOD, Origin, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

INSTRUMENTS = DATA / "instrument_files"
SAMPLE = 300

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no spectra in {DATA}; set RAMAN_DATA to their folder")


def one(path: Path) -> Spectrum:
    """Read a file with one spectrum."""
    (found,) = read(path.read_bytes(), Origin("file", str(path)))
    return found


def strongest(spectrum: Spectrum, low: float, high: float) -> float:
    """Return the Raman shift of the largest count between two shifts, cm⁻¹."""
    inside = (spectrum.axis.shift >= low) & (spectrum.axis.shift <= high)
    return float(spectrum.axis.shift[inside][spectrum.counts[inside].argmax()])


def test_rruff_originals_are_all_read() -> None:
    """A sample spread over the whole archive: every row, the names of the header, the laser of the file name."""
    with zipfile.ZipFile(DATA / "rruff" / "excellent_unoriented.zip") as archive:
        names = archive.namelist()
        for name in names[:: len(names) // SAMPLE]:
            data = archive.read(name)
            (found,) = read(data, Origin("file", name))
            rows = [line.split(b",") for line in data.splitlines() if line.strip() and not line.startswith(b"##")]
            assert found.axis.shift.tolist() == [float(row[0]) for row in rows], name
            assert found.counts.tolist() == [float(row[1]) for row in rows], name
            assert data.startswith(f"##NAMES={found.meta['names']}\n".encode()), name
            assert found.meta["laser_nm"] == name.split("__")[3], name
            assert found.meta["format"] == "RRUFF text"


def wasatch() -> list[Path]:
    """Return the files of the Wasatch library."""
    return sorted((DATA / "organics" / "wasatch_library").glob("*.csv"))


def test_wasatch_library_is_complete() -> None:
    """All compounds are there to be read."""
    assert len(wasatch()) == 80


@pytest.mark.parametrize("path", wasatch(), ids=lambda path: path.stem)
def test_wasatch_files_are_read(path: Path) -> None:
    """Every row of Wavenumber and Processed, the exposure in seconds, the laser."""
    found = one(path)
    table = path.read_text().split("\n\n")[1].splitlines()
    assert table[0] == "Pixel,Wavenumber,Processed"
    assert np.array_equal(np.stack([found.axis.shift, found.counts], axis=1), [[float(x) for x in row.split(",")[1:]] for row in table[1:]])
    assert found.exposure_s == float(found.meta["integration time"]) / 1000
    assert found.meta["laser_nm"] == "784.896"


READ = {
    "bwtek/Ne_785nm_x20_50ms.txt": (2048, 0.05),
    "bwtek/PST02_iRPlus785_Z050_100_3200ms.txt": (1743, 3.2),
    "bwtek/PST10_iR532_Probe_100_3000msx7.txt": (1801, 3.0),
    "bwtek/S0N02_iRPlus785_Z050_100_3200ms.txt": (2048, 3.2),
    "bwtek/nCAL02_iRPlus785_Z050_100_2100ms.txt": (1743, 2.1),
    "bwtek/sCAL02_iRPlus785_Z020_100_2400ms.txt": (1743, 2.4),
    "horiba/MacroRAM_polystyrene.txt": (2048, 10.0),
    "horiba/PST10_iR785_OP01_8000msx8.txt": (1024, None),
    "horiba/S0P10_iR785_OP01_6000msx4.txt": (1006, None),
    "jcamp/tannic_acid.jdx": (1949, None),
    "other/PST02_Zolix785_Probe_070_190ms.txt": (2095, None),
    "other/PST_532_SEX139.txt": (2048, 9.0),
    "other/polystyrene_aritficially_worsened.tsv": (2290, 0.111),
    "renishaw/PST_Reflex532_Z050_010_10000msx2.txt": (2578, None),
    "renishaw/nCal_Qontor785_z005H12_100_1x3s.txt": (1021, None),
    "rruff/Anatase__R060277__Broad_Scan____0__unoriented__Raman_Data_RAW__21346.txt": (1753, None),
    "wasatch/WP785_acetonitrile.csv": (2038, 3.0),
    "witec/PST_WiICV532_Z050OP02_075_800msx10.txt": (1024, None),
}
"""Points and exposure (s) of the files that hold a Raman spectrum."""
OTHERS = {
    "jcamp/difdup_example.jdx": (53, "'NANOAMPERES' over 'MILLISECONDS'"),
    "jcamp/noencoding_example.jdx": (53, "'NANOAMPERES' over 'MILLISECONDS'"),
    "jcamp/example_compound_file.jdx": (2074, "'INFRARED SPECTRUM' (##DATA TYPE=)"),
    "jcamp/scientific_notation_example.jdx": (1867, "'FTIR' (##DATA TYPE=)"),
}
"""Points, and what the file says was measured, of the files that hold another kind of curve."""
REFUSED = {
    "andor/raman1.asc": "axis without a name: got 405.233 to 454.553, expected a Raman shift that covers 50 cm-1 or more",
    "ocean/OO_comma.txt": "unknown laser wavelength: got a wavelength axis (178.23 to 884.34 nm)",
    "ocean/OOusb4000.txt": "unknown laser wavelength: got a wavelength axis (178.65 to 888.37 nm)",
    "ocean/OceanView.txt": "unknown laser wavelength: got a wavelength axis (187.92 to 2116.5 nm)",
    "openraman/2024-10-04_Wardscalcite_n_n_solid_1000_0_5.csv": "axis in pixels: got 0 to 2047",
    "openraman/2024-10-04_acetonitrile_n_n_solid_10000_0_5.csv": "axis in pixels: got 0 to 2047",
    "openraman/2024-10-04_neon_n_n_solid_10000_0_5.csv": "axis in pixels: got 0 to 2047",
}
"""What the one line says of the text files that are no Raman spectra, or lack what makes them one."""
BINARY = (".spc", ".wdf", ".0", ".spa", ".spg", ".sif", ".spe", ".wip")
"""Files that have tests of their own (test_real_binary_files.py, test_real_late_files.py)."""


@pytest.mark.parametrize("name", READ)
def test_instrument_files_are_read(name: str) -> None:
    """Points and exposure are those of the file."""
    found = one(INSTRUMENTS / name)
    points, exposure = READ[name]
    assert len(found) == points
    assert found.exposure_s == (None if exposure is None else pytest.approx(exposure))


@pytest.mark.parametrize("name", OTHERS)
def test_other_methods_are_read_and_called_by_name(name: str) -> None:
    """They are read as they are, and say that they are no Raman spectra."""
    found = read((INSTRUMENTS / name).read_bytes(), Origin("file", name))[0]
    assert (len(found), found.meta[OTHER_METHOD]) == OTHERS[name]


def test_squeezed_and_plain_give_the_same_curve() -> None:
    """The same curve in two forms of the standard."""
    squeezed, plain = (one(INSTRUMENTS / "jcamp" / name) for name in ("difdup_example.jdx", "noencoding_example.jdx"))
    assert squeezed.axis.same_as(plain.axis)
    assert squeezed.counts == pytest.approx(plain.counts)


@pytest.mark.parametrize("name", REFUSED)
def test_every_other_text_file_is_refused_in_one_line(name: str) -> None:
    """The line says what is missing, and what to do."""
    assert REFUSED[name] in str(answered((INSTRUMENTS / name).read_bytes()))


def test_every_text_file_is_read_or_refused_here() -> None:
    """None is forgotten."""
    names = {f"{path.parent.name}/{path.name}" for path in INSTRUMENTS.glob("*/*") if path.suffix.lower() not in BINARY}
    assert names == {*READ, *OTHERS, *REFUSED}


@pytest.mark.parametrize("name", ["OO_comma.txt", "OOusb4000.txt", "OceanView.txt"])
def test_a_wide_spectrometer_keeps_what_lies_near_the_laser(name: str) -> None:
    """From the ultraviolet to the infrared: what is no Raman scattering of this laser is left out."""
    (found,) = read((INSTRUMENTS / "ocean" / name).read_bytes(), Origin("file", name), laser_nm=532.0)
    assert -6000 <= found.axis.start < -5900
    assert 5900 < found.axis.stop <= 6000


def test_a_laser_beyond_the_axis_is_refused() -> None:
    """Nothing on the Stokes side was measured: the laser is another one."""
    with pytest.raises(FormatError, match=r"Raman shift out of range: got -46708\.8 to -1909\.37 cm-1 with a laser of 1064 nm"):
        read((INSTRUMENTS / "ocean" / "OO_comma.txt").read_bytes(), Origin("file", ""), laser_nm=1064.0)


@pytest.mark.parametrize("name", [name for name in READ if not name.startswith(("openraman", "other/polystyrene"))])
def test_a_file_that_ends_early_is_never_another_spectrum_of_full_length(name: str) -> None:
    """Half a file is a fault, or has fewer points; a declared number of points makes it a fault."""
    data = (INSTRUMENTS / name).read_bytes()
    half = answered(data[: len(data) * 2 // 3])
    assert isinstance(half, str) or len(half[0]) < READ[name][0]
    if name.startswith(("bwtek", "wasatch", "rruff", "jcamp")):
        assert "cut short" in str(half)


@pytest.mark.parametrize(
    ("name", "low", "high", "line"),
    [
        ("bwtek/nCAL02_iRPlus785_Z050_100_2100ms.txt", 200, 1500, 1086),
        ("bwtek/sCAL02_iRPlus785_Z020_100_2400ms.txt", 200, 1500, 1086),
        ("renishaw/nCal_Qontor785_z005H12_100_1x3s.txt", 200, 1200, 1086),
        ("bwtek/S0N02_iRPlus785_Z050_100_3200ms.txt", 200, 1500, 521),
        ("horiba/S0P10_iR785_OP01_6000msx4.txt", 400, 700, 521),
        ("bwtek/PST02_iRPlus785_Z050_100_3200ms.txt", 500, 1500, 1001),
        ("bwtek/PST10_iR532_Probe_100_3000msx7.txt", 500, 1500, 1001),
        ("horiba/MacroRAM_polystyrene.txt", 500, 1500, 1001),
        ("other/PST_532_SEX139.txt", 500, 1500, 1001),
        ("renishaw/PST_Reflex532_Z050_010_10000msx2.txt", 500, 1500, 1001),
        ("witec/PST_WiICV532_Z050OP02_075_800msx10.txt", 500, 1500, 1001),
        ("wasatch/WP785_acetonitrile.csv", 500, 1500, 918),
    ],
)
def test_the_axis_is_the_raman_shift(name: str, low: float, high: float, line: float) -> None:
    """Calcite, silicon, polystyrene and acetonitrile have their strongest line where the literature has it (ASTM E1840)."""
    assert strongest(one(INSTRUMENTS / name), low, high) == pytest.approx(line, abs=8)
