"""A display that counts the answers and, if asked to, leaves a picture of the screen at its best."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Self

from raman_edge.errors import OutputError
from raman_edge.matching.identify import Reading
from raman_edge.terminal.picture import SIZE, svg
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import AcquisitionState, ModelFacts, ScreenState, fold

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.service.display import Display
    from raman_edge.service.worker import Answered
    from raman_edge.spectrum import Fault
    from raman_edge.terminal.controls import KeyBinding


class Witness:
    """Hands everything on to another display, and remembers what a screen of it shows."""

    def __init__(self, display: Display, state: ScreenState) -> None:
        self.answers = 0
        """How many there were."""
        self.spikes = 0
        """Values that were left out of averages."""
        self._display, self._state = display, state
        self._kept: ScreenState | None = None

    @classmethod
    def of(cls, display: Display, title: str, model: Model, library: Library, keys: tuple[KeyBinding, ...]) -> Witness:
        """Watch a display that has shown nothing yet."""
        return cls(display, ScreenState(title, ModelFacts.of(model, library), keys=keys))

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._display.__exit__(kind, error, trace)

    def show(self, event: Reading | Fault) -> None:
        """Show one answer."""
        self._state = fold(self._state, event)
        self._display.show(event)
        self.answers += 1
        if isinstance(event, Reading):
            self.spikes += int(event.spectrum.meta.get("spikes", 0))

    def count(self, decision: Answered) -> None:
        """Count one answer that is not looked at."""
        self._display.count(decision)
        self.answers += 1

    def note(self, text: str) -> None:
        """Show one line about the story, or about the source."""
        self._state = replace(self._state, note=text)
        self._display.note(text)

    def waiting(self, files: int) -> None:
        """Show how many files wait."""
        self._display.waiting(files)

    def using(self, model: Model, library: Library) -> None:
        """Show what names the spectra from now on."""
        self._display.using(model, library)

    def link(self, status: LinkStatus) -> None:
        """Show how the link to the instrument does."""
        self._state = replace(self._state, link=status)
        self._display.link(status)

    def bench(self, bench: AcquisitionState) -> None:
        """Show what the acquisition is at."""
        self._state = replace(self._state, bench=bench)
        self._display.bench(bench)

    def keep(self) -> None:
        """Have the picture show what is seen now, and nothing that comes later."""
        self._kept = replace(self._state, now=datetime.now().astimezone())

    def draw(self, path: Path) -> None:
        """Write the picture as an SVG file: the frame a terminal of that size would have shown."""
        state = self._kept or replace(self._state, now=datetime.now().astimezone())
        try:
            path.write_text(svg(render(state, *SIZE), "raman-edge"), encoding="utf-8")
        except OSError as error:
            msg = f"the picture {str(path)!r} cannot be written: {error.strerror}"
            raise OutputError(msg) from error
