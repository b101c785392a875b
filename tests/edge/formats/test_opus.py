"""Bruker OPUS: Raman blocks among others."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from opus_files import (
    ABSORBANCE,
    COMPACT,
    DERIVATIVE,
    HEADER,
    INSTRUMENT,
    INSTRUMENTS,
    OPTICS,
    RAMAN,
    REFERENCE,
    SAMPLE,
    STATUS,
    opus,
    parameters,
    raman,
    series,
    status,
)
from raman_edge.formats import read
from raman_edge.formats.opus import Opus
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from opus_files import Block, Value

SHIFT = 100.0 + 20.25 * np.arange(40)
COUNTS = 0.5 + 0.25 * (np.arange(40) ** 2 % 41)
EXAMPLE = opus([*raman(SHIFT[::-1], COUNTS[::-1]), *INSTRUMENTS])


def message(data: bytes) -> str:
    """Return the one-line reason why a file cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestOpus(FormatContract):
    """The contract, on one FT-Raman spectrum."""

    reader = Opus()
    example = "opus.0"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests."""
    assert (EXAMPLES / "opus.0").read_bytes() == EXAMPLE


def test_reads_axis_counts_and_what_the_parameters_have() -> None:
    """The axis is turned; the laser is known from its wavenumber, the time with its zone."""
    (found,) = read(EXAMPLE, ORIGIN)
    assert np.allclose(found.axis.shift, SHIFT, rtol=1e-12)
    assert found.counts.tolist() == COUNTS.tolist()
    assert found.meta["laser_nm"] == "1064.41"
    assert found.taken_at == datetime(2023, 7, 4, 16, 59, 10, 608_000, timezone(timedelta(hours=1)))
    assert (found.meta["sample"], found.meta["instrument"], found.meta["operator"]) == ("Größe", "VERTEX 70", "by hand")
    assert found.meta["date"] == "04/07/2023 16:59:10.608 (GMT+1)"
    assert (found.exposure_s, "sample form" in found.meta) == (None, False)


def test_counts_are_scaled_and_may_be_integers() -> None:
    """CSF is the factor, DPF 2 are integers."""
    (scaled,) = read(opus(raman(SHIFT, COUNTS, CSF=4.0)), ORIGIN)
    assert scaled.counts.tolist() == (4 * COUNTS).tolist()
    whole: list[Block] = [(RAMAN, np.arange(40, dtype="<i4").tobytes()), (RAMAN | STATUS, status(SHIFT, DPF=2))]
    assert read(opus(whole), ORIGIN)[0].counts.tolist() == list(range(40))


def test_several_raman_blocks_and_a_series_are_several_spectra() -> None:
    """Each with the status that belongs to it; the rest of an unfinished series is left out."""
    blocks = [*raman(SHIFT, COUNTS), *raman(SHIFT[:30], 2 * COUNTS[:30]), *series(SHIFT, [COUNTS * k for k in (3, 4)], stored=9)]
    found = read(opus(blocks), ORIGIN)
    assert [(len(spectrum), spectrum.counts[0] / COUNTS[0]) for spectrum in found] == [(40, 1), (30, 2), (40, 3), (40, 4)]
    assert [spectrum.origin.index for spectrum in found] == [0, 1, 2, 3]


def test_a_compact_block_has_its_counts_at_the_end() -> None:
    """What stands before them is not looked at."""
    (code, numbers), about = raman(SHIFT, COUNTS, RAMAN | COMPACT)
    assert read(opus([(code, b"something of 24 bytes ..." + b"..." + numbers), about]), ORIGIN)[0].counts.tolist() == COUNTS.tolist()


def test_the_raman_block_is_found_among_others() -> None:
    """Sample spectra, references and derivatives beside it are not taken for it."""
    others = [*raman(SHIFT, COUNTS * 7, SAMPLE), *raman(SHIFT, COUNTS * 7, REFERENCE), *raman(SHIFT, COUNTS * 7, RAMAN | DERIVATIVE)]
    (found,) = read(opus([*others, *raman(SHIFT, COUNTS)]), ORIGIN)
    assert found.counts.tolist() == COUNTS.tolist()


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        (INSTRUMENTS, "no spectrum: got no data"),
        ([(3 | 3 << 2 | 30 << 10, bytes(160))], "no spectrum: got data of kind 30"),
        (raman(SHIFT, COUNTS)[:1], "missing status: got a block of 160 bytes"),
        (raman(SHIFT, COUNTS, NPT=41), "missing status: got a block of 160 bytes"),
        (raman(SHIFT, COUNTS, NPT=0), "missing status: got a block of 160 bytes"),
        (raman(SHIFT, COUNTS, NPT=-4), "missing status: got a block of 160 bytes"),
        (raman(SHIFT, COUNTS, NPT="forty"), "missing status: got a block of 160 bytes"),
        (raman(SHIFT, COUNTS, NPT=9), "9 points a spectrum"),
        (raman(SHIFT, COUNTS, FXV=float("nan")), "not a number: got 'nan'"),
        (raman(SHIFT, COUNTS, LXV="x"), "not a number: got 'x'"),
        (raman(SHIFT, COUNTS, DXU="MIN"), "unsupported axis unit: got 'MIN'"),
        (raman(SHIFT, COUNTS, DXU="PNT"), "axis in pixels: got 100 to 889.75"),
        (raman(SHIFT, np.full(40, np.nan)), "0 of 40 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_raman_spectrum_is_reported(blocks: list[Block], says: str) -> None:
    """Files without a spectrum say what they hold; damaged ones what is wrong."""
    reason = message(opus(blocks))
    assert reason.startswith("Bruker OPUS: ")
    assert says in reason


def test_an_infrared_file_is_read_and_marked() -> None:
    """Absorbance goes before the single channels it was made of, and the meta has what it is."""
    (found,) = read(opus([*raman(SHIFT, COUNTS * 7, SAMPLE), *raman(SHIFT, COUNTS, ABSORBANCE)]), ORIGIN)
    assert found.counts.tolist() == COUNTS.tolist()
    assert found.meta[OTHER_METHOD] == "absorbance"
    assert OTHER_METHOD not in read(opus(raman(SHIFT, COUNTS)), ORIGIN)[0].meta


@pytest.mark.parametrize(("unit", "x"), [("WN", 9394.9 - SHIFT), ("MI", 1e4 / (9394.9 - SHIFT)), ("NM", 1e7 / (9394.9 - SHIFT))])
def test_absolute_axes_are_converted_with_the_laser(unit: str, x: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Only the ends of an axis are in the file, and it is even in its own unit."""
    made = raman(x, COUNTS, DXU=unit)
    for found in (*read(opus([*made, *INSTRUMENTS]), ORIGIN), *read(opus(made), ORIGIN, laser_nm=1e7 / 9394.9)):
        assert (found.axis.start, found.axis.stop) == pytest.approx((SHIFT[0], SHIFT[-1]), abs=1e-6)
    assert "--laser NM" in message(opus(made))


