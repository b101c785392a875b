"""A terminal in full-screen mode, restored afterwards."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from threading import Lock
from typing import TYPE_CHECKING, Self

from rich.segment import ControlType, Segment

from raman_edge.terminal.keyboard import Suspension, in_foreground, keyboard_of, open_keyboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from rich.console import Console, ConsoleOptions

    from raman_edge.terminal.rows import Frame

BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Around a frame: synchronised output, so that no half frame is shown; other terminals ignore it."""
CLEAR = "\x1b[2J\x1b[H"
"""Before leaving: after a resize, tmux 3.3 would otherwise keep rows of the screen."""
DRAWN_S = 2.0
"""Longest wait for a frame before the process is suspended, s: the terminal may be blocked."""
WRAP_OFF, WRAP_ON = "\x1b[?7l", "\x1b[?7h"
"""DECAWM: if a character is wider than expected, the row is cut, not wrapped."""


class Terminal:
    """Holds the alternate screen, the keys and standard error while the block runs.

    A terminal that is gone is not drawn to; Ctrl-Z restores the terminal until the process continues. ``press`` receives the name of
    each key, ``note`` the text written to standard error meanwhile.
    """

    def __init__(self, console: Console, press: Callable[[str], None], note: Callable[[str], None]) -> None:
        self.console = console
        self.has_keys = keyboard_of(_stdin())
        """Whether standard input is a keyboard."""
        self._keyboard = open_keyboard(_stdin(), press)
        self._note = note
        self._drawing = Lock()
        self.is_taken = False
        """Whether the alternate screen is active; not after Ctrl-Z until the next frame."""
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.callback(self._leave)
        if self.is_ours:
            self._take()
        if self.has_keys:
            self._open.enter_context(self._keyboard)
        self._let_suspend()
        if sys.stderr.isatty():
            self._open.enter_context(_Warnings(self._note))
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def draw(self, frame: Frame) -> None:
        """Show a frame, unless the process is in the background; OSError if the terminal is gone."""
        with self._drawing:
            if not self.is_ours:
                return
            if not self.is_taken:
                self._take()
            self.console.print(_Placed(frame), end="", crop=False, soft_wrap=True)

    @property
    def size(self) -> tuple[int, int]:
        """Current columns and rows; rich alone would use an exported COLUMNS."""
        try:
            size = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError, io.UnsupportedOperation):
            size = os.terminal_size(self.console.size)
        return size.columns or self.console.width, size.lines or self.console.height

    @property
    def is_ours(self) -> bool:
        """Whether the process is in the foreground."""
        try:
            return in_foreground(self.console.file.fileno())
        except (OSError, ValueError, io.UnsupportedOperation):
            return True

    def _take(self) -> None:
        self.is_taken = True
        self.console.set_alt_screen(enable=True)
        self.console.show_cursor(show=False)
        self._write(WRAP_OFF)

    def _leave(self) -> None:
        if not self.is_taken:
            return
        self.is_taken = False
        with suppress(OSError):  # the terminal is gone
            self._write(WRAP_ON + CLEAR)
            self.console.show_cursor(show=True)
            self.console.set_alt_screen(enable=False)

    def _let_suspend(self) -> None:
        """Handle Ctrl-Z while the screen is shown, if the system has it."""
        stop = getattr(signal, "SIGTSTP", None)  # Windows has none
        if stop is None or threading.current_thread() is not threading.main_thread():
            return
        handler = signal.getsignal(stop)
        if isinstance(handler, Suspension):
            self._open.enter_context(handler.around(self._given_back))
            return
        if handler is not signal.SIG_DFL:
            return
        signal.signal(stop, self._suspend)
        self._open.callback(signal.signal, stop, signal.SIG_DFL)

    def _suspend(self, _: int, __: FrameType | None) -> None:
        """Restore the terminal and stop until SIGCONT."""
        with self._given_back():
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread stops here

    @contextmanager
    def _given_back(self) -> Iterator[bool]:
        """Draw nothing and restore the terminal while the block runs; the next frame in the foreground takes it again."""
        if self.has_keys:
            # First: Ctrl-Z flushes the output, and Linux wakes the drawing thread only by a change of the line discipline.
            self._keyboard.release()
        is_idle = self._drawing.acquire(timeout=DRAWN_S)
        try:
            if is_idle:
                self._leave()
            yield True
        finally:
            if is_idle:
                self._drawing.release()
            if self.has_keys:
                self._keyboard.take()

    def _write(self, codes: str) -> None:
        if not self.console.legacy_windows:
            self.console.file.write(codes)
            self.console.file.flush()


class _Placed:
    """A frame with positioned rows: a terminal that became smaller does not scroll."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield _control(BEGIN, ControlType.HOME)
        for i, row in enumerate(self._frame.rows, start=1):
            yield _control(f"\x1b[{i};1H", ControlType.CURSOR_MOVE_TO)
            yield from (Segment(text, style) for text, style in row)
        yield _control(END, ControlType.HOME)


def _control(codes: str, kind: ControlType) -> Segment:
    return Segment(codes, None, [(kind,)])


class _Warnings(io.TextIOBase):
    """Replaces standard error during a full screen: the last line becomes a note, the whole text is printed afterwards."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._kept = io.StringIO()
        self._redirection = redirect_stderr(self)

    def __enter__(self) -> Self:
        self._redirection.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._redirection.__exit__(None, None, None)
        with suppress(OSError):  # the terminal is gone
            sys.stderr.write(self._kept.getvalue())

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Keep ``text`` and show its last line."""
        lines = text.strip().splitlines()
        if lines:
            self._note(lines[-1])
        return self._kept.write(text)


def needs_ascii(console: Console) -> bool:
    """Whether the terminal cannot show braille: another encoding, LC_ALL=C, or the Linux console."""
    if not console.encoding.startswith("utf") or console.legacy_windows:
        return True
    # Python uses UTF-8 in a C locale (PEP 538, 540); an explicit LC_ALL=C means ASCII.
    locale = os.environ.get("LC_ALL", "").lower().replace("-", "")
    return (bool(locale) and "utf8" not in locale) or os.environ.get("TERM") == "linux"


def _stdin() -> int:
    """Return the descriptor of standard input; -1 if there is none."""
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return -1
