"""Signals of a run: a clean stop on the first, an immediate one on the second; SIGHUP reloads the settings of a service.

A run whose instrument has a laser handles every other signal that would end or suspend it, too: see :func:`guarding`.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raman_edge.terminal.keyboard import Suspension

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any, TypeAlias

    from raman_edge.instruments.serial import SerialSpectrometer

    Handler: TypeAlias = Callable[[int, FrameType | None], Any]

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""Signals that end a run cleanly; Windows sends SIGBREAK for Ctrl-Break, and has no other one for its services."""
PRESSED = {0: signal.SIGINT, 1: getattr(signal, "SIGBREAK", signal.SIGTERM)}
"""Events of a Windows console that a key sends, Ctrl-C and Ctrl-Break, and the signals that Python makes of them."""
CLOSING = (2, 5, 6)
"""Events of a Windows console: its window is closed, the user logs off, the system shuts down."""
CLOSING_S = 30.0
"""Longest time for the end of a run after such an event, s; Windows itself ends the process after 5 s to 20 s."""
SUSPENDING = ("SIGTSTP", "SIGTTIN", "SIGTTOU")
"""Signals that suspend a process: Ctrl-Z, and reading or writing a terminal from the background."""
DEADLY = (*("SIGQUIT", "SIGABRT", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGPOLL", "SIGPWR", "SIGSTKFLT"),)
"""Signals that end a process at once unless they are handled. Not SIGKILL, which cannot be, nor those of a defect in machine code."""


class Stop:
    """The state that signals set: whether the run is to end, and whether it is to reload."""

    def __init__(self, *, reloads: bool = False) -> None:
        self._reloads = reloads
        self.event = threading.Event()
        self.reload = threading.Event()
        """Set where settings are to be read again."""
        self.signal: int | None = None
        """The signal that stops the run; None is no signal."""
        self.closing = False
        """Whether the console is closed, the user logs off, or the system shuts down: Windows then waits for this process to end."""
        self._on_terminal = any(_is_terminal(fd) for fd in (0, 1, 2))  # at the start: a terminal that is closed later is none

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Handle a signal; the second one ends the run at once."""
        if self.signal is not None:
            raise KeyboardInterrupt(number)
        self.signal = number
        # The handler may run while the main thread holds the event's lock: setting it here could deadlock.
        _thread.start_new_thread(self.event.set, ())

    def hang_up(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGHUP: a closed terminal sends it to end the run, a service manager to reload the settings."""
        if self._on_terminal or not self._reloads:
            self(number, frame)
        else:
            _thread.start_new_thread(self.reload.set, ())

    def code(self, otherwise: int) -> int:
        """Return the exit code of the signal, or ``otherwise`` without one."""
        return otherwise if self.signal is None else 128 + self.signal


@contextmanager
def stopping(*, reload: bool = False) -> Iterator[Stop]:
    """Turn SIGINT, SIGTERM, SIGHUP and the end of a Windows console into a request to stop while the block runs.

    With ``reload``, a SIGHUP that does not come from a closed terminal reloads the settings. It stays ignored where it was
    ignored, as `nohup` sets it.
    """
    stop = Stop(reloads=reload)
    before = [(number, signal.signal(number, stop)) for number in SIGNALS]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        before.append((hang_up, signal.signal(hang_up, stop.hang_up)))
    try:
        with _console_events(stop):
            yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _console_events(stop: Stop) -> Iterator[None]:
    """Let a closed console, a log-off and a shutdown of Windows end the run while the block runs."""
    if sys.platform == "win32":
        kernel32 = ctypes.WinDLL("kernel32")
        handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(lambda event: on_console_event(stop, event))
        kernel32.SetConsoleCtrlHandler(handler, 1)
        try:
            yield
        finally:
            if stop.closing:
                # The system holds its list of handlers while one of them runs: removing one would wait for that, and that waits for the
                # end of this process. It needs its code until then.
                atexit.register(lambda: handler)
            else:
                kernel32.SetConsoleCtrlHandler(handler, 0)
    else:
        yield


def on_console_event(stop: Stop, event: int, wait: Callable[[float], None] = time.sleep) -> bool:
    """Handle an event of a Windows console, in a thread of Windows: whether it is handled with that.

    Ctrl-C and Ctrl-Break stop the run from here: a Python signal handler has to wait there until the main thread has waited for
    whatever it waits for. A second one interrupts the main thread. Where the console goes, Windows ends the process as soon as this
    returns, so that it waits until the process ends by itself.
    """
    if event in PRESSED:
        if stop.signal is None:
            stop.signal = PRESSED[event]
            stop.event.set()
        elif PRESSED[event] == signal.SIGINT:
            return False  # Python's own handler comes next, which also wakes what sleeps
        else:
            _thread.interrupt_main(PRESSED[event])
        return True
    if event not in CLOSING:
        return False
    stop.closing = True
    stop.signal = getattr(signal, "SIGBREAK", signal.SIGTERM)
    stop.event.set()
    wait(CLOSING_S)
    return True


@contextmanager
def guarding(spectrometer: SerialSpectrometer, note: Callable[[str], None]) -> Iterator[None]:
    """Leave no laser on while the block runs: what suspends or ends the process switches it off first.

    A process whose laser cannot be switched off is not suspended and keeps trying, with a ``note``. Signals that would end it at
    once are handled as SIGTERM is.
    """

    @contextmanager
    def dark() -> Iterator[bool]:
        with spectrometer.suspended() as why:
            yield not why
        if why:
            note(f"not suspended: {why}")

    def at_exit() -> None:
        if why := spectrometer.make_safe():
            note(why)

    atexit.register(at_exit)  # where a second signal comes between two steps of the way out
    before: list[tuple[int, Handler | int | None]] = []
    if threading.current_thread() is threading.main_thread():
        stop = signal.getsignal(signal.SIGTERM)
        suspension = Suspension(dark, over=lambda: isinstance(stop, Stop) and stop.signal is not None)
        handlers: dict[str, Handler] = {**dict.fromkeys(SUSPENDING, suspension), "SIGCONT": suspension.go_on}
        if callable(stop):
            handlers |= dict.fromkeys(DEADLY, stop)
        for name, handler in handlers.items():
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before.append((number, signal.signal(number, handler)))
    try:
        yield
    finally:
        for number, earlier in before:
            signal.signal(number, earlier)
        atexit.unregister(at_exit)


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
