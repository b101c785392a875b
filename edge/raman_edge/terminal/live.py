"""The screen while spectra come: what is known changes from any thread, and is drawn by one of its own."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal, Self

from rich.console import Console

from raman_edge.errors import RamanEdgeError
from raman_edge.matching.identify import Reading
from raman_edge.terminal.controls import Controls
from raman_edge.terminal.navigation import pressed
from raman_edge.terminal.safe import safe_text
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import ModelFacts, ScreenState, fold
from raman_edge.terminal.summary import describe
from raman_edge.terminal.terminal import Terminal, needs_ascii

if TYPE_CHECKING:
    from types import TracebackType

    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Fault
    from raman_edge.terminal.state import AcquisitionState
    from raman_edge.wording import Answer

LOOK_S = 0.2
"""How often a new size of the terminal is looked for, s: nothing else wakes an idle screen."""
REST_S = 0.08
"""Least time between two frames, s: a backlog is shown at the rate of an eye, not of a disk."""
REPAINT_S = 2.0
"""A frame is drawn again after this time, s, whatever another program wrote over it."""


class Screen:
    """The full screen of a running source; where there is no terminal, a line or two per event.

    Drawing happens in a thread of its own: :meth:`show` never waits for the terminal.
    """

    def __init__(
        self, source: str, model: Model, library: Library, console: Console | None = None, controls: Controls | None = None
    ) -> None:
        self.console = console or Console(highlight=False)
        self.controls = controls or Controls()
        self._full = self.console.is_terminal and not self.console.is_dumb_terminal
        self._ascii_only = needs_ascii(self.console)
        self._terminal = Terminal(self.console, self.press, self.note)
        keys = self.controls.keys if self._full and self._terminal.has_keys else ()
        self.state = ScreenState(source, ModelFacts.of(model, library), keys=keys)
        self._pace = RemainingTime()
        self._told = ""
        self._news, self._stop = Event(), Event()
        self._changing = Lock()
        self._thread = Thread(target=self._draw_until_stopped, name="screen", daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        if self._full:
            self._terminal.__enter__()
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._news.set()
        try:
            if self._thread.is_alive():
                self._thread.join(timeout=2.0)
        finally:
            self._terminal.__exit__(kind, error, trace)

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
        self._change(note=text)
        if text and not self._full:
            self.console.print(safe_text(text, ascii_only=self._ascii_only), markup=False, soft_wrap=True)

    def count(self, decision: Answer | Literal["fault"]) -> None:
        """Count one answer of many that come too fast to be looked at."""
        with self._changing:
            self.state = replace(self.state, tally=self.state.tally.plus(decision))
        self._news.set()

    def waiting(self, files: int) -> None:
        """Show how many files wait, and how long they will take."""
        tally = self.state.tally
        left_s = self._pace.left_s(time.monotonic(), tally.done + tally.fault, files)
        if (files, left_s) != (self.state.waiting, self.state.left_s):
            self._change(waiting=files, left_s=left_s)

    def using(self, model: Model, library: Library) -> None:
        """Name another model from now on."""
        self._change(model=ModelFacts.of(model, library))

    def link(self, status: LinkStatus) -> None:
        """Show how the link to the instrument does."""
        if status != self.state.link:
            self._change(link=status)

    def bench(self, bench: AcquisitionState) -> None:
        """Show what the acquisition is at."""
        if bench != self.state.bench:
            self._change(bench=bench)

    def press(self, key: str) -> None:
        """Do what ``key`` stands for: something to the run where the command lets it, else to the view.

        What the key before said is taken away, unless something else has been said since.
        """
        if self._told and self.state.note == self._told:
            self.note("")
        try:
            does = self._command(key)
            if does is not None:
                does()
            else:
                with self._changing:
                    self.state = pressed(self.state, PAUSES.get(key, key))
        except (RamanEdgeError, OSError) as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to: show() raises it
            self._failure = error
        self._news.set()

    def _command(self, key: str) -> Any:  # noqa: ANN401 - a callable without arguments, or None
        """Return what ``key`` does to the run, or None."""
        controls = self.controls
        if key == "w" and controls.save is not None:
            return self._save
        return {
            "q": controls.quit,
            "space": controls.pause,
            "p": controls.pause,
            "s": controls.single,
            "enter": controls.single,
            "d": controls.dark,
        }.get(key)

    def _save(self) -> None:
        """Keep the spectrum that is shown, and say where."""
        shown = self.state.shown
        if self.controls.save is not None and isinstance(shown, Reading):
            self._tell(self.controls.save(shown))

    def _tell(self, text: str) -> None:
        self._told = text
        self.note(text)

    def _change(self, **facts: Any) -> None:  # noqa: ANN401 - fields of the state, as dataclasses.replace takes them
        with self._changing:
            self.state = replace(self.state, **facts)
        self._news.set()

    def _draw_until_stopped(self) -> None:
        """Draw when there is news, when the size has changed, and every few seconds."""
        drawn: tuple[ScreenState, tuple[int, int]] | None = None
        drawn_at = 0.0
        try:
            with suppress(OSError):  # the terminal has gone: what is said is in the journal, and whoever closed it sends a signal
                while not self._stop.is_set():
                    self._news.clear()
                    now = (self.state, self._terminal.size)
                    is_there = now == drawn and self._terminal.is_taken and time.monotonic() - drawn_at < REPAINT_S
                    if self._terminal.is_ours and not is_there:
                        self._draw(*now)
                        drawn, drawn_at = now, time.monotonic()
                        self._stop.wait(REST_S)
                    self._news.wait(LOOK_S)
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to: show() raises it
            self._failure = error

    def _draw(self, state: ScreenState, size: tuple[int, int]) -> None:
        state = replace(state, now=datetime.now().astimezone())
        self._terminal.draw(render(state, *size, ascii_only=self._ascii_only))


PAUSES = {"space": "hold", "p": "hold"}
"""What the pause keys do to the view where the run cannot be paused."""


LOOKED_S = 20.0
"""The rate is that of these last seconds."""
LEAST_S = 1.0
"""A shorter time tells no rate, s."""


class RemainingTime:
    """Remembers when how many were answered."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._busy_at = 0.0

    def left_s(self, now: float, answered: int, waiting: int) -> float | None:
        """Return how long ``waiting`` will take, s; None where nothing waits or the rate is not known yet.

        ``now`` is of a clock that never goes back, s; ``answered`` counts all so far.
        """
        if waiting:
            self._busy_at = now
        elif now - self._busy_at > LEAST_S:  # between two looks into a folder nothing waits for a moment
            self._seen.clear()
        self._seen.append((now, answered))
        while now - self._seen[0][0] > LOOKED_S:
            self._seen.popleft()
        began, before = self._seen[0]
        if not waiting or now - began < LEAST_S or answered <= before:
            return None
        return waiting * (now - began) / (answered - before)
