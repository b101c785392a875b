"""Ocean Optics' serial frames: the vendor's tables, both headers, pixel modes, and what one byte says."""

from __future__ import annotations

import numpy as np
import pytest
from raman_edge.errors import SpectrumError
from raman_edge.instruments.codecs import delta8, ooi
from raman_edge.instruments.codecs.delta8 import Delta8
from raman_edge.instruments.codecs.ooi import FLAME, SAD500, Ooi, OoiSettings, OoiText
from raman_edge.instruments.codecs.stream import RawFrame, Reply, WireFault
from raman_edge.instruments.codecs.words import CountScale

NOTE_1 = [185, 2151, 836, 453, 210, 118, 90, 89, 87, 89, 86, 88, 98, 121, 383, 1162, 634, 356, 211, 132, 88, 83, 86, 82, 91, 92, 81, 80, 84]
NOTE_1_BYTES = """80 00 B9 80 08 67 80 03 44 80 01 C5 80 00 D2 A4 E4 FF FE 02 FD 02 0A 17 80 01 7F 80 04 8A 80 02 7A 80 01 64
    80 00 D3 B1 D4 FB 03 FC 09 01 F5 FF 04"""
NOTE_3 = [15, 23, 46, 98, 231, 509, 1023, 2432, 3245, 1984]


def test_compression_is_technical_note_1s() -> None:
    """The vendor's table of pixels and bytes, both ways; the excerpt begins in the middle of a spectrum."""
    data = delta8.encode(NOTE_1, first_raw=False)
    assert data == bytes.fromhex(NOTE_1_BYTES)
    decoder = delta8.Delta8Decoder(0, first_raw=False)
    assert decoder.resume(bytearray(data), len(NOTE_1)) == ""
    assert decoder.values == NOTE_1


def test_checksums_are_technical_note_3s() -> None:
    """The vendor's points add up to the vendor's sums, uncompressed and compressed."""
    assert ooi.checksum(NOTE_3, compressed=False) == 0x2586
    assert delta8.total(NOTE_1, first_raw=False) == 0x28DD


@pytest.mark.parametrize(("difference", "size"), [(127, 1), (-127, 1), (128, 3), (-128, 3), (0, 1)])
def test_difference_of_minus_128_is_no_difference(difference: int, size: int) -> None:
    """Its byte would be the escape, so such a pixel is sent as it is."""
    assert len(delta8.encode([1000, 1000 + difference])) == 2 + size


def test_flame_frame_is_these_bytes() -> None:
    """STX, FFFF, six header words, the points, FFFD and their sum, all words big-endian."""
    reader = Ooi(OoiSettings(3, FLAME, checksum=True))
    data = reader.encode([1, 256, 65_535], {"scans": 2, "integration_ms": 100, "baseline_lsw": 7})
    assert data.hex() == "02" + "ffff" + "0000" + "0002" + "0064" + "0000" + "0007" + "0000" + "0001" + "0100" + "ffff" + "fffd" + "0100"


def test_header_words_are_named_by_the_profile() -> None:
    """The same bytes mean other things on a SAD500 than on a Flame."""
    data = Ooi(OoiSettings(3)).encode([1, 2, 3], {"scans": 5, "integration_ms": 9})
    (flame,) = Ooi(OoiSettings(3, FLAME)).feed(data)
    (sad500,) = Ooi(OoiSettings(3, SAD500)).feed(data)
    assert isinstance(flame, RawFrame)
    assert isinstance(sad500, RawFrame)
    assert flame.fields == {**dict.fromkeys(FLAME, 0), "scans": 5, "integration_ms": 9}
    assert sad500.fields == {**dict.fromkeys(SAD500, 0), "scan_number": 5, "scans_in_memory": 9}


def test_size_flag_makes_points_double_words() -> None:
    """Accumulated scans do not fit a word; one flag in the header marks it."""
    data = Ooi(OoiSettings(2)).encode([70_000, 2**32 - 1], {"size_flag": 1})
    (frame,) = Ooi(OoiSettings(2)).feed(data)
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == [70_000, 2**32 - 1]
    with pytest.raises(SpectrumError, match="point 1 is 70000; expected whole numbers"):
        Ooi(OoiSettings(2)).encode([70_000, 1])


