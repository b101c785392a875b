"""Time limits: stopping between epochs, or by a timer."""

from __future__ import annotations

import math
import re
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_train.loop import Epoch

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class OutOfTime(BaseException):
    """The next step would end after the budget. Like KeyboardInterrupt, it passes handlers of ``Exception``."""


class TimeBudget:
    """A number of seconds, from now on."""

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._end = math.inf if seconds is None else clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left; infinite without a limit."""
        return self._end - self.clock()


class EpochLimit:
    """Callback for each epoch that raises :class:`OutOfTime` while there is time left to save the state."""

    def __init__(self, budget: TimeBudget, epochs: int, on_epoch: Callable[[Epoch], None]) -> None:
        self._budget, self._epochs, self._on_epoch = budget, epochs, on_epoch
        self._last = budget.clock()
        self._longest = 0.0
        self._preparing: float | None = None

    def __call__(self, done: Epoch) -> None:
        """Pass an epoch on, and stop if the next one, as long as the longest so far, and the evaluation do not fit.

        The evaluation prepares the data again: its estimate is the time before the first epoch.
        """
        self._on_epoch(done)
        now = self._budget.clock()
        took, self._last = now - self._last, now
        if self._preparing is None:
            self._preparing, took = max(0.0, took - done.seconds), done.seconds
        self._longest = max(self._longest, took)
        if self._budget.left < self._preparing + self._longest * (done.epoch + 1 < self._epochs):
            raise OutOfTime


@contextmanager
def alarm(budget: TimeBudget) -> Iterator[None]:
    """Raise :class:`OutOfTime` in the main thread when the budget ends, at any point of the program.

    This is the last resort for a step of unknown duration, with the effect of a kill. No effect without a limit, in another
    thread, or on a system without this timer.
    """
    able = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if math.isinf(budget.left) or not able:
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    handler = signal.signal(signal.SIGALRM, stop)
    before = signal.setitimer(signal.ITIMER_REAL, max(1e-3, budget.left))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *before)


def duration(text: str) -> float:
    """Parse ``90s``, ``9m``, ``2h`` or ``1h30m`` into seconds; :class:`ConfigError` for anything else."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smh])+", text):
        msg = f"--budget: got {text!r}, expected a number and a unit, such as 90s, 9m, 2h or 1h30m"
        raise ConfigError(msg)
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smh])", text))
