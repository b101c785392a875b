"""How one spectrum comes back over the wire: the facts that a codec is built from.

``mode`` in a profile chooses one of four:

- ``fixed``: ``sync``, header words, ``count`` values, checksum, ``trailer``; always the same number of bytes.
- ``delimited``: lines of text that announce the values, then the values in binary or a line each, then ``end``.
- ``lines``: decimal numbers as text, a spectrum a line or a value a line.
- ``codec``: a protocol with its own rules, by name.

Counts that a codec returns rise with light: where ``invert_from`` is set, it has subtracted them from it.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple
from typing import Literal as OneOf

import msgspec
from msgspec import Meta

from raman_edge.instruments.profiles.fields import Dtype, Literal, literal, size_of

Count = Annotated[int, Meta(ge=1, le=65_536, description="how many values a spectrum has, 1 to 65536", examples=[2048])]
Word = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z][a-z0-9_]{0,31}:(u8|[ui](16|32)[bl]e|f32[bl]e)\Z",
        description='a header word as "name:type", the type one of u8, u16be, u16le, u32be, u32le, i16be, …, f32le',
        examples=["integration_ms:u16be"],
    ),
]
Byte = Annotated[int, Meta(ge=0, le=255, description="a byte, 0 to 255", examples=[0x31])]
Keyword = Annotated[
    str,
    Meta(pattern=r"\A[\x21-\x7E][\x20-\x7E]{0,63}\Z", description="what a line begins with, 1 to 64 printable ASCII characters"),
]


class HeaderWord(NamedTuple):
    """One number between ``sync`` and the values."""

    name: str
    dtype: str


class Checksum(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The checksum of a frame, and which bytes it covers."""

    kind: OneOf["none", "sum8", "sum16be", "sum16le", "values", "xor8", "crc8", "md5"] = "none"
    """Sums are of bytes, overflow ignored; ``values`` is the sum of the values, sent in a line of text; ``crc8`` is not
    reflected and its result is not XORed."""
    over: OneOf["payload", "frame"] = "payload"
    """The values alone, or everything from ``sync`` to the last value."""
    poly: Byte = 0x31
    """Polynomial of ``crc8`` without its highest term."""
    init: Byte = 0xFF
    """Register of ``crc8`` before the first byte."""

    @property
    def size(self) -> int:
        """Bytes on the wire where it is sent in binary."""
        return {"none": 0, "sum16be": 2, "sum16le": 2, "md5": 16}.get(self.kind, 1)


class FrameBase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode"):
    """Keys of every mode: what the device sends before the values."""

    ack: Literal = ""
    """Its answer to a request it accepts, before anything else; "" is none."""
    nak: Literal = ""
    """Its answer to a request it refuses; "" is none."""
    busy: Literal = ""
    """Its answer while it cannot measure; "" is none."""
    ready: Literal = ""
    """What it sends when the integration ends and the values follow; "" is nothing."""
    echo: bool = False
    """Whether it echoes the request before it answers."""
    invert_from: Annotated[int, Meta(ge=1, le=2**32 - 1, description="full scale of a detector whose values fall with light")] | None = None
    """Counts are this minus the value; None where values rise with light."""

    @property
    def answers(self) -> dict[str, bytes]:
        """Those of ``ack``, ``nak``, ``busy`` and ``ready`` that the device has, as bytes."""
        texts = {"ack": self.ack, "nak": self.nak, "busy": self.busy, "ready": self.ready}
        return {name: literal(text) for name, text in texts.items() if text}


