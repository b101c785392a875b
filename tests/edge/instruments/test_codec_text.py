"""Numbers as text, and frames between two lines of text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from codec_wires import CRC8, TEENSY, TEENSY_TEXT
from raman_edge.instruments import codecs
from raman_edge.instruments.codecs.framed import DelimitedCodec, Keywords
from raman_edge.instruments.codecs.lines import Grammar, LinesCodec
from raman_edge.instruments.codecs.stream import Event, RawFrame, Reply, WireFault
from raman_edge.instruments.codecs.words import FrameChecksum, WordFormat
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.profiles.frame import FixedFrame

if TYPE_CHECKING:
    from raman_edge.instruments.codecs.stream import CodecStream


def events_of(stream: CodecStream, *parts: bytes) -> list[object]:
    """Return counts, the data of replies and the reasons of faults, in order."""
    events = [event for part in parts for event in stream.feed(part)]
    return [_short(event) for event in [*events, *stream.silence()]]


def _short(event: Event) -> object:
    match event:
        case RawFrame():
            return event.counts.tolist()
        case Reply():
            return (event.name, event.data)
        case WireFault():
            return event.why


@pytest.mark.parametrize("data", [b"1,2,3,\n", b"1,2,3\r\n", b" 1 , 2 , 3 \r", b"\n\n1,2,3\n\n", b"\x001,2,3\n"])
def test_rows_in_every_manner(data: bytes) -> None:
    """A comma at the end, spaces, empty lines, a NUL and any line end are no values."""
    assert events_of(LinesCodec(Grammar(3)), data) == [[1, 2, 3]]


def test_the_first_line_of_a_stream_is_no_frame() -> None:
    """It had begun before the port was opened; also where it has as many values as a whole one."""
    assert events_of(LinesCodec(Grammar(2, streaming=True)), b"23,4\n1,2\n") == [("partial", b"23,4"), [1, 2]]


def test_a_stream_that_stopped_in_a_line_begins_anew_at_the_next() -> None:
    """After a silence in the middle of a line, what comes next is the rest of one."""
    stream = LinesCodec(Grammar(2, streaming=True))
    events_of(stream, b"\n1,2\n3")
    assert events_of(stream, b"4,5\n6,7\n") == [("partial", b"4,5"), [6, 7]]


def test_an_answer_after_silence_is_complete_where_the_device_replies() -> None:
    """A device that only answers begins every answer at its beginning."""
    stream = LinesCodec(Grammar(2))
    assert events_of(stream, b"9,") == ["the line went quiet after 2 bytes, before the frame was whole"]
    assert events_of(stream, b"4,5\n") == [[4, 5]]


def test_how_many_values_there_are_is_learned_from_the_first_line() -> None:
    """Without a count, later lines have to have as many values as the first complete one."""
    assert events_of(LinesCodec(Grammar()), b"7\n1,2,3\n4,5\n6,7,8\n") == [
        "1 values in a line; expected at least 2",
        [1, 2, 3],
        "2 values in a line; expected 3",
        [6, 7, 8],
    ]


def test_errors_comments_and_texts_are_no_frames() -> None:
    """A device's own error, its comments and what it says at start are each called what they are."""
    grammar = Grammar(2, error=b"### Error", comment=b"#")
    stream = LinesCodec(Grammar(2, error=b"### Error"))
    assert events_of(stream, b"### Error: no trigger\nReady 1.0\n1,2\n") == [
        ("error", b"### Error: no trigger"),
        ("text", b"Ready 1.0"),
        [1, 2],
    ]
    assert events_of(LinesCodec(grammar), b"# exposure 5\n1,2\n") == [[1, 2]]


@pytest.mark.parametrize("line", [b"1,x", b"1,,2", b"nan,1", b"1_0,2", b"1e999,2", b"1;2", b"0x1,2", b"a1,2", b"--1,2", b"1,2\xff"])
def test_what_python_would_read_is_still_no_number(line: bytes) -> None:
    """Not-a-number, infinity, underscores, hexadecimal and damaged digits are faults, and the next line is read."""
    first, second = events_of(LinesCodec(Grammar(2)), line + b"\n3,4\n")
    assert isinstance(first, str)
    assert second == [3, 4]


