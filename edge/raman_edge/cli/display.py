"""Where a person sees what a running source gives; a pipe is a sink instead, fed from the journal."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from raman_edge.cli.output import say

if TYPE_CHECKING:
    from typing import Self

    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.identify import Reading
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.outputs.forwarding import Forwarding
    from raman_edge.service.worker import Answered, IdentifiedSpectrum
    from raman_edge.spectrum import Fault
    from raman_edge.terminal.controls import Controls
    from raman_edge.terminal.state import AcquisitionState


class Display(Protocol):
    """Where answers and notes are shown."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def show(self, event: Reading | Fault) -> None:
        """Show one answer, which is in the journal by now."""

    def count(self, decision: Answered) -> None:
        """Count one answer of many that come too fast to be looked at."""

    def note(self, text: str) -> None:
        """Show one line about the source."""

    def waiting(self, files: int) -> None:
        """Show how many files wait to be read."""

    def using(self, model: Model, library: Library) -> None:
        """Show what names the spectra from now on."""

    def link(self, status: LinkStatus) -> None:
        """Show how the link to the instrument does."""

    def bench(self, bench: AcquisitionState) -> None:
        """Show what the acquisition is at."""


class NotesOnly:
    """Notes go to standard error; the answers go where the sinks take them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""

    def show(self, event: Reading | Fault) -> None:
        """Show nothing."""

    def count(self, decision: Answered) -> None:
        """Count nothing."""

    def note(self, text: str) -> None:
        """Write one line to standard error."""
        say(text)

    def waiting(self, files: int) -> None:
        """Show nothing."""

    def using(self, model: Model, library: Library) -> None:
        """Show nothing."""

    def link(self, status: LinkStatus) -> None:
        """Show nothing."""

    def bench(self, bench: AcquisitionState) -> None:
        """Show nothing."""


class OnScreen:
    """The live screen; ``controls`` is what its keys can do to the run."""

    def __init__(self, source: str, model: Model, library: Library, controls: Controls | None = None) -> None:
        from raman_edge.terminal.live import Screen  # noqa: PLC0415 - rich, only on a terminal

        self._screen = Screen(source=source, model=model, library=library, controls=controls)
        self._shown = ExitStack()

    def __enter__(self) -> Self:
        self._shown.enter_context(self._screen)
        return self

    def __exit__(self, *exc: object) -> None:
        self._shown.close()

    def show(self, event: Reading | Fault) -> None:
        """Draw one answer."""
        self._screen.show(event)

    def count(self, decision: Answered) -> None:
        """Count one more of its kind."""
        self._screen.count(decision)

    def note(self, text: str) -> None:
        """Show one line at the foot of the screen."""
        self._screen.note(text)

    def waiting(self, files: int) -> None:
        """Show how many files wait."""
        self._screen.waiting(files)

    def using(self, model: Model, library: Library) -> None:
        """Name the model at the foot of the screen."""
        self._screen.using(model, library)

    def link(self, status: LinkStatus) -> None:
        """Show the link beneath the heading."""
        self._screen.link(status)

    def bench(self, bench: AcquisitionState) -> None:
        """Show what the acquisition is at beside the link."""
        self._screen.bench(bench)


MOST_NOTES = 100
"""Kinds of files of which it is said what is not read."""


class Onlooker:
    """Counts answers, hands them to a display and wakes the sinks; the run ends when one of them says that it cannot go on."""

    def __init__(self, display: Display, deliveries: Forwarding) -> None:
        self.tally: Counter[str] = Counter()
        """How many answers there were of each decision, faults among them."""
        self._display, self._deliveries = display, deliveries
        self._left_out: set[str] = set()

    def _tell_left_out(self, event: Reading | Fault | None) -> None:
        """Note what of a file is not read on purpose, once for all files alike; the record of each has it."""
        from raman_edge.spectrum import LEFT_OUT, Fault  # noqa: PLC0415 - numpy, loaded by now

        left = None if event is None or isinstance(event, Fault) else event.spectrum.meta.get(LEFT_OUT)
        if event is not None and left and left not in self._left_out and len(self._left_out) < MOST_NOTES:
            self._left_out.add(left)
            path = event.origin.path if isinstance(event, Fault) else event.spectrum.origin.path
            self._display.note(f"{path}: not read: {left} (said once for files alike)")

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Count and show one answer."""
        self.tally[answer.decision] += 1
        self._tell_left_out(answer.event)
        if answer.event is None:
            self._display.count(answer.decision)
        else:
            self._display.show(answer.event)

    def pulse(self, waiting: int) -> bool:
        """Tell the sinks that there is something new, and how many files wait."""
        self._display.waiting(waiting)
        self._deliveries.waiting(waiting)
        self._deliveries.wake()
        return self._deliveries.failure() is not None
