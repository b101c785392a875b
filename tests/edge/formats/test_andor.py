"""Andor SIF: spectra, series, tracks and images."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from andor_files import SifFile
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from raman_edge.formats import READERS, read
from raman_edge.spectrum import OTHER_METHOD, PIXELS

ROW = (1000.0 + 37.25 * (np.arange(40) ** 2 % 41)).tolist()
COARSE = "789.7276708 1.1076981 -5.0062e-06 0"
EXAMPLE = SifFile([[[ROW]]], COARSE)
COLUMNS = np.arange(1.0, 41.0)
NM = 789.7276708 + 1.1076981 * COLUMNS - 5.0062e-06 * COLUMNS**2
SHIFT = 1e7 / 785 - 1e7 / NM


def message(data: bytes) -> str:
    """Return the error of a file that cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestAndor(FormatContract):
    """The contract, on one spectrum with a Raman shift."""

    reader = next(reader for reader in READERS if reader.name == "Andor SIF")
    example = "andor.sif"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests."""
    assert (EXAMPLES / "andor.sif").read_bytes() == EXAMPLE.made()


def test_reads_axis_counts_and_what_the_header_has() -> None:
    """Wavelengths become shifts with the laser of the file; exposure and time are known."""
    (found,) = read(EXAMPLE.made(), ORIGIN)
    assert np.allclose(found.axis.shift, SHIFT, rtol=0, atol=1e-9)
    assert found.counts.tolist() == ROW
    assert (found.exposure_s, found.taken_at) == (9.99996, datetime(2021, 8, 5, 13, 49, 52, tzinfo=UTC))
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == ("785", "file")
    assert found.meta["serial number"] == "16308"
    assert (found.meta["detector"], found.meta["accumulations"], found.meta["counts in"]) == ("DU420_BX2DD", "5", "Counts")
    assert not {"frame", "track", "row"} & {*found.meta}


@pytest.mark.parametrize(("version", "more_times"), [(65_555, False), (65_559, False), (65_564, False), (65_567, True)])
def test_every_version_gives_the_same_counts(version: int, more_times: bool) -> None:  # noqa: FBT001 - a case of the table
    """The lines between the times and the counts depend on the version."""
    (found,) = read(replace(EXAMPLE, version=version, more_times=more_times).made(), ORIGIN)
    assert found.counts.tolist() == ROW


def test_frames_tracks_and_rows_are_numbered() -> None:
    """Two frames of two tracks, of which one has two rows."""
    one = [[[ROW], [[2 * count for count in ROW], [3 * count for count in ROW]]]]
    two = [[[[4 * count for count in ROW]], [[5 * count for count in ROW], [6 * count for count in ROW]]]]
    found = read(SifFile([*one, *two], COARSE).made(), ORIGIN)
    assert [spectrum.counts[0] / ROW[0] for spectrum in found] == [1, 2, 3, 4, 5, 6]
    assert [spectrum.meta.get("frame") for spectrum in found] == ["1 of 2"] * 3 + ["2 of 2"] * 3
    assert [spectrum.meta.get("track") for spectrum in found] == ["1 of 2", "2 of 2", "2 of 2"] * 2
    assert [spectrum.meta.get("row") for spectrum in found] == [None, "1 of 2", "2 of 2"] * 2


def test_a_frame_may_have_wavelengths_of_its_own() -> None:
    """As a text of the user says."""
    text = b"Calibration data for frame 1, 800,1,0,0\nCalibration data for frame 2, 810,1,0,0\n"
    found = read(SifFile([[[ROW]], [[ROW]]], "0 1 0 0", user=text).made(), ORIGIN)
    assert [round(spectrum.axis.start, 3) for spectrum in found] == [round(1e7 / 785 - 1e7 / nm, 3) for nm in (801, 811)]


def test_a_wavelength_axis_needs_the_laser() -> None:
    """The laser field holds a default where the axis is a wavelength."""
    made = replace(EXAMPLE, axis="Wavelength", laser="422").made()
    assert "unknown laser wavelength: got a wavelength axis (790.835 to 834.028 nm)" in message(made)
    (found,) = read(made, ORIGIN, laser_nm=785)
    assert np.allclose(found.axis.shift, SHIFT, rtol=0, atol=1e-9)
    assert found.meta["laser_from"] == "option"


def test_pixels_are_refused_except_for_a_calibration() -> None:
    """As with tables."""
    made = replace(EXAMPLE, axis="Pixel number", polynomial="0 1 0 0").made()
    assert "axis in pixels: got 1 to 40" in message(made)
    (found,) = read(made, ORIGIN, pixels=True)
    assert (found.axis.start, found.axis.stop, found.meta[PIXELS]) == (1, 40, "40")


def test_a_background_beside_the_signal_is_left_out_with_a_word() -> None:
    """It stands behind the counts, as a file in the file."""
    whole = EXAMPLE.made()
    (found,) = read(whole + b"1\n" + whole[len(b"Andor Technology Multi-Channel File\n65538 1") :], ORIGIN)
    assert found.meta["left_out"].startswith("1 further measurements")
    assert found.counts.tolist() == ROW
    assert "left_out" not in read(whole, ORIGIN)[0].meta


def test_another_method_is_called_by_name() -> None:
    """A transmission is no Raman spectrum, whatever its axis."""
    (found,) = read(replace(EXAMPLE, counts_in="% Transmittance").made(), ORIGIN)
    assert found.meta[OTHER_METHOD] == "'% Transmittance' over 'Raman shift'"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (replace(EXAMPLE, signal=0), "byte 36: no signal: got a file without a signal, perhaps a reference or background"),
        (replace(EXAMPLE, axis="Furlongs"), "unsupported axis unit: got 'Furlongs', expected 'Wavelength' or 'Raman shift'"),
        (replace(EXAMPLE, polynomial=""), "uncalibrated axis"),
        (replace(EXAMPLE, polynomial="1 x 2"), "uncalibrated axis"),
        (replace(EXAMPLE, left=9), "unknown pixels: got binned columns, or columns that do not begin at the first pixel"),
        (replace(EXAMPLE, binned=2), "unknown pixels: got binned columns, or columns that do not begin at the first pixel"),
        (replace(EXAMPLE, laser="0"), "unknown laser wavelength: got a wavelength axis (790.835 to 834.028 nm)"),
        (SifFile([[[ROW[:8]]]], COARSE), "8 points a spectrum"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_reported(made: SifFile, says: str) -> None:
    """Each in one line."""
    reason = message(made.made())
    assert reason.startswith("Andor SIF: ")
    assert says in reason


def test_a_file_that_is_cut_short_is_reported() -> None:
    """At every byte behind its mark, up to the end of the counts."""
    whole = replace(EXAMPLE, tail=b"").made()
    for end in range(60, len(whole)):
        assert "cut short or still being written" in message(whole[:end]), end


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b" 1 1 40 40\n", b" 999999999 1 40 40\n", "999999999 spectra of 40 points in all"),
        (b" 1 1 40 40\n", b" 1 999999999 40 40\n", "999999999 spectra of 40 points in all"),
        (b" 1 1 40 40\n", b" 3 1 120 40\n", "missing number: got no time of a frame"),
        (b" 1 1 40 40\n", b" 1 1 999999999 40\n", "999999999 points"),
        (b" 1 1 40 40\n", b" 1 1 40 41\n", "wrong number of counts: got 1 frames of 40 counts"),
        (b" 1 1 40 40\n", b" 0 1 0 40\n", "0 frames of 40 counts"),
        (b"65538 1 1 40 1 1 1 0\n", b"65538 1 1 999999999 1 1 1 0\n", "999999999 points a spectrum"),
        (b"65538 1 1 40 1 1 1 0\n", b"65538 40 1 1 1 1 1 0\n", "empty detector area: got -38 x 1 pixels"),
    ],
)
def test_counts_are_checked_before_anything_is_made(old: bytes, new: bytes, says: str) -> None:
    """A number in a header is compared with the bytes there are."""
    data = EXAMPLE.made()
    assert data.count(old) == 1
    assert says in message(data.replace(old, new))


def test_counts_that_are_no_numbers_are_left_out() -> None:
    """As in every format."""
    whole = replace(EXAMPLE, tail=b"").made()
    (found,) = read(whole[:-4] + struct.pack("<f", np.nan), ORIGIN)
    assert len(found) == 39
    assert found.meta["tidied"] == "1 of 40 rows without a number left out"
