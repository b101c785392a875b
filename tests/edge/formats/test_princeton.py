"""Princeton Instruments SPE: WinSpec's and LightField's spectra, frames and regions."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from princeton_files import PIXELS as IN_PIXELS
from princeton_files import SHIFT as IN_SHIFT
from princeton_files import USER, LightFieldFile, WinSpecFile
from raman_edge.formats import READERS, read
from raman_edge.spectrum import PIXELS

ROW = 1000.0 + 37 * (np.arange(40) ** 2 % 41)
COLUMNS = np.arange(1.0, 41.0)
POLYNOMIAL = (640.0, 1.1, -1e-3)
NM = 640.0 + 1.1 * COLUMNS - 1e-3 * COLUMNS**2
OLD = WinSpecFile([[ROW]], POLYNOMIAL, points=(1, 20.5, 40))
NEW = LightFieldFile([[ROW]], NM)


def message(data: bytes) -> str:
    """Return the error of a file that cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestPrinceton(FormatContract):
    """The contract, on one spectrum of WinSpec."""

    reader = next(reader for reader in READERS if reader.name == "Princeton SPE")
    example = "princeton.spe"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests."""
    assert (EXAMPLES / "princeton.spe").read_bytes() == OLD.made()


def test_winspec_is_read_with_what_its_header_has() -> None:
    """The polynomial counts columns from 1; the laser makes shifts of wavelengths; a time without a zone stays text."""
    (found,) = read(OLD.made(), ORIGIN)
    assert np.allclose(found.axis.shift, 1e7 / 636.3 - 1e7 / NM, rtol=0, atol=1e-9)
    assert found.counts.tolist() == ROW.tolist()
    assert (found.exposure_s, found.taken_at, found.meta["date"]) == (30.0, None, "15Mar2017 182836")
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == ("636.3", "file")
    assert (found.meta["format"], found.meta["comment"], found.meta["accumulations"]) == ("Princeton SPE 2.5", "by hand", "4")


def test_lightfield_is_read_with_its_xml() -> None:
    """Wavelengths, laser line, exposure and time, with its zone."""
    (found,) = read(NEW.made(), ORIGIN)
    assert np.allclose(found.axis.shift, 1e7 / 531.988 - 1e7 / NM, rtol=0, atol=1e-9)
    assert found.counts.tolist() == ROW.tolist()
    assert (found.exposure_s, found.taken_at) == (30.0, datetime.fromisoformat("2024-10-01T11:32:24.657962+02:00"))
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == ("531.988", "file")
    assert found.meta["serial number"] == "0911110002"
    assert (found.meta["detector"], found.meta["user"], found.meta["application"]) == ("PyLoN", "by hand", "LightField 6.0")


@pytest.mark.parametrize("kind", ["f4", "i4", "i2", "u2", "f8", "u1", "u4"])
def test_every_type_of_count_is_read(kind: str) -> None:
    """In both versions."""
    row = ROW % 250
    assert read(replace(OLD, frames=[[row]], kind=kind).made(), ORIGIN)[0].counts.tolist() == row.tolist()
    assert read(replace(NEW, frames=[[row]], kind=kind).made(), ORIGIN)[0].counts.tolist() == row.tolist()


def test_frames_and_rows_of_winspec_are_numbered() -> None:
    """Two frames of three rows."""
    found = read(replace(OLD, frames=[[ROW, 2 * ROW, 3 * ROW], [4 * ROW, 5 * ROW, 6 * ROW]]).made(), ORIGIN)
    assert [spectrum.counts[0] / ROW[0] for spectrum in found] == [1, 2, 3, 4, 5, 6]
    assert [(spectrum.meta["frame"], spectrum.meta["row"]) for spectrum in found[2:4]] == [("1 of 2", "3 of 3"), ("2 of 2", "1 of 3")]
    assert all(spectrum.axis is found[0].axis for spectrum in found)


def test_frames_and_regions_of_lightfield_are_numbered() -> None:
    """Two frames of two regions, one of them binned; what stands behind a frame is skipped."""
    frames = [[np.array([ROW, 2 * ROW]), 3 * ROW], [np.array([4 * ROW, 5 * ROW]), 6 * ROW]]
    sensor = 650 + 0.5 * np.arange(200.0)
    made = replace(NEW, frames=frames, wavelengths=sensor, starts=(10, 60), binned=2, wide=200, metadata=b"12345678" * 3)
    found = read(made.made(), ORIGIN)
    assert [spectrum.counts[0] / ROW[0] for spectrum in found] == [1, 2, 3, 4, 5, 6]
    assert [spectrum.meta.get("region") for spectrum in found[:3]] == ["1 of 2", "1 of 2", "2 of 2"]
    assert [spectrum.meta.get("row") for spectrum in found[:3]] == ["1 of 2", "2 of 2", None]
    for spectrum, start in ((found[0], 10), (found[2], 60)):
        nm = sensor[start : start + 80].reshape(40, 2).mean(axis=1)
        assert np.allclose(spectrum.axis.shift, 1e7 / 531.988 - 1e7 / nm, rtol=0, atol=1e-9)


def test_columns_of_a_part_of_the_detector_are_counted_as_the_calibration_does() -> None:
    """Its points show whether it counts the detector's pixels; without such a point the file is refused."""
    part = replace(OLD, start=101, binned=2)
    assert "unknown pixels: got columns from pixel 101 with 2 pixels binned" in message(part.made())
    pixels = 101.5 + 2 * np.arange(40)
    (found,) = read(replace(part, points=(1, 500, 1340)).made(), ORIGIN)
    assert np.allclose(found.axis.shift, 1e7 / 636.3 - 1e7 / (640 + 1.1 * pixels - 1e-3 * pixels**2), rtol=0, atol=1e-9)


