"""Renishaw WDF: single spectra and maps."""

from __future__ import annotations

import pickle
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats import read
from raman_edge.formats.spectra import MAX_SPECTRA
from raman_edge.formats.wdf import Wdf, property_integers
from wdf_files import FILETIME, MICRON, TICKS, TIME, WdfFile, X, Y, Z, block, integer, named, properties

SHIFT = 150.0 + 15.25 * np.arange(40)
COUNTS = 1000.0 + 37.25 * (np.arange(40) ** 2 % 41)
STARTED = datetime(2022, 8, 22, 11, 50, 17, 517220, UTC)
EXPOSURE = properties(struct.pack("<ccHI", b"p", b"\0", 9, 8) + integer(0x8027, 3000) + named(0x8027, "Exposure Time"))
EXAMPLE = WdfFile(SHIFT[::-1], [COUNTS[::-1]], measured=EXPOSURE)
MAP = WdfFile(
    SHIFT,
    [COUNTS * (k + 1) for k in range(6)],
    origins={
        X: (MICRON, [0, 1.5, 3, 0, 1.5, 3]),
        Y: (MICRON, [0, 0, 0, 2, 2, 2]),
        TIME: (TICKS, [FILETIME + 10_000_000 * k for k in range(6)]),
        17: (0, [0] * 6),
    },
)


def message(data: bytes) -> str:
    """Return the one-line reason why a file cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestWdf(FormatContract):
    """The contract, on one spectrum with a falling axis."""

    reader = Wdf()
    example = "renishaw.wdf"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests."""
    assert (EXAMPLES / "renishaw.wdf").read_bytes() == EXAMPLE.made()


def test_reads_axis_counts_and_what_the_header_has() -> None:
    """The axis is turned; laser, start and exposure are known; texts are, in whatever encoding."""
    (found,) = read(EXAMPLE.made(), ORIGIN)
    assert found.axis.shift.tolist() == np.float32(SHIFT).tolist()
    assert found.counts.tolist() == np.float32(COUNTS).tolist()
    assert (found.taken_at, found.exposure_s) == (STARTED, 3.0)
    assert float(found.meta["laser_nm"]) == pytest.approx(1e7 / 12_738.6, abs=1e-3)
    assert (found.meta["title"], found.meta["user"], found.meta["application"]) == ("by hand", "Müller", "WiRE 5.5.0.21066")
    assert (found.meta["comment"], found.meta["counts in"], found.meta["accumulations"]) == ("a comment", "counts", "2")
    assert "collected" not in found.meta


def test_a_map_is_a_spectrum_a_point_with_its_place_and_time() -> None:
    """Spectra share the axis; each says where and when it was taken."""
    found = read(MAP.made(), ORIGIN)
    assert [spectrum.counts[0] for spectrum in found] == [COUNTS[0] * (k + 1) for k in range(6)]
    assert [(spectrum.meta["x"], spectrum.meta["y"]) for spectrum in found[2:4]] == [("3 um", "0 um"), ("0 um", "2 um")]
    assert [spectrum.taken_at for spectrum in found] == [STARTED + timedelta(seconds=k) for k in range(6)]
    assert all(spectrum.axis is found[0].axis for spectrum in found)
    assert "z" not in found[0].meta


def test_a_map_that_is_being_measured_gives_what_was_collected() -> None:
    """Room for the rest is no spectra; an empty one says what it waits for."""
    found = read(replace(MAP, capacity=10).made(), ORIGIN)
    assert (len(found), found[0].meta["collected"], found[5].meta["x"]) == (6, "6 of 10", "3 um")
    assert "no spectra: got 0 of 10 spectra" in message(replace(MAP, counts=[], capacity=10).made())


