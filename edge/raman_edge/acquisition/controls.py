"""Requests of other threads to an acquisition."""

from __future__ import annotations

import threading


class AcquisitionControls:
    """Set by any thread, taken by the one that measures."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._triggers = 0
        self._dark = False
        self._exposure_s: float | None = None
        self.paused = False
        self._ended = self._last = False

    def trigger(self) -> None:
        """Request one more spectrum, or confirm a prompt."""
        with self._lock:
            self._triggers += 1
        self._news.set()

    def dark(self) -> None:
        """Request a dark."""
        self._dark = True
        self._news.set()

    def exposure(self, seconds: float) -> None:
        """Request another exposure, s."""
        self._exposure_s = seconds
        self._news.set()

    def pause(self, *, on: bool) -> None:
        """Pause, or continue."""
        self.paused = on
        self._news.set()

    def end(self) -> None:
        """Request the end."""
        self._ended = True
        self._news.set()

    def last(self) -> None:
        """Request the end after the last trigger."""
        self._last = True
        self._news.set()

    @property
    def ended(self) -> bool:
        """Whether to end now."""
        return self._ended or (self._last and not self.triggered)

    @property
    def pending(self) -> bool:
        """Whether a dark or another exposure is requested."""
        return self._dark or self._exposure_s is not None

    @property
    def triggered(self) -> bool:
        """Whether a trigger is pending."""
        return self._triggers > 0

    def take_trigger(self) -> bool:
        """Take one trigger; False where there is none."""
        with self._lock:
            there = self._triggers > 0
            self._triggers -= there
        return there

    def take_dark(self) -> bool:
        """Take the request for a dark; False where there is none."""
        wanted, self._dark = self._dark, False
        return wanted

    def take_exposure(self) -> float | None:
        """Take the requested exposure, s; None where there is none."""
        wanted, self._exposure_s = self._exposure_s, None
        return wanted

    def wait(self, seconds: float) -> None:
        """Wait for a request, at most so long."""
        self._news.wait(seconds)
        self._news.clear()
