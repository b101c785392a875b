"""OMNIC: spectra and groups, Raman and infrared."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from omnic_files import ABSORBANCE, NM, POINTS, RAMAN, RAMAN_SHIFT, TAKEN, UM, VOLTS, WAVENUMBER, OmnicSpectrum, omnic
from raman_edge.formats import READERS, read
from raman_edge.spectrum import OTHER_METHOD

SHIFT = 150.0 + 15.25 * np.arange(40)
COUNTS = 1000.0 + 37.25 * (np.arange(40) ** 2 % 41)
ONE = OmnicSpectrum(SHIFT[::-1], COUNTS[::-1])
EXAMPLE = omnic([ONE], [(102, bytes(80)), (4, b"a comment\0"), (130, b"an experiment")])
MOMENT = datetime(1899, 12, 31, tzinfo=UTC) + timedelta(seconds=TAKEN)


def message(data: bytes) -> str:
    """Return the error of a file that cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestOmnic(FormatContract):
    """The contract, on one spectrum with a falling axis."""

    reader = next(reader for reader in READERS if reader.name == "OMNIC")
    example = "omnic.spa"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests."""
    assert (EXAMPLES / "omnic.spa").read_bytes() == EXAMPLE


def test_reads_axis_counts_and_what_the_texts_have() -> None:
    """The laser is the one that excites, not the one that counts the mirror's way."""
    (found,) = read(EXAMPLE, ORIGIN)
    assert found.axis.shift.tolist() == SHIFT.tolist()
    assert found.counts.tolist() == COUNTS.tolist()
    assert float(found.meta["laser_nm"]) == pytest.approx(1e7 / 12_738.6, abs=1e-3)
    assert (found.exposure_s, found.taken_at) == (2.0, MOMENT)
    assert (found.meta["title"], found.meta["comment"], found.meta["counts in"]) == ("by hand", "a comment", "Raman intensity")
    assert (found.meta["scans"], found.meta["resolution"]) == ("64", "4.000")


def test_a_group_is_a_spectrum_each_with_its_title_and_time() -> None:
    """Spectra share the axis."""
    made = omnic([OmnicSpectrum(SHIFT, COUNTS * (k + 1), title=b"spectrum %d" % k) for k in range(3)])
    found = read(made, ORIGIN)
    assert [spectrum.counts[0] / COUNTS[0] for spectrum in found] == [1, 2, 3]
    assert [spectrum.meta["title"] for spectrum in found] == ["spectrum 0", "spectrum 1", "spectrum 2"]
    assert {spectrum.taken_at for spectrum in found} == {MOMENT}
    assert all(spectrum.axis is found[0].axis for spectrum in found)


@pytest.mark.parametrize(
    ("x_unit", "y_unit", "says"),
    [
        (WAVENUMBER, ABSORBANCE, "absorbance over wavenumber (cm-1)"),
        (RAMAN_SHIFT, ABSORBANCE, "absorbance over Raman shift (cm-1)"),
        (POINTS, VOLTS, "detector signal (V) over data points"),
        (WAVENUMBER, 15, "single beam over wavenumber (cm-1)"),
        (NM, 11, "reflectance (%) over wavelength (nm)"),
        (99, 98, "quantity 98 over unit 99"),
    ],
)
def test_another_method_is_read_and_called_by_name(x_unit: int, y_unit: int, says: str) -> None:
    """Its axis stays as the file has it."""
    (found,) = read(omnic([replace(ONE, x_unit=x_unit, y_unit=y_unit)]), ORIGIN)
    assert (found.meta[OTHER_METHOD], found.axis.start) == (says, SHIFT[0])


def test_infrared_spectra_in_a_group_of_raman_spectra_are_left_out_with_a_word() -> None:
    """And the other way round nothing is called Raman."""
    found = read(omnic([replace(ONE, y_unit=ABSORBANCE, x_unit=WAVENUMBER), ONE, ONE]), ORIGIN)
    assert [spectrum.meta["left_out"] for spectrum in found] == ["1 of 3 spectra of another method"] * 2
    assert OTHER_METHOD not in found[0].meta


@pytest.mark.parametrize(
    ("unit", "x"),
    [(WAVENUMBER, 12_738.6 - SHIFT), (NM, 1e7 / (12_738.6 - SHIFT)), (UM, 1e4 / (12_738.6 - SHIFT))],
    ids=["cm-1", "nm", "um"],
)
def test_other_units_are_converted_with_the_laser(unit: int, x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Of the history, or the one that is given; x runs evenly, so that the ends are enough."""
    made = OmnicSpectrum(np.linspace(x[0], x[-1], 40), COUNTS, unit, RAMAN)
    (from_file,) = read(omnic([made]), ORIGIN, laser_nm=532)
    (given_it,) = read(omnic([replace(made, history=b"")]), ORIGIN, laser_nm=1e7 / 12_738.6)
    for found in (from_file, given_it):
        assert (found.axis.start, found.axis.stop) == (pytest.approx(SHIFT[0], abs=0.02), pytest.approx(SHIFT[-1], abs=0.02))
    assert (from_file.meta["laser_from"], given_it.meta["laser_from"]) == ("file", "option")
    assert "--laser NM" in message(omnic([replace(made, history=b"")]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (omnic([replace(ONE, x_unit=POINTS)]), "unsupported axis unit: got data points, expected Raman shift, wavenumber or wavelength"),
        (omnic([replace(ONE, x_unit=77)]), "unsupported axis unit: got unit 77"),
        (omnic([OmnicSpectrum(SHIFT[:8], COUNTS[:8])]), "8 of 8 rows"),
        (omnic([replace(ONE, counts=np.full(40, np.inf))]), "0 of 40 rows"),
        (omnic([replace(ONE, counts=COUNTS[:30])]), "wrong number of counts: got 120 bytes, expected 160 of 40 points"),
        (omnic([]), "wrong number of spectra: got 0 headers and the counts of 0 spectra"),
        (omnic([replace(ONE, x=np.array([np.nan] * 40))]), "damaged axis: got nan to nan"),
    ],
)
def test_what_cannot_be_read_is_reported(data: bytes, says: str) -> None:
    """Each in one line."""
    reason = message(data)
    assert reason.startswith("OMNIC: ")
    assert says in reason


def test_a_file_that_is_cut_short_is_reported() -> None:
    """At every byte behind its mark."""
    for end in range(32, len(EXAMPLE)):
        assert "cut short or still being written" in message(EXAMPLE[:end]), end


def changed(form: str, at: int, value: int) -> bytes:
    """Return the example with a number put over its own."""
    made = bytearray(EXAMPLE)
    struct.pack_into(form, made, at, value)
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (changed("<I", 304 + 2, 2**32 - 1), "byte 4294967295: file cut short: got 918 bytes in all"),
        (changed("<I", 304 + 6, 2**32 - 1), "block of kind 2 of 4294967295 bytes"),
        (changed("<I", EXAMPLE.index(struct.pack("<II", 2, 40)) + 4, 2**32 - 1), "4294967295 points a spectrum"),
        (changed("<I", EXAMPLE.index(struct.pack("<II", 2, 40)) + 4, 1000), "1000 points in"),
    ],
)
def test_counts_and_places_are_checked_before_anything_is_made(data: bytes, says: str) -> None:
    """A number in a header is compared with the bytes there are."""
    assert says in message(data)
