"""Galactic SPC in every form that the specification has."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats import FileContent, read, sniff
from raman_edge.formats.spc import Spc
from raman_edge.formats.spectra import MAX_SPECTRA
from raman_edge.spectrum import OTHER_METHOD
from spc_files import BIG, LITTLE, MULTI, OLD, SpcFile

if TYPE_CHECKING:
    from raman_edge.spectrum import Spectrum

SHIFT = 200.0 + 12.5 * np.arange(40)
UNEVEN = SHIFT + np.linspace(0, 3, 40) ** 2
COUNTS = 1000.0 + 37.25 * (np.arange(40) ** 2 % 41) - 500.0 * (np.arange(40) == 7)
EXAMPLE = SpcFile([UNEVEN], [COUNTS], axis="shared", comment=b"written for the tests", log=b"LASER=785 nm\r\nEXPOSURE=0.5 s\r\n")
Form = Literal["float", "int32", "int16"]


def one(data: bytes) -> Spectrum:
    """Read a file that holds one spectrum."""
    (found,) = read(data, ORIGIN)
    return found


def message(data: bytes) -> str:
    """Return the one-line reason why a file cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestSpc(FormatContract):
    """The contract, on a new file with an uneven axis and a log."""

    reader = Spc()
    example = "galactic.spc"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests, which follows the specification."""
    assert (EXAMPLES / "galactic.spc").read_bytes() == EXAMPLE.made()


def test_reads_axis_counts_header_and_log() -> None:
    """The axis is the one that stands before the counts; laser and exposure come from the log."""
    found = one(EXAMPLE.made())
    assert found.axis.shift.tolist() == np.float32(UNEVEN).tolist()
    assert found.counts.tolist() == COUNTS.tolist()
    assert (found.exposure_s, found.meta["laser_nm"], found.taken_at) == (0.5, "785", None)
    assert (found.meta["date"], found.meta["comment"], found.meta["source"]) == ("2021-11-18 11:30", "written for the tests", "a test")
    assert (found.meta["counts in"], found.meta["technique"]) == ("counts", "general")


@pytest.mark.parametrize("version", [LITTLE, BIG])
@pytest.mark.parametrize("axis", ["even", "shared", "own"])
@pytest.mark.parametrize("form", ["float", "int32", "int16"])
@pytest.mark.parametrize("spectra", [1, 3])
def test_every_form_of_the_new_format(version: int, axis: Literal["even", "shared", "own"], form: Form, spectra: int) -> None:
    """Either byte order, three kinds of axis, three kinds of counts, one subfile or several."""
    x = [SHIFT if axis == "even" else UNEVEN + k * (axis == "own") for k in range(spectra)]
    rows = [COUNTS * 2**k for k in range(spectra)]
    found = read(SpcFile(x, rows, version=version, axis=axis, form=form).made(), ORIGIN)
    assert len(found) == spectra
    for k, spectrum in enumerate(found):
        assert np.allclose(spectrum.axis.shift, x[k], rtol=1e-6)
        assert np.allclose(spectrum.counts, rows[k], atol=rows[k].max() * {"float": 0, "int32": 2**-30, "int16": 2**-14}[form])


@pytest.mark.parametrize("form", ["float", "int32", "int16"])
@pytest.mark.parametrize("spectra", [1, 3])
def test_the_old_format(form: Form, spectra: int) -> None:
    """256 bytes of header, the words of the counts swapped, as many subfiles as there are bytes for."""
    rows = [(COUNTS - 900) * 2**k for k in range(spectra)]
    found = read(SpcFile([SHIFT], rows, version=OLD, form=form).made(), ORIGIN)
    assert len(found) == spectra
    for k, spectrum in enumerate(found):
        assert spectrum.axis.shift.tolist() == SHIFT.tolist()
        assert np.allclose(spectrum.counts, rows[k], atol=np.abs(rows[k]).max() * {"float": 0, "int32": 2**-30, "int16": 2**-14}[form])
        assert (spectrum.meta["date"], spectrum.meta["comment"]) == ("2021-11-18 11:30", "by hand")


def test_an_old_file_may_be_padded_to_a_block_of_the_disk() -> None:
    """Zeros at the end are no subfile."""
    made = SpcFile([SHIFT], [COUNTS, COUNTS], version=OLD).made()
    assert len(read(made + b"\0" * 50, ORIGIN)) == 2
    assert "cut short" in message(made[:-8])


def test_subfiles_with_an_axis_each_are_found_without_a_directory() -> None:
    """They stand one behind another; with one, they stand where it says."""
    x, rows = [SHIFT, UNEVEN[:30]], [COUNTS, 2 * COUNTS[:30]]
    for directory in (True, False):
        first, second = read(SpcFile(x, rows, axis="own", directory=directory).made(), ORIGIN)
        assert (len(first), len(second), second.counts[-1]) == (40, 30, 2 * COUNTS[29])


def test_spectra_on_one_axis_share_it() -> None:
    """A series of thousands keeps one axis."""
    first, second, third = read(SpcFile([SHIFT], [COUNTS] * 3).made(), ORIGIN)
    assert first.axis is second.axis is third.axis


def test_places_in_a_series_are_kept() -> None:
    """Each subfile's own where the series is uneven, even steps where it is not."""
    uneven = read(SpcFile([SHIFT], [COUNTS] * 3, z=(0.5, 2, 7)).made(), ORIGIN)
    assert [spectrum.meta["z"] for spectrum in uneven] == ["0.5 (time (minutes))", "2 (time (minutes))", "7 (time (minutes))"]
    even = read(SpcFile([SHIFT], [COUNTS] * 3, z_step=0.5).made(), ORIGIN)
    assert [spectrum.meta["z"].split()[0] for spectrum in even] == ["0", "0.5", "1"]
    assert "z" not in one(SpcFile([SHIFT], [COUNTS]).made()).meta


