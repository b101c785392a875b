"""The events of codecs, and the loop that all codecs share: keep what may become a frame, drop and count what cannot.

A codec looks at the kept bytes and returns :class:`Consumed` (so many bytes were an event), :class:`Discarded`
(so many bytes begin no frame) or None (more bytes are needed). The result must not depend on how many more bytes
follow; then the events do not depend on how the stream is cut.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Counts: TypeAlias = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class RawFrame:
    """One exposure as the device sent it: unchanged, but for what the codec is configured to do (inversion)."""

    counts: Counts
    """(n,), read-only, finite; integers where the device sends integers."""
    fields: Mapping[str, int | str] = field(default_factory=dict)
    """Values of the frame's header, by the names of the profile."""
    at: int = 0
    """Byte of the stream at which the frame begins."""
    length: int = 0
    """Bytes of the frame on the wire."""

    def __post_init__(self) -> None:
        self.counts.setflags(write=False)
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no frame: an acknowledgement, a refusal, a value, an echo."""

    name: str
    """``ack``, ``nak``, ``failed``, ``error``, ``message``, ``text`` or ``partial``."""
    data: bytes = b""
    """Bytes of the device; data, to be escaped before they are shown."""
    fields: Mapping[str, int | str] = field(default_factory=dict, hash=False)
    at: int = 0
    """Byte of the stream at which the answer begins."""


@dataclass(frozen=True, slots=True)
class WireFault:
    """Bytes that were neither frame nor reply; the stream goes on."""

    why: str
    """One line with what was got and what was expected."""
    dropped: int
    """Bytes that were dropped, at least 1."""
    at: int
    """Byte of the stream at which the dropped bytes begin."""


Event: TypeAlias = RawFrame | Reply | WireFault


class Codec(Protocol):
    """Bytes in, events out: no I/O, no clock, and never an exception, whatever the bytes are."""

    limit: int
    """Most bytes that are kept between two calls."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes of the stream and return the events that they complete, however the stream is cut."""
        ...

    def silence(self) -> Iterator[Event]:
        """End a pause that is longer than any inside a frame: incomplete bytes are dropped and counted."""
        ...

    def reset(self) -> None:
        """Begin a new stream at byte 0, as after the port was opened."""
        ...

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes with which a device sends these counts; raises :class:`SpectrumError` where they do not fit."""
        ...


RUN = 65_536
"""Most bytes without a frame in one fault."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """The first ``count`` kept bytes are used; they were ``event``, or a separator of two events."""

    count: int
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Discarded:
    """The first ``count`` kept bytes, at least 1, begin no frame."""

    count: int
    why: str
    is_fault: bool = True
    """Whether this is a fault by itself; False for bytes between frames, which are one fault together when the next frame begins."""


def may_begin(sync: bytes, data: bytearray, start: int, end: int) -> int:
    """Return the first place in ``data[start:end]`` where ``sync`` stands, or begins to stand at the very end; ``end`` where nowhere."""
    found = data.find(sync, start, end)
    if found >= 0:
        return found
    tails = range(max(start, end - len(sync) + 1), end)
    return next((place for place in tails if sync.startswith(data[place:end])), end)


class CodecStream(ABC):
    """The kept bytes, their place in the stream, and resynchronisation after bytes that were no frame."""

    def __init__(self, limit: int, sync: bytes = b"") -> None:
        self.limit = limit
        """Most bytes that are kept: those of the longest frame."""
        self.sync = sync
        """First bytes of every frame; empty where only silence separates garbage from a frame."""
        self.reset()

    def reset(self) -> None:
        """Begin a new stream at byte 0, as after the port was opened."""
        self._kept = bytearray()
        self._at = 0
        self._searching = False
        self._between = 0
        self._why = ""
        self._moved()

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next bytes of the stream and return the events that they complete, however the stream is cut."""
        events: list[Event] = []
        rest = memoryview(data)
        while rest:
            room = self.limit - len(self._kept)
            self._kept += rest[:room]
            rest = rest[room:]
            self._drain(events)
            while len(self._kept) >= self.limit:
                self._give_up(events, f"no whole frame in {self.limit} bytes, the longest there is")
                self._drain(events)
        return iter(events)

    def silence(self) -> Iterator[Event]:
        """End a pause that is longer than any inside a frame: incomplete bytes are dropped and counted."""
        events: list[Event] = []
        while self._kept:
            self._give_up(events, f"the line went quiet after {len(self._kept)} bytes, before the frame was whole")
            self._drain(events)
        self._report_between(events)
        self._searching = False
        return iter(events)

    @abstractmethod
    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes with which a device sends these counts; raises :class:`SpectrumError` where they do not fit."""

    @abstractmethod
    def _next(self) -> Consumed | Discarded | None:
        """Return what the kept bytes, at least one, begin with; None where more are needed."""

    def _moved(self) -> None:  # noqa: B027 - most codecs keep no state about them
        """Reset state about the kept bytes: other bytes are first now."""

    def _ahead(self, end: int) -> int:
        """Return the next place after the first kept byte where a frame may begin, at most ``end``."""
        return may_begin(self.sync, self._kept, 1, end) if self.sync else end

    def _bad(self, length: int, why: str) -> Discarded:
        """Discard a broken frame of that length, up to where another frame may begin inside of it."""
        return Discarded(self._ahead(length), why)

    def _seek(self) -> Discarded | None:
        """Discard the bytes before the next place where a frame may begin."""
        end = len(self._kept)
        place = may_begin(self.sync, self._kept, 0, end) if self.sync else end * self._searching
        return Discarded(place, "bytes between frames", is_fault=False) if place else None

    def _drain(self, events: list[Event]) -> None:
        while self._kept and (step := self._next()) is not None:
            if isinstance(step, Discarded):
                self._lose(events, step)
                continue
            self._report_between(events)
            if step.event is not None:
                events.append(step.event)
                self._searching = False
            self._drop(step.count)

    def _give_up(self, events: list[Event], why: str) -> None:
        self._lose(events, self._bad(len(self._kept), why))

    def _lose(self, events: list[Event], lost: Discarded) -> None:
        self._searching = True
        if lost.is_fault:
            self._report_between(events)
            events.append(WireFault(lost.why, lost.count, self._at))
            self._drop(lost.count)
            return
        left = lost.count
        self._why = self._why if self._between else lost.why
        while left:
            part = min(left, RUN - self._between)
            self._between += part
            self._drop(part)
            left -= part
            if self._between == RUN:
                self._report_between(events)
                self._why = lost.why

    def _report_between(self, events: list[Event]) -> None:
        if self._between:
            events.append(WireFault(self._why, self._between, self._at - self._between))
            self._between = 0

    def _drop(self, count: int) -> None:
        del self._kept[:count]
        self._at += count
        self._moved()
