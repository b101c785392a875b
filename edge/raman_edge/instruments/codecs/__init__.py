"""Codecs without I/O: bytes in, frames, replies or faults out, however the bytes were cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.delta8 import Delta8
from raman_edge.instruments.codecs.framed import DelimitedCodec, FixedCodec, FrameLayout, Keywords
from raman_edge.instruments.codecs.lines import Grammar, LinesCodec
from raman_edge.instruments.codecs.obp import Obp, Spectra
from raman_edge.instruments.codecs.ooi import Ooi, OoiSettings, OoiText
from raman_edge.instruments.codecs.stream import Codec, Event, RawFrame, Reply, WireFault
from raman_edge.instruments.codecs.words import CountScale, Crc, FrameChecksum, WordFormat
from raman_edge.instruments.profiles import frame as facts
from raman_edge.instruments.profiles.fields import literal

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.frame import Frame

__all__ = ["Codec", "Event", "RawFrame", "Reply", "WireFault", "of"]

_SEPARATORS = {"tab": b"\t", "space": b" "}


def of(frame: Frame, pixels: int | None = None, *, streaming: bool = False) -> Codec:
    """Return the codec of a profile's frame.

    ``pixels`` is for lines whose number of values the frame leaves open; ``streaming`` says that the
    device sends without a request, so that the first line may be the rest of one. Raises
    :class:`ConfigError` where the frame contradicts its protocol.
    """
    scale = CountScale(frame.invert_from)
    match frame:
        case facts.FixedFrame():
            return FixedCodec(_layout(frame), scale)
        case facts.DelimitedFrame():
            keywords = Keywords(frame.start, frame.end, frame.header, frame.checksum_line or "", frame.text)
            return DelimitedCodec(frame.count, WordFormat(frame.dtype), keywords, check(frame.checksum), scale)
        case facts.LinesFrame():
            return LinesCodec(_grammar(frame, pixels, streaming=streaming), scale)
        case facts.NamedFrame():
            return _named(frame, scale)


def check(checksum: facts.Checksum) -> FrameChecksum | None:
    """Return the checksum that a profile names."""
    if checksum.kind == "none":
        return None
    if checksum.kind == "crc8":
        return FrameChecksum("crc8", crc=Crc(8, checksum.poly, checksum.init))
    kind = cast('Literal["sum8", "sum16", "values", "xor8", "md5"]', checksum.kind.removesuffix("be").removesuffix("le"))
    return FrameChecksum(kind, "big" if checksum.kind.endswith("be") else "little")


def _layout(frame: facts.FixedFrame) -> FrameLayout:
    return FrameLayout(
        frame.count,
        WordFormat(frame.dtype),
        literal(frame.sync),
        tuple((word.name, WordFormat(word.dtype)) for word in frame.words),
        check(frame.checksum),
        frame.checksum.over == "frame",
        literal(frame.trailer),
    )


def _grammar(frame: facts.LinesFrame, pixels: int | None, *, streaming: bool) -> Grammar:
    separator = _SEPARATORS.get(frame.separator, frame.separator.encode())
    comment, error = (frame.comment or "").encode(), (frame.error or "").encode()
    return Grammar(frame.count or pixels, frame.layout, separator, comment, error, literal(frame.end), streaming)


def _named(frame: facts.NamedFrame, scale: CountScale) -> Codec:
    if frame.name == "ooi":
        if odd := next((word for word in frame.words if word.dtype != "u16be"), None):
            msg = f"the header word {odd.name} of an ooi frame is {odd.dtype}; expected u16be, as all of them are"
            raise ConfigError(msg)
        setup = OoiSettings(frame.count, tuple(word.name for word in frame.words), frame.compressed, frame.checksum)
        return OoiText(setup) if frame.text else Ooi(setup)
    if frame.name == "obp":
        return Obp(Spectra(frame.count, md5=frame.checksum), scale)
    return Delta8(frame.count, leading=frame.skip, scale=scale)