class FixedFrame(FrameBase, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fixed"):
    """``sync``, header words, values, checksum, ``trailer``: always the same number of bytes."""

    count: Count
    """Values of a spectrum."""
    dtype: Dtype
    """How each is sent."""
    sync: Literal = ""
    """First bytes of a frame; "" is none, and then only silence separates garbage from the next frame."""
    header: tuple[Word, ...] = ()
    """Numbers between ``sync`` and the values, in order."""
    trailer: Literal = ""
    """Last bytes of a frame, after the checksum."""
    checksum: Checksum = Checksum()

    @property
    def words(self) -> tuple[HeaderWord, ...]:
        """The header words, parsed."""
        return tuple(HeaderWord(*word.split(":")) for word in self.header)

    @property
    def size(self) -> int:
        """Bytes from the first of ``sync`` to the last of ``trailer``."""
        header = sum(size_of(word.dtype) for word in self.words)
        ends = len(literal(self.sync)) + len(literal(self.trailer))
        return ends + header + self.count * size_of(self.dtype) + self.checksum.size


class DelimitedFrame(FrameBase, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="delimited"):
    """Lines ``KEYWORD value``, one of which (``start``) says how many values follow it; ``end`` closes the frame."""

    count: Count
    """Values of a spectrum; the line ``start`` must announce the same number."""
    dtype: Dtype
    """How each is sent; with ``text``, the form that the checksum covers."""
    text: bool = False
    """Whether each is sent as a line with a decimal number, and not in binary."""
    start: Keyword
    """Beginning of the line after which the values come, such as ``BINARY16``; the rest of the line is how many."""
    end: Keyword
    """The line after the values."""
    header: dict[str, Keyword] = {}
    """Name → beginning of the line that holds the number, such as ``counter = "FRAME COUNTER"``; in any order, all optional."""
    checksum: Checksum = Checksum()
    """It always covers the payload."""
    checksum_line: Keyword | None = None
    """Beginning of the line that holds the checksum, in decimal, or in hexadecimal after 0x; a frame without that line is not
    checked. None is no checksum."""


class LinesFrame(FrameBase, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="lines"):
    """Decimal numbers as text; lines end with LF, CR or both; blank lines are skipped."""

    count: Count | None = None
    """Values of a spectrum; None is as many as the first complete one has."""
    layout: OneOf["row", "column", "pairs"] = "row"
    """A spectrum a line, a value a line, or a value a line behind its place on the axis (a pixel, nm). The axis must rise or fall
    throughout: it reveals a missing line and is not used further."""
    separator: OneOf[",", ";", "tab", "space"] = ","
    """Between the numbers of a line; one at the end of the line adds no value."""
    comment: Keyword | None = None
    """Beginning of lines to skip; None is none."""
    error: Keyword | None = None
    """Beginning of lines that report an error instead of a spectrum; None is none."""
    end: Literal = ""
    """What follows the last value of a ``column`` or of ``pairs``; "" is nothing: the count ends the spectrum."""


class NamedFrame(FrameBase, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="codec"):
    """A protocol that the codec of this name implements."""

    name: OneOf["ooi", "obp", "delta8"]
    """Ocean's ASCII/binary set, Ocean Binary Protocol, or one-byte differences."""
    count: Count
    """Values of a spectrum, without skipped ones."""
    header: tuple[Word, ...] = ()
    """``ooi``: the words between FFFF and the values, whose meaning differs between models; ``size_flag`` 1 makes values DWORDs."""
    text: bool = False
    """``ooi``: whether ``aA`` was sent, so that words are decimal numbers followed by CR or LF."""
    compressed: bool = False
    """``ooi``: whether ``G 1`` was sent, so that values are differences."""
    checksum: bool = False
    """``ooi``: whether ``k`` was sent, so that the sum of the points follows FFFD; ``obp``: whether frames carry their MD5."""
    skip: Annotated[int, Meta(ge=0, le=64, description="how many values come before the spectrum, 0 to 64", examples=[1])] = 0
    """``delta8``: values before the first pixel, to drop."""

    @property
    def words(self) -> tuple[HeaderWord, ...]:
        """The header words, parsed."""
        return tuple(HeaderWord(*word.split(":")) for word in self.header)


Frame = FixedFrame | DelimitedFrame | LinesFrame | NamedFrame
"""How one spectrum comes back."""
