"""A run that measures: exposures from an instrument, or from a recording of one, become answers in the journal."""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from raman_edge.cli import forward
from raman_edge.cli.output import is_terminal
from raman_edge.cli.watch import LOOK_S, Trouble
from raman_edge.errors import JournalError, JournalUnavailable
from raman_edge.sources import Batch
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    import argparse
    from collections import Counter
    from collections.abc import Iterator

    from raman_edge.acquisition.acquisition import Acquisition
    from raman_edge.acquisition.plan import Plan
    from raman_edge.cli.display import Display
    from raman_edge.cli.naming import Naming
    from raman_edge.cli.signals import Stop
    from raman_edge.instruments.spectrometer import Counters, Spectrometer
    from raman_edge.journal import Journal
    from raman_edge.service.worker import IdentifiedSpectrum, Worker
    from raman_edge.sources.spectrometer import SpectrometerSource

TICK_S = 0.2
"""How often the screen is told what the instrument is at, s."""
PATIENT_S = 2.0
"""An exposure that is longer is waited for at the end with a word, s."""


class Measuring:
    """One run over an open instrument, which goes on where the journal could not be used for a while."""

    def __init__(
        self, options: argparse.Namespace, naming: Naming, journal: Journal, stop: Stop, spectrometer: Spectrometer, plan: Plan
    ) -> None:
        """Show what comes on a screen or as lines, as ``options`` say."""
        from raman_edge.cli.display import NotesOnly, Onlooker  # noqa: PLC0415 - once the arguments are known to be good
        from raman_edge.sources.spectrometer import SpectrometerSource  # noqa: PLC0415

        self._options, self._naming, self._journal, self._stop = options, naming, journal, stop
        self._spectrometer, self._plan = spectrometer, plan
        self._as_lines = bool(options.json) or not is_terminal() or forward.STDOUT in options.to
        self._source: SpectrometerSource = SpectrometerSource(
            spectrometer, plan, stop=stop.event, note=self._note, prompt=None if self._as_lines else self._ask
        )
        self._display: Display = NotesOnly() if self._as_lines else self._screen(self._source.bench)
        self._deliveries = forward.delivering(options.to, journal.path, self._note, stop=stop.event, stdout=self._as_lines)
        self._onlooker = Onlooker(self._display, self._deliveries)
        self._trouble = Trouble()

    def run(self) -> Counter[str]:
        """Answer what is measured, to the end, and return how many answers there were of each kind."""
        with self._deliveries, self._display, self._told(), self._source, self._naming.crew as crew, self._made_safe(crew):
            if self._as_lines and self._plan.mode == "trigger":
                Thread(target=_each_line, args=(self._source.bench,), name="standard input", daemon=True).start()
            from raman_edge.service.run import follow  # noqa: PLC0415 - with the model

            while True:
                try:
                    self._trouble.tried()
                    follow(self._source, crew, self._journal, self)
                except JournalUnavailable as error:
                    self._rest(error)
                else:
                    return self._onlooker.tally

    @contextmanager
    def _made_safe(self, crew: Worker) -> Iterator[None]:
        """Switch the laser off however the block ends, while a laser that may still be on can be journaled and delivered."""
        try:
            yield
        finally:
            status = self._spectrometer.status
            if status.laser and status.state == "acquiring" and (longest_s := (status.exposure_s or 0.0) * status.averages) > PATIENT_S:
                self._note(f"waiting for the exposure of {longest_s:g} s to end, and for its laser to go off; Ctrl-C waits no longer")
            if why := self._spectrometer.make_safe():
                self._journal_unsafe(why, crew)

    def _journal_unsafe(self, why: str, crew: Worker) -> None:
        """Keep it as a fault; the command says it last, by the error that leaving the instrument raises."""
        made = hashlib.sha256(f"{datetime.now(UTC).isoformat()} {why}".encode("utf-8", "backslashreplace")).hexdigest()
        batch = Batch((Fault(Origin(self._plan.kind, self._spectrometer.status.port, sha256=made), why),))
        try:
            answers = crew.result(batch, crew.answer(batch))
            self._journal.add([answer.row for answer in answers])
        except JournalError as error:
            self._note(f"{error}; that the laser may still be on is not in the journal")
            return
        for answer in answers:
            self.show(answer)
        self._deliveries.wake()

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Count and show one answer."""
        self._onlooker.show(answer)

    def pulse(self, waiting: int) -> bool:
        """Wake the sinks; True where nobody reads what is written."""
        if self._trouble and self._trouble.is_past:
            self._trouble = Trouble()
            self._note("it works again; what was measured last is answered")
        return self._onlooker.pulse(waiting)

    def _rest(self, error: JournalUnavailable) -> None:
        """Say what is wrong and wait for the next attempt; a run that is told to stop meanwhile ends with the error."""
        if self._trouble.is_news(error):
            self._note(f"{error}. It is tried again until it works; the instrument waits")
        for _ in range(round(self._trouble.rest_s() / LOOK_S)):
            if self._stop.event.wait(LOOK_S):
                raise error

    def _note(self, text: str) -> None:
        self._display.note(text)

    def _ask(self, text: str) -> None:
        """Show a person what to do, until Enter says that it is done."""
        self._display.note(text)

    def _screen(self, bench: Acquisition) -> Display:
        from raman_edge.cli.display import OnScreen  # noqa: PLC0415 - rich, only on a terminal
        from raman_edge.cli.keeping import keeper  # noqa: PLC0415
        from raman_edge.terminal.controls import Controls  # noqa: PLC0415

        controls = Controls(
            quit=self._stop.event.set,
            pause=lambda: bench.pause(not bench.progress.paused),
            single=bench.trigger,
            dark=bench.take_dark,
            save=keeper(Path()),
        )
        status = self._spectrometer.status
        return OnScreen(f"{status.port}, {status.profile}", self._naming.model, self._naming.library, controls)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Keep the screen told of the link and the bench while the block runs."""
        if self._as_lines:
            yield
            return
        over = Event()
        teller = Thread(target=self._tell_until, args=(over,), name="link to the screen", daemon=True)
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()

    def _tell_until(self, over: Event) -> None:
        from raman_edge.terminal.state import AcquisitionState as Shown  # noqa: PLC0415 - by now loaded

        expires = None if self._plan.calibration is None else self._plan.calibration.expires
        while not over.is_set():
            at = self._source.bench.progress
            self._display.link(self._spectrometer.status)
            self._display.bench(Shown.at(at, expires))
            over.wait(TICK_S)


def _each_line(bench: Acquisition) -> None:
    """Take one spectrum for each line of standard input, and end with the last of them."""
    for _ in sys.stdin or ():
        bench.trigger()
    bench.last()


def summary(tally: Counter[str], journal: Journal, spectrometer: Spectrometer) -> str:
    """Return one line on what came of a run."""
    counters = spectrometer.status.counters
    failed = tally.pop("fault", 0)
    said = ", ".join(f"{count} {decision}" for decision, count in sorted(tally.items())) or "nothing identified"
    link = [f"{counters.frames} frames", *(f"{count} {word}" for word, count in troubles(counters) if count)]
    return f"{said}; {failed} failed; {', '.join(link)}; journal {str(journal.path)!r}"


def troubles(counters: Counters) -> list[tuple[str, int]]:
    """Return what a link has counted besides good frames, in words."""
    return [
        ("broken", counters.bad),
        ("late", counters.timeouts),
        ("refused", counters.refused),
        ("stale", counters.stale),
        ("reconnects", counters.reconnects),
    ]