@pytest.mark.parametrize("laser", [636.3, 1e7 / 636.3])
def test_a_laser_of_winspec_may_be_a_wavenumber(laser: float) -> None:
    """No laser's wavenumber (cm⁻¹) is another one's wavelength (nm)."""
    (found,) = read(replace(OLD, laser=laser).made(), ORIGIN)
    assert np.allclose(found.axis.shift, 1e7 / 636.3 - 1e7 / NM, rtol=0, atol=1e-9)


def test_wavelengths_of_lightfield_may_come_with_their_errors() -> None:
    """Pairs of a wavelength and its error."""
    pairs = " ".join(f"{nm!r},0.01" for nm in NM.tolist())
    text = ",".join(map(repr, NM.tolist()))
    data = NEW.made().replace(f"<Wavelength>{text}</Wavelength>".encode(), f"<WavelengthError>{pairs}</WavelengthError>".encode())
    assert b"WavelengthError" in data
    assert read(data, ORIGIN)[0].axis.same_as(read(NEW.made(), ORIGIN)[0].axis)


def test_shifts_are_taken_as_they_are() -> None:
    """WinSpec can keep the polynomial of a Raman shift."""
    (found,) = read(replace(OLD, polynomial=(200.0, 3.0), unit=IN_SHIFT).made(), ORIGIN)
    assert found.axis.shift.tolist() == (200 + 3 * COLUMNS).tolist()


@pytest.mark.parametrize("made", [replace(OLD, laser=0.0), replace(NEW, laser="")], ids=["WinSpec", "LightField"])
def test_a_wavelength_axis_needs_the_laser(made: WinSpecFile | LightFieldFile) -> None:
    """And takes the one that is given."""
    assert "unknown laser wavelength: got a wavelength axis (641.099 to 682.4 nm)" in message(made.made())
    (found,) = read(made.made(), ORIGIN, laser_nm=632.8)
    assert np.allclose(found.axis.shift, 1e7 / 632.8 - 1e7 / NM, rtol=0, atol=1e-9)
    assert found.meta["laser_from"] == "option"


