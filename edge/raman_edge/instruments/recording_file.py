"""A recording's lines: what an instrument is, an exposure, a fault, each with a checksum; bytes in, values out, no I/O.

A recording is text: one JSON object a line, ``{"crc": "0a1b2c3d", "line": {…}}``, where ``crc`` is the CRC-32 of the bytes
of ``line`` as they stand there, in eight hexadecimal digits. ``line.is`` says what it is:

``recording``   the first line: ``version`` 1, the ``port`` and the ``profile`` it was made with, and the ``plan``: what decided
                which exposures made a spectrum
``instrument``  what is known of the instrument from here on (:class:`raman_edge.instruments.spectrometer.InstrumentInfo`)
``exposure``    ``taken_at``, ``exposure_s``, ``averages``, ``dark``, the frame's ``fields``, ``type`` and ``counts``:
                base64 of zlib of little-endian numbers of that type (``<u2``, ``<i4``, ``<i8`` or ``<f8``)
``fault``       what came instead of an exposure, with its origin
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from raman_edge.errors import FormatError
from raman_edge.instruments.codecs.events import RawFrame
from raman_edge.instruments.spectrometer import Exposure, InstrumentInfo
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from raman_edge.instruments.codecs.events import Counts

MOST_LINE = 4 << 20
"""Most bytes of a line; 65536 counts that do not compress take 700 kB."""
MOST_AVERAGES = 10_000
LEAST_PIXELS, MOST_PIXELS = 2, 1 << 16
LEVEL = 1
"""Of zlib: a higher level does not compress noise better."""
_KINDS: tuple[Literal["<u2", "<i4", "<i8"], ...] = ("<u2", "<i4", "<i8")


class PlanLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options that decide which exposures make a spectrum, so that a replay makes the same ones."""

    averages: Annotated[int, msgspec.Meta(ge=1, le=MOST_AVERAGES)] = 1
    auto_exposure: bool = False
    longest_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None
    """Longest automatic exposure, s; None is the default."""
    gate: bool = False
    """Whether only a steady sample was measured."""
    dark: Literal["none", "take", "auto"] = "none"
    """When a dark was taken automatically; its exposures are in the recording."""
    laser_nm: Annotated[float, msgspec.Meta(ge=150, le=2000)] | None = None
    """Excitation instead of the instrument's own, nm."""


class RecordingHeader(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="recording", forbid_unknown_fields=True):
    """The first line."""

    version: Literal[1] = 1
    port: str
    """As the user gave it; data."""
    profile: str
    plan: PlanLine = PlanLine()


class InstrumentLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="instrument", forbid_unknown_fields=True):
    """The facts of the instrument from here on."""

    instrument: InstrumentInfo


class ExposureLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="exposure", forbid_unknown_fields=True):
    """One exposure as it was measured."""

    taken_at: datetime
    exposure_s: float | None = None
    averages: int = 1
    dark: bool = False
    fields: dict[str, int | str] = {}
    type: Literal["<u2", "<i4", "<i8", "<f8"]
    counts: bytes


class FaultLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="is", tag="fault", forbid_unknown_fields=True):
    """A fault instead of an exposure."""

    kind: str
    path: str
    sha256: str | None = None
    index: int = 0
    why: str


Entry = RecordingHeader | InstrumentLine | ExposureLine | FaultLine


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    crc: str
    line: msgspec.Raw


def encode(entry: Entry) -> bytes:
    """Return an entry as a line, with its newline."""
    inner = msgspec.json.encode(entry)
    return b'{"crc":"%08x","line":%s}\n' % (zlib.crc32(inner), inner)


def decode(line: bytes, number: int) -> Entry:
    """Parse line ``number``, from 1; raises :class:`FormatError` where it is damaged, or not of a recording."""
    if len(line) > MOST_LINE:
        msg = f"line {number}: {len(line)} bytes; expected at most {MOST_LINE}: it is no recording of a spectrometer"
        raise FormatError(msg)
    try:
        outer = msgspec.json.decode(line, type=_Line)
        inner = bytes(outer.line)
        if outer.crc != f"{zlib.crc32(inner):08x}":
            msg = f"line {number}: its checksum is {zlib.crc32(inner):08x}, {outer.crc[:16]!r} was written: the file is damaged"
            raise FormatError(msg)
        entry: Entry = msgspec.json.decode(inner, type=Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        msg = f"line {number}: no line of a recording of version 1 ({error}): is the file damaged, or of a newer version?"
        raise FormatError(msg) from error
    return entry


def shot(exposure: Exposure) -> ExposureLine:
    """Return an exposure as an entry."""
    counts = exposure.frame.counts
    kind = _narrowest(counts)
    return ExposureLine(
        taken_at=exposure.taken_at.astimezone(UTC),
        exposure_s=exposure.exposure_s,
        averages=exposure.averages,
        dark=exposure.dark,
        fields=dict(exposure.frame.fields),
        type=kind,
        counts=zlib.compress(counts.astype(kind).tobytes(), LEVEL),
    )


def exposure(entry: ExposureLine, instrument: InstrumentInfo, number: int) -> Exposure:
    """Return the exposure of line ``number``; raises :class:`FormatError` where it is impossible."""
    if entry.taken_at.tzinfo is None or entry.averages < 1 or (entry.exposure_s is not None and not 0 < entry.exposure_s < np.inf):
        msg = f"line {number}: an exposure of {entry.exposure_s} s, {entry.averages} times, at {entry.taken_at}: no instrument measures so"
        raise FormatError(msg)
    frame = RawFrame(_counts(entry, number), entry.fields)
    return Exposure(frame, instrument, entry.taken_at, entry.exposure_s, entry.averages, entry.dark)


def broken(fault: Fault) -> FaultLine:
    """Return a fault as an entry."""
    origin = fault.origin
    return FaultLine(kind=origin.kind, path=origin.path, sha256=origin.sha256, index=origin.index, why=fault.why)


def fault(entry: FaultLine) -> Fault:
    """Return the fault of an entry."""
    return Fault(Origin(entry.kind, entry.path, entry.sha256, entry.index), entry.why)


def _narrowest(counts: Counts) -> Literal["<u2", "<i4", "<i8", "<f8"]:
    """Return the smallest type that holds the counts exactly."""
    if counts.dtype.kind == "f":
        return "<f8"
    low, high = (int(counts.min()), int(counts.max())) if counts.size else (0, 0)
    return next(kind for kind in _KINDS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)


def _counts(entry: ExposureLine, number: int) -> Counts:
    kind = np.dtype(entry.type)
    most = MOST_PIXELS * kind.itemsize
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(entry.counts, most + 1)
    except zlib.error as error:
        msg = f"line {number}: the counts cannot be unpacked ({error}): the file is damaged"
        raise FormatError(msg) from error
    whole, rest = divmod(len(data), kind.itemsize)
    if not unpacking.eof or rest or not LEAST_PIXELS <= whole <= MOST_PIXELS:
        msg = f"line {number}: {len(data)} bytes of counts, {kind.itemsize} each; expected {LEAST_PIXELS} to {MOST_PIXELS} whole ones"
        raise FormatError(msg)
    values = np.frombuffer(data, dtype=kind)
    if kind.kind == "f" and not np.isfinite(values).all():
        msg = f"line {number}: counts that are not finite: no detector counts so"
        raise FormatError(msg)
    return values.astype(np.float64) if kind.kind == "f" else values.astype(np.int64)
