"""A clean stop: the first signal asks, the second one does not; and SIGHUP, which may ask a service to read its settings again."""

from __future__ import annotations

import _thread
import os
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

    def __init__(self, *, reloads: bool = False) -> None:
        self._reloads = reloads
        self.event = threading.Event()
        self.reload = threading.Event()
        """Whether settings are to be read again."""
        self.signal: int | None = None
        """The signal that asked; None is no signal."""
        self._on_terminal = any(_is_terminal(fd) for fd in (0, 1, 2))  # asked now: one that was closed is a terminal no more

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Handle a signal; the second one ends the run where it stands."""
        if self.signal is not None:
            raise KeyboardInterrupt(number)
        self.signal = number
        # The handler may run while the main thread holds the event's own lock: setting it here could wait for ever.
        _thread.start_new_thread(self.event.set, ())

    def hang_up(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGHUP: of a closed terminal it is the end, of a service manager a wish, where the run can read its settings again."""
        if self._on_terminal or not self._reloads:
            self(number, frame)
        else:
            _thread.start_new_thread(self.reload.set, ())

    def code(self, otherwise: int) -> int:
        """Return the exit code: of the signal, or ``otherwise`` where the run came to its end."""
        return otherwise if self.signal is None else 128 + self.signal


@contextmanager
def stopping(*, reload: bool = False) -> Iterator[Stop]:
    """Turn SIGINT, SIGTERM and SIGHUP into a request to stop while the block runs.

    With ``reload``, a SIGHUP that no closed terminal sends is one to read settings again. It stays ignored where it was, as
    `nohup` has it.
    """
    stop = Stop(reloads=reload)
    before = [(number, signal.signal(number, stop)) for number in SIGNALS]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        before.append((hang_up, signal.signal(hang_up, stop.hang_up)))
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
