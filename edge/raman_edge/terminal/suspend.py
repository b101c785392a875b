"""Ctrl-Z: what has to be done before a process stops, and is taken back when it goes on."""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import FrameType

    Around: TypeAlias = Callable[[], AbstractContextManager[bool]]
    """Entered before the process stops and left when it goes on; gives False where it must not stop."""


class Suspension:
    """A handler of SIGTSTP and its like: enters all that stands around a stop, stops the process, and leaves them in reverse.

    All of it happens in a thread of its own: what has to be waited for may be held by the thread that the signal interrupts.
    """

    def __init__(self, *around: Around, over: Callable[[], bool] = lambda: False) -> None:
        """``over`` says that the process ends: it is not suspended any more."""
        self._around, self._over = list(around), over
        self._under_way = threading.Lock()
        self._goes_on = False

    def __call__(self, _: int, __: FrameType | None) -> None:
        """Suspend the process, unless that is under way."""
        if self._under_way.acquire(blocking=False):
            self._goes_on = False
            _thread.start_new_thread(self._suspend, ())

    def go_on(self, _: int, __: FrameType | None) -> None:
        """Handle SIGCONT: one that comes before the process has stopped would otherwise find nothing to continue."""
        self._goes_on = True

    @contextmanager
    def around(self, one: Around) -> Iterator[None]:
        """Stand ``one`` around every stop while the block runs, inside of those that are there already."""
        self._around.append(one)
        try:
            yield
        finally:
            self._around.remove(one)

    def _suspend(self) -> None:
        try:
            with ExitStack() as entered:
                if all(entered.enter_context(one()) for one in tuple(self._around)) and not self._goes_on and not self._over():
                    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread goes no further
        finally:
            self._under_way.release()
