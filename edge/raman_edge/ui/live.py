"""A terminal that shows the screen while spectra come, and is itself again afterwards."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, redirect_stderr, suppress
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal, Self

from rich.console import Console
from rich.segment import ControlType, Segment

from raman_edge.ui.controls import Controls
from raman_edge.ui.report import describe
from raman_edge.ui.safe import safe_text
from raman_edge.ui.screen import render
from raman_edge.ui.state import ModelFacts, ScreenState, fold

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

    from rich.console import ConsoleOptions

    from raman_edge.devices.exposure import LinkStatus
    from raman_edge.library import Library
    from raman_edge.model import Model
    from raman_edge.pipeline import Reading
    from raman_edge.spectrum import Fault
    from raman_edge.ui.rows import Frame
    from raman_edge.ui.state import Bench
    from raman_edge.verdict import Answer

LOOK_S = 0.2
"""How often a new size of the terminal is looked for, s: nothing else wakes an idle screen."""
REST_S = 0.08
"""Least time between two frames, s: a backlog is shown at the rate of an eye, not of a disk."""
REPAINT_S = 2.0
"""A frame is drawn again after this time, s, whatever another program wrote over it."""
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"
"""Around a frame: show nothing of it before all of it is there (synchronised output; who does not know it ignores it)."""
CLEAR = "\x1b[2J\x1b[H"
"""Before leaving: a terminal that was resized (tmux 3.3) else carries rows of ours over to its normal screen."""
WRAP_OFF, WRAP_ON = "\x1b[?7l", "\x1b[?7h"
"""DECAWM: where a terminal finds a character wider than we do, the row is cut and not torn."""


class Screen:
    """The full screen of a running source; where there is no terminal, a line or two per event.

    Drawing happens in a thread of its own: :meth:`show` never waits for the terminal. One that has
    gone is not drawn to; Ctrl-Z gets its own terminal back, until the process goes on.
    """

    def __init__(
        self, source: str, model: Model, library: Library, console: Console | None = None, controls: Controls | None = None
    ) -> None:
        self.console = console or Console(highlight=False)
        self.controls = controls or Controls()
        self.state = ScreenState(source, ModelFacts.of(model, library))
        self._full = self.console.is_terminal and not self.console.is_dumb_terminal
        self._ascii_only = needs_ascii(self.console)
        self._news, self._stop = Event(), Event()
        self._changing, self._drawing = Lock(), Lock()
        self._thread = Thread(target=self._draw_until_stopped, name="screen", daemon=True)
        self._failure: Exception | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._full:
            self._open.callback(self._leave)
            self._take()
            self._let_suspend()
            if sys.stderr.isatty():
                self._open.enter_context(_Warnings(self))
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._news.set()
        try:
            if self._thread.is_alive():
                self._thread.join(timeout=2.0)
        finally:
            self._open.close()

    def show(self, event: Reading | Fault) -> None:
        """Fold ``event`` in; the screen follows as fast as it can be read."""
        if self._failure is not None:
            raise self._failure
        with self._changing:
            self.state = fold(self.state, event)
        if self._full:
            self._news.set()
        else:
            self.console.print(describe(event, ascii_only=self._ascii_only), soft_wrap=True)

    def note(self, text: str) -> None:
        """Show ``text`` at the foot of the screen until the next note; an empty one takes it away."""
        with self._changing:
            self.state = replace(self.state, note=text)
        if self._full:
            self._news.set()
        elif text:
            self.console.print(safe_text(text, ascii_only=self._ascii_only), markup=False, soft_wrap=True)

    def count(self, decision: Answer | Literal["fault"]) -> None:
        """Count one answer of many that come too fast to be looked at."""
        with self._changing:
            self.state = replace(self.state, tally=self.state.tally.plus(decision))
        if self._full:
            self._news.set()

    def waiting(self, files: int) -> None:
        """Show how many files wait."""
        if files != self.state.waiting:
            with self._changing:
                self.state = replace(self.state, waiting=files)
            self._news.set()

    def using(self, model: Model, library: Library) -> None:
        """Name another model from now on."""
        self._change(model=ModelFacts.of(model, library))

    def link(self, status: LinkStatus) -> None:
        """Show how the link to the instrument does."""
        if status != self.state.link:
            self._change(link=status)

    def bench(self, bench: Bench) -> None:
        """Show what the acquisition is at."""
        if bench != self.state.bench:
            self._change(bench=bench)

    def _change(self, **facts: Any) -> None:  # noqa: ANN401 - fields of the state, as dataclasses.replace takes them
        with self._changing:
            self.state = replace(self.state, **facts)
        self._news.set()

    def _draw_until_stopped(self) -> None:
        """Draw when there is news, when the size has changed, and every few seconds."""
        drawn: tuple[ScreenState, tuple[int, int]] | None = None
        drawn_at = 0.0
        try:
            while not self._stop.is_set():
                self._news.clear()
                now = (self.state, self._size())
                if now != drawn or time.monotonic() - drawn_at > REPAINT_S:
                    with self._drawing:
                        self._draw(*now)
                    drawn, drawn_at = now, time.monotonic()
                    self._stop.wait(REST_S)
                self._news.wait(LOOK_S)
        except OSError:
            return  # the terminal has gone: what is said is in the journal, and whoever closed it sends a signal
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to: show() raises it
            self._failure = error

    def _draw(self, state: ScreenState, size: tuple[int, int]) -> None:
        frame = render(state, *size, ascii_only=self._ascii_only)
        self.console.print(_Placed(frame), end="", crop=False, soft_wrap=True)

    def _size(self) -> tuple[int, int]:
        """Return columns and rows as they are now; rich alone would believe an exported COLUMNS."""
        try:
            size = os.get_terminal_size(self.console.file.fileno())
        except (OSError, ValueError, io.UnsupportedOperation):
            size = os.terminal_size(self.console.size)
        return size.columns or self.console.width, size.lines or self.console.height

    def _take(self) -> None:
        self.console.set_alt_screen(enable=True)
        self.console.show_cursor(show=False)
        self._write(WRAP_OFF)

    def _leave(self) -> None:
        with suppress(OSError):  # a terminal that has gone
            self._write(WRAP_ON + CLEAR)
            self.console.show_cursor(show=True)
            self.console.set_alt_screen(enable=False)

    def _let_suspend(self) -> None:
        """Handle Ctrl-Z while the screen is shown, where it does anything."""
        stop = getattr(signal, "SIGTSTP", None)  # Windows has none
        if stop is None or threading.current_thread() is not threading.main_thread() or signal.getsignal(stop) is not signal.SIG_DFL:
            return
        signal.signal(stop, self._suspend)
        self._open.callback(signal.signal, stop, signal.SIG_DFL)

    def _suspend(self, _: int, __: FrameType | None) -> None:
        """Give the terminal back, stop until somebody lets us go on, and take it again; the screen is drawn anew within its time."""
        with self._drawing:
            self._leave()
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread goes no further
            with suppress(OSError):
                self._take()

    def _write(self, codes: str) -> None:
        if not self.console.legacy_windows:
            self.console.file.write(codes)
            self.console.file.flush()


class _Placed:
    """A frame with every row put in its place: in a terminal that has just become smaller nothing scrolls."""

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
    """Stands in for standard error on a full screen: the last line becomes a note, all of it is printed afterwards."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._kept = io.StringIO()
        self._redirection = redirect_stderr(self)

    def __enter__(self) -> Self:
        self._redirection.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._redirection.__exit__(None, None, None)
        with suppress(OSError):  # a terminal that has gone
            sys.stderr.write(self._kept.getvalue())

    def writable(self) -> bool:
        """Say that this can be written to."""
        return True

    def write(self, text: str) -> int:
        """Keep ``text``, and show its last line."""
        lines = text.strip().splitlines()
        if lines:
            self._screen.note(lines[-1])
        return self._kept.write(text)


def needs_ascii(console: Console) -> bool:
    """Whether the terminal cannot show braille: another encoding, a C locale that was asked for, or the Linux console."""
    if not console.encoding.startswith("utf") or console.legacy_windows:
        return True
    # Python answers a C locale with UTF-8 (PEP 538, 540); who sets LC_ALL=C means it.
    asked = os.environ.get("LC_ALL", "").lower().replace("-", "")
    return (bool(asked) and "utf8" not in asked) or os.environ.get("TERM") == "linux"