def test_a_line_of_a_vertical_tab_is_no_number() -> None:
    """White space that is neither a line end nor a space holds no values."""
    assert events_of(LinesCodec(Grammar(2, separator=b" ")), b"\x0b\n3 4\n") == [
        r"value 1 of 1 is '\x0b'; expected 2 numbers with ' ' between them",
        [3, 4],
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"1,,3,4", "value 2 of 4 is empty; expected 4 numbers with ',' between them"),
        (b",2,3,4", "value 1 of 4 is empty"),
        (b"1,2,3,", "value 4 of 4 is empty"),
        (b"1,2, ,4", "value 3 of 4 is empty"),
        (b"1,,,4", "value 2 of 4 is empty, and 1 more are no numbers"),
        (b"1,,3", "value 2 of 3 is empty; expected 4 numbers"),
        (b"1,nan,3,4", "value 2 of 4 is 'nan', which is not finite"),
        (b"nan,2,3,4", "value 1 of 4 is 'nan', which is not finite"),
        (b"1,2,3,-inf", "value 4 of 4 is '-inf', which is not finite"),
        (b"1,2,1e999,4", "value 3 of 4 is '1e999', which is not finite"),
        (b"1,2,--,4", "value 3 of 4 is '--'"),
        (b"ovf,2,3,4", "value 1 of 4 is 'ovf'"),
        (b"1,2,3,4\xff", r"value 4 of 4 is '4\xff'"),
        (b"1,2,3", "3 values in a line; expected 4"),
        (b"1,2,3,4,5", "5 values in a line; expected 4"),
    ],
)
def test_a_fault_in_a_row_names_the_value(line: bytes, why: str) -> None:
    """Which value of how many is none, what stands there, and what was expected; the next line is read."""
    first, second = events_of(LinesCodec(Grammar(4)), line + b"\r\n5,6,7,8\n")
    assert str(first).startswith(why)
    assert second == [5, 6, 7, 8]


def test_tabs_at_the_ends_of_a_row_stand_beside_values() -> None:
    """A value that is missing before the first tab, or behind the last, is found as between two."""
    first, last, good = events_of(LinesCodec(Grammar(3, separator=b"\t")), b"\t2\t3\n1\t2\t\n1\t2\t3\t\n")
    assert str(first).startswith("value 1 of 3 is empty")
    assert str(last).startswith("value 3 of 3 is empty")
    assert good == [1, 2, 3]


def test_a_learned_count_distinguishes_values_from_text() -> None:
    """A row as long as those before it is a row, also where its first value is a word; a text is none."""
    seen = events_of(LinesCodec(Grammar()), b"1,2,3\nsat,2,3\nReady, 2 lamps\n4,5,6\n")
    assert seen == [[1, 2, 3], "value 1 of 3 is 'sat'; expected 3 numbers with ',' between them", ("text", b"Ready, 2 lamps"), [4, 5, 6]]


def test_decimals_stay_decimals() -> None:
    """Counts with a fraction are kept as they are written."""
    assert events_of(LinesCodec(Grammar(2, separator=b" ")), b"1.5   -2e3\n") == [[1.5, -2000.0]]


def test_a_column_ends_with_its_count() -> None:
    """A value a line, blank lines apart; two columns one after the other are two spectra."""
    assert events_of(LinesCodec(Grammar(2, "column")), b"00001\r\n\r\n00002\r\n00003\r\n00004\r\n") == [[1, 2], [3, 4]]


def test_a_lost_line_costs_one_column_where_columns_have_an_end() -> None:
    """Without one of its values, a column does not take the next one's."""
    found = events_of(LinesCodec(Grammar(2, "column", end=b"\0")), b"1\r\n\0" + b"3\r\n4\r\n\0" + b"5\r\n6\r\n\0")
    assert found == ["a column of 2 values does not end with b'\\x00'", [3, 4], [5, 6]]


def test_text_within_a_column_ends_it() -> None:
    """A device that restarts in the middle does not put its greeting or its next spectrum into this one."""
    assert events_of(LinesCodec(Grammar(2, "column")), b"1\nHello World\n3\n4\n") == [
        "value 2 of 2 is 'Hello World'; expected a number",
        ("text", b"Hello World"),
        [3, 4],
    ]


