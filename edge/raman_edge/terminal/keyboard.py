"""The keyboard of a terminal, read key by key in a thread, and its line discipline as it was afterwards.

Only ``ICANON`` and ``ECHO`` are switched off: Ctrl-C and Ctrl-Z stay signals. A process in the
background neither reads nor changes the terminal (it would be stopped); once it is in the
foreground, its keys work.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Self

from raman_edge.terminal.keys import Decoder

try:
    import termios
except ImportError:  # Windows: the screen is looked at, and Ctrl-C ends it
    termios = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable

ALONE_S = 0.05
"""An escape that nothing follows for this long is the key of that name, s."""
LOOK_S = 0.5
"""How often it is looked whether the process is in the foreground, and the line discipline still ours, s."""
MOST = 1024
LOCAL = 3
"""Index of the local modes in what ``tcgetattr`` gives."""


class Keyboard:
    """Calls ``press`` with the name of each key while the block runs, from a thread of its own."""

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
            self._thread.join(timeout=LOOK_S)  # a key that is being answered may take longer: it reads no other one
        finally:
            self.release()
        if not self._thread.is_alive():
            os.close(self._wake_write)
            os.close(self._wake_read)

    def take(self) -> None:
        """Have every key as it is pressed from now on."""
        with self._changing:
            self._ours = True
            self._set_modes()

    def release(self) -> None:
        """Give the line discipline back as it was."""
        with self._changing:
            self._ours = False
            if self._before is not None and in_foreground(self._fd):
                with suppress(termios.error):  # a terminal that has gone
                    termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def _set_modes(self) -> None:
        """Switch line editing and echo off, where they are on and the terminal is ours to change."""
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
        """Read until told to stop, or the terminal is gone."""
        with suppress(OSError):
            while not self._stop.is_set():
                self._set_modes()
                if not self._wait(ALONE_S if self._decoder.waits else LOOK_S):
                    self._pressed(self._decoder.rest() if self._decoder.waits else [])
                elif not self._read():
                    return

    def _wait(self, seconds: float) -> bool:
        """Return whether there are bytes to read within ``seconds``; of a terminal that is another's there are none."""
        here = [self._fd] if in_foreground(self._fd) and self._ours else []
        return self._fd in select.select([*here, self._wake_read], [], [], seconds)[0]

    def _read(self) -> bool:
        """Take in what was pressed; False at the end of the terminal."""
        with self._changing:
            if not self._ours:
                return True
        data = os.read(self._fd, MOST)
        self._pressed(self._decoder.feed(data))
        return bool(data)

    def _pressed(self, keys: list[str]) -> None:
        for key in keys:
            self._press(key)


def keyboard_of(fd: int) -> bool:
    """Return whether ``fd`` is a terminal whose keys can be read one by one."""
    try:
        return termios is not None and os.isatty(fd)
    except OSError:
        return False


def in_foreground(fd: int) -> bool:
    """Whether a terminal is this process's to read and to draw on; one that is nobody's controlling terminal is."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except (OSError, AttributeError):  # no job control on it; Windows has none at all
        return True
