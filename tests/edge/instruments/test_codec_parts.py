"""Checksums, words and layouts by their published values; codecs of the profiles that ship; a slice of the mutations."""

from __future__ import annotations

import random

import numpy as np
import pytest
from codec_mutations import run
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.instruments.codecs import of
from raman_edge.instruments.codecs.framed import FixedCodec, FrameLayout
from raman_edge.instruments.codecs.ooi import Ooi, OoiSettings
from raman_edge.instruments.codecs.stream import RUN, RawFrame, WireFault, may_begin
from raman_edge.instruments.codecs.words import CountScale, Crc, FrameChecksum, WordFormat, sum8, sum16, xor8
from raman_edge.instruments.profiles.catalogue import load, profiles
from raman_edge.instruments.profiles.frame import LinesFrame, NamedFrame

NINE = b"123456789"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (Crc(8, 0x07), 0xF4),  # CRC-8/SMBUS
        (Crc(8, 0x31, 0xFF), 0xF7),  # CRC-8/NRSC-5
        (Crc(8, 0x31, refin=True, refout=True), 0xA1),  # CRC-8/MAXIM-DOW
        (Crc(8, 0x07, xorout=0x55), 0xA1),  # CRC-8/I-432-1
        (Crc(16, 0x1021), 0x31C3),  # CRC-16/XMODEM
        (Crc(16, 0x1021, 0xFFFF), 0x29B1),  # CRC-16/IBM-3740
        (Crc(16, 0x1021, 0xFFFF, refin=True, refout=True, xorout=0xFFFF), 0x906E),  # CRC-16/IBM-SDLC
        (Crc(16, 0x8005, 0xFFFF, refin=True, refout=True), 0x4B37),  # CRC-16/MODBUS
        (Crc(16, 0x8005, refin=True, refout=True), 0xBB3D),  # CRC-16/ARC
    ],
)
def test_codes_give_the_published_check_values(code: Crc, value: int) -> None:
    """The catalogue of parametrised CRC algorithms (reveng) gives every code's value of the nine digits."""
    assert code(NINE) == value


def test_sums_of_the_nine_digits() -> None:
    """Their codes 49..57 add up to 477; exclusive or leaves 0x31; MD5 is the known one."""
    assert (sum8(NINE), sum16(NINE), xor8(NINE)) == (477 - 256, 477, 0x31)
    assert sum16(b"\xff" * 300) == 300 * 255 - 65_536
    assert FrameChecksum("sum16", "big")(NINE) == b"\x01\xdd"
    assert FrameChecksum("md5")(NINE).hex() == "25f9e794323b453885f5181f1b624d0b"


@pytest.mark.parametrize("kind", ["crc8", "crc16"])
def test_a_cyclic_code_needs_its_parameters(kind: str) -> None:
    """There is no such thing as the CRC of eight bits."""
    with pytest.raises(ConfigError, match="expected a code of"):
        FrameChecksum(kind)  # type: ignore[arg-type]


def test_words_know_their_type_and_range() -> None:
    """An unknown type is refused, and so is a value that does not fit."""
    assert WordFormat("i16be").encode([-2, 258]) == b"\xff\xfe\x01\x02"
    with pytest.raises(ConfigError, match="values of type 'u12'; expected one of u8"):
        WordFormat("u12")
    for values in ([-1], [256], [1.5], [float("nan")]):
        with pytest.raises(SpectrumError, match="point 1 is"):
            WordFormat("u8").encode(values)
    assert WordFormat("f32le").decode(b"\x00\x00\xc0\x7f") is None


def test_tcd1304_frame_is_read_upside_down() -> None:
    """3694 little-endian words, nothing else; light lowers the value."""
    reader = FixedCodec(FrameLayout(3694, WordFormat("u16le")), CountScale(4095))
    (frame,) = reader.feed(b"\x00\x08" * 3694)
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == [4095 - 2048] * 3694
    assert frame.length == 7388


def test_a_byte_too_many_shows_where_a_detector_has_a_full_scale() -> None:
    """Shifted by a byte, words of twelve bits exceed it; whatever follows is dropped until the line is silent."""
    reader = FixedCodec(FrameLayout(4, WordFormat("u16le")), CountScale(4095))
    good = reader.encode([4000, 3000, 2000, 1000])
    events = [*reader.feed(b"\x00" + good + good), *reader.silence(), *reader.feed(good)]
    assert [type(event) for event in events] == [WireFault, WireFault, RawFrame]
    assert sum(event.dropped for event in events if isinstance(event, WireFault)) == 1 + 2 * len(good)


@pytest.mark.parametrize(("start", "end", "place"), [(0, 7, 2), (3, 7, 6), (3, 6, 6), (0, 3, 2), (0, 2, 2)])
def test_a_beginning_may_lie_at_the_very_end(start: int, end: int, place: int) -> None:
    """The place of a sync, of its first bytes at the end, or the end."""
    assert may_begin(b"\xc1\xc0", bytearray(b"xx\xc1\xc0xx\xc1"), start, end) == place


def test_long_garbage_is_reported_in_runs() -> None:
    """Two runs and a bit are two faults at once and one in silence, which together are every byte."""
    reader = Ooi(OoiSettings(3))
    events = list(reader.feed(b"x" * (2 * RUN + 5)))
    faults = [*events, *reader.silence()]
    assert [(fault.dropped, fault.at) for fault in faults if isinstance(fault, WireFault)] == [(RUN, 0), (RUN, RUN), (5, 2 * RUN)]
    assert len(events) == 2


@pytest.mark.parametrize("name", profiles())
def test_every_profile_that_ships_has_a_codec(name: str) -> None:
    """What a simulator sends for it comes back."""
    frame = load(name).frame
    counts = np.arange(frame.count or 512) % 1000
    codec = of(frame, 512)
    (event,) = codec.feed(codec.encode(counts))
    assert isinstance(event, RawFrame)
    assert event.counts.tolist() == counts.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", profiles())
def test_no_codec_keeps_garbage(name: str) -> None:
    """Of ten megabytes of garbage no more is kept than a frame can have."""
    codec = of(load(name).frame, 512)
    block = random.Random(0).randbytes(1 << 20)  # noqa: S311 - not for secrets
    for _ in range(10):
        list(codec.feed(block))
        assert len(getattr(codec, "_kept", b"")) <= codec.limit


def test_pixels_are_requested_only_where_the_frame_leaves_them_open() -> None:
    """Lines without a count take it from the sensor, and a stream leaves its first line out."""
    codec = of(LinesFrame(), 2, streaming=True)
    assert [type(event).__name__ for event in codec.feed(b"1,2\n3,4\n5\n")] == ["Reply", "RawFrame", "WireFault"]


def test_header_words_of_an_ocean_frame_are_words() -> None:
    """A profile with another width is refused before a frame is misread."""
    with pytest.raises(ConfigError, match="u32be"):
        of(NamedFrame(name="ooi", count=3, header=("scans:u32be",)))


@pytest.mark.slow
def test_a_slice_of_the_mutations_ends_well() -> None:
    """Damaged frames of every wire: no exception, nothing kept or lost, no wrong counts past a checksum."""
    tally = run(range(7_000_000, 7_002_000))
    ends = {became for counted in tally.values() for became in counted}
    assert ends <= {"good", "fault", "reply", "nothing", "merged", "changed"}
    assert sum(counted.total() for counted in tally.values()) == 2000
