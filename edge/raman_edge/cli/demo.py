"""``raman-edge demo``: a story with a simulated spectrometer, measured as ``serial`` and ``calibrate`` do, and a folder as ``watch`` does.

An act ends as soon as its spectrum is identified; the rest of its share of the time is for reading the screen.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from raman_edge import records, wording
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.api import calibrate, watch
from raman_edge.atomic_write import system_path
from raman_edge.cli import demo_samples as samples
from raman_edge.cli import opening
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, program, say
from raman_edge.errors import ConfigError, OutputError, SourceLost, SourceUnavailable, SpectrumError
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.journal import Journal
from raman_edge.matching.identify import Reading
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.service.display import RunObserver
from raman_edge.service.run import follow, open_outputs, open_worker
from raman_edge.service.signals import stopping
from raman_edge.simulator.materials import NONE, SEPARATOR
from raman_edge.simulator.ports import PtyAt, TcpAt
from raman_edge.simulator.scene import Scene, SceneConditions
from raman_edge.simulator.simulated import Simulated
from raman_edge.sources.spectrometer import SpectrometerSource
from raman_edge.spectrum import Fault, Spectrum
from raman_edge.terminal import terminal, theme
from raman_edge.terminal.controls import Controls
from raman_edge.terminal.live import Screen
from raman_edge.terminal.rows import SIZE, svg
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import AcquisitionState
from raman_edge.terminal.theme import QUIET, STRONG, STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.cli.demo_samples import Act, Judgement, Right, SampleFile
    from raman_edge.cli.parser import Parser
    from raman_edge.matching.library import Library
    from raman_edge.outputs.forwarding import Forwarding
    from raman_edge.records import Record
    from raman_edge.service.identifier import Identifier
    from raman_edge.terminal.state import ScreenState
    from raman_edge.terminal.theme import Theme

SECONDS_VARIABLE, SECONDS = "DEMO_SECONDS", 50.0
TITLE = "demo: a simulated spectrometer"
WIDTH = 120
"""Columns of the summary in a pipe."""
NEXT = {
    "identify --example ./incoming": "an example spectrum, copied to a folder",
    "watch ./incoming": "the folder, live, until Ctrl-C",
    "serial": "your instrument",
}
"""Commands to go on with."""
INCOMPLETE = 1
"""Exit code if something has no answer, or the journal does not confirm all that was shown."""
PROFILE, BAUD = "ocean-sts", 115_200
"""It reports its serial number and the coefficients of its axis, and a frame that lacks a byte is detected."""
AXIS_ERROR_CM = 5.0
"""Of the coefficients that the instrument reports, cm⁻¹."""
PACED_FROM_S = 20.0
"""From this length on, the line and the exposures take as long as real ones, s."""
PATIENCE_S = 45.0
"""Longest time of one act, s: a slow machine, and a link that is opened again."""
TICK_S = 0.1
AWAY, AWAY_S = 0.6, 0.3
"""Share of its act for which the cable is out, and the least time, s."""
MOST_RECORDS = 1000
"""Records of one act."""
LISTED = 8
"""Files with a wrong or missing answer that have a line each; all are counted."""
SIGNS = {"right": "match", "wrong": "rejected", "open": "ambiguous", "missing": "waiting"}
CAVEAT = (
    "Simulated light, from the library's own peak tables: it shows that everything runs, not how well real spectra are named. "
    "{possible} is the right name with a doubt, {ambiguous} an answer where others would be right too."
)


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "A story in a minute, without an instrument: a simulated spectrometer on a serial line is calibrated, measures library minerals, "
        "a mixture and a material that is not in the library, is struck by a cosmic particle, saturates, sends a damaged frame and loses "
        "its cable; then a burst of files lands in a folder. The code of `raman-edge serial`, `calibrate` and `watch` answers all of it, "
        "and the journal confirms that nothing was lost. Nothing in it was measured: it shows that everything runs, not how well real "
        "spectra are named."
    )
    parser.examples = (
        ("raman-edge demo", "live on a terminal; needs no instrument and leaves no files"),
        ("raman-edge demo --seconds 10 --svg screen.svg", "in ten seconds, with a picture of the screen"),
    )
    parser.add_argument(
        "--seconds",
        type=shared.seconds,
        metavar="S",
        help=f"length of the story, s; longer on a slow machine (default: {SECONDS_VARIABLE}, else {SECONDS:g})",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture of the screen (100 columns, 30 rows)")
    shared.add_model(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Play the story, and print what happened beside what was answered."""
    try:
        seconds = options.seconds or shared.seconds(os.environ.get(SECONDS_VARIABLE) or str(SECONDS))
    except argparse.ArgumentTypeError as error:
        raise ConfigError(kind="not a number of seconds", place=SECONDS_VARIABLE, cause=str(error)) from error
    on_screen, began = is_terminal() and not options.json, monotonic()
    with ExitStack() as stack:
        stop = stack.enter_context(stopping())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="raman-edge-demo-", ignore_cleanup_errors=True)))
        identifier = opening.open_identifier(options)
        journal = stack.enter_context(Journal.open(folder / "journal.sqlite3"))
        outputs = stack.enter_context(open_outputs((), journal.path, say, stop=stop.event, stdout=not on_screen))
        console = None if on_screen else Console(file=stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")))
        screen = StoryScreen(TITLE, identifier.model, identifier.library, console, Controls(quit=stop.event.set))
        story = Story(identifier, journal, screen, outputs, stop.event, seconds)
        result = story.play(folder / "incoming")
    if options.svg is not None:
        state = replace(story.pictured or screen.state, now=datetime.now().astimezone())
        try:
            system_path(options.svg).write_text(svg(render(state, *SIZE), "raman-edge"), encoding="utf-8")
        except OSError as error:
            raise OutputError(kind="cannot write the picture", place=repr(str(options.svg)), cause=str(error.strerror)) from error
    console = Console(file=sys.stdout if on_screen else sys.stderr, highlight=False, width=None if on_screen else WIDTH)
    signs = theme.ASCII if terminal.needs_ascii(console) else theme.UNICODE
    console.print(result.table(signs), "", *result.paragraphs(monotonic() - began, signs), "", sep="\n")
    commands = [signs.safe(f"  {program()} {command:<34}{what}") for command, what in NEXT.items()]
    console.print(Text("\n".join(["Next:", *commands, ""])), soft_wrap=True)
    return stop.code(0 if result.complete else INCOMPLETE)


# How it is judged


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One line of the summary."""

    happened: str
    answer: str
    judgement: Judgement
    ms: float | None = None
    """From the last byte to the result."""
    doubted: bool = False
    """Whether the right name was given with a doubt."""


def act_line(act: Act, found: Sequence[Record], spikes: int) -> SummaryLine:
    """Return the line of an act from its records; a mishap has to be reported, else the answer is not right."""
    result = next((record for record in reversed(found) if isinstance(record, ResultRecord)), None)
    faults = sum(isinstance(record, FaultRecord) for record in found)
    line = _line(act.title, act.right, act.sample.split(SEPARATOR), result)
    if result and act.mishap and not (spikes if act.mishap == "spike" else faults):
        line = replace(line, judgement="wrong")
    more = f", {spikes} spiked values left out" if spikes else ""
    more += f", {faults} {'fault' if faults == 1 else 'faults'} reported" if faults else ""
    return replace(line, answer=line.answer + more)


def burst_lines(written: Sequence[tuple[SampleFile, datetime]], answers: Mapping[str, Record]) -> list[SummaryLine]:
    """Return a line for the burst, and one for each of the first files whose answer is not right."""
    lines = [_line(f"  {file.name}: {file.label}", file.right, [file.label], answers.get(file.name)) for file, _ in written]
    if not lines:
        return []
    delays = [(datetime.fromisoformat(answers[file.name].ts) - at).total_seconds() for file, at in written if file.name in answers]
    after = f", after {median(delays):.1f} s" if delays else ""
    counts = {name: sum(line.judgement == name for line in lines) for name in ("right", "wrong", "missing")}
    words = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    worst: Judgement = "missing" if counts["missing"] else "wrong" if counts["wrong"] else "right"
    times = [line.ms for line in lines if line.ms is not None]
    first = SummaryLine(f"{len(lines)} files in a burst, one of them broken", words + after, worst, median(times) if times else None)
    return [first, *[line for line in lines if line.judgement != "right"][:LISTED]]


def _line(happened: str, right: Right, labels: Sequence[str], record: Record | None) -> SummaryLine:
    judgement = samples.judge(right, labels, record)
    if not isinstance(record, ResultRecord):
        return SummaryLine(happened, "nothing" if record is None else "no spectrum", judgement)
    words = str(wording.title(record.decision, record.names, group=record.group, candidates=record.matches))
    words += ", saturated" if record.quality.saturated else ""
    return SummaryLine(happened, words, judgement, record.ms.total, record.decision == "possible")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What was measured and written, and what the journal has of it."""

    lines: Sequence[SummaryLine]
    acts: int
    measured: int
    """Acts with a result."""
    reconnects: int = 0
    files: int
    filed: int
    """Files with a record."""
    shown: int
    """Results that were shown, each of which was in the journal before."""
    rows: int
    """Rows of the journal that are as they were written."""
    wrong: str | None = None
    """What is wrong with the chain of the journal."""
    early: bool = False
    """Whether a signal or a key ended it."""

    @property
    def complete(self) -> bool:
        """Whether every result is in a sound journal and, unless it was ended early, everything has one."""
        answered = self.measured == self.acts and self.filed == self.files
        return self.wrong is None and self.rows == self.shown and (self.early or answered)

    def sentences(self, seconds: float) -> list[str]:
        """Return it in words."""
        again = f"; link reconnected: {self.reconnects}" if self.reconnects else ""
        return [
            f"Instrument: {self.measured} of {self.acts} measurements answered{again}.",
            f"Folder: {self.filed} of {self.files} files answered.",
            f"Journal: {self.shown} results shown, {self.rows} rows, {self.wrong or 'each verified against the hash chain'}.",
            f"{'Nothing lost' if self.complete else 'NOT COMPLETE'}{', ended early' if self.early else ''}; {seconds:.0f} s.",
        ]

    def table(self, theme: Theme) -> Table:
        """Return the lines as a table."""
        made = Table("", "what happened", "answered", "named in", box=None, header_style=QUIET, padding=(0, 2, 0, 0))
        for line in self.lines:
            sign = "possible" if line.doubted and line.judgement == "right" else SIGNS[line.judgement]
            answer = Text(theme.safe(line.answer), "" if line.judgement == "right" else STYLE[sign])
            ms = Text("" if line.ms is None else f"{line.ms:.1f} ms", QUIET, no_wrap=True)
            made.add_row(Text(theme.sign[sign], STYLE[sign]), Text(theme.safe(line.happened)), answer, ms)
        return made

    def paragraphs(self, seconds: float, theme: Theme) -> list[Text]:
        """Return what stands beneath the table."""
        caveat = CAVEAT.format_map(theme.sign)
        return [*(Text(theme.safe(part), STRONG) for part in self.sentences(seconds)), Text(theme.safe(caveat), QUIET)]


# How it is played


class StoryScreen(Screen):
    """The screen of the story; in a pipe, which gets the records, its notes go to standard error."""

    results = 0
    """Results that were shown."""
    spikes = 0
    """Spiked values that were left out of them."""

    def show(self, event: Reading | Fault) -> None:
        """Show one result, which is in the journal."""
        self.results += 1
        self.spikes += int(event.spectrum.meta.get("spikes", 0)) if isinstance(event, Reading) else 0
        super().show(event)

    def note(self, text: str) -> None:
        """Show one line about the story or the source."""
        super().note(text)
        if not self.console.is_terminal:
            say(text)


class Story:
    """One run of the demo. ``stop`` ends it early and cleanly."""

    def __init__(
        self, identifier: Identifier, journal: Journal, screen: StoryScreen, outputs: Forwarding, stop: Event, seconds: float
    ) -> None:
        self.pictured: ScreenState | None = None
        """The screen at its best."""
        self._identifier, self._journal, self._screen, self._outputs = identifier, journal, screen, outputs
        self._stop, self._seconds = stop, seconds
        self._observer = RunObserver(screen, outputs)
        self._calibration: Calibration | None = None

    def play(self, folder: Path) -> DemoResult:
        """Play every act, then the burst of files in ``folder``; each has its share of the time."""
        story, lines, began = samples.acts(self._identifier.library), [], monotonic()
        parts = len(story) + 1
        self._share = self._seconds / parts
        with ExitStack() as stack:
            stack.enter_context(self._screen)
            self._worker = stack.enter_context(open_worker(self._identifier, self._identifier.provenance()))
            link = connected(self._identifier.library, self._stop, pacing=self._seconds >= PACED_FROM_S)
            self._simulated, self._spectrometer = stack.enter_context(link)
            for number, act in enumerate(story, 1):
                if not self._stop.is_set():
                    self._screen.note(f"{number}/{parts} {act.title}")
                    lines.append(self._play(act))
                    self.pictured = self._screen.state if act.pictured else self.pictured
                    self._stop.wait(began + number * self._share - monotonic())
            self._screen.note(f"{parts}/{parts} a burst of files lands in a folder")
            written, answers = self._watch(folder)
            self._stop.wait(began + self._seconds - monotonic())
        found = self._journal.verify()
        return DemoResult(
            lines=[*lines, *burst_lines(written, answers)],
            acts=len(lines),
            measured=sum(line.judgement != "missing" for line in lines),
            reconnects=self._spectrometer.status.counters.reconnects,
            files=len(written),
            filed=len(answers),
            shown=self._screen.results,
            rows=found.rows,
            wrong=found.wrong,
            early=self._stop.is_set(),
        )

    def _play(self, act: Act) -> SummaryLine:
        newest, spikes, over = self._journal.newest(), self._screen.spikes, Event()
        self._simulated.material(act.sample)
        if act.mishap == "spike":
            self._simulated.device.scene.strike()
        elif act.mishap:
            self._simulated.fault("drop" if act.mishap == "damage" else f"unplug:for={max(AWAY_S, AWAY * self._share):g}")
        if act.right == "axis":
            return self._calibrate(act, over)
        plan = replace(act.plan, calibration=self._calibration)
        source = SpectrometerSource(self._spectrometer, plan, stop=over, note=self._screen.note)
        with self._updates(source.acquisition, over), source:
            follow(source, self._worker, self._journal, self._observer)
        found = [records.decode(row.line) for row in self._journal.after(newest, MOST_RECORDS)]
        return act_line(act, found, self._screen.spikes - spikes)

    def _calibrate(self, act: Act, over: Event) -> SummaryLine:
        """Measure a standard, and use its calibration from now on."""
        acquisition = Acquisition(self._spectrometer, act.plan, stop=over, note=self._screen.note)
        with self._updates(acquisition, over):
            seen = next((event for event in acquisition if isinstance(event, Spectrum)), None)
        try:
            made = None if seen is None else calibrate(seen, act.sample, laser=samples.LASER_NM)
        except SpectrumError as error:
            self._screen.note(str(error))
            made = None
        if seen is None or made is None:
            return SummaryLine(act.title, "not calibrated", "missing")
        self._calibration, after = made, made.rms or 0.0
        before = float(np.sqrt(np.mean((made.apply(seen).axis.shift - seen.axis.shift) ** 2)))
        words = f"off by {before:.1f}, now by {after:.2f} cm⁻¹"
        self._screen.note(f"calibrated: {words}")
        return SummaryLine(act.title, words, "right" if after < before else "wrong")

    @contextmanager
    def _updates(self, acquisition: Acquisition, over: Event) -> Iterator[None]:
        """Show link and acquisition while the block runs, and end the act if it takes too long."""
        done = Event()
        expires = None if self._calibration is None else self._calibration.expires

        def update() -> None:
            until = monotonic() + PATIENCE_S
            while not done.is_set():
                self._screen.link(self._spectrometer.status)
                self._screen.acquisition(AcquisitionState.at(acquisition.progress, expires))
                if self._stop.is_set() or monotonic() > until:
                    over.set()
                done.wait(TICK_S)

        thread = Thread(target=update, name="link to the screen", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            done.set()
            thread.join()

    def _watch(self, folder: Path) -> tuple[list[tuple[SampleFile, datetime]], dict[str, Record]]:
        """Write a burst of files and identify them; return them with the time of the last byte, and the records by name."""
        written, answers = [], {}
        try:
            folder.mkdir()
            for file in samples.files(self._identifier.model.card.recipe.axis, self._identifier.library):
                if not self._stop.is_set():
                    (folder / file.name).write_bytes(file.content)
                    written.append((file, datetime.now().astimezone()))
        except OSError as error:
            raise SourceLost(kind="cannot write into the folder", place=repr(str(folder)), cause=str(error.strerror)) from error
        for result in watch(folder, self._identifier, journal=self._journal, once=True, stop=self._stop, note=self._screen.note):
            answers[Path(result.record.source.path).name] = result.record
            self._screen.show(result.event)
            self._screen.waiting(len(written) - len(answers))
            self._outputs.wake()
        return written, answers


@contextmanager
def connected(library: Library, stop: Event, *, pacing: bool) -> Iterator[tuple[Simulated, SerialSpectrometer]]:
    """Simulate an instrument on a pseudo-terminal, or on a TCP port where the system has none, and open the link to it."""
    profile = catalogue.load(PROFILE)
    scene = Scene(
        profile, NONE, find=partial(samples.find, library), axis_error_cm=AXIS_ERROR_CM, conditions=SceneConditions(spikes_per_s=0.0)
    )
    with ExitStack() as stack:
        try:
            simulated = stack.enter_context(Simulated(profile, scene, pacing=pacing, at=PtyAt()))
        except (ConfigError, SourceUnavailable, OSError):
            simulated = stack.enter_context(Simulated(profile, scene, pacing=pacing, at=TcpAt()))
        yield simulated, stack.enter_context(SerialSpectrometer(profile, simulated.port, baud=BAUD, stop=stop))
