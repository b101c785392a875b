"""Packed numbers, spectra and lines: every bit comes back, and it is small."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import build
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from markers import examples
from raman_edge.journal import rows, spectra
from raman_edge.records import RecordSource
from raman_edge.spectrum import AppliedCalibration, Axis, Origin, Spectrum

SIZES = st.integers(1, 300)
FLOATS = arrays.arrays(np.float64, SIZES, elements=st.floats(allow_nan=False, allow_infinity=False))
SINGLES = arrays.arrays(np.float32, SIZES, elements=st.floats(width=32, allow_nan=False, allow_infinity=False))
COUNTS = arrays.arrays(np.int64, SIZES, elements=st.integers(-(2**52), 2**52))
DECIMALS = st.tuples(arrays.arrays(np.int64, SIZES, elements=st.integers(-(10**9), 10**9)), st.integers(0, 9))


def same(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    """Assert that every bit comes back, and return the bytes it took."""
    packed = spectra.pack_array(values)
    assert spectra.unpack_array(packed).tobytes() == values.tobytes()
    return len(packed)


@given(FLOATS)
def test_any_number_comes_back(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Floats of any size come back bit by bit, the sign of zero too."""
    same(values)


@given(SINGLES)
def test_single_precision_takes_half(values: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
    """Numbers of an instrument that writes 32-bit floats never take more than their 4 bytes, and some for the table."""
    assert same(values.astype(np.float64)) <= 5 * values.size + 40


@given(COUNTS)
def test_whole_counts(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """Whole counts come back, whatever their size and sign."""
    same(values.astype(np.float64))


@given(DECIMALS)
def test_decimals_as_a_reader_of_text_makes_them(made: tuple[np.ndarray[tuple[int], np.dtype[np.int64]], int]) -> None:
    """Decimals with up to nine digits behind the point come back as the very floats their text stands for."""
    whole, places = made
    same(np.array([float(f"{value}e-{places}") for value in whole]))


def test_noise_takes_what_it_must() -> None:
    """Counts with noise take less than ten percent more than the entropy of their differences."""
    rng = np.random.default_rng(1)
    for deviation in (10.0, 100.0):
        values = np.rint(3000 + 500 * np.sin(np.arange(2048) / 300) + rng.normal(0, deviation, 2048))
        entropy = 2048 * np.log2(deviation * np.sqrt(2) * np.sqrt(2 * np.pi * np.e)) / 8
        assert same(values) < 1.1 * entropy


def test_what_repeats_takes_next_to_nothing() -> None:
    """An even axis, and a flat spectrum, take some bytes."""
    assert same(np.arange(100.0, 3000.0, 0.5)) < 100
    assert same(np.full(4000, 7.0)) < 60


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    """What was not packed here is a value error, not a crash and not gigabytes."""
    with suppress(ValueError):
        assert spectra.unpack_array(data).size < 2**24


@settings(max_examples=examples(300))
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_damage_is_refused_or_shows(place: int, by: int) -> None:
    """A changed byte is a value error, or other numbers: never the same ones with another meaning."""
    values = np.rint(1000 * np.sin(np.arange(64.0)))
    packed = bytearray(spectra.pack_array(values))
    packed[place % len(packed)] ^= by
    try:
        read = spectra.unpack_array(bytes(packed))
    except ValueError:
        return
    assert read.size != 64 or not np.array_equal(read, values) or spectra.pack_array(read) != bytes(packed)


def test_a_spectrum_comes_back_whole() -> None:
    """Counts, axis, time, exposure, saturation and laser come back; of the header only what belongs to the answer."""
    taken = datetime(2026, 3, 1, 12, 30, 5, 250_000, timezone(timedelta(hours=2)))
    origin = Origin("file", "in/a.spc", "a" * 64, 3)
    meta = {"laser_nm": "785", "format": "SPC", "operator": "Ann"}
    made = Spectrum(Axis(np.sqrt(np.arange(10.0, 500.0))), np.arange(490.0) / 7, origin, taken, 0.25, 65_535.0, meta)
    kept = spectra.keep(made)
    shift = spectra.pack_array(kept.shift)
    read = spectra.restore(shift, kept.body, RecordSource("file", "in/a.spc", "a" * 64, 3))
    assert read.axis.same_as(made.axis)
    assert read.counts.tobytes() == made.counts.tobytes()
    assert (read.origin, read.taken_at, read.exposure_s, read.saturation) == (origin, taken, 0.25, 65_535.0)
    assert read.meta == {"laser_nm": "785", "format": "SPC"}
    assert spectra.digest(shift, kept.body) == kept.digest


@pytest.mark.parametrize("rms", [None, 0.1 + 0.2])
def test_what_made_an_axis_comes_back(rms: float | None) -> None:
    """The calibration is kept beside the numbers and is no part of the header; a file's own words for it are not taken for ours."""
    by = AppliedCalibration("c" * 32, datetime(2026, 3, 1, 12, 30, 5, 250_001, timezone.utc), rms)  # noqa: UP017 - beside another time zone above
    first = build.spectrum("Quartz")
    kept = spectra.keep(replace(first, calibrated=by, meta={"calibration": "ours", "calibrated_rms": "x"}))
    shift = spectra.pack_array(kept.shift)
    read = spectra.restore(shift, kept.body, RecordSource("file", "x"))
    assert (read.calibrated, read.meta) == (by, {})
    assert spectra.digest(shift, kept.body) == kept.digest
    plain = spectra.keep(replace(first, meta={"calibration": "ours"}))
    assert spectra.restore(shift, plain.body, RecordSource("file", "x")).calibrated is None
    assert plain.digest == spectra.keep(first).digest


@pytest.mark.parametrize("change", ["counts", "axis", "exposure_s", "saturation", "taken_at", "meta", "calibrated"])
def test_the_digest_covers_all_of_a_spectrum(change: str) -> None:
    """Any difference between two spectra, but for where they came from, gives another digest."""
    first = build.spectrum("Quartz")
    later = {
        "counts": first.counts + np.eye(1, len(first), 5)[0],
        "axis": Axis(first.axis.shift + 1e-9),
        "exposure_s": 1.0,
        "saturation": 1e6,
        "taken_at": datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - beside another time zone above
        "meta": {"laser_nm": "532"},
        "calibrated": AppliedCalibration("c" * 32, datetime(2026, 1, 1, tzinfo=timezone.utc), None),  # noqa: UP017 - the same
    }
    fields = {"axis": first.axis, "counts": first.counts, "origin": first.origin} | {change: later[change]}
    assert spectra.keep(Spectrum(**fields)).digest != spectra.keep(first).digest  # type: ignore[arg-type]  # fields of a spectrum


def test_an_invalid_body() -> None:
    """What is no stored spectrum is a value error."""
    for body in (b"", b"\xc1", b"\x91\x00", b"\x92\x94\xc0\xc0\xc0\x80\xc4\x01x"):
        with pytest.raises(ValueError, match=r"no stored spectrum|no packed numbers"):
            spectra.restore(spectra.pack_array(np.arange(3.0)), body, RecordSource("file", "x"))


TEXT = st.text(max_size=80)


@given(TEXT, TEXT, st.lists(TEXT, max_size=4))
def test_any_line_comes_back(why: str, first: str, columns: list[str]) -> None:
    """A line of JSON comes back byte by byte, whatever text it carries and whatever was seen before it."""
    line = json.dumps({"why": why, "at": [{"at": 1.0, "height": 0.5}, {"at": 2.0}]}, ensure_ascii=False, separators=(",", ":"))
    line = line.encode("utf-8", "replace").decode()
    seen = rows.primer(json.dumps(first), tuple(columns))
    assert rows.unpack(rows.pack(line, seen), seen) == line


def test_a_line_of_another_row_is_refused_or_shows() -> None:
    """A line that was packed beside other columns is not read as itself."""
    packed = rows.pack('{"path":"/data/quartz.csv"}', rows.primer("{}", ("/data/quartz.csv",)))
    with suppress(ValueError):
        assert rows.unpack(packed, rows.primer("{}", ("/data/halite.csv",))) != '{"path":"/data/quartz.csv"}'


def test_what_lines_are_packed_with_never_changes() -> None:
    """Journals out there were packed with these very samples and phrases."""
    seen = rows.SAMPLE.read_text(encoding="utf-8").encode() + b"\n".join(rows.PHRASES)
    assert hashlib.sha256(seen).hexdigest() == "64f07917a8a7c59137db78134c3f989d7f642cf44916e59f8bd5c609974fe519"
