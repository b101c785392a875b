"""The bytes of a file and the views of them that readers need: text, lines, XML, numbers at a byte; and the protocol of a reader.

Text is UTF-8, UTF-16, UTF-32 or Latin-1, found by byte-order marks and contents; binary data are refused as text.
"""

from __future__ import annotations

import codecs
import math
import re
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.magic import binary_kind
from raman_edge.wording import printable

if TYPE_CHECKING:
    from typing import Any, Literal
    from xml.etree import ElementTree as ET

    from numpy.typing import NDArray

    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum

    Number = Literal["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4"]
    """Types of the numbers in an array, as numpy calls them."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_BYTES = b"\t\n\x0b\x0c\r\x1b" + bytes(range(32, 256))
"""Bytes that text has: everything but the control characters, of which tab, line ends and escape are allowed."""
_MOST_TAGS = 100_000
"""Of an XML document; a file has a few hundred, and two a spectrum. A tree of them all is built in memory."""
_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
MAX_LINES = 250_000
"""A detector has thousands of pixels; a text of more lines than this is not a spectrum."""
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
    return f"'{printable(cut)}'"


def unsupported(what: str, advice: str = "") -> FormatError:
    """Return the error about a file that is ``what``, such as "a Parquet file: write two columns of a CSV file"."""
    got, _, own = what.partition(": ")
    return FormatError(kind="unsupported file", got=got, advice=own[:1].upper() + own[1:] or advice)


def parse_xml(text: str) -> ET.Element:
    """Parse an XML text.

    ``<!DOCTYPE`` and ``<!ENTITY`` are refused before the text is parsed: no instrument writes them, and an entity may stand for more
    text than fits into the memory.

    Parameters
    ----------
    text : str
        The document.

    Returns
    -------
    Element
        Its root.

    Raises
    ------
    FormatError
        It is broken, too large, or has declarations.
    """
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - 8 ms of every start, and few files are XML

    if found := _DECLARATION.search(text):
        raise FormatError(
            kind="unsupported XML declaration",
            place=f"line {text.count(chr(10), 0, found.start()) + 1}",
            got=f"{safe(text[found.start() :], 20)}",
            expected="none, as the software of the instrument writes",
        )
    if (tags := text.count("<")) > _MOST_TAGS:
        raise FormatError(
            kind="too many tags", got=f"{tags} tags", expected=f"at most {_MOST_TAGS}", advice="Export fewer spectra per file"
        )
    try:
        return ET.fromstring(text)  # noqa: S314 - without declarations there is nothing to expand or to fetch
    except (ET.ParseError, ValueError) as error:
        raise FormatError(kind="broken XML", cause=f"{safe(str(error))}", advice=CUT_SHORT) from error


def decode(data: bytes) -> str:
    """Decode a text file.

    Parameters
    ----------
    data : bytes
        UTF-8, UTF-16, UTF-32 with a byte order mark, or a Windows code page.

    Returns
    -------
    str
        The text, its lines ended by newlines.

    Raises
    ------
    FormatError
        It is not text.
    """
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return _with_newlines(_decode_exactly(data[len(bom) :], codec))
    if kind := binary_kind(data):
        raise unsupported(kind, "Export the spectrum as text or CSV")
    if wide := _utf16_without_mark(data):
        return _with_newlines(_decode_exactly(data, wide))
    data = data.rstrip(b"\x00\x1a")  # padding to a block, the end-of-file mark of DOS
    if 0 in data:
        data = _PADDING.sub(b"", data)
    _refuse_binary(data)
    return _with_newlines(_decode_utf8(data))


def _with_newlines(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        for fancy, plain in _LOOK_ALIKES:
            text = text.replace(fancy, plain)
    return text


def _decode_exactly(data: bytes, codec: str) -> str:
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


def _decode_utf8(data: bytes) -> str:
    """Decode UTF-8, or line by line where some lines are older: RRUFF's headers mix encodings."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=False)
    except UnicodeDecodeError:
        if data.count(b"\n") >= MAX_LINES:
            return data.decode("latin-1")
        return "\n".join([_decode_line(line) for line in data.split(b"\n")])


def _decode_line(line: bytes) -> str:
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


_HEAD = 8_192
"""Characters that sniffing looks at."""


