"""Bytes to text, and text from files in messages."""

from __future__ import annotations

import codecs

import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import given
from hypothesis import strategies as st
from raising import refused
from raman_edge.errors import FormatError
from raman_edge.formats.document import MAX_LINES, decode, safe

TEXT = "Größe cm⁻¹\n400,5\t12\n" * 9


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_in_any_dress_is_the_same_text(codec: str) -> None:
    """Marks of byte order are honoured, and UTF-16 is recognised without one."""
    assert decode(TEXT.encode(codec)) == TEXT


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_older_encodings_are_guessed_line_by_line(codec: str) -> None:
    """What is not UTF-8 is Western European."""
    assert decode("µm, °C, Größe\n1 2\n".encode(codec)) == "µm, °C, Größe\n1 2\n"
    assert decode("Größe\n".encode(codec) + "λ\n".encode()) == "Größe\nλ\n"


def test_bytes_that_windows_does_not_know_are_kept() -> None:
    """The five holes of Windows' code page are read as Latin-1 instead of failing."""
    assert decode(b"a\x81b\n") == "a\x81b\n"


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16"])
def test_a_character_cut_in_two_at_the_end_is_dropped(codec: str) -> None:
    """A file cut inside a character is still text."""
    whole = (TEXT + "ß").encode(codec)
    assert decode(whole[:-1]) == TEXT


def test_line_ends_become_newlines_and_keep_their_numbers() -> None:
    """Every kind of line end is one newline, so that line numbers are those of an editor."""
    assert decode(b"a\r\nb\rc\nd\r\r\ne") == "a\nb\nc\nd\ne"


def test_typeset_numbers_are_plain_numbers() -> None:
    """The minus sign and the thin spaces of typesetting become those of programs."""
    assert decode("\u22121\u00a0234\u202f5".encode()) == "-1 234 5"


def test_padding_at_the_end_is_ignored() -> None:
    """Zeros and DOS's end-of-file mark after the text are no unknown binary format: got byte 0 is 0."""
    assert decode(b"1 2\n\x1a\x00\x00") == "1 2\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"PK\x03\x04abc", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"WDF1\x01\x00", "a Renishaw WDF file with a damaged header"),
        (b"\x0a\x0a\xfe\xfe\x00", "a Bruker OPUS file with a damaged header"),
        (b"\x00K\x00\x80\xe0\x0e", "a Galactic SPC file with a damaged header"),
        (b"\x80K\x00\x15\x00", "a Galactic SPC file"),
        (b"abc\x00def", "byte 3 is 0"),
        (bytes(range(1, 32)) * 4, "control characters"),
    ],
)
def test_binary_data_is_refused_by_name(data: bytes, says: str) -> None:
    """The message says what the file looks like and what to do."""
    with pytest.raises(FormatError) as caught:
        decode(data)
    assert caught.value.kind in {"unsupported file", "unknown binary format"}
    assert says in caught.value.got
    assert caught.value.advice == "Export the spectrum as text or CSV"


def test_escape_codes_alone_do_not_make_text_binary() -> None:
    """A coloured log is still text."""
    assert decode(b"\x1b[31m1 2\x1b[0m\n" * 40).startswith("\x1b[31m1 2")


def test_a_false_byte_order_mark_is_refused_with_the_place() -> None:
    """Invalid UTF-16 is an error with the byte."""
    with pytest.raises(FormatError, match="byte 0: wrong encoding: got bytes that are not UTF-16-LE, as the file begins"):
        decode(codecs.BOM_UTF16_LE + b"\x00\xdc\x00\xdc1234")


def test_too_many_lines_are_not_decoded_one_by_one() -> None:
    """A large file of old encoding is decoded at once, because it is refused anyway."""
    assert decode(b"\xe9\n" * (MAX_LINES + 1)).count("é") == MAX_LINES + 1


@given(st.binary(max_size=300))
@UNHURRIED
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    """Decoding raises nothing but its own error."""
    try:
        text = decode(data)
    except FormatError:
        return
    assert "\r" not in text


@given(st.text(st.characters(exclude_categories=["Cs"])))
@UNHURRIED
def test_safe_text_is_one_printable_line_of_bounded_length(text: str) -> None:
    """Whatever a file says, a message shows it without control characters."""
    shown = safe(text)
    assert shown.isprintable()
    assert len(shown) <= 40 * len("\\U0001f600") + 2
    assert len(text) > 40 or text.isprintable() is (shown[1:-1] == text)


def test_safe_text_escapes_what_a_terminal_acts_on() -> None:
    """Escape codes and overrides are shown as escapes, long text is cut."""
    assert safe("\x1b[31mred\u202e\n") == r"'\x1b[31mred\u202e\n'"
    assert safe("a" * 50) == "'" + "a" * 39 + "…'"


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"  \r\n", b"\t1\n", b";x\n"])
def test_texts_of_a_fixed_length_are_padded_with_zeros(end: bytes) -> None:
    """AvaSoft and ASD write them so into a line."""
    assert decode(b"name: 0912345U1" + bytes(30) + end + b"1 2\n") == decode(b"name: 0912345U1" + end + b"1 2\n")


@pytest.mark.parametrize("data", [b"ab\0cd\n", b"\0\0ab\n", b"a\0\x01\n"])
def test_zeros_elsewhere_are_binary_data(data: bytes) -> None:
    """A zero between two letters pads nothing."""
    with refused(FormatError, "unknown binary format"):
        decode(data)
