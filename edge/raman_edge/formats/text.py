"""From bytes to text: byte-order marks, UTF-16, UTF-8, Latin-1, and a clear no to binary data."""

from __future__ import annotations

import codecs
import re

from raman_edge.errors import FormatError
from raman_edge.formats.magic import binary_kind

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_BYTES = b"\t\n\x0b\x0c\r\x1b" + bytes(range(32, 256))
"""Bytes that text has: everything but the control characters, of which tab, line ends and escape are allowed."""
MAX_LINES = 250_000
"""A detector has thousands of pixels; a text of more lines than this is no spectrum."""
_SAMPLE = 65_536
"""Bytes that are examined to distinguish binary data from text."""
_CONTROL_SHARE = 0.005
"""More control characters than this are binary data."""
_NUL_SHARE = 0.6
"""Latin text in UTF-16 has nearly every other byte 0; headers in other scripts lower the share."""
_PADDING = re.compile(rb"(?<=[ -~\x80-\xff])\x00+(?=[ \t;,]*[\r\n]|[\t;,])")
"""Texts of a fixed length that AvaSoft and ASD write into a line, up to its end or to the next cell."""
_LOOK_ALIKES = (("\u00a0", " "), ("\u202f", " "), ("\u2009", " "), ("\u2212", "-"))
"""Spaces and the minus sign that typesetting software puts into numbers."""


def safe(text: str, limit: int = 40) -> str:
    """Quote text from a file for a message: one line, nothing that a terminal would act on, ``limit`` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + "'"


def unsupported(what: str, advice: str = "") -> FormatError:
    """Return the error about a file that is ``what``, such as "a Parquet file: write two columns of a CSV file"."""
    got, _, own = what.partition(": ")
    return FormatError(kind="unsupported file", got=got, advice=own[:1].upper() + own[1:] or advice)


def decode(data: bytes) -> str:
    """Return the text of ``data`` with lines ended by newlines; raises :class:`FormatError` where it is not text."""
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return _tidied(_strict(data[len(bom) :], codec))
    if kind := binary_kind(data):
        raise unsupported(kind, "Export the spectrum as text or CSV")
    if wide := _utf16_without_mark(data):
        return _tidied(_strict(data, wide))
    data = data.rstrip(b"\x00\x1a")  # padding to a block, the end-of-file mark of DOS
    if 0 in data:
        data = _PADDING.sub(b"", data)
    _refuse_binary(data)
    return _tidied(_narrow(data))


def _tidied(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        for fancy, plain in _LOOK_ALIKES:
            text = text.replace(fancy, plain)
    return text


def _strict(data: bytes, codec: str) -> str:
    """Decode; a character cut in two by the end of the file is dropped, a wrong one is an error."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(data, final=False)
    except UnicodeDecodeError as error:
        raise FormatError(
            kind="wrong encoding",
            place=f"byte {error.start}",
            got=f"bytes that are not {codec.upper()}, as the file begins",
            advice="Save it as UTF-8 text",
        ) from error


def _narrow(data: bytes) -> str:
    """Decode UTF-8, or line by line where some lines are older: RRUFF's headers mix encodings."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=False)
    except UnicodeDecodeError:
        if data.count(b"\n") >= MAX_LINES:
            return data.decode("latin-1")
        return "\n".join([_line(line) for line in data.split(b"\n")])


def _line(line: bytes) -> str:
    for codec in ("utf-8", "cp1252"):
        try:
            return line.decode(codec)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _utf16_without_mark(data: bytes) -> str | None:
    """Name the UTF-16 that ``data`` is in, judged by where the zero bytes are."""
    sample = data[:8192]
    half = len(sample) // 2
    if half == 0:
        return None
    for codec, letters, zeros in (("utf-16-le", sample[0::2], sample[1::2]), ("utf-16-be", sample[1::2], sample[0::2])):
        if zeros.count(0) >= _NUL_SHARE * half and letters.count(0) == 0 and not letters.translate(None, _TEXT_BYTES):
            return codec
    return None


def _refuse_binary(data: bytes) -> None:
    zero = data.find(0)
    sample = data[:_SAMPLE]
    controls = len(sample.translate(None, _TEXT_BYTES))
    if zero >= 0 or controls > _CONTROL_SHARE * len(sample):
        place = f"byte {zero} is 0" if zero >= 0 else f"{controls} of the first {len(sample)} bytes are control characters"
        raise FormatError(
            kind="unknown binary format", got=f"{place}", expected="text or a known format", advice="Export the spectrum as text or CSV"
        )
