"""Sniffing, limits and garbage: every file is answered, none is fatal, all are fast."""

from __future__ import annotations

import os
import subprocess
import sys
from time import process_time

import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, answered, example_names
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.errors import FormatError
from raman_edge.formats import MAX_BYTES, READERS, read
from raman_edge.spectrum import Origin

BIG = 60_000_000
"""Bytes, just below the limit."""


def test_the_file_name_does_not_matter() -> None:
    """The content decides, whatever the extension says."""
    for name in example_names():
        assert all(len(found) >= 37 for found in read((EXAMPLES / name).read_bytes(), Origin("file", "photo.PNG")))


def test_readers_have_different_names() -> None:
    """A name stands for one format."""
    assert len({reader.name for reader in READERS}) == len(READERS)


def test_a_file_beyond_the_limit_is_refused_with_both_numbers() -> None:
    """Nothing of it is looked at."""
    with pytest.raises(FormatError, match=f"file too large: got {MAX_BYTES + 1} bytes, expected at most {MAX_BYTES}"):
        read(bytes(MAX_BYTES + 1), ORIGIN)


@pytest.mark.parametrize("data", [b"", b" ", b"\n\n\r\n", b"\x00" * 4096, b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\x00", b"\x1a"])
def test_empty_files_are_reported_as_empty(data: bytes) -> None:
    """No bytes, only blanks, only a mark: a file that is still being written looks like that."""
    assert str(answered(data)).startswith(f"empty file: got {len(data)} bytes")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<!DOCTYPE html><html><body>1 2\n3 4\n</body></html>", "a web page (HTML)"),
        (b"\n <HTML>\n", "a web page (HTML)"),
        (b"<?xml version='1.0'?><a/>", "an XML document"),
        (b"<svg></svg>", "markup (HTML or XML)"),
        (b'{"shift": [1, 2, 3]}', "a JSON document"),
        (b"[[1, 2], [3, 4]]", "a JSON document"),
        (b"{\\rtf1\\ansi 1 2}", "a rich-text document"),
        (b"##TITLE= x\n##JCAMP-DX= 5\n##XYDATA= (X++(Y..Y))\n1 2 3\n", "missing ##END=: got the end of the file"),
        (
            b"name,colour,price\nquartz,white,cheap\nruby,red,dear\n",
            "no row of numbers: got 4 lines of text, the first of which begins with 'name,colour,price'",
        ),
        (
            b"Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
            "no row of numbers: got 1 lines of text, the first of which begins with 'Lorem",
        ),
        (b"100.5\n101.5\n102.5\n" * 20, "one column of numbers"),
        (b"100.5 1\n200.5 2\n", "too few points: got 2 of 2 rows with a Raman shift and counts, expected at least 16"),
        (b"NaN NaN\n" * 40, "no row of numbers"),
        (
            b"Raman shift,counts\n" + b"".join(b"%d,NaN\n" % (100 + k) for k in range(40)),
            "too few points: got 0 of 40 rows with a Raman shift and counts (others are empty, NaN or inf)",
        ),
        (b"".join(b"%d,inf\n" % (100 + 5 * k) for k in range(40)), "0 of 40 rows"),
        (b"id,price\n1,5.0\n2,7.0\n3,9.0\n", "unsupported axis: got 'id' as first column"),
        (b"\x00\x01\x02\x03binary", "unknown binary format: got byte 0 is 0"),
        (bytes(range(256)) * 40, "unknown binary format: got byte 0 is 0"),
        (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
        (b"import os\nx = 1\nprint(x)\n", "no row of numbers"),
        (b"[bold red]\x1b[31m\x1b]0;title\x07 1\n" * 30, "control characters"),
        (
            b"[bold red]\x1b[31m text\n" * 30,
            r"no row of numbers: got 31 lines of text, the first of which begins with '[bold red]\x1b[31m text'",
        ),
    ],
)
def test_garbage_is_named(data: bytes, says: str) -> None:
    """The one line says what the file looks like, or what is missing."""
    message = answered(data)
    assert isinstance(message, str)
    assert says in message


def test_markup_and_escape_codes_in_column_names_are_shown_harmless() -> None:
    """A name from a file stands in a message without its escape codes."""
    message = str(answered(b"Time \x1b[31m[red]s,b\n" + b"".join(b"%d.5,1\n" % k for k in range(100, 140))))
    assert r"'Time \x1b[31m[red]s'" in message
    assert "\x1b" not in message


@given(st.binary(max_size=2000))
@UNHURRIED
def test_any_bytes_are_answered(data: bytes) -> None:
    """Spectra or one line, whatever the bytes."""
    answered(data)


@given(st.text(max_size=1000))
@UNHURRIED
def test_any_text_is_answered(text: str) -> None:
    """Spectra or one line, whatever the text."""
    answered(text.encode("utf-8", "surrogatepass"))


@given(
    st.lists(st.lists(st.sampled_from(["1", "2.5", "-3e2", "NaN", "", "400", "x", "1e999", "0,5"]), max_size=5), max_size=60),
    st.sampled_from(",;\t |"),
)
@UNHURRIED
def test_any_table_is_answered(table: list[list[str]], delimiter: str) -> None:
    """Ragged tables of numbers and words give spectra or one line."""
    answered("\n".join(delimiter.join(row) for row in table).encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: os.urandom(BIG), id="random"),
        pytest.param(lambda: b"lorem ipsum dolor 12 sit amet, 3.5; consectetur\n" * (BIG // 48), id="words"),
        pytest.param(lambda: (b"word " * 100 + b"\n") * (BIG // 501), id="long lines of words"),
        pytest.param(lambda: b"400.5,12.3\n" * (BIG // 11), id="rows"),
        pytest.param(lambda: (b"400.5" + b",12.3" * 90 + b"\n") * (BIG // 456), id="wide rows"),
        pytest.param(lambda: b"1 " * (BIG // 2), id="one line of numbers"),
        pytest.param(lambda: b"nan" * (BIG // 3), id="one line of nan"),
        pytest.param(lambda: b'" , ' * (BIG // 4), id="quotes"),
        pytest.param(lambda: b"\n" * BIG, id="newlines"),
        pytest.param(lambda: "größe − 12\n".encode("latin-1", "replace") * (BIG // 11), id="latin-1"),
        pytest.param(lambda: b"##NAMES=x\n" + (b"more " * 80 + b"\n") * (BIG // 401) + b"##END=\n", id="endless header"),
        pytest.param(lambda: b"<html>" + b"<p>1 2</p>\n" * (BIG // 11), id="web page"),
    ],
)
def test_large_garbage_is_answered_fast(data: object) -> None:
    """60 MB take two seconds of one processor at most."""
    assert callable(data)
    made: bytes = data()
    started = process_time()
    assert isinstance(answered(made), str)
    assert process_time() - started < 8.0, "four times the budget, for a slow or busy machine"


def test_an_ordinary_file_is_read_within_milliseconds() -> None:
    """2000 rows take 5 ms at most."""
    data = b"Raman shift,counts\n" + b"".join(b"%.3f,%.2f\n" % (100 + 1.5 * k, 1000 + k % 91) for k in range(2000))
    times = []
    for _ in range(9):
        started = process_time()
        assert len(read(data, ORIGIN)[0]) == 2000
        times.append(process_time() - started)
    assert min(times) < 0.025, "five times the budget, for a slow or busy machine"


def test_importing_the_formats_is_cheap() -> None:
    """Nothing is imported but numpy, msgspec and the standard library."""
    code = (
        "import sys; import raman_edge.formats; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"raman_edge", "numpy"} <= {*loaded}
    assert {*loaded}.isdisjoint({"scipy", "rich", "onnxruntime", "pybaselines", "torch"})
