"""The wire between device and host: how long bytes take, and what a wrong rate makes of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.simulator.device import SentBytes
    from raman_edge.simulator.faults import InjectedFault

PIECE_S = 0.004
"""Bytes that are on the line for so long are handed over together, s."""
WRONG = b"\x00\x80\xe0\xf8\xfe\xff"
"""What start and stop bits at the wrong rate look like."""


@dataclass(frozen=True, slots=True)
class ArrivedBytes:
    """Bytes that have arrived together."""

    at_s: float
    """When the last of them was whole, s."""
    data: bytes
    baud: int
    unplugs: InjectedFault | None = None


class SimulatedLine:
    """What is on its way to the host, in order."""

    def __init__(self, bits_per_byte: int, *, pacing: bool) -> None:
        """``pacing`` False takes no time."""
        self._bits, self._pacing = bits_per_byte, pacing
        self._pieces: deque[ArrivedBytes] = deque()
        self._free_s = float("-inf")

    def put(self, sent: SentBytes) -> None:
        """Send bytes behind those that are on their way."""
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
        """When the next bytes arrive, s; None where none are on their way."""
        return self._pieces[0].at_s if self._pieces else None

    def take(self, now: float) -> ArrivedBytes | None:
        """Return the next bytes that have arrived by now; None where none have."""
        return self._pieces.popleft() if self._pieces and self._pieces[0].at_s <= now else None

    def put_back(self, piece: ArrivedBytes) -> None:
        """Keep what the host had no room for."""
        self._pieces.appendleft(piece)

    def clear(self) -> None:
        """Lose what is on its way: nobody is there."""
        self._pieces.clear()
        self._free_s = float("-inf")


def heard(data: bytes, sender: int, listener: int | None) -> bytes:
    """Return the bytes that are heard at the listener's rate, None being any; at a wrong one they are as many as fit, and mean nothing."""
    if listener is None or listener == sender or not data:
        return data
    many = max(1, round(len(data) * listener / sender))
    return bytes(WRONG[(data[place * len(data) // many] + place) % len(WRONG)] for place in range(many))
