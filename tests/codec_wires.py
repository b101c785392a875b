"""One small wire of every codec, for the tests that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.instruments.codecs.delta8 import Delta8
from raman_edge.instruments.codecs.framed import DelimitedCodec, FixedCodec, FrameLayout, Keywords
from raman_edge.instruments.codecs.lines import Grammar, LinesCodec
from raman_edge.instruments.codecs.obp import Obp, Spectra
from raman_edge.instruments.codecs.ooi import FLAME, SAD500, Ooi, OoiSettings, OoiText
from raman_edge.instruments.codecs.words import CountScale, Crc, FrameChecksum, WordFormat

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from raman_edge.instruments.codecs.stream import CodecStream, Event

PIXELS = 24
U16 = WordFormat("u16be")
TEENSY = Keywords("BINARY16", "END DATA", {"counter": "FRAME COUNTER", "exposure": "FRAME EXPOSURE"}, "CRC")
TEENSY_TEXT = Keywords("DATA", "END DATA", TEENSY.header, "SUM", text=True)
CRC8 = FrameChecksum("crc8", crc=Crc(8, 0x31, 0xFF))
CRC16 = FrameChecksum("crc16", "big", Crc(16, 0x1021, 0xFFFF))


@dataclass(frozen=True)
class Wire:
    """A codec, what it can carry and what it can notice."""

    name: str
    make: Callable[[], CodecStream]
    """A codec that has seen nothing yet."""
    top: int = 65_535
    """Highest count it can carry."""
    proven: bool = False
    """Whether a change of one byte anywhere in a frame is noticed, or changes no count."""
    synced: bool = True
    """Whether a frame is found behind garbage; else only behind a silence."""
    fields: Mapping[str, int | str] = field(default_factory=dict)

    def counts(self, rng: random.Random) -> NDArray[np.int64]:
        """Return counts with steps large and small, (24,)."""
        level, step = rng.randrange(self.top + 1), rng.choice([3, 100, self.top])
        steps = np.frombuffer(rng.randbytes(4 * PIXELS), np.int32) % (2 * step + 1) - step
        walk = level + np.cumsum(steps, dtype=np.int64)
        return np.clip(walk, 0, self.top).astype(np.int64)


def framed(check: FrameChecksum, *, whole: bool) -> CodecStream:
    """Return a codec of frames with everything that a frame can have."""
    layout = FrameLayout(PIXELS, U16, b"\xaa\x55", (("counter", WordFormat("u8")), ("volts", WordFormat("f32le"))), check, whole, b"\r\n")
    return FixedCodec(layout)


WIRES = (
    Wire("ooi", lambda: Ooi(OoiSettings(PIXELS)), fields={"scans": 1, "integration_ms": 100}),
    Wire("ooi-checksum", lambda: Ooi(OoiSettings(PIXELS, SAD500, checksum=True)), proven=True, fields={"scan_number": 6}),
    Wire("ooi-compressed", lambda: Ooi(OoiSettings(PIXELS, FLAME, compressed=True)), fields={"scans": 1}),
    Wire("ooi-compressed-checksum", lambda: Ooi(OoiSettings(PIXELS, FLAME, compressed=True, checksum=True)), proven=True),
    Wire("ooi-double", lambda: Ooi(OoiSettings(PIXELS)), 10**6, fields={"size_flag": 1, "scans": 99}),
    Wire("ooi-text", lambda: OoiText(OoiSettings(PIXELS)), fields={"scans": 1, "integration_ms": 100}),
    Wire("ooi-text-checksum", lambda: OoiText(OoiSettings(PIXELS, SAD500, checksum=True)), proven=True, fields={"scan_number": 6}),
    Wire("ooi-text-double", lambda: OoiText(OoiSettings(PIXELS)), 10**6, fields={"size_flag": 1, "scans": 99}),
    Wire("obp", lambda: Obp(Spectra(PIXELS)), fields={"regarding": 7}),
    Wire("obp-md5", lambda: Obp(Spectra(PIXELS, WordFormat("u32le"), leading=32, md5=True)), 2**18 - 1, proven=True),
    Wire("delta8", lambda: Delta8(PIXELS), synced=False),
    Wire("delta8-sync", lambda: Delta8(PIXELS, sync=b"ACK\r\n", leading=0, first_raw=True)),
    Wire("fixed-inverted", lambda: FixedCodec(FrameLayout(PIXELS, WordFormat("u16le")), CountScale(4095)), 4095, synced=False),
    Wire("fixed-sum8", lambda: framed(FrameChecksum("sum8"), whole=True), proven=True, fields={"counter": 3}),
    Wire("fixed-xor8", lambda: framed(FrameChecksum("xor8"), whole=True), proven=True),
    Wire("fixed-crc8", lambda: framed(CRC8, whole=False), proven=True),
    Wire("fixed-crc16", lambda: framed(CRC16, whole=True), proven=True, fields={"counter": 255}),
    Wire("fixed-md5", lambda: framed(FrameChecksum("md5"), whole=True), proven=True),
    Wire(
        "delimited",
        lambda: DelimitedCodec(PIXELS, WordFormat("u16le"), TEENSY, CRC8),
        proven=True,
        fields={"counter": 12, "exposure": "0.05"},
    ),
    Wire(
        "delimited-text",
        lambda: DelimitedCodec(PIXELS, WordFormat("u16le"), TEENSY_TEXT, FrameChecksum("values")),
        proven=True,
        fields={"counter": 3},
    ),
    # A changed digit changes both bytes of a word, which a code of eight bits misses once in 256 times.
    Wire("delimited-text-crc", lambda: DelimitedCodec(PIXELS, WordFormat("u16be"), replace(TEENSY_TEXT, check="CRC"), CRC8)),
    Wire("lines-row", lambda: LinesCodec(Grammar(PIXELS, error=b"###")), 1023),
    Wire("lines-space", lambda: LinesCodec(Grammar(PIXELS, separator=b" ", comment=b"#")), 10**6),
    Wire("lines-column", lambda: LinesCodec(Grammar(PIXELS, "column")), synced=False),
    Wire("lines-column-end", lambda: LinesCodec(Grammar(PIXELS, "column", end=b"\0"))),
    Wire("lines-pairs", lambda: LinesCodec(Grammar(PIXELS, "pairs", b"\t"))),
)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return the bytes cut at these places."""
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def comparable(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Return events as what can be compared."""
    return [
        (type(event).__name__, *(tuple(map(str, value)) if isinstance(value, np.ndarray) else str(value) for value in _values(event)))
        for event in events
    ]


def _values(event: Event) -> list[object]:
    return [getattr(event, name) for name in event.__slots__]
