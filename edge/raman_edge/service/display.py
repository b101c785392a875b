"""Where a person sees the results of a run, saves one, and what observes the run for it; a pipe is an output instead."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeAlias

from raman_edge.atomic_write import system_path
from raman_edge.errors import OutputError
from raman_edge.sources.scan import lies_within
from raman_edge.spectrum import LEFT_OUT, Fault
from raman_edge.wording import IF, printable, title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event
    from types import TracebackType
    from typing import Self

    from raman_edge.errors import RamanEdgeError
    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.identify import Reading
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.outputs.forwarding import Forwarding
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.worker import Answered, IdentifiedSpectrum
    from raman_edge.spectrum import Spectrum
    from raman_edge.terminal.controls import Controls
    from raman_edge.terminal.state import AcquisitionState

    OpenDisplay: TypeAlias = Callable[[str, Identifier, Controls], "Display"]
    """Makes the display of a run from the name of its source, what identifies, and what its keys can do."""

MOST_NOTES = 100
"""Kinds of files for which a note names what of them is not read."""
RETRIES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Waits between two attempts where the journal cannot be written or the folder not be opened, s; the last one repeats."""
TICK_S = 0.5
"""How often a waiting run checks whether it was stopped, s."""
RECOVERED_S = 5.0
"""An outage is over when nothing has failed for this long, s: on a full disk a small batch may still find room."""


class Display(Protocol):
    """Shows results and notes; :class:`raman_edge.terminal.live.Screen` is one."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def show(self, event: Reading | Fault) -> None:
        """Show one result, which is in the journal by now."""

    def count(self, decision: Answered) -> None:
        """Count one result of many that come too fast to be shown."""

    def note(self, text: str) -> None:
        """Show one line about the run; called from several threads."""

    def waiting(self, files: int) -> None:
        """Show how many files wait to be read."""

    def using(self, model: Model, library: Library) -> None:
        """Show the model and the library that are used from now on."""

    def preview(self, spectrum: Spectrum) -> None:
        """Show a spectrum on an axis of pixels, which is not identified."""

    def link(self, status: LinkStatus) -> None:
        """Show the state of the link to the instrument."""

    def acquisition(self, acquisition: AcquisitionState) -> None:
        """Show the progress of the acquisition."""


class NoteDisplay:
    """Passes notes on and shows nothing else: results go where the outputs take them."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""

    def show(self, event: Reading | Fault) -> None:
        """Show nothing."""

    def count(self, decision: Answered) -> None:
        """Count nothing."""

    def waiting(self, files: int) -> None:
        """Show nothing."""

    def using(self, model: Model, library: Library) -> None:
        """Show nothing."""

    def preview(self, spectrum: Spectrum) -> None:
        """Show nothing."""

    def link(self, status: LinkStatus) -> None:
        """Show nothing."""

    def acquisition(self, acquisition: AcquisitionState) -> None:
        """Show nothing."""