@pytest.mark.parametrize(
    ("mode", "given", "count"), [(1, [4], 3), (3, [2, 9, 3], 3), (3, [9, 9, 1], 1), (4, [2, 5, 7], 2), (4, [10, *range(10)], 10)]
)
def test_pixel_modes_send_fewer_points(mode: int, given: list[int], count: int) -> None:
    """Their parameters stand in the header and say how many points follow."""
    fields: dict[str, int | str] = {"pixel_mode": mode, **{f"pixel_{number}": value for number, value in enumerate(given)}}
    setup = OoiSettings(10, checksum=True)
    (frame,) = Ooi(setup).feed(Ooi(setup).encode(np.arange(count), fields))
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == list(range(count))
    assert {name: frame.fields[name] for name in fields} == fields


@pytest.mark.parametrize(("mode", "first"), [(2, 1), (5, 1), (1, 0), (3, 12), (4, 0), (4, 11)])
def test_impossible_pixel_modes_are_faults(mode: int, first: int) -> None:
    """An undocumented mode, or parameters that select nothing, are no frame."""
    head = np.array([0xFFFF, 0, 1, 100, 0, 0, mode, first, *range(30)], ">u2").tobytes()
    fault = next(Ooi(OoiSettings(10)).feed(b"\x02" + head))
    assert isinstance(fault, WireFault)
    assert f"pixel mode {mode}" in fault.why


@pytest.mark.parametrize("setup", [OoiSettings(3, compressed=True), OoiSettings(3, checksum=True)])
def test_double_words_are_read_only_as_they_are_documented(setup: OoiSettings) -> None:
    """Nobody says how double words are compressed or summed, so they are refused and not guessed."""
    events = [*(reader := Ooi(setup)).feed(Ooi(OoiSettings(3)).encode([1, 2, 3], {"size_flag": 1})), *reader.silence()]
    assert isinstance(events[0], WireFault)
    assert "size flag 1 only without compression and checksum" in events[0].why


def test_bytes_outside_of_frames_are_answers() -> None:
    """ACK, NAK and ETX are distinguished, each in its place."""
    events = list(Ooi(OoiSettings(3)).feed(b"\x06\x15\x03"))
    assert [(event.name, event.at) for event in events if isinstance(event, Reply)] == [("ack", 0), ("nak", 1), ("failed", 2)]


def test_bytes_of_a_bad_frame_are_no_answers() -> None:
    """Points of a frame that was refused may be 06 or 15; none of them is an acknowledgement, until the line was silent."""
    reader = Ooi(OoiSettings(3, checksum=True))
    data = bytearray(reader.encode([0x0606, 0x1515, 0x0303]))
    data[-1] ^= 1
    events = [*reader.feed(bytes(data) + b"\x06"), *reader.silence(), *reader.feed(b"\x06")]
    assert [type(event) for event in events] == [WireFault, WireFault, Reply]


def test_checksum_that_differs_is_reported_with_both() -> None:
    """A flipped bit costs the frame, and the message has both sums."""
    data = bytearray(Ooi(OoiSettings(3, checksum=True)).encode([1, 2, 3]))
    data[16] ^= 0x80
    (fault,) = Ooi(OoiSettings(3, checksum=True)).feed(bytes(data))
    assert fault == WireFault("checksum 0006 of a frame; its points give 0086", len(data), 0)


def test_differences_that_leave_the_range_are_a_fault() -> None:
    """No value is below 0 or above 65535: the bytes are no differences."""
    fault, *_ = Delta8(3, leading=0).feed(b"\x80\x00\x01\xfe\x00")
    assert isinstance(fault, WireFault)
    assert fault.why == "value 2 of 3 is -1 by its difference; expected 0..65535"


