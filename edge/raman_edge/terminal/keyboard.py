"""The keyboard of a terminal: bytes to keys, keys read in a thread, the line discipline restored afterwards; and Ctrl-Z.

Only ``ICANON`` and ``ECHO`` are switched off: Ctrl-C and Ctrl-Z stay signals. A process in the background neither reads nor
changes the terminal (the system would stop it); its keys work again once it is in the foreground. The console of Windows has
:mod:`raman_edge.terminal.console_keyboard`.
"""

from __future__ import annotations

import _thread
import os
import select
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Self, TypeAlias

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

from raman_edge.terminal.console_keyboard import ConsoleKeyboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import FrameType

    Around: TypeAlias = Callable[[], AbstractContextManager[bool]]
    """Entered before the process stops and left when it continues; yields False if it must not stop."""

ESCAPE = 0x1B
ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
"""Last byte of an arrow's sequence (ECMA-48 cursor control; the same after CSI and SS3)."""
NAMED = {0x20: "space", 0x0A: "enter", 0x0D: "enter"}
LONGEST = 32
"""Longest sequence, bytes; a longer one is dropped."""
STRINGS = b"P]X^_"
"""Openings of a string that ends with ST or BEL (ECMA-48: DCS, OSC, SOS, PM, APC)."""
ALONE_S = 0.05
"""A lone escape is the Escape key after this time, s."""
LOOK_S = 0.5
"""Interval of the checks for the foreground and for a changed line discipline, s."""
MOST = 1024
LOCAL = 3
"""Index of the local modes in the result of ``tcgetattr``."""