def test_a_falling_axis_is_turned() -> None:
    """Many instruments write from high to low."""
    found = one(SpcFile([SHIFT[::-1]], [COUNTS[::-1]]).made())
    assert found.axis.shift.tolist() == SHIFT.tolist()
    assert found.counts.tolist() == COUNTS.tolist()


@pytest.mark.parametrize(
    ("unit", "x"),
    [(3, 1e7 / (1e7 / 785 - SHIFT)), (2, 1e4 / (1e7 / 785 - SHIFT)), (1, 1e7 / 785 - SHIFT), (14, (1e7 / 785 - SHIFT) / 8065.543937)],
    ids=["nm", "um", "cm-1", "eV"],
)
def test_other_units_are_converted_with_the_laser(unit: int, x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """From the log, or from the user; without one the message asks for it."""
    made = SpcFile([x], [COUNTS], axis="shared", x_unit=unit)
    assert "laser" in message(made.made())
    (given_it,) = read(made.made(), ORIGIN, laser_nm=785)
    logged = one(replace(made, log=b"Excitation wavelength (nm)=785\r\n").made())
    for found in (given_it, logged):
        assert np.allclose(found.axis.shift, SHIFT, atol=0.01)
    assert (given_it.meta["laser_from"], logged.meta["laser_from"]) == ("option", "file")


def test_a_wavenumber_that_is_a_shift_needs_no_laser() -> None:
    """Software writes Raman shifts under the code of wavenumbers."""
    assert one(SpcFile([SHIFT], [COUNTS], x_unit=1).made()).axis.start == 200


@pytest.mark.parametrize(
    ("log", "nm"),
    [
        (b"RAMANFREQ= 9395  ", "1064.4"),
        (b"Laser=Laser: 785 nm edge", "785"),
        (b"Laser=532.1nm", "532.1"),
        (b"Laser=Laser: 12 nm", None),
        (b"Laser_power=Laser power: 500 nm", None),
        (b"RAMANFREQ= 0", None),
    ],
)
def test_the_laser_of_the_log(log: bytes, nm: str | None) -> None:
    """As WiRE and Nicolet's programs write it; what is no laser is none."""
    assert one(SpcFile([SHIFT], [COUNTS], log=log + b"\r\n").made()).meta.get("laser_nm") == nm


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (SpcFile([np.arange(40.0)], [COUNTS], x_unit=17), "axis in pixels: got 0 to 39"),
        (SpcFile([np.arange(40.0)], [COUNTS], x_unit=0), "axis without a unit: got 0 to 39"),
        (SpcFile([SHIFT + 9000], [COUNTS]), "Raman shift out of range: got 9200 to 9687.5 cm-1"),
        (SpcFile([SHIFT[:9]], [COUNTS[:9]]), "too few points: got 9 of 9 rows with a Raman shift and counts, expected at least 16"),
        (SpcFile([SHIFT], [np.full(40, np.nan)]), "0 of 40 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_raman_spectrum_is_reported_by_its_codes(made: SpcFile, says: str) -> None:
    """Pixels, invalid axes, and what is no spectrum are refused."""
    reason = message(made.made())
    assert reason.startswith("Galactic SPC: ")
    assert says in reason


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (SpcFile([SHIFT], [COUNTS / 1e4], x_unit=1, y_unit=2), "'absorbance' over 'wavenumber (cm-1)'"),
        (SpcFile([SHIFT], [COUNTS], x_unit=9), "'counts' over 'mass (m/z)'"),
        (SpcFile([SHIFT], [COUNTS], x_unit=5), "'counts' over 'time (minutes)'"),
        (SpcFile([SHIFT], [COUNTS], x_unit=0, method=10), "'counts' over 'arbitrary' (a NMR spectrum)"),
        (SpcFile([SHIFT], [COUNTS], x_unit=0, flags=2), "'counts' over 'arbitrary' (a chromatogram)"),
        (SpcFile([SHIFT], [COUNTS], x_unit=3, y_unit=128), "'transmission' over 'nanometres'"),
        (SpcFile([SHIFT], [COUNTS], x_unit=0, label=b"Voltage\x1b[31m\0\0\0"), r"'counts' over 'Voltage\x1b[31m'"),
        (SpcFile([SHIFT], [COUNTS], x_unit=1, y_unit=0, label=b"\0Absorbance\0\0"), "'Absorbance' over 'wavenumber (cm-1)'"),
        (SpcFile([SHIFT], [COUNTS], x_unit=1, y_unit=0, label=b"cm\0%T\0\0"), "'%T' over 'cm'"),
        (SpcFile([SHIFT], [COUNTS]), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_methods_are_read_and_reported(made: SpcFile, says: str | None) -> None:
    """Infrared, mass spectra and chromatograms are read with the axis they have, and the meta has what the codes say."""
    found = one(made.made())
    assert (found.axis.start, found.axis.stop) == (SHIFT[0], SHIFT[-1])
    assert found.meta.get(OTHER_METHOD) == says


def test_a_mass_spectrum_may_be_two_lines() -> None:
    """Fewer points than a Raman spectrum has are enough for another method."""
    assert len(one(SpcFile([SHIFT[:2]], [COUNTS[:2]], x_unit=9).made())) == 2


def test_an_axis_without_a_unit_may_look_like_a_raman_shift() -> None:
    """Or be named one."""
    assert one(SpcFile([SHIFT], [COUNTS], x_unit=0).made()).axis.start == 200
    named = SpcFile([np.arange(40.0)], [COUNTS], x_unit=0, label=b"Raman shift\0Counts\0\0")
    assert one(named.made()).axis.stop == 39
    old = SpcFile([SHIFT], [COUNTS], x_unit=15, label=b"Raman Shift (cm-1)\0\0\0", version=OLD, flags=0)
    assert one(old.made()).axis.start == 200


@pytest.mark.parametrize("version", [LITTLE, BIG, OLD])
@pytest.mark.parametrize("spectra", [1, 3])
def test_a_file_that_is_cut_short_is_reported(version: int, spectra: int) -> None:
    """At every byte from the header on, so that a watcher can wait for the rest."""
    made = SpcFile([SHIFT], [COUNTS] * spectra, version=version, form="int32").made()
    silent = {416, 417, 608, 609} if version == OLD else set()  # an old file does not say how many subfiles; their first byte is 0
    for end in range(32, len(made)):
        if end not in silent:
            assert "cut short or still being written" in message(made[:end]), end


def test_a_cut_log_and_a_cut_directory_are_cut_files() -> None:
    """The counts are all there, and the file still is not."""
    assert "byte 704: file cut short: got 780 bytes in all" in message(SpcFile([SHIFT], [COUNTS], log=b"LASER=532 nm\n").made()[:-2])
    assert "directory of 2 subfiles" in message(SpcFile([SHIFT, SHIFT], [COUNTS, COUNTS], axis="own").made()[:-1])


def test_a_log_with_the_size_it_has_in_memory_is_whole() -> None:
    """Its text ends in a zero, and so does the file."""
    made = bytearray(SpcFile([SHIFT], [COUNTS], log=b"LASER=532 nm\r\n").made())
    struct.pack_into("<I", made, 704, 4096)
    assert one(bytes(made)).meta["laser_nm"] == "532"
    assert "a log of 4096 bytes" in message(bytes(made[:-1]))
    assert "header of the log of 64 bytes" in message(bytes(made[:-16]))


def test_impossible_dates_are_left_out() -> None:
    """Newer WiRE puts something else there."""
    assert "date" not in one(SpcFile([SHIFT], [COUNTS], date=(1359, 6, 11, 25, 8)).made()).meta
    assert "date" not in one(SpcFile([SHIFT], [COUNTS], date=(2021, 2, 30, 0, 0)).made()).meta


def changed(form: str, at: int, *values: float) -> bytes:
    """Return a file with numbers put over its own."""
    made = bytearray(SpcFile([SHIFT, SHIFT], [COUNTS, COUNTS], axis="own").made())
    struct.pack_into(form, made, at, *values)
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (changed("<I", 24, MAX_SPECTRA + 1), f"expected at most {MAX_SPECTRA} spectra"),
        (changed("<I", 24, 9000), "directory of 9000 subfiles of 108000 bytes"),
        (changed("<I", 4, 2**26), "cut short"),
        (changed("<I", 512 + 16, 2**32 - 1), "4294967295 points a spectrum"),
        (changed("<I", 512 + 16, 90_000), "subfile 1 with 90000 points of 720032 bytes"),
        (changed("<I", 1216, 2**31), "byte 2147483664: file cut short: got 1240 bytes in all"),
    ],
    ids=["subfiles", "directory", "place", "points", "bytes", "subfile"],
)
def test_counts_and_places_are_checked_before_anything_is_made(data: bytes, says: str) -> None:
    """A number in a header is compared with the bytes there are."""
    assert says in message(data)


def test_subfiles_that_lie_on_one_another_are_refused() -> None:
    """A directory that names one subfile a thousand times would make much out of little."""
    made = bytearray(SpcFile([SHIFT, SHIFT], [COUNTS, COUNTS], axis="own").made())
    struct.pack_into("<I", made, 24, 1000)
    assert "40000 points in 13216 bytes" in message(bytes(made[:1216]) + struct.pack("<IIf", 512, 0, 0.0) * 1000)


@pytest.mark.parametrize("data", [b"PK\x03\x04" + bytes(600), "Laser".encode("utf-16-be") * 99, b"OK" + b"\t1\n" * 400, b"\0M" * 300])
def test_other_files_with_a_k_l_or_m_in_second_place_are_no_spc(data: bytes) -> None:
    """ZIP archives and texts have versions by chance."""
    assert not Spc().recognises(FileContent(data))


def test_a_spc_file_is_sniffed_whatever_its_form() -> None:
    """New, big-endian and old."""
    for version in (LITTLE, BIG, OLD):
        assert sniff(FileContent(SpcFile([SHIFT], [COUNTS], version=version).made())).name == "Galactic SPC"


@given(st.data())
@UNHURRIED
def test_any_header_is_answered(draw: st.DataObject) -> None:
    """Numbers of any size anywhere in the headers give spectra or one line."""
    version = draw.draw(st.sampled_from([LITTLE, BIG, OLD]))
    axis = "even" if version == OLD else draw.draw(st.sampled_from(["even", "shared", "own"]))
    made = bytearray(SpcFile([SHIFT, SHIFT], [COUNTS, COUNTS], axis=axis, version=version, log=b"LASER=532\r\n").made())
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.sampled_from([0, 2, 3, 4, 8, 16, 24, 28, 29, 248, 312, 512, 513, 528, len(made) - 24, len(made) - 60]))
        put = draw.draw(
            st.sampled_from([b"\0", b"\xff", b"\x80", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\0\0\xf0\x7f", b"\x10\0\0\0"])
        )
        made[at : at + len(put)] = put
    answered(bytes(made))


def test_without_the_flag_the_exponent_of_the_file_counts() -> None:
    """The one of the subfile is ignored unless there are several (SPC.H)."""
    made = bytearray(SpcFile([SHIFT], [COUNTS], form="int32").made())
    made[513] = 99
    assert np.allclose(one(bytes(made)).counts, COUNTS, atol=1e-3)
    made[0] |= MULTI
    assert one(bytes(made)).counts.max() > 1e20


def without_exponents(made: SpcFile) -> bytes:
    """Return a file of several subfiles whose own exponents are 0."""
    data, size = bytearray(made.made()), 32 + (2 if made.form == "int16" else 4) * len(SHIFT)
    for k in range(len(made.counts)):
        data[512 + k * size + 1] = 0
    return bytes(data)


@pytest.mark.parametrize("form", ["float", "int32", "int16"])
def test_subfiles_without_exponents_have_the_files(form: Form) -> None:
    """Some software leaves them 0 and writes the header's alone."""
    made = SpcFile([SHIFT], [COUNTS, COUNTS[::-1]], form=form, axis="even")
    whole, bare = read(made.made(), ORIGIN), read(without_exponents(made), ORIGIN)
    assert [one.counts.tolist() for one in bare] == [one.counts.tolist() for one in whole]


def test_an_exponent_of_0_among_others_is_a_subfiles_own() -> None:
    """Counts below a half have it."""
    small = COUNTS / COUNTS.max() * 0.45
    found = read(SpcFile([SHIFT], [COUNTS, small], form="int32").made(), ORIGIN)
    assert found[1].counts.max() == pytest.approx(0.45)


def test_an_absorbance_beyond_10_is_not_believed() -> None:
    """Software writes the code by default; no detector sees through so much."""
    found = one(SpcFile([SHIFT], [COUNTS], x_unit=1, y_unit=2).made())
    assert OTHER_METHOD not in found.meta
    assert found.axis.start == SHIFT[0]