def test_btc100_sends_one_value_too_many() -> None:
    """Its first value is dropped, and nothing but the count ends a frame."""
    (frame,) = Delta8(3, leading=1).feed(bytes.fromhex("05 80 03 E8 01 FF"))
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == [1000, 1001, 1000]


def test_a_detector_that_falls_with_light_is_turned_round() -> None:
    """Counts are the full scale minus the value; a value above it is a fault."""
    reader = Delta8(2, leading=0, scale=CountScale(4095))
    frame, fault = [
        *reader.feed(bytes.fromhex("80 0F FF 81")),
        *Delta8(2, leading=0, scale=CountScale(4095)).feed(bytes.fromhex("80 10 00 01")),
    ]
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == [0, 127]
    assert isinstance(fault, WireFault)
    assert "value 1 of 2 is 4096; expected at most 4095" in fault.why


def test_a_frame_in_ascii_is_the_same_words_as_decimal_lines() -> None:
    """STX, 65535, the header, the points, 65533 and their sum; CR, LF or both end a number, and leading zeros are none."""
    reader = OoiText(OoiSettings(3, checksum=True))
    lines = ["65535", "0", "2", "100", "0", "7", "0", "1", "256", "65535", "65533", "256"]
    assert reader.encode([1, 256, 65_535], {"scans": 2, "integration_ms": 100, "baseline_lsw": 7}) == b"\x02" + "".join(
        f"{line}\r\n" for line in lines
    ).encode("ascii")
    for end in ("\r", "\n", "\n\r", "\r\n\r\n"):
        (frame,) = OoiText(OoiSettings(3, checksum=True)).feed(b"\x02" + "".join(f"{line:0>5}{end}" for line in lines).encode("ascii"))
        assert isinstance(frame, RawFrame)
        assert frame.counts.tolist() == [1, 256, 65_535]
        assert frame.fields == {**dict.fromkeys(FLAME, 0), "scans": 2, "integration_ms": 100, "baseline_lsw": 7}


def test_pixel_modes_in_ascii_send_fewer_points() -> None:
    """Parameters, double words and answers are what they are in binary."""
    fields: dict[str, int | str] = {"size_flag": 1, "pixel_mode": 3, "pixel_0": 2, "pixel_1": 9, "pixel_2": 3}
    reader = OoiText(OoiSettings(10))
    *answers, frame = reader.feed(b"\x06\r\n\x15\x03" + reader.encode([70_000, 1, 2**32 - 1], fields))
    assert [answer.name for answer in answers if isinstance(answer, Reply)] == ["ack", "nak", "failed"]
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == [70_000, 1, 2**32 - 1]
    assert {name: frame.fields[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"65535", b"65534", "a frame begins with 65534; expected 65535"),
        (b"\r\n2\r", b"\r\n2.\r", "word 9 of a frame is '2.'; expected a number"),
        (b"\r\n2\r", b"\r\n\r", r"word 12 of a frame is '\x0265535'; expected a number"),
        (b"\r\n2\r", b"\r\n2\n2\r", "3 after 3 points; expected 65533: a line is missing or too many"),
        (b"\r\n2\r", b"\r\n99999\r", "a point of 99999; expected at most 65535"),
        (b"\r\n2\r", b"\r\n99999999999\r", "a point of 4294967296; expected at most 65535"),
        (b"\r\n2\r", b"\r\n4\r", "checksum 9 of a frame; its points give 11"),
        (b"65535\r\n0", b"65535\r\n2", "a header with pixel mode 0 [] and size flag 2"),
    ],
)
def test_damage_in_ascii_is_reported(old: bytes, new: bytes, why: str) -> None:
    """The fault has what was expected, and the next frame is found."""
    reader = OoiText(OoiSettings(3, checksum=True))
    good = reader.encode([4, 2, 3])
    events = [*reader.feed(good.replace(old, new, 1) + good), *reader.silence()]
    assert isinstance(events[0], WireFault)
    assert events[0].why.startswith(why)
    assert isinstance(events[-1], RawFrame)
    assert events[-1].counts.tolist() == [4, 2, 3]