class Decoder:
    """Decodes keys from bytes, however they are cut; no I/O.

    Keys are named by their characters (``q``, ``+``), or ``space``, ``enter``, ``escape``, ``left``, ``right``, ``up``, ``down``. Other
    sequences of a terminal (function keys, replies, letters that are not ASCII) are dropped whole.
    """

    def __init__(self) -> None:
        self._begun = b""

    @property
    def waits(self) -> bool:
        """Whether a sequence is incomplete; a lone escape becomes the Escape key after a while."""
        return bool(self._begun)

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are complete with ``data``."""
        rest, keys = self._begun + data, []
        while rest:
            taken, key = _next(rest)
            if taken == 0:
                break
            rest = rest[taken:]
            if key:
                keys.append(key)
        self._begun = rest
        return keys

    def rest(self) -> list[str]:
        """End an incomplete sequence: a lone escape is a key, anything else is dropped."""
        begun, self._begun = self._begun, b""
        return ["escape"] if begun == b"\x1b" else []


def _next(data: bytes) -> tuple[int, str]:
    """Return the length of the first key in bytes, and its name; (0, "") if it is incomplete, an empty name if it is unknown."""
    first = data[0]
    if first != ESCAPE:
        if first in NAMED:
            return 1, NAMED[first]
        return 1, chr(first) if 0x20 < first < 0x7F else ""  # noqa: PLR2004 - what prints in ASCII
    if len(data) == 1:
        return 0, ""
    if data[1:2] in (b"[", b"O"):
        return _sequence(data)
    if data[1] in STRINGS:
        return _string(data)
    return (1, "escape") if data[1] == ESCAPE else (2, "")  # Alt and a key


def _sequence(data: bytes) -> tuple[int, str]:
    """Return an arrow, or the length of another sequence: parameters and then one byte from @ to ~."""
    for i, byte in enumerate(data[2:LONGEST], start=2):
        if 0x40 <= byte <= 0x7E:  # noqa: PLR2004 - final bytes (ECMA-48, 5.4)
            return i + 1, ARROWS.get(chr(byte), "") if i == 2 else ""  # noqa: PLR2004 - without parameters
        if byte < 0x20:  # noqa: PLR2004 - no part of a sequence: it ends unfinished
            return i, ""
    return (0, "") if len(data) < LONGEST else (LONGEST, "")


def _string(data: bytes) -> tuple[int, str]:
    ends = [at + len(end) for end in (b"\x07", b"\x1b\\") if (at := data.find(end, 2)) > 0]
    if ends:
        return min(ends), ""
    return (0, "") if len(data) < 8 * LONGEST else (len(data), "")


class Keyboard:
    """Calls ``press`` with the name of each key while the block runs, from its own thread."""

    def __init__(self, fd: int, press: Callable[[str], None]) -> None:
        self._fd, self._press = fd, press
        self._decoder = Decoder()
        self._before: list[int | list[bytes | int]] | None = None
        self._changing = RLock()  # a signal handler of the same thread may give the terminal back
        self._ours = False
        self._stop = Event()
        self._wake_read, self._wake_write = -1, -1
        self._thread = Thread(target=self._run, name="keyboard", daemon=True)

    def __enter__(self) -> Self:
        self._wake_read, self._wake_write = os.pipe()
        self.take()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._stop.set()
            os.write(self._wake_write, b"x")
            self._thread.join(timeout=LOOK_S)  # the action of a key may take longer; the thread then reads no other key
        finally:
            self.release()
        if not self._thread.is_alive():
            os.close(self._wake_write)
            os.close(self._wake_read)

    def take(self) -> None:
        """Receive every key from now on."""
        with self._changing:
            self._ours = True
            self._set_modes()

    def release(self) -> None:
        """Restore the line discipline."""
        with self._changing:
            self._ours = False
            if self._before is not None and in_foreground(self._fd):
                with suppress(termios.error):  # the terminal is gone
                    termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def _set_modes(self) -> None:
        """Switch off line editing and echo if they are on and the process is in the foreground."""
        with self._changing, suppress(termios.error):
            if not self._ours or not in_foreground(self._fd):
                return
            modes = termios.tcgetattr(self._fd)
            edited = modes[LOCAL] & (termios.ICANON | termios.ECHO)
            if edited:
                if self._before is None:
                    self._before = [*modes[:6], list(modes[6])]
                modes[LOCAL] &= ~(termios.ICANON | termios.ECHO)
                modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
                termios.tcsetattr(self._fd, termios.TCSANOW, modes)

    def _run(self) -> None:
        """Read until stopped, or until the terminal is gone."""
        with suppress(OSError):
            while not self._stop.is_set():
                self._set_modes()
                if not self._wait(ALONE_S if self._decoder.waits else LOOK_S):
                    self._pressed(self._decoder.rest() if self._decoder.waits else [])
                elif not self._read():
                    return

    def _wait(self, seconds: float) -> bool:
        """Return whether bytes arrive within ``seconds``; never in the background."""
        here = [self._fd] if in_foreground(self._fd) and self._ours else []
        return self._fd in select.select([*here, self._wake_read], [], [], seconds)[0]

    def _read(self) -> bool:
        """Read and pass on keys; False at the end of the input."""
        with self._changing:
            if not self._ours:
                return True
        data = os.read(self._fd, MOST)
        self._pressed(self._decoder.feed(data))
        return bool(data)

    def _pressed(self, keys: list[str]) -> None:
        for key in keys:
            self._press(key)


def open_keyboard(fd: int, press: Callable[[str], None]) -> Keyboard | ConsoleKeyboard:
    """Return the keyboard of this system; ``fd`` is standard input."""
    return Keyboard(fd, press) if termios is not None else ConsoleKeyboard(press)


def keyboard_of(fd: int) -> bool:
    """Return whether ``fd`` is a terminal whose keys can be read one by one."""
    try:
        return os.isatty(fd)
    except OSError:
        return False


def in_foreground(fd: int) -> bool:
    """Whether the process is in the foreground of the terminal, or the terminal has no job control."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except (OSError, AttributeError):  # no job control; Windows has none
        return True


class Suspension:
    """Handler of SIGTSTP: enters the context managers around a stop, stops the process, and leaves them in reverse.

    It runs in its own thread: a lock that it needs may be held by the thread that the signal interrupts.
    """

    def __init__(self, *around: Around, over: Callable[[], bool] = lambda: False) -> None:
        """``over`` returns whether the process is ending; then it is not suspended."""
        self._around, self._over = list(around), over
        self._under_way = threading.Lock()
        self._goes_on = False

    def __call__(self, _: int, __: FrameType | None) -> None:
        """Suspend the process, unless a suspension is in progress."""
        if self._under_way.acquire(blocking=False):
            self._goes_on = False
            _thread.start_new_thread(self._suspend, ())

    def go_on(self, _: int, __: FrameType | None) -> None:
        """Handle SIGCONT that arrives before the process has stopped; otherwise it would have no effect."""
        self._goes_on = True

    @contextmanager
    def around(self, one: Around) -> Iterator[None]:
        """Add ``one`` to every stop while the block runs, inside the existing ones."""
        self._around.append(one)
        try:
            yield
        finally:
            self._around.remove(one)

    def _suspend(self) -> None:
        try:
            with ExitStack() as entered:
                if all(entered.enter_context(one()) for one in tuple(self._around)) and not self._goes_on and not self._over():
                    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread stops here
        finally:
            self._under_way.release()