@pytest.mark.parametrize(
    ("laser", "nm"),
    [
        ([(INSTRUMENT, {"RLW": 12_738.85})], "785"),
        ([(OPTICS, {"SRC": "Laser; 9394.9cm-1; 1000mW"})], "1064.41"),
        ([(OPTICS, {"SRC": "Laser 532 nm"})], "532"),
        ([(INSTRUMENT, {"RLW": 0.0}), (OPTICS, {"SRC": "Laser 532 nm"})], "532"),
        ([(OPTICS, {"SRC": "MIR"})], None),
        ([(INSTRUMENT, {"RLW": float("nan")})], None),
        ([(INSTRUMENT, {"RLW": 5e-324})], None),
    ],
)
def test_the_laser_is_that_of_the_instrument(laser: list[tuple[int, dict[str, Value]]], nm: str | None) -> None:
    """Its wavenumber, or the name of the source; what is no laser is none."""
    (found,) = read(opus([*raman(SHIFT, COUNTS), *((code, parameters(values)) for code, values in laser)]), ORIGIN)
    assert found.meta.get("laser_nm") == nm


@pytest.mark.parametrize(
    ("day", "time", "hours"),
    [
        ("04/07/2023", "16:59:10.608 (GMT+1)", 1),
        ("04/07/2023", "16:59:10 (GMT-5)", -5),
        ("04/07/2023", "16:59:10 (UTC+5:30)", 5.5),
        ("04/07/2023", "16:59:10", None),
        ("31/02/2023", "16:59:10 (GMT+1)", None),
        ("2023-07-04", "16:59:10 (GMT+1)", None),
        ("04/07/2023", "(GMT+1)", None),
        ("04/07/2023", "16:59:10 (GMT+99)", None),
    ],
)
def test_a_time_is_known_with_its_zone_only(day: str, time: str, hours: float | None) -> None:
    """What is no time stays text."""
    (found,) = read(opus(raman(SHIFT, COUNTS, DAT=day, TIM=time)), ORIGIN)
    assert (found.taken_at.utcoffset() if found.taken_at else None) == (None if hours is None else timedelta(hours=hours))
    assert found.meta["date"] == f"{day} {time}"