@pytest.mark.parametrize("made", [replace(OLD, polynomial=None), replace(NEW, wavelengths=None)], ids=["WinSpec", "LightField"])
def test_pixels_are_refused_except_for_a_calibration(made: WinSpecFile | LightFieldFile) -> None:
    """As with tables."""
    assert "axis in pixels: got 1 to 40" in message(made.made())
    (found,) = read(made.made(), ORIGIN, pixels=True)
    assert (found.axis.start, found.axis.stop, found.meta[PIXELS]) == (1, 40, "40")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (replace(OLD, unit=USER), "a polynomial of order 2 in a unit of the user"),
        (replace(OLD, unit=IN_PIXELS), "a polynomial of order 2 in pixels"),
        (replace(OLD, polynomial=(float("nan"), 1.0)), "damaged axis: got a coefficient that is not a number"),
        (replace(OLD, regions=2), "several detector regions: got 2 regions in one image"),
        (replace(OLD, frames=[[ROW[:8]]]), "8 points a spectrum"),
        (replace(NEW, frames=[[ROW[:8]]]), "8 points a spectrum"),
        (replace(NEW, wavelengths=NM[:30]), "wrong number of wavelengths: got 30"),
        (replace(NEW, wavelengths=NM - 700), "wavelengths too short: got -58.901 to -17.6 nm, expected 100 nm or more"),
        (replace(NEW, orientation="FlippedHorizontally"), "wrong orientation: got wavelengths in another direction than the sensor"),
        (replace(NEW, before='<!DOCTYPE x [<!ENTITY a "b">]>'), "unsupported XML declaration: got '<!DOCTYPE x [<!ENTI…'"),
        (replace(NEW, before="<"), "broken XML: 'not well-formed (invalid token): line 1…'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_reported(made: WinSpecFile | LightFieldFile, says: str) -> None:
    """Each in one line."""
    reason = message(made.made())
    assert reason.startswith("Princeton SPE: ")
    assert says in reason


@pytest.mark.parametrize("made", [OLD, NEW], ids=["WinSpec", "LightField"])
def test_a_file_that_is_cut_short_is_reported(made: WinSpecFile | LightFieldFile) -> None:
    """At every byte behind its mark."""
    whole = made.made()
    for end in range(3000, len(whole)):
        assert "cut short or still being written" in message(whole[:end]), end


def changed(data: bytes, form: str, at: int, value: float) -> bytes:
    """Return a file with a number put over its own."""
    made = bytearray(data)
    struct.pack_into(form, made, at, value)
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (changed(OLD.made(), "<i", 1446, 2**31 - 1), "2147483647 spectra of"),
        (changed(OLD.made(), "<i", 1446, 0), "0 frames of 1 rows"),
        (changed(OLD.made(), "<i", 1446, 9), "expected 9 x 1 x 40 counts of 720 bytes here"),
        (changed(OLD.made(), "<H", 656, 65_535), "65535 spectra of"),
        (changed(OLD.made(), "<H", 42, 65_535), "65535 counts"),
        (changed(OLD.made(), "<h", 108, 99), "counts of type 99"),
        (changed(OLD.made(), "<f", 1992, float("nan")), "version nan"),
        (changed(OLD.made(), "<B", 3101, 200), "a polynomial of order 200"),
        (changed(NEW.made(), "<Q", 678, 2**63), "expected the XML at byte 9223372036854775808"),
        (changed(NEW.made(), "<Q", 678, 4099), "expected the XML at byte 4099"),
        (NEW.made().replace(b'count="1" pixel', b'count="999999999" pixel'), "'DataBlock': value out of range: got count='999999999'"),
        (NEW.made().replace(b'count="1" pixel', b'count="99999999" pixel'), "99999999 spectra of"),
        (NEW.made().replace(b'count="1" pixel', b'count="99" pixel'), "99 frames of 160 bytes"),
        (NEW.made().replace(b'width="40" height="1" size', b'width="99999999" height="1" size'), "99999999 points a spectrum"),
        (
            NEW.made().replace(b'width="40" height="1" size', b'width="41" height="1" size'),
            "wrong number of wavelengths: got 40, expected 41",
        ),
        (
            replace(NEW, wavelengths=None).made().replace(b'size="160" stride="160"', b'size="8" stride="8"'),
            "wrong frame size: got a frame of 8 bytes, expected 160",
        ),
        (NEW.made().replace(b'type="Region"', b'type="Region" x="\xff"'), "40 points"),
    ],
)
def test_counts_and_places_are_checked_before_anything_is_made(data: bytes, says: str) -> None:
    """A number in a header is compared with the bytes there are."""
    reason = answered(data)
    assert says in reason if isinstance(reason, str) else len(reason[0]) == 40
