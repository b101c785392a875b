"""Faults on demand: which, at which frame or request, how often.

::

    KIND[@N][:OPTION[,OPTION…]]

``flip`` strikes the next frame, ``flip@7`` the seventh, ``flip:every=100`` every hundredth, ``flip:p=0.01`` one in a hundred by chance.
``on=set_integration`` strikes that request instead of frames, ``for=2`` gives seconds, ``serial=X`` the serial number of the
instrument that is plugged in then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles.profile import Commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

KINDS = {
    "drop": "a byte is lost",
    "flip": "a bit of a byte is flipped",
    "duplicate": "a byte comes twice",
    "truncate": "the rest of the answer is lost",
    "silence": "no answer at all",
    "late": "the answer comes after the host's timeout",
    "repeat": "the answer comes again a moment later",
    "nak": "the request is refused",
    "busy": "the device answers that it is busy",
    "stale": "the spectrum still has the previous exposure",
    "unplug": "the cable is pulled in the middle of the answer, and plugged in again",
}
"""Kinds of faults."""
FRAMES = "frames"
"""Default target of a fault: answers that are spectra."""
REPLUG_S = 2.0
"""Time until the cable is plugged in again, s."""
LONGEST_S = 3600.0
TARGETS = (FRAMES, "prepare", *Commands.__struct_fields__[1:])


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One fault, and when it strikes."""

    kind: str
    """Of :data:`KINDS`."""
    at: int = 0
    """Number of the frame (or request of that name), from 1; 0 is unset."""
    every: int = 0
    """Strikes every n-th; 0 is unset."""
    p: float | None = None
    """Probability at each, 0..1; None is unset."""
    on: str = FRAMES
    """Of :data:`TARGETS`."""
    seconds: float | None = None
    """Delay, or time until the cable is plugged in again, s; None is the default."""
    serial: str | None = None
    """Serial number of the instrument that is plugged in then; None is the same."""

    @property
    def once(self) -> bool:
        """Whether it strikes only once."""
        return not self.every and self.p is None

    def strikes(self, number: int, rng: Generator) -> bool:
        """Whether it strikes the ``number``-th target."""
        if self.p is not None:
            return bool(rng.random() < self.p)
        return number % self.every == 0 if self.every else number == self.at or not self.at


def parse(text: str) -> InjectedFault:
    """Parse a fault as the user writes it; :class:`ConfigError` where it is wrong."""
    head, _, tail = text.partition(":")
    kind, at, number = head.partition("@")
    if kind not in KINDS:
        msg = f"got the fault {text!r}, and no fault is called {kind!r}: expected one of {', '.join(KINDS)}"
        raise ConfigError(msg)
    found: dict[str, int | float | str] = {"at": _whole(text, number)} if at else {}
    for option in tail.split(",") if tail else ():
        name, _, value = option.partition("=")
        if name not in OPTIONS:
            msg = f"got the fault {text!r}: {option!r} is no option; expected {', '.join(f'{known}=…' for known in OPTIONS)}"
            raise ConfigError(msg)
        key, read = OPTIONS[name]
        found[key] = read(text, value)
    if sum(key in found for key in ("at", "every", "p")) > 1:
        msg = f"got the fault {text!r}: @N, every= and p= each say when; give one of them"
        raise ConfigError(msg)
    return InjectedFault(kind, **found)  # type: ignore[arg-type] # each option's reader gives its field's type


def _whole(text: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 10**9):
        msg = f"got the fault {text!r}: {value!r} is no count; expected a whole number from 1, as in flip@7 or flip:every=100"
        raise ConfigError(msg)
    return int(value)


def _number(text: str, value: str, most: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        msg = f"got the fault {text!r}: {value!r} is no number from 0 to {most:g}"
        raise ConfigError(msg)
    return number


def _share(text: str, value: str) -> float:
    return _number(text, value, 1.0)


def _seconds(text: str, value: str) -> float:
    return _number(text, value, LONGEST_S)


def _target(text: str, value: str) -> str:
    if value not in TARGETS:
        msg = f"got the fault {text!r}: {value!r} is no request; expected one of {', '.join(TARGETS)}"
        raise ConfigError(msg)
    return value


def serial_number(value: str) -> str:
    """Parse a serial number: 1 to 15 printable ASCII characters without blanks; :class:`ConfigError` otherwise."""
    if not (1 <= len(value) <= 15 and value.isascii() and all("!" <= character <= "~" for character in value)):  # noqa: PLR2004 - as in EEPROMs
        msg = f"got the serial number {value!r}; expected 1 to 15 printable ASCII characters without a blank"
        raise ConfigError(msg)
    return value


def _serial(text: str, value: str) -> str:
    _ = text
    return serial_number(value)


OPTIONS: dict[str, tuple[str, Callable[[str, str], int | float | str]]] = {
    "every": ("every", _whole),
    "p": ("p", _share),
    "on": ("on", _target),
    "for": ("seconds", _seconds),
    "serial": ("serial", _serial),
}
"""Option → its field, and its parser."""


class Faults:
    """The pending faults, and the counts of their targets."""

    def __init__(self, faults: tuple[InjectedFault, ...], rng: Generator) -> None:
        self._coming, self._rng = list(faults), rng
        self._seen: dict[str, int] = {}

    def add(self, fault: InjectedFault) -> None:
        """Add a fault."""
        self._coming.append(fault)

    def struck(self, target: str) -> tuple[InjectedFault, ...]:
        """Count a frame, or a request of that name, and return the faults that strike it."""
        number = self._seen[target] = self._seen.get(target, 0) + 1
        found = tuple(fault for fault in self._coming if fault.on == target and fault.strikes(number, self._rng))
        self._coming = [fault for fault in self._coming if not (fault.once and fault in found)]
        return found


def damaged(data: bytes, kind: str, rng: Generator) -> bytes:
    """Return an answer of at least one byte after ``drop``, ``flip``, ``duplicate`` or ``truncate``; other kinds leave it as it is."""
    place = int(rng.integers(len(data)))
    if kind == "drop":
        return data[:place] + data[place + 1 :]
    if kind == "flip":
        return data[:place] + bytes((data[place] ^ 1 << int(rng.integers(8)),)) + data[place + 1 :]
    if kind == "duplicate":
        return data[: place + 1] + data[place:]
    return data[:place] if kind == "truncate" else data
