"""The live screen: any thread changes its state, one thread draws it."""

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
from raman_edge.terminal.headline import describe
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import ModelFacts, ScreenState, fold, pressed
from raman_edge.terminal.terminal import Terminal, needs_ascii
from raman_edge.terminal.theme import safe_text

if TYPE_CHECKING:
    from types import TracebackType

    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Fault, Spectrum
    from raman_edge.terminal.state import AcquisitionState
    from raman_edge.wording import Answer

LOOK_S = 0.2
"""Interval of the checks for a new terminal size, s: nothing else wakes an idle screen."""
REST_S = 0.08
"""Least time between two frames, s: faster frames cannot be read."""
REPAINT_S = 2.0
"""Interval of redrawing, s: another program may have written over the frame."""


class Screen:
    """The full screen of a running source; without a terminal, a few lines per event.

    A separate thread draws: :meth:`show` never waits for the terminal.
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
        self._key_note = ""
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
        """Add ``event``; the screen follows as fast as it can be read."""
        if self._failure is not None:
            raise self._failure
        with self._changing:
            self.state = fold(self.state, event)
        if self._full:
            self._news.set()
        else:
            self.console.print(describe(event, ascii_only=self._ascii_only), soft_wrap=True)

    def note(self, text: str) -> None:
        """Show ``text`` in the footer until the next note; an empty one removes it."""
        self._change(note=text)
        if text and not self._full:
            self.console.print(safe_text(text, ascii_only=self._ascii_only), markup=False, soft_wrap=True)

    def count(self, decision: Answer | Literal["fault"]) -> None:
        """Count one of many results that arrive too fast to be shown."""
        with self._changing:
            self.state = replace(self.state, tally=self.state.tally.plus(decision))
        self._news.set()

    def waiting(self, files: int) -> None:
        """Show the number of waiting files and the remaining time."""
        tally = self.state.tally
        left_s = self._pace.left_s(time.monotonic(), tally.done + tally.fault, files)
        if (files, left_s) != (self.state.waiting, self.state.left_s):
            self._change(waiting=files, left_s=left_s)

    def using(self, model: Model, library: Library) -> None:
        """Show another model from now on."""
        self._change(model=ModelFacts.of(model, library))

    def preview(self, spectrum: Spectrum) -> None:
        """Show a spectrum on an axis of pixels, which is not identified."""
        self._change(preview=spectrum)

    def link(self, status: LinkStatus) -> None:
        """Show the state of the link to the instrument."""
        if status != self.state.link:
            self._change(link=status)

    def acquisition(self, acquisition: AcquisitionState) -> None:
        """Show the progress of the acquisition."""
        if acquisition != self.state.acquisition:
            self._change(acquisition=acquisition)

    def press(self, key: str) -> None:
        """Perform the action of ``key`` on the run if the command provides one, else on the view.

        The note of the previous key is removed, unless another note has replaced it.
        """
        if self._key_note and self.state.note == self._key_note:
            self.note("")
        try:
            does = self._command(key)
            if does is not None:
                does()
            else:
                with self._changing:
                    self.state = pressed(self.state, PAUSES.get(key, key))
        except (RamanEdgeError, OSError) as error:
            self._note_of_key(str(error))
        except Exception as error:  # noqa: BLE001 - show() raises it in the caller's thread
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
            "c": controls.calibrate,
        }.get(key)

    def _save(self) -> None:
        """Save the spectrum that is shown, and note where."""
        shown = self.state.shown
        if self.controls.save is not None and isinstance(shown, Reading):
            self._note_of_key(self.controls.save(shown))

    def _note_of_key(self, text: str) -> None:
        self._key_note = text
        self.note(text)

    def _change(self, **facts: Any) -> None:  # noqa: ANN401 - fields of the state, as dataclasses.replace takes them
        with self._changing:
            self.state = replace(self.state, **facts)
        self._news.set()

    def _draw_until_stopped(self) -> None:
        """Draw after a change, after a new size, and every few seconds."""
        drawn: tuple[ScreenState, tuple[int, int]] | None = None
        drawn_at = 0.0
        try:
            with suppress(OSError):  # the terminal is gone: results are in the journal, and a signal ends the run
                while not self._stop.is_set():
                    self._news.clear()
                    now = (self.state, self._terminal.size)
                    is_there = now == drawn and self._terminal.is_taken and time.monotonic() - drawn_at < REPAINT_S
                    if self._terminal.is_ours and not is_there:
                        self._draw(*now)
                        drawn, drawn_at = now, time.monotonic()
                        self._stop.wait(REST_S)
                    self._news.wait(LOOK_S)
        except Exception as error:  # noqa: BLE001 - show() raises it in the caller's thread
            self._failure = error

    def _draw(self, state: ScreenState, size: tuple[int, int]) -> None:
        state = replace(state, now=datetime.now().astimezone())
        self._terminal.draw(render(state, *size, ascii_only=self._ascii_only))


PAUSES = {"space": "hold", "p": "hold"}
"""Actions of the pause keys on the view if the run cannot be paused."""


LOOKED_S = 20.0
"""The rate is averaged over this time, s."""
LEAST_S = 1.0
"""Least time for a rate, s."""


class RemainingTime:
    """Estimates the remaining time from the recent rate."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._busy_at = 0.0

    def left_s(self, now: float, answered: int, waiting: int) -> float | None:
        """Return the time for ``waiting`` files, s; None if none waits or the rate is unknown.

        ``now`` is of a monotonic clock, s; ``answered`` counts all so far.
        """
        if waiting:
            self._busy_at = now
        elif now - self._busy_at > LEAST_S:  # nothing waits for a moment between two scans of a folder
            self._seen.clear()
        self._seen.append((now, answered))
        while now - self._seen[0][0] > LOOKED_S:
            self._seen.popleft()
        began, before = self._seen[0]
        if not waiting or now - began < LEAST_S or answered <= before:
            return None
        return waiting * (now - began) / (answered - before)