def test_pairs_are_a_place_and_a_value_a_line() -> None:
    """Pixel or wavelength before the counts, rising or falling; the axis is only looked at."""
    assert events_of(LinesCodec(Grammar(3, "pairs")), b"0,10\n1,11\n2,12\n0,20\n1,21\n2,22\n") == [[10, 11, 12], [20, 21, 22]]
    assert events_of(LinesCodec(Grammar(3, "pairs", b"\t")), b"802.5\t1.5\r801.25\t2\r800\t3\r") == [[1.5, 2.0, 3.0]]
    assert events_of(LinesCodec(Grammar(2, "pairs", b" ")), b" 0   10 \n 1  11\n") == [[10, 11]]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"0,1\n2,3\n3,4\n" + b"0,5\n", "an axis that goes from 3 to 0"),
        (b"2,9\n3,9\n", "an axis that goes from 3 to 0"),
        (b"3,9\n", "an axis that goes from 3 to 0"),
        (b"0,1\n1,2\n1,2\n2,3\n3,4\n", "an axis that goes from 1 to 1"),
        (b"0,1\n1,2,7\n2,3\n3,4\n", "line 2 of 4 is '1,2,7'; expected 2 numbers with ',' between them"),
        (b"0,1\n1 2\n2,3\n3,4\n", "line 2 of 4 is '1 2'; expected 2 numbers with ',' between them"),
        (b"0,1\n1,x\n2,3\n3,4\n", "line 2 of 4 is '1,x'; expected 2 numbers with ',' between them"),
        (b"0,1\n1,--2\n2,3\n3,4\n", "value 2 of 4 is '--2'; expected 2 numbers"),
    ],
)
def test_a_line_that_is_missing_or_broken_costs_one_spectrum_of_pairs(data: bytes, why: str) -> None:
    """Where the axis turns back, another spectrum has begun; it is reported, and the one after it is complete."""
    good = b"0,10\n1,11\n2,12\n3,13\n"
    first, *rest = events_of(LinesCodec(Grammar(4, "pairs")), data + 2 * good)
    assert str(first).startswith(why)
    assert rest[-1] == [10, 11, 12, 13]


@pytest.mark.parametrize("lines", [["5,1"], ["0,1", "1,2"], [f"{place},1" for place in range(2047)], ["9,1", "8,1", "7,1"]])
def test_an_axis_that_never_gets_there_is_dropped_at_once(lines: list[str]) -> None:
    """Lines that are no spectrum cost what reading them costs, however many there are: none is looked at again for each that is dropped."""
    stream = LinesCodec(Grammar(2048, "pairs"))
    data = ("\n".join(lines) + "\n").encode() * (20_000 // len(lines))
    read, real = [0], stream._read

    def counted(place: int, closing: int) -> object:
        read[0] += 1
        return real(place, closing)

    stream._read = counted  # type: ignore[method-assign,assignment]
    assert all(isinstance(event, WireFault) for event in stream.feed(data))
    assert read[0] <= 20


def test_numbers_that_come_in_single_bytes_are_read_once() -> None:
    """A column of 2048 lines that arrives byte by byte is as good as one that arrives whole."""
    stream = LinesCodec(Grammar(2048, "column"))
    data = stream.encode(list(range(2048)))
    (frame,) = [event for byte in data[:-1] for event in stream.feed(bytes((byte,)))]
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == list(range(2048))


def teensy() -> DelimitedCodec:
    """Return a codec of frames of 2 values."""
    return DelimitedCodec(2, WordFormat("u16le"), TEENSY, CRC8)


def test_frame_between_lines_is_these_bytes() -> None:
    """The fields, the checksum of the values alone, how many there are, the values, the end."""
    data = teensy().encode([1, 2], {"counter": 7, "exposure": "0.1"})
    assert data == b"FRAME COUNTER 7\r\nFRAME EXPOSURE 0.1\r\nCRC 0x95\r\nBINARY16 2\r\n\x01\x00\x02\x00END DATA\r\n"


def test_fields_come_in_any_order_and_may_be_absent() -> None:
    """Numbers stay numbers, and a frame without a checksum is not checked."""
    (frame,) = teensy().feed(b"FRAME EXPOSURE 0.1\nFRAME COUNTER 007\nBINARY16 2\n\x01\x00\x02\x00END DATA\n")
    assert isinstance(frame, RawFrame)
    assert frame.fields == {"exposure": "0.1", "counter": 7}


def test_values_that_look_like_lines_are_values() -> None:
    """Line ends and keywords among the values end nothing."""
    stream = DelimitedCodec(4, WordFormat("u8"), Keywords("BIN", "END"))
    assert events_of(stream, stream.encode(list(b"\nEND"))) == [list(b"\nEND")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"BINARY16 3\n", "b'3' values are announced; expected 2"),
        (b"BINARY16 2\n\x01\x00\x02\x00\x00END DATA\n", "b'\\x00END DATA\\n' after the values; expected END DATA"),
        (b"CRC 0x44\nBINARY16 2\n\x01\x00\x02\x00END DATA\n", "crc8 of a frame is 68; its values give 0x95"),
        (b"CRC\nBINARY16 2\n\x01\x00\x02\x00END DATA\n", "crc8 of a frame is ; its values give 0x95"),
        (b"FRAME COUNTER 1\nReset\n", "1 lines of a frame, then b'Reset'; expected BINARY16"),
        (b"\xff\xfe\n", "a line that is no text"),
        (b"A" * 300 + b"\n", "no end of line in 256 bytes"),
    ],
)
def test_damage_between_lines_is_reported(data: bytes, why: str) -> None:
    """The fault has what was expected, and the next frame is found."""
    good = teensy().encode([1, 2])
    events = events_of(teensy(), data + good)
    assert events[0] == why
    assert events[-1] == [1, 2]


