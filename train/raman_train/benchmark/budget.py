"""Stopping in time."""

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
    """The next step would end after the budget. Like an interrupt, nothing below takes it for a failure of its own."""


class Budget:
    """Seconds that may be used, from now on."""

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._end = math.inf if seconds is None else clock() + seconds

    @property
    def left(self) -> float:
        """Seconds left; infinite without a budget."""
        return self._end - self.clock()


class Watch:
    """Told after each epoch; raises :class:`OutOfTime` while there is still time to leave in good order."""

    def __init__(self, budget: Budget, epochs: int, tell: Callable[[Epoch], None]) -> None:
        self._budget, self._epochs, self._tell = budget, epochs, tell
        self._last = budget.clock()
        self._longest = 0.0
        self._preparing: float | None = None

    def __call__(self, done: Epoch) -> None:
        """Pass one more epoch on, and stop where the next, as long as the longest so far, and the measuring do not fit.

        Measuring prepares the data again: it is taken to be as long as what came before the first epoch.
        """
        self._tell(done)
        now = self._budget.clock()
        took, self._last = now - self._last, now
        if self._preparing is None:
            self._preparing, took = max(0.0, took - done.seconds), done.seconds
        self._longest = max(self._longest, took)
        if self._budget.left < self._preparing + self._longest * (done.epoch + 1 < self._epochs):
            raise OutOfTime


@contextmanager
def alarm(budget: Budget) -> Iterator[None]:
    """Raise :class:`OutOfTime` in the main thread when the budget ends, wherever the program then is.

    The last resort, for a step whose length was not known: what a kill there would leave is left.
    Does nothing without a budget, on another thread, or where the system has no such timer.
    """
    able = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if math.isinf(budget.left) or not able:
        yield
        return

    def ring(*_: object) -> None:
        raise OutOfTime

    handler = signal.signal(signal.SIGALRM, ring)
    before = signal.setitimer(signal.ITIMER_REAL, max(1e-3, budget.left))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *before)


def duration(text: str) -> float:
    """Parse ``90s``, ``9m``, ``2h`` or ``1h30m`` into seconds; :class:`ConfigError` says what is wrong."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smh])+", text):
        msg = f"--budget takes a number and its unit, such as 90s, 9m, 2h or 1h30m; got {text!r}"
        raise ConfigError(msg)
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smh])", text))
