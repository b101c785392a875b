"""Recordings of exposures: written during a measurement, and replayed like one, as lines of JSON."""

from __future__ import annotations

import math
import os
import zlib
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from raman_edge import atomic_write
from raman_edge.errors import ConfigError, FormatError, OutputError
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.spectrometer import Exposure, InstrumentInfo, LinkStatus
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from raman_edge.instruments.codecs.stream import Counts
    from raman_edge.instruments.spectrometer import Spectrometer

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


class Recorder:
    """A spectrometer, and a file in which everything it gives lies before anybody else has it.

    Every line is written at once, and safe on the disk at the end; a run that is killed leaves a recording that ends
    earlier. A file that exists is never written to. Raises :class:`ConfigError` for a place that cannot be written on opening,
    and :class:`OutputError` where it no longer can be.
    """

    def __init__(self, spectrometer: Spectrometer, path: str | os.PathLike[str], plan: PlanLine | None = None) -> None:
        self._spectrometer, self._path, self._plan = spectrometer, Path(path), plan or PlanLine()
        self._file = -1
        self._known: InstrumentInfo | None = None
        self._is_dark = False

    def __enter__(self) -> Self:
        try:
            atomic_write.require_name(self._path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._file = os.open(atomic_write.system_path(self._path), flags, 0o666)
        except OSError as error:
            msg = f"the recording cannot be written to {str(self._path)!r}: {error.strerror}; name a new file"
            raise ConfigError(msg) from error
        with ExitStack() as opening:
            opening.callback(self._abandon)
            opening.enter_context(self._spectrometer)
            status = self._spectrometer.status
            self._write(RecordingHeader(port=status.port, profile=status.profile, plan=self._plan))
            opening.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._spectrometer.__exit__(*exc)
        finally:
            os.fsync(self._file)
            os.close(self._file)

    @property
    def status(self) -> LinkStatus:
        """State, settings and counters of the link."""
        return self._spectrometer.status

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Facts of the instrument."""
        return self._spectrometer.instrument

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again."""
        return self._spectrometer.ended

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s."""
        self._spectrometer.set_exposure(seconds)

    def light(self, *, on: bool) -> bool:
        """Let the sample's light in, or keep it out; what follows is recorded as dark, even where a person must block the beam."""
        self._is_dark = not on
        return self._spectrometer.light(on=on)

    def rest(self, seconds: float = math.inf) -> bool:
        """Take the light away for a wait of so many seconds."""
        return self._spectrometer.rest(seconds)

    def make_safe(self, note: Callable[[str], None] | None = None, *, hurry: bool = False) -> str:
        """Stop exposing and switch the laser off for good; return why it may still be on."""
        return self._spectrometer.make_safe(note, hurry=hurry)

    def expose(self) -> Exposure | Fault | None:
        """Return the next result of the spectrometer, after recording it."""
        got = self._spectrometer.expose()
        if isinstance(got, Fault):
            self._write(broken(got))
        elif got is not None:
            if got.instrument != self._known:
                self._write(InstrumentLine(instrument=got.instrument))
                self._known = got.instrument
            self._write(shot(replace(got, dark=got.dark or self._is_dark)))
        return got

    def _abandon(self) -> None:
        os.close(self._file)
        atomic_write.system_path(self._path).unlink(missing_ok=True)

    def _write(self, entry: Entry) -> None:
        rest = encode(entry)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            msg = f"the recording {str(self._path)!r} cannot be written: {error.strerror}; what it has up to here can be read"
            raise OutputError(msg) from error


def entries(lines: Iterable[bytes], note: Callable[[str], None] = lambda _: None) -> Iterator[RecordingHeader | Exposure | Fault]:
    """Read the lines of a recording: first how it began, then everything in its order.

    A last line that is torn, as a run that was killed leaves it, is left out and reported to ``note``.
    Raises :class:`FormatError` with the line's number for any other that is damaged.
    """
    instrument: InstrumentInfo | None = None
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n") and len(line) <= MOST_LINE:
            note(f"line {number} is torn ({len(line)} bytes without an end): the recording was cut short there, and is read up to it")
            return
        entry = decode(line, number)
        if isinstance(entry, RecordingHeader) != (number == 1):
            what = "begins anew" if number > 1 else "does not begin with the line of a recording"
            msg = f"line {number}: the recording {what}; expected the line that begins it once, and first: was it cut or joined?"
            raise FormatError(msg)
        if isinstance(entry, InstrumentLine):
            instrument = entry.instrument
        elif isinstance(entry, ExposureLine):
            if instrument is None:
                msg = f"line {number}: an exposure before the facts of the instrument: are lines missing?"
                raise FormatError(msg)
            yield exposure(entry, instrument, number)
        else:
            yield fault(entry) if isinstance(entry, FaultLine) else entry