class RunObserver:
    """Counts the results of a run, hands them to its display and wakes its outputs; the run ends when an output cannot go on."""

    def __init__(self, display: Display, outputs: Forwarding) -> None:
        self.tally: Counter[str] = Counter()
        """Number of results of each decision, faults included."""
        self._display, self._outputs = display, outputs
        self._left_out: set[str] = set()
        self._outage = Outage()

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Count and show one result."""
        self.tally[answer.decision] += 1
        self._note_left_out(answer.event)
        if answer.event is None:
            self._display.count(answer.decision)
        else:
            self._display.show(answer.event)

    def heartbeat(self, waiting: int) -> bool:
        """Wake the outputs and show how many files wait; True where an output has failed for good."""
        if self._outage and self._outage.is_over:
            self._outage = Outage()
            self._display.note("it works again; what came meanwhile is identified")
        self._display.waiting(waiting)
        self._outputs.waiting(waiting)
        self._outputs.wake()
        return self._outputs.failure() is not None

    def _note_left_out(self, event: Reading | Fault | None) -> None:
        """Note what of a file is not read on purpose, once for all similar files; the record of each has it."""
        if event is None or isinstance(event, Fault):
            return
        left = event.spectrum.meta.get(LEFT_OUT)
        if left and left not in self._left_out and len(self._left_out) < MOST_NOTES:
            self._left_out.add(left)
            self._display.note(f"{event.spectrum.origin.path}: not read: {left} (noted once for similar files)")


class Outage:
    """Failures of a run that keeps retrying; false where there are none."""

    def __init__(self) -> None:
        self._noted: set[str] = set()
        self._attempts = 0
        self._tried_at = 0.0

    def __bool__(self) -> bool:
        return self._attempts > 0

    @property
    def is_over(self) -> bool:
        """Whether the last attempt has gone on without a failure for long enough."""
        return monotonic() - self._tried_at > RECOVERED_S

    def begin_attempt(self) -> None:
        """Note that an attempt begins."""
        self._tried_at = monotonic()

    def wait(
        self,
        error: RamanEdgeError,
        note: Callable[[str], None],
        stop: Event,
        *,
        until: Event | None = None,
        tick: Callable[[], None] | None = None,
    ) -> None:
        """Wait for the next attempt after ``error``, which is noted once: a full disk fails in several ways, each is one note.

        ``until`` ends the wait early, ``tick`` is called while it lasts. Raises ``error`` where ``stop`` is set meanwhile.
        """
        if str(error) not in self._noted:
            self._noted.add(str(error))
            note(f"{error}. It is tried again until it works")
        self._attempts += 1
        for _ in range(round(RETRIES_S[min(self._attempts, len(RETRIES_S)) - 1] / TICK_S)):
            if tick is not None:
                tick()
            if stop.wait(TICK_S):
                raise error
            if until is not None and until.is_set():
                return


# The save key: the spectrum that is shown, written to a CSV file that this program and others read


MAX_NAME = 40
"""Most characters of a name that come from the spectrum's origin."""


def saver(folder: Path, watched: Path | None = None) -> Callable[[Reading], str]:
    """Return a function that writes a spectrum into ``folder`` and returns a line that names the file.

    The function raises :class:`OutputError` where the file cannot be written, and in or below ``watched``: the file would be
    identified as one more spectrum.
    """

    def save(reading: Reading) -> str:
        try:
            here = folder.resolve(strict=True)
        except OSError as error:
            raise OutputError(kind="not saved", place=repr(str(folder)), cause=str(error.strerror), expected="a folder") from error
        if watched is not None and lies_within(here, watched):
            raise OutputError(
                kind="not saved", place=repr(str(here)), got="a watched folder", expected="another one", advice="Start from another folder"
            )
        return f"saved as {_write(here, reading).name} in {here}"

    return save


def _write(into: Path, reading: Reading) -> Path:
    text = "\n".join(_lines(reading)) + "\n"
    for path in _free(into, reading.spectrum):
        try:
            with system_path(path).open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(kind="not saved", place=repr(str(path)), cause=str(error.strerror), expected="a writable folder") from error
        return path
    raise AssertionError  # the numbers never end


def _free(into: Path, spectrum: Spectrum) -> Iterator[Path]:
    """Yield file names from origin and time; from the second one on they have a number."""
    stem = Path(spectrum.origin.path.replace("\\", "/")).stem
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in stem)[:MAX_NAME]
    taken = (spectrum.taken_at or datetime.now(UTC)).astimezone(UTC)
    for number in count():
        more = f"-{number + 1}" if number else ""
        yield into / f"{name or 'spectrum'}-{taken:%Y%m%dT%H%M%SZ}{more}.csv"


def _lines(reading: Reading) -> Iterator[str]:
    """Yield a header and a line for each point; numbers have as many decimals as reproduce them exactly."""
    spectrum, verdict = reading.spectrum, reading.verdict
    best = verdict.best if verdict.decision == "match" else None
    sure = f" ({best.score:.1%} {IF})" if best and best.score is not None else ""
    yield f"# Measured: {printable(spectrum.origin.path)}"
    yield f"# Answer: {printable(f'{title(verdict.decision, verdict.names, group=verdict.group, candidates=verdict.ranked)}{sure}')}"
    if spectrum.taken_at is not None:
        yield f"# Time: {spectrum.taken_at.isoformat()}"
    if spectrum.exposure_s is not None:
        yield f"# Exposure: {spectrum.exposure_s!r} s"
    if spectrum.calibrated is not None:
        yield f"# Calibration: {spectrum.calibrated.id}"
    yield "Raman shift (cm-1),Intensity (counts)"
    for shift, counts in zip(spectrum.axis.shift.tolist(), spectrum.counts.tolist(), strict=True):
        yield f"{shift!r},{counts!r}"
