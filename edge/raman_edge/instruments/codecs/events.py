"""What comes out of a codec: a frame, a reply that is no frame, or bytes that were neither."""

from __future__ import annotations

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
    """One exposure as the device sent it: nothing is subtracted, scaled or turned round but what the codec was told to."""

    counts: Counts
    """(n,), read-only, finite; integers where the device sends integers."""
    fields: Mapping[str, int | str] = field(default_factory=dict)
    """What the frame's header said, by the names of the profile."""
    at: int = 0
    """Byte of the stream at which the frame begins."""
    length: int = 0
    """Bytes of the frame on the wire."""

    def __post_init__(self) -> None:
        self.counts.setflags(write=False)
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no frame: an acknowledgement, a refusal, a value that was asked for, an echo."""

    name: str
    """``ack``, ``nak``, ``failed``, ``error``, ``message``, ``text`` or ``partial``."""
    data: bytes = b""
    """What the device said; data, to be escaped before it is shown."""
    fields: Mapping[str, int | str] = field(default_factory=dict, hash=False)
    at: int = 0
    """Byte of the stream at which the answer begins."""


@dataclass(frozen=True, slots=True)
class WireFault:
    """Bytes that gave nothing: a value in the stream, never the end of it."""

    why: str
    """One line: what was got and what was expected."""
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
        """Take the next bytes of the stream, all of them, and return what they complete; how they were cut makes no difference."""
        ...

    def silence(self) -> Iterator[Event]:
        """Say that the line was quiet for longer than a frame pauses: what is kept is no whole frame, is dropped and counted."""
        ...

    def reset(self) -> None:
        """Begin a new stream at byte 0, as after the port was opened."""
        ...

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes with which a device sends these counts; raises :class:`SpectrumError` where they do not fit."""
        ...