@dataclass(frozen=True, eq=False)
class FileContent:
    """One file as bytes; text readers use :attr:`text` or :attr:`lines`, binary ones :attr:`data`."""

    data: bytes
    """The whole file."""
    laser_nm: float | None = None
    """Wavelength of the laser for files that do not state it, nm; None is unknown."""
    axis: AxisOption | None = None
    """Kind of an axis that the file does not name; None is unknown."""
    pixels: bool = False
    """Whether an axis of pixels is accepted, for a calibration to convert."""

    @cached_property
    def text(self) -> str:
        """The decoded text, lines ended by newlines; raises :class:`FormatError` where the file is not text."""
        return decode(self.data)

    @cached_property
    def head(self) -> str:
        """The beginning of the text, without blanks before it; empty where the file is empty or not text."""
        try:
            return self.text[:_HEAD].lstrip() or self.text.lstrip()[:_HEAD]
        except FormatError:
            return ""

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text; raises :class:`FormatError` where there are too many."""
        count = self.text.count("\n") + 1
        if count > MAX_LINES:
            raise FormatError(
                kind="too many lines", got=f"{count} lines", expected=f"at most {MAX_LINES}", advice="Export one spectrum per file"
            )
        return self.text.split("\n")


class FormatReader(Protocol):
    """One file format: pure functions of a document's bytes, no I/O."""

    @property
    def name(self) -> str:
        """Name of the format, in messages and in ``meta["format"]``."""

    def recognises(self, document: FileContent) -> bool:
        """Whether the content has this format; never raises, reads little."""

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Return the spectra, at least one; raises :class:`FormatError` with the place."""


CUT_SHORT = "The file is cut short or still being written: copy it again"
"""Advice of every error about missing bytes."""


@dataclass(frozen=True, eq=False)
class BinaryFile:
    """A file's bytes, read in one byte order."""

    data: bytes
    order: Literal["<", ">"] = "<"
    """``<`` is little-endian, ``>`` big-endian."""

    @cached_property
    def size(self) -> int:
        """Bytes there are."""
        return len(self.data)

    def need(self, at: int, size: int, what: str) -> None:
        """Raise :class:`FormatError` unless there are ``size`` bytes from byte ``at``, which are to hold ``what``."""
        if at < 0 or size < 0 or at + size > self.size:
            raise FormatError(
                kind="file cut short",
                place=f"byte {at}",
                got=f"{self.size} bytes in all",
                expected=f"{what} of {size} bytes here",
                advice=CUT_SHORT,
            )

    def integer(self, code: Literal["b", "B", "h", "H", "i", "I", "q", "Q"], at: int, what: str) -> int:
        """Return the integer of a :mod:`struct` code at byte ``at``."""
        self.need(at, struct.calcsize(code), what)
        return int(struct.unpack_from(self.order + code, self.data, at)[0])

    def real(self, code: Literal["f", "d"], at: int, what: str) -> float:
        """Return the number of 4 or 8 bytes at byte ``at``; it may be infinite or NaN."""
        self.need(at, struct.calcsize(code), what)
        return float(struct.unpack_from(self.order + code, self.data, at)[0])

    def array(self, dtype: Number, at: int, count: int, what: str) -> NDArray[np.float64]:
        """Return ``count`` numbers from byte ``at``, (count,), as float64; NaN where they are not finite."""
        kind = np.dtype(self.order + dtype)
        self.need(at, count * kind.itemsize, what)
        with np.errstate(invalid="ignore"):  # a signalling NaN in a damaged file
            values = np.frombuffer(self.data, kind, count, at).astype(np.float64)
        if kind.kind == "f" and not (math.isfinite(values.max(initial=0.0)) and math.isfinite(values.min(initial=0.0))):
            values[~np.isfinite(values)] = np.nan
        return values

    def view(self, dtype: Literal["f4", "u8"], at: int, count: int, what: str) -> NDArray[Any]:
        """Return ``count`` numbers from byte ``at`` as the file has them, (count,), read-only."""
        kind = np.dtype(self.order + dtype)
        self.need(at, count * kind.itemsize, what)
        return np.frombuffer(self.data, kind, count, at)

    def text(self, at: int, size: int) -> str:
        """Return the text in at most ``size`` bytes from byte ``at``, up to the first zero; shorter where the file ends."""
        raw = self.data[max(at, 0) : at + size].split(b"\0", 1)[0]
        try:
            return raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace").strip()