def test_a_file_that_is_cut_short_is_reported() -> None:
    """At every byte from the header on."""
    for end in range(HEADER, len(EXAMPLE)):
        assert "cut short or still being written" in message(EXAMPLE[:end]), end


def changed(form: str, at: int, *values: int) -> bytes:
    """Return the example with numbers put over its own."""
    made = bytearray(EXAMPLE)
    struct.pack_into(form, made, at, *values)
    return bytes(made)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (changed("<I", 12, 2**31), "byte 2147483648: file cut short: got 956 bytes in all"),
        (changed("<I", 16, 2**30), "damaged header: got a directory of 1073741824 blocks, expected 1 to 512"),
        (changed("<I", 16, 0), "a directory of 0 blocks"),
        (changed("<I", HEADER + 16, 2**31), "file cut short: got 956 bytes in all"),
        (changed("<I", HEADER + 20, 2**31), "byte 2147483648: file cut short: got 956 bytes in all"),
        (changed("<" + "3I" * 9, HEADER + 12, *(9 * [RAMAN, 160, HEADER])), "blocks of more bytes than"),
    ],
    ids=["directory", "many", "none", "size", "place", "overlap"],
)
def test_counts_and_places_are_checked_before_anything_is_made(data: bytes, says: str) -> None:
    """A number in a directory is compared with the bytes there are."""
    assert says in message(data)


def test_a_parameter_of_impossible_length_ends_its_block() -> None:
    """What stands before it counts; nothing is read twice."""
    made = bytearray(opus(raman(SHIFT, COUNTS)))
    at = made.index(b"DAT\0")
    struct.pack_into("<H", made, at + 6, 0xFFFE)
    assert read(bytes(made), ORIGIN)[0].taken_at is None


def test_a_series_that_does_not_fit_its_block_is_refused() -> None:
    """Sizes in its own header are compared with the block."""
    for values in ((2, 32, 0, 0), (2, 32, 80, 96), (0, 32, 160, 96), (2, 2**31, 160, 96), (2, 32, 2**31, 2**31)):
        (code, numbers), about = series(SHIFT, [COUNTS, COUNTS])
        assert "wrong number of counts: got " in message(opus([(code, numbers[:4] + struct.pack("<4I", *values) + numbers[20:]), about]))


@given(st.data())
@UNHURRIED
def test_any_directory_is_answered(draw: st.DataObject) -> None:
    """Numbers of any size anywhere in directory, status and series give spectra or one line."""
    made = bytearray(opus([*raman(SHIFT, COUNTS), *series(SHIFT, [COUNTS, COUNTS]), *INSTRUMENTS]))
    places = [*range(12, 28), *range(HEADER + 12, HEADER + 12 * 9), *range(HEADER + 480 + 160, HEADER + 480 + 340)]
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.sampled_from(places))
        put = draw.draw(st.sampled_from([b"\0", b"\xff", b"\xff" * 4, b"\0\0\0\x80", b"\x7f", b"\x10\0\0\0", b"END\0"]))
        made[at : at + len(put)] = put
    answered(bytes(made))


@pytest.mark.parametrize("bits", [0x600000, 0x400000, 0x40600000])
@pytest.mark.parametrize("first", [False, True])
def test_the_report_of_an_evaluation_is_no_spectrum(bits: int, first: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """OPUS keeps it under the kind of data that was evaluated, without a status."""
    report: Block = (RAMAN | bits, bytes(1304))
    numbers = raman(SHIFT[::-1], COUNTS[::-1])
    blocks = [report, *numbers] if first else [*numbers, report]
    (found,) = read(opus([*blocks, *INSTRUMENTS]), ORIGIN)
    assert found.counts.tolist() == COUNTS.tolist()


def test_a_compact_result_beside_a_spectrum_is_left_out() -> None:
    """It has no status of its own; the spectrum has one."""
    (found,) = read(opus([(RAMAN | COMPACT, bytes(88)), *raman(SHIFT[::-1], COUNTS[::-1]), *INSTRUMENTS]), ORIGIN)
    assert found.counts.tolist() == COUNTS.tolist()
