"""The baud rate of a simulated device: how it is changed, confirmed and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.instruments.profiles.profile import BaudSwitch

CONFIRM_S = 2.0
"""How long a device waits for the second request at a new rate, s."""
SETTLED = 0.8
"""When a device has changed its rate, relative to what the page tells the host to wait."""


@dataclass(frozen=True, slots=True)
class BaudTrial:
    """A new rate that holds only if the host asks for it once more."""

    request: bytes
    old: int
    until_s: float


class Rate:
    """One device's rate. A change holds until power is lost, and longer where it was saved."""

    def __init__(self, wakes_at: int, switch: BaudSwitch | None, note: Callable[[str], None]) -> None:
        self.wakes_at = self.baud = wakes_at
        """After a loss of power, and now."""
        self._settle_s = SETTLED * switch.settle_ms / 1e3 if switch else 0.0
        self._confirmed = switch is not None and switch.confirm
        self._note = note
        self.wake()

    def wake(self) -> None:
        """Begin anew after a loss of power."""
        self.baud = self.wakes_at
        self._coming: tuple[float, int, bytes] | None = None
        self._trial: BaudTrial | None = None
        self._heard = b""

    def change(self, request: bytes, new: int, now: float) -> None:
        """Change to another rate soon; ``request`` is what asked for it."""
        self._coming = (now + self._settle_s, new, request)

    @property
    def trying(self) -> bool:
        """Whether the new rate is not confirmed yet."""
        return self._trial is not None

    @property
    def next_s(self) -> float | None:
        """When it changes by itself, s; None where it does not."""
        if self._coming is not None:
            return self._coming[0]
        return self._trial.until_s if self._trial is not None else None

    def at(self, now: float) -> int:
        """Return the rate at a time that is no earlier than any before."""
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
        """Hear bytes while it is :attr:`trying`; returns the request where it has come once more, else nothing.

        Anything else ends the trial: the old rate is back.
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
