"""One small wire of every codec, for the tests that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.instruments.codecs.checksums import Check, Crc
from raman_edge.instruments.codecs.delimited import Delimited, Keywords
from raman_edge.instruments.codecs.delta8 import Delta8
from raman_edge.instruments.codecs.fixed import Fixed, Layout
from raman_edge.instruments.codecs.lines import Grammar, Lines
from raman_edge.instruments.codecs.obp import Obp, Spectra
from raman_edge.instruments.codecs.ooi import FLAME, SAD500, Ooi, Setup
from raman_edge.instruments.codecs.ooi_text import OoiText
from raman_edge.instruments.codecs.words import Scale, Words

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from raman_edge.instruments.codecs.events import Event
    from raman_edge.instruments.codecs.stream import Stream

PIXELS = 24
U16 = Words("u16be")
TEENSY = Keywords("BINARY16", "END DATA", {"counter": "FRAME COUNTER", "exposure": "FRAME EXPOSURE"}, "CRC")
TEENSY_TEXT = Keywords("DATA", "END DATA", TEENSY.header, "SUM", text=True)
CRC8 = Check("crc8", crc=Crc(8, 0x31, 0xFF))
CRC16 = Check("crc16", "big", Crc(16, 0x1021, 0xFFFF))


@dataclass(frozen=True)
class Wire:
    """A codec, what it can carry and what it can notice."""

    name: str
    make: Callable[[], Stream]
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


def framed(check: Check, *, whole: bool) -> Stream:
    """Return a codec of frames with everything that a frame can have."""
    layout = Layout(PIXELS, U16, b"\xaa\x55", (("counter", Words("u8")), ("volts", Words("f32le"))), check, whole, b"\r\n")
    return Fixed(layout)


WIRES = (
    Wire("ooi", lambda: Ooi(Setup(PIXELS)), fields={"scans": 1, "integration_ms": 100}),
    Wire("ooi-checksum", lambda: Ooi(Setup(PIXELS, SAD500, checksum=True)), proven=True, fields={"scan_number": 6}),
    Wire("ooi-compressed", lambda: Ooi(Setup(PIXELS, FLAME, compressed=True)), fields={"scans": 1}),
    Wire("ooi-compressed-checksum", lambda: Ooi(Setup(PIXELS, FLAME, compressed=True, checksum=True)), proven=True),
    Wire("ooi-double", lambda: Ooi(Setup(PIXELS)), 10**6, fields={"size_flag": 1, "scans": 99}),
    Wire("ooi-text", lambda: OoiText(Setup(PIXELS)), fields={"scans": 1, "integration_ms": 100}),
    Wire("ooi-text-checksum", lambda: OoiText(Setup(PIXELS, SAD500, checksum=True)), proven=True, fields={"scan_number": 6}),
    Wire("ooi-text-double", lambda: OoiText(Setup(PIXELS)), 10**6, fields={"size_flag": 1, "scans": 99}),
    Wire("obp", lambda: Obp(Spectra(PIXELS)), fields={"regarding": 7}),
    Wire("obp-md5", lambda: Obp(Spectra(PIXELS, Words("u32le"), leading=32, md5=True)), 2**18 - 1, proven=True),
    Wire("delta8", lambda: Delta8(PIXELS), synced=False),
    Wire("delta8-sync", lambda: Delta8(PIXELS, sync=b"ACK\r\n", leading=0, first_raw=True)),
    Wire("fixed-inverted", lambda: Fixed(Layout(PIXELS, Words("u16le")), Scale(4095)), 4095, synced=False),
    Wire("fixed-sum8", lambda: framed(Check("sum8"), whole=True), proven=True, fields={"counter": 3}),
    Wire("fixed-xor8", lambda: framed(Check("xor8"), whole=True), proven=True),
    Wire("fixed-crc8", lambda: framed(CRC8, whole=False), proven=True),
    Wire("fixed-crc16", lambda: framed(CRC16, whole=True), proven=True, fields={"counter": 255}),
    Wire("fixed-md5", lambda: framed(Check("md5"), whole=True), proven=True),
    Wire("delimited", lambda: Delimited(PIXELS, Words("u16le"), TEENSY, CRC8), proven=True, fields={"counter": 12, "exposure": "0.05"}),
    Wire("delimited-text", lambda: Delimited(PIXELS, Words("u16le"), TEENSY_TEXT, Check("values")), proven=True, fields={"counter": 3}),
    # A changed digit changes both bytes of a word, which a code of eight bits misses once in 256 times.
    Wire("delimited-text-crc", lambda: Delimited(PIXELS, Words("u16be"), replace(TEENSY_TEXT, check="CRC"), CRC8)),
    Wire("lines-row", lambda: Lines(Grammar(PIXELS, error=b"###")), 1023),
    Wire("lines-space", lambda: Lines(Grammar(PIXELS, separator=b" ", comment=b"#")), 10**6),
    Wire("lines-column", lambda: Lines(Grammar(PIXELS, "column")), synced=False),
    Wire("lines-column-end", lambda: Lines(Grammar(PIXELS, "column", end=b"\0"))),
    Wire("lines-pairs", lambda: Lines(Grammar(PIXELS, "pairs", b"\t"))),
)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return the bytes cut at these places."""
    edges = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def told(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Return events as what can be compared."""
    return [
        (type(event).__name__, *(tuple(map(str, value)) if isinstance(value, np.ndarray) else str(value) for value in _values(event)))
        for event in events
    ]


def _values(event: Event) -> list[object]:
    return [getattr(event, name) for name in event.__slots__]
