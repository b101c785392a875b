"""The line between device and host: transfer times, the baud rate of the device, and bytes at a wrong rate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.instruments.profiles.profile import BaudSwitch
    from raman_edge.simulator.faults import InjectedFault

PIECE_S = 0.004
"""Bytes within so long a time are delivered together, s."""
WRONG = b"\x00\x80\xe0\xf8\xfe\xff"
"""Bytes that start and stop bits at a wrong rate look like."""
CONFIRM_S = 2.0
"""How long a device waits for the confirmation of a new rate, s."""
SETTLED = 0.8
"""Time of the change, relative to the host's wait in the profile."""


@dataclass(frozen=True, slots=True)
class SentBytes:
    """Bytes that the device sends."""

    at_s: float
    """When the first of them is sent, by the caller's clock, s."""
    data: bytes
    baud: int
    unplugs: InjectedFault | None = None
    """A fault that unplugs the cable after them; None is none."""


@dataclass(frozen=True, slots=True)
class ArrivedBytes:
    """Bytes that arrive together."""

    at_s: float
    """When the last of them is complete, s."""
    data: bytes
    baud: int
    unplugs: InjectedFault | None = None


class SimulatedLine:
    """The bytes on their way to the host, in order."""

    def __init__(self, bits_per_byte: int, *, pacing: bool) -> None:
        """``pacing`` False takes no time."""
        self._bits, self._pacing = bits_per_byte, pacing
        self._pieces: deque[ArrivedBytes] = deque()
        self._free_s = float("-inf")

    def put(self, sent: SentBytes) -> None:
        """Send bytes after those on their way."""
        start = max(self._free_s, sent.at_s)
        byte_s = self._bits / sent.baud if self._pacing else 0.0
        size = max(1, int(PIECE_S / byte_s)) if byte_s else max(1, len(sent.data))
        ends = [*range(size, len(sent.data), size), len(sent.data)]
        for begin, end in zip([0, *ends], ends, strict=False):
            out = sent.unplugs if end == len(sent.data) else None
            self._pieces.append(ArrivedBytes(start + end * byte_s, sent.data[begin:end], sent.baud, out))
        self._free_s = start + len(sent.data) * byte_s

    @property
    def next_s(self) -> float | None:
        """When the next bytes arrive, s; None where there are none."""
        return self._pieces[0].at_s if self._pieces else None

    def take(self, now: float) -> ArrivedBytes | None:
        """Return the next bytes that have arrived; None where there are none."""
        return self._pieces.popleft() if self._pieces and self._pieces[0].at_s <= now else None

    def put_back(self, piece: ArrivedBytes) -> None:
        """Put back bytes that the host had no room for."""
        self._pieces.appendleft(piece)

    def clear(self) -> None:
        """Drop the bytes on their way: no host is there."""
        self._pieces.clear()
        self._free_s = float("-inf")


def heard(data: bytes, sender: int, listener: int | None) -> bytes:
    """Return the bytes at the listener's rate; None is any rate. At a wrong one they are as many as fit, and meaningless."""
    if listener is None or listener == sender or not data:
        return data
    many = max(1, round(len(data) * listener / sender))
    return bytes(WRONG[(data[place * len(data) // many] + place) % len(WRONG)] for place in range(many))


@dataclass(frozen=True, slots=True)
class BaudTrial:
    """A new rate that the host must confirm by the same request."""

    request: bytes
    old: int
    until_s: float


class Rate:
    """The rate of a device. A change lasts until power is lost, unless it is saved."""

    def __init__(self, wakes_at: int, switch: BaudSwitch | None, note: Callable[[str], None]) -> None:
        self.wakes_at = self.baud = wakes_at
        """At power-up, and now."""
        self._settle_s = SETTLED * switch.settle_ms / 1e3 if switch else 0.0
        self._confirmed = switch is not None and switch.confirm
        self._note = note
        self.wake()

    def wake(self) -> None:
        """Start again after a loss of power."""
        self.baud = self.wakes_at
        self._coming: tuple[float, int, bytes] | None = None
        self._trial: BaudTrial | None = None
        self._heard = b""

    def change(self, request: bytes, new: int, now: float) -> None:
        """Change to another rate soon, as ``request`` requires."""
        self._coming = (now + self._settle_s, new, request)

    @property
    def changing(self) -> bool:
        """Whether another rate was requested and is not settled."""
        return self._coming is not None or self._trial is not None

    @property
    def trying(self) -> bool:
        """Whether a new rate is unconfirmed."""
        return self._trial is not None

    @property
    def next_s(self) -> float | None:
        """When it changes by itself, s; None where it does not."""
        if self._coming is not None:
            return self._coming[0]
        return self._trial.until_s if self._trial is not None else None

    def at(self, now: float) -> int:
        """Return the rate at a time; times never decrease."""
        if self._coming is not None and now >= self._coming[0]:
            changed_s, new, request = self._coming
            self._coming = None
            if self._confirmed:
                self._trial, self._heard = BaudTrial(request, self.baud, changed_s + CONFIRM_S), b""
            else:
                self._note(f"now at {new} baud")
            self.baud = new
        if self._trial is not None and now >= self._trial.until_s:
            self._go_back(self._trial)
        return self.baud

    def hear(self, data: bytes) -> bytes:
        """Take bytes while it is :attr:`trying`; return the request where it is confirmed, else b"".

        Other bytes end the trial: the old rate is back.
        """
        trial = self._trial
        if trial is None:
            return b""
        self._heard += data
        if self._heard == trial.request:
            self._trial = None
            self._note(f"confirmed: now at {self.baud} baud")
            return trial.request
        if not trial.request.startswith(self._heard):
            self._go_back(trial)
        return b""

    def _go_back(self, trial: BaudTrial) -> None:
        self.baud, self._trial = trial.old, None
        self._note(f"not confirmed: back at {self.baud} baud")