def test_answers_between_frames_are_replies() -> None:
    """Lines that belong to no frame are replies."""
    assert events_of(teensy(), b"coefficients 1 2 3 4\r\n\r\n") == [("text", b"coefficients 1 2 3 4")]


TRANSCRIPT = """read 1 0.1
START PULSE
FRAME COUNTS 1
FRAMESET COUNTS 1
FRAMESET START \nFRAMESET COUNTER 0
FRAME COUNTER 0
FRAME ELAPSED 0.10000123
FRAME EXPOSURE 0.10000000
RAWOFFSET 812
OFFSET 0.010150
"""
"""What the firmware of the Teensy says before the values of a single frame."""


@pytest.mark.parametrize(
    ("checks", "values"),
    [
        ("", b"BINARY16 2\r\n\x01\x00\x02\x00END DATA\r\n"),
        ("CRC 0x95\n", b"BINARY16 2\r\n\x01\x00\x02\x00END DATA\r\n"),
        ("SUM 3\n", b"BINARY16 2\r\n\x01\x00\x02\x00END DATA\r\n"),
        ("CRC 0x95\nSUM 3\n", b"DATA 2\r\n1\r\n2\r\nEND DATA\r\n"),
    ],
)
def test_a_frame_of_the_teensy_as_its_firmware_sends_it(checks: str, values: bytes) -> None:
    """Every line before the values is a field or a text, none is a fault; binary and ASCII, with and without its checks."""
    page = catalogue.load("tcd1304-teensy").frame
    text = values.startswith(b"DATA")
    page = msgspec.structs.replace(page, count=2, text=text, start="DATA" if text else "BINARY16")
    stream = codecs.of(page)
    events = list(stream.feed((TRANSCRIPT + checks).replace("\n", "\r\n").encode() + values + b"FRAMESET END\r\nCOMPLETE\r\nDONE\r\n"))
    (frame,) = [event for event in events if isinstance(event, RawFrame)]
    assert frame.counts.tolist() == [1, 2]
    assert frame.fields["exposure_s"] == "0.10000000"
    assert frame.fields["dark_counts"] == 812
    assert not any(isinstance(event, WireFault) for event in events)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SUM 4\nDATA 2\n1\n2\nEND DATA\n", "values of a frame is 4; its values give 0x3"),
        (b"DATA 2\n1\nx\nEND DATA\n", "value 2 of 2 is 'x'; expected a number"),
        (b"DATA 2\n1\nEND DATA\n", "value 2 of 2 is 'END DATA'; expected a number"),
        (b"DATA 2\n1\n2\n3\nEND DATA\n", "b'3\\n' after the values; expected END DATA"),
        (b"DATA 2\n1\n2-3\nEND DATA\n", "value 2 of 2 is '2-3'; expected a number"),
        (b"DATA 3\n", "b'3' values are announced; expected 2"),
    ],
)
def test_damage_among_values_that_are_lines_is_reported(data: bytes, why: str) -> None:
    """Also where values are text, the next frame is found."""
    stream = DelimitedCodec(2, WordFormat("u16le"), TEENSY_TEXT, FrameChecksum("values"))
    events = events_of(stream, data + stream.encode([1, 2]))
    assert events[0] == why
    assert events[-1] == [1, 2]


def test_a_checksum_is_over_words_that_the_values_fit() -> None:
    """A value that no word holds has no checksum; it is refused and not rounded."""
    stream = DelimitedCodec(2, WordFormat("u16le"), replace(TEENSY_TEXT, check="CRC"), CRC8)
    why, *_ = events_of(stream, b"CRC 0x95\nDATA 2\n1\n70000\nEND DATA\n")
    assert str(why).startswith("point 2 is 70000; expected whole numbers 0..65535")


def test_jetis_binary_format_is_a_page() -> None:
    """Format 1 of the VersaPIC needs no Python: words, and what comes before them is reported as with the text."""
    page = FixedFrame(count=3, dtype="u16be", ack="hex:06", nak="hex:15", ready="hex:07")
    (frame,) = codecs.of(page).feed(bytes.fromhex("0001 0100 ffff"))
    assert isinstance(frame, RawFrame)
    assert frame.counts.tolist() == [1, 256, 65_535]
    assert page.answers["ready"] == b"\x07"