@pytest.mark.parametrize(
    ("unit", "x"),
    [
        (2, 12_738.6 - SHIFT),
        (3, 1e7 / (12_738.6 - SHIFT)),
        (5, 1e4 / (12_738.6 - SHIFT)),
        (4, (12_738.6 - SHIFT) / 8065.543937),
    ],
    ids=["cm-1", "nm", "um", "eV"],
)
def test_other_units_are_converted_with_the_laser_of_the_header(unit: int, x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Or with the one that is given, where the header has none."""
    made = WdfFile(x, [COUNTS], unit=unit)
    (from_file,) = read(made.made(), ORIGIN, laser_nm=532)
    (given_it,) = read(replace(made, laser=0.0).made(), ORIGIN, laser_nm=1e7 / 12_738.6)
    assert np.allclose(from_file.axis.shift, SHIFT, atol=0.01)
    assert np.allclose(given_it.axis.shift, SHIFT, atol=0.01)
    assert (from_file.meta["laser_from"], given_it.meta["laser_from"]) == ("file", "option")
    assert "--laser NM" in message(replace(made, laser=0.0).made())


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (WdfFile(np.arange(40.0), [COUNTS], unit=16), "axis in pixels: got 0 to 39"),
        (WdfFile(SHIFT, [COUNTS], unit=12), "unsupported axis unit: got s, expected Raman shift, wavenumber or wavelength"),
        (WdfFile(SHIFT, [COUNTS], unit=99), "unsupported axis unit: got unit 99"),
        (WdfFile(SHIFT, [COUNTS], flags=1), "unsupported axes: got an axis for every spectrum"),
        (WdfFile(SHIFT, [COUNTS], y_list=2), "not spectra: got 40 counts on an axis of 20 points, as in an image of the detector"),
        (WdfFile(SHIFT, [COUNTS], leave_out="DATA"), "wrong block size: got block DATA is not there, expected 160 bytes"),
        (WdfFile(SHIFT, [COUNTS], leave_out="XLST"), "block XLST is not there"),
        (WdfFile(SHIFT[:8], [COUNTS[:8]]), "8 points a spectrum"),
        (WdfFile(SHIFT, [np.full(40, np.inf)]), "0 of 40 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_raman_spectrum_is_reported(made: WdfFile, says: str) -> None:
    """Pixels, times, images and files without counts are refused in words."""
    reason = message(made.made())
    assert reason.startswith("Renishaw WDF: ")
    assert says in reason


@pytest.mark.parametrize("made", [EXAMPLE, MAP], ids=["one", "map"])
def test_a_file_that_is_cut_short_is_reported(made: WdfFile) -> None:
    """At every byte but those between two blocks behind the counts and the axis."""
    whole = made.made()
    for end in range(16, len(whole)):
        reason = answered(whole[:end])
        assert not isinstance(reason, str) or "cut short or still being written" in reason, end
        assert isinstance(reason, str) or whole[end : end + 4] in {b"TEXT", b"WXDM", b"ORGN"}, end


def test_a_file_that_is_still_being_copied_is_reported() -> None:
    """Zeros where a block should begin."""
    whole = EXAMPLE.made()
    assert "byte 688: unknown block: got '' of 0 bytes" in message(whole[:600] + bytes(len(whole) - 600))
    assert "cut short or still being written" in message(whole[:600] + bytes(len(whole) - 600))


def changed(form: str, at: int, *values: float) -> bytes:
    """Return a map with numbers put over its own."""
    made = bytearray(MAP.made())
    struct.pack_into(form, made, at, *values)
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (changed("<Q", 0x48, MAX_SPECTRA + 1), f"{MAX_SPECTRA + 1} spectra of {40 * (MAX_SPECTRA + 1)} points in all"),
        (changed("<Q", 0x48, 9), "wrong block size: got block DATA has 960 bytes, expected 1440 bytes"),
        (changed("<Q", 0x48, 2**63), "expected at most"),
        (changed("<IQQIII", 0x3C, 2**32 - 1, 1, 1, 1, 1, 2**32 - 1), "4294967295 points a spectrum"),
        (changed("<Q", 520, 0), "unknown block: got 'DATA' of 0 bytes"),
        (changed("<Q", 520, 2**63), "file cut short: got 2033 bytes in all"),
    ],
    ids=["spectra", "more than there are", "far too many", "points", "no size", "size"],
)
def test_counts_and_places_are_checked_before_anything_is_made(data: bytes, says: str) -> None:
    """A number in a header is compared with the bytes there are."""
    assert says in message(data)


def test_a_file_of_thousands_of_blocks_is_refused() -> None:
    """Nothing else takes the time to walk through them."""
    assert "more than 4096 blocks" in message(EXAMPLE.made() + block("MAP ", b"") * 5000)
    assert len(read(EXAMPLE.made() + block("MAP ", b"") * 500, ORIGIN)) == 1


def test_origins_that_do_not_fit_are_left_out() -> None:
    """A map without places is still a map."""
    made = MAP.made()
    at = made.index(b"ORGN")
    cut = made[:at] + block("ORGN", struct.pack("<I", 2**31) + bytes(40)) + made[at + 16 + 4 + 4 * (24 + 48) :]
    found = read(cut, ORIGIN)
    assert len(found) == 6
    assert "x" not in found[0].meta


def test_an_invalid_time_is_unknown() -> None:
    """0, and what no calendar has."""
    for ticks in (0, 2**63):
        assert read(replace(EXAMPLE, started=ticks).made(), ORIGIN)[0].taken_at is None


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        (integer(5, 7) + named(5, "Exposure Time"), 7),
        (named(5, "Exposure Time") + integer(5, 7), 7),
        (struct.pack("<ccHII", b"i", b"\x80", 1, 2, 9) + bytes(4) + integer(5, 7) + named(5, "Exposure Time"), 7),
        (struct.pack("<ccHI4s", b"u", b"\0", 1, 4, b"text") + integer(5, 7) + named(5, "Exposure Time"), 7),
        (struct.pack("<ccHd", b"q", b"\0", 1, 2.5) + integer(5, 7) + named(5, "Exposure Time"), 7),
        (struct.pack("<ccHI", b"u", b"\0", 1, 2**32 - 1) + integer(5, 7) + named(5, "Exposure Time"), None),
        (struct.pack("<ccH", b"X", b"\0", 1) + integer(5, 7) + named(5, "Exposure Time"), None),
        (struct.pack("<ccHI2s", b"i", b"\x40", 1, 2, b"ab") + integer(5, 7) + named(5, "Exposure Time"), 7),
        (struct.pack("<ccHI", b"i", b"\x40", 1, 2**31) + integer(5, 7) + named(5, "Exposure Time"), None),
        (integer(5, 7), None),
        (named(5, "Exposure Time"), None),
        (b"", None),
    ],
)
def test_named_integers_are_found_in_property_sets(items: bytes, wanted: int | None) -> None:
    """Wherever the name stands; what cannot be followed ends the search."""
    assert property_integers(properties(items), frozenset({"Exposure Time"})).get("Exposure Time") == wanted


def test_an_impossible_exposure_is_unknown() -> None:
    """0 is never made up."""
    for value in (0, -5):
        made = replace(EXAMPLE, measured=properties(integer(5, value) + named(5, "Exposure Time")))
        assert read(made.made(), ORIGIN)[0].exposure_s is None


@given(st.binary(max_size=200))
@UNHURRIED
def test_any_property_set_is_followed_to_its_end(items: bytes) -> None:
    """Whatever stands in it, the spectrum is read."""
    assert len(read(replace(EXAMPLE, measured=b"PSET" + items).made(), ORIGIN)[0]) == 40


@given(st.data())
@UNHURRIED
def test_any_header_is_answered(draw: st.DataObject) -> None:
    """Numbers of any size anywhere in the headers give spectra or one line."""
    made = bytearray(replace(MAP, origins={**MAP.origins, Z: (MICRON, [1.0])}).made())
    starts = [made.index(name) for name in (b"DATA", b"XLST", b"ORGN", b"TEXT")]
    places = [8, 16, 0x3C, 0x40, 0x48, 0x54, 0x58, 0x88, 0x9C, *(start + k for start in starts for k in (0, 4, 8, 16, 20))]
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.sampled_from(places))
        put = draw.draw(st.sampled_from([b"\0", b"\xff", b"\xff" * 8, b"\0\0\0\x80", b"\0\0\x80\x7f", b"\x10\0\0\0\0\0\0\0"]))
        made[at : at + len(put)] = put
    answered(bytes(made))


def test_a_packed_item_is_skipped_by_its_length() -> None:
    """WiRE packs some of the properties before the exposure."""
    packed = struct.pack("<ccHI", b"b", b"\x40", 7, 11) + bytes(range(11))
    made = replace(EXAMPLE, measured=properties(packed + integer(5, 10_000) + named(5, "Exposure Time")))
    assert read(made.made(), ORIGIN)[0].exposure_s == 10.0


@pytest.mark.parametrize("falling", [False, True])
def test_a_map_read_as_a_block_is_what_its_spectra_are_alone(falling: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The fast way, and the one that a spectrum with a number missing takes, agree on everything but that spectrum."""
    order = slice(None, None, -1 if falling else 1)
    whole = replace(MAP, x=SHIFT[order], counts=[row[order] for row in MAP.counts])
    broken = replace(whole, counts=[*whole.counts[:5], np.where(np.arange(40) == 3, np.nan, whole.counts[5])])
    fast, slow = read(whole.made(), ORIGIN), read(broken.made(), ORIGIN)
    for one, other in zip(fast[:5], slow[:5], strict=True):
        assert one.axis.same_as(other.axis)
        assert np.array_equal(one.counts, other.counts)
        assert (one.meta, one.taken_at, one.origin, one.exposure_s) == (other.meta, other.taken_at, other.origin, other.exposure_s)
    assert slow[5].meta["tidied"] == "1 of 40 rows without a number left out"
    assert not fast[0].counts.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        fast[0].counts[0] = 1.0


def test_the_spectra_of_a_map_travel_to_another_process() -> None:
    """Their places become text on the way."""
    one = read(MAP.made(), ORIGIN)[4]
    again = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own
    assert dict(again.meta) == dict(one.meta)
    assert (again.meta["x"], again.meta["y"], again.taken_at) == ("1.5 um", "2 um", one.taken_at)
