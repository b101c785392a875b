"""A clean stop: the first signal asks, the second one does not."""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a signal has asked the run to end."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal: int | None = None
        """The signal that asked; None is no signal."""

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Handle a signal; the second one ends the run where it stands."""
        if self.signal is not None:
            raise KeyboardInterrupt(number)
        self.signal = number
        # The handler may run while the main thread holds the event's own lock: setting it here could wait for ever.
        _thread.start_new_thread(self.event.set, ())

    def code(self, otherwise: int) -> int:
        """Return the exit code: of the signal, or ``otherwise`` where the run came to its end."""
        return otherwise if self.signal is None else 128 + self.signal


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a request to stop while the block runs."""
    stop = Stop()
    before = [(number, signal.signal(number, stop)) for number in SIGNALS]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)
