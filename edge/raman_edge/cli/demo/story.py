"""The story of the demo: a simulated spectrometer is measured as ``serial`` does, a burst of files identified as ``watch`` does.

An act ends as soon as its spectrum is identified; the rest of its share of the time is for reading the screen.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import PurePath
from statistics import median
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from raman_edge import records, wording
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.api import calibrate
from raman_edge.cli.demo import samples
from raman_edge.errors import ConfigError, SourceLost, SourceUnavailable, SpectrumError
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.matching.identify import Reading
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.service.display import RunObserver
from raman_edge.service.run import follow, open_worker
from raman_edge.simulator.materials import NONE, SEPARATOR
from raman_edge.simulator.ports import PtyAt, TcpAt
from raman_edge.simulator.scene import Scene, SceneConditions
from raman_edge.simulator.simulated import Simulated
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.spectrometer import SpectrometerSource
from raman_edge.spectrum import Fault, Spectrum
from raman_edge.terminal.state import AcquisitionState, ModelFacts, ScreenState, fold
from raman_edge.terminal.theme import QUIET, STRONG, STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.cli.demo.samples import Act, Judgement, SampleFile
    from raman_edge.journal import Journal
    from raman_edge.matching.library import Library
    from raman_edge.outputs.forwarding import Forwarding
    from raman_edge.records import Record
    from raman_edge.service.display import Display
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.worker import IdentifiedSpectrum
    from raman_edge.terminal.theme import Theme

    Written = list[tuple[SampleFile, datetime]]

PROFILE = "ocean-sts"
"""It reports its serial number and the coefficients of its axis, and a frame that lacks a byte is detected."""
BAUD = 115_200
AXIS_ERROR_CM = 5.0
"""Of the coefficients that the instrument reports, cm⁻¹."""
PACED_FROM_S = 20.0
"""From this length on, the line and the exposures take as long as real ones, s."""
PATIENCE_S = 45.0
"""Longest time of one act, s: a slow machine, and a link that is opened again."""
TICK_S = 0.1
AWAY = 0.6
"""Share of its act for which the cable is out."""
MOST = 1000
"""Records of one act."""
LISTED = 8
"""Files with a wrong or missing answer that have a line each; all are counted."""
SIGNS = {"right": "match", "wrong": "rejected", "open": "ambiguous", "missing": "waiting"}
CAVEAT = (
    "Simulated light, from the library's own peak tables: it shows that everything runs, not how well real spectra are named. "
    "{possible} is the right name with a doubt, {ambiguous} an answer where others would be right too."
)


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


@dataclass(eq=False)
class Story:
    """One run of the demo. ``stop`` ends it early and cleanly."""

    naming: Identifier
    journal: Journal
    display: Display
    deliveries: Forwarding
    stop: Event
    seconds: float
    kept: ScreenState | None = None
    """The screen at its best, for the picture."""
    _calibration: Calibration | None = None
    _shown: int = 0
    _spikes: int = 0
    _lines: list[SummaryLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._state = ScreenState("demo: a simulated spectrometer", ModelFacts.of(self.naming.model, self.naming.library))
        self._onlooker = RunObserver(self.display, self.deliveries)
        self._began = monotonic()

    @property
    def state(self) -> ScreenState:
        """What a screen shows now."""
        return replace(self._state, now=datetime.now().astimezone())

    def tell(self, folder: Path) -> DemoResult:
        """Play every act, then the burst of files in ``folder``; each has its share of the time."""
        acts = samples.acts(self.naming.library)
        parts = len(acts) + 1
        self._share = self.seconds / parts
        with ExitStack() as stack:
            stack.enter_context(self.display)
            self._crew = stack.enter_context(open_worker(self.naming, self.naming.provenance()))
            link = connected(self.naming.library, self.stop, pacing=self.seconds >= PACED_FROM_S)
            self._simulated, self._spectrometer = stack.enter_context(link)
            for number, act in enumerate(acts, 1):
                if not self.stop.is_set():
                    self.note(f"{number}/{parts} {act.title}")
                    self._lines.append(self._play(act))
                    self.kept = self.state if act.pictured else self.kept
                    self.stop.wait(self._began + number * self._share - monotonic())
            self.note(f"{parts}/{parts} a burst of files lands in a folder")
            written = self._watch(folder)
            self.stop.wait(self._began + self.seconds - monotonic())
        decoded = (records.decode(line) for line in self.journal.records())
        answers = {PurePath(record.source.path).name: record for record in decoded if record.source.kind == "file"}
        found = self.journal.verify()
        return DemoResult(
            lines=[*self._lines, *burst_lines(written, answers)],
            acts=len(self._lines),
            measured=sum(line.judgement != "missing" for line in self._lines),
            reconnects=self._spectrometer.status.counters.reconnects,
            files=len(written),
            filed=sum(file.name in answers for file, _ in written),
            shown=self._shown,
            rows=found.rows,
            wrong=found.wrong,
            early=self.stop.is_set(),
        )

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Show one result, which is in the journal."""
        self._shown += 1
        if answer.event is not None:
            self._state = fold(self._state, answer.event)
        if isinstance(answer.event, Reading):
            self._spikes += int(answer.event.spectrum.meta.get("spikes", 0))
        self._onlooker.show(answer)

    def heartbeat(self, waiting: int) -> bool:
        """Wake the outputs; True ends the run."""
        return self._onlooker.heartbeat(waiting)

    def note(self, text: str) -> None:
        """Show one line about the story or the source."""
        self._state = replace(self._state, note=text)
        self.display.note(text)

    def _play(self, act: Act) -> SummaryLine:
        newest, spikes = self.journal.newest(), self._spikes
        self._simulated.material(act.sample)
        if act.mishap == "spike":
            self._simulated.device.scene.strike()
        elif act.mishap == "damage":
            self._simulated.fault("drop")
        elif act.mishap == "unplug":
            self._simulated.unplug()
        over = Event()
        if act.right == "axis":
            return self._calibrate(act, over)
        source = SpectrometerSource(self._spectrometer, replace(act.plan, calibration=self._calibration), stop=over, note=self.note)
        with self._ticking(act, source.bench, over), source:
            follow(source, self._crew, self.journal, self)
        found = [records.decode(row.line) for row in self.journal.after(newest, MOST)]
        return act_line(act, found, self._spikes - spikes)

    def _calibrate(self, act: Act, over: Event) -> SummaryLine:
        """Measure a standard, and use its calibration from now on."""
        acquisition = Acquisition(self._spectrometer, act.plan, stop=over, note=self.note)
        with self._ticking(act, acquisition, over):
            events = [event for event in acquisition if event is not None]
        try:
            seen = next(event for event in events if isinstance(event, Spectrum))
            made = calibrate(seen, act.sample, laser=samples.LASER_NM)
        except (StopIteration, SpectrumError) as error:
            why = str(error) or "; ".join(event.why for event in events if isinstance(event, Fault)) or "no spectrum"
            self.note(why)
            return SummaryLine(act.title, f"not calibrated: {why}", "missing")
        self._calibration, before, after = made, axis_error(made, seen), made.rms or 0.0
        words = f"off by {before:.1f}, now by {after:.2f} cm⁻¹"
        self.note(f"calibrated: {words}")
        return SummaryLine(act.title, words, "right" if after < before else "wrong")

    @contextmanager
    def _ticking(self, act: Act, acquisition: Acquisition, over: Event) -> Iterator[None]:
        """Show link and acquisition while the block runs, plug the cable in again, and end the act if it takes too long."""
        done = Event()
        expires = None if act.plan.pixels or self._calibration is None else self._calibration.expires

        def tick() -> None:
            until, unplugged, plug_at = monotonic() + PATIENCE_S, act.mishap == "unplug", float("inf")
            while True:
                last, status = done.is_set(), self._spectrometer.status
                progress = AcquisitionState.at(acquisition.progress, expires)
                self._state = replace(self._state, link=status, bench=progress)
                self.display.link(status)
                self.display.bench(progress)
                if unplugged and status.state in {"absent", "opening"}:
                    plug_at = min(plug_at, monotonic() + AWAY * self._share)
                if unplugged and (last or monotonic() >= plug_at):
                    self._simulated.replug()
                    unplugged = False
                if last:
                    return
                if self.stop.is_set() or monotonic() > until:
                    over.set()
                done.wait(TICK_S)

        thread = Thread(target=tick, name="link to the screen", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            done.set()
            thread.join()

    def _watch(self, folder: Path) -> Written:
        """Write a burst of files and identify them; return those that were written, with the time of the last byte."""
        provenance, written = self.naming.provenance(), []
        for file in samples.files(self.naming.model.card.recipe.axis, self.naming.library):
            if self.stop.is_set():
                break
            try:
                (folder / file.name).write_bytes(file.content)
            except OSError as error:
                raise SourceLost(kind="cannot write into the folder", place=repr(str(folder)), cause=str(error.strerror)) from error
            written.append((file, datetime.now().astimezone()))
        memory = self.journal.memory(provenance.model.sha256, provenance.config)
        with FolderSource(str(folder), memory, once=True, stop=self.stop, note=self.note) as source:
            follow(source, self._crew, self.journal, self, self.stop)
        return written


@contextmanager
def connected(library: Library, stop: Event, *, pacing: bool) -> Iterator[tuple[Simulated, SerialSpectrometer]]:
    """Simulate an instrument on a pseudo-terminal, or on a TCP port where the system has none, and open the link to it."""
    profile = catalogue.load(PROFILE)
    find, quiet = partial(samples.find, library), SceneConditions(spikes_per_s=0.0)
    scene = Scene(profile, NONE, find=find, axis_error_cm=AXIS_ERROR_CM, conditions=quiet)
    with ExitStack() as stack:
        try:
            simulated = stack.enter_context(Simulated(profile, scene, pacing=pacing, at=PtyAt()))
        except (ConfigError, SourceUnavailable, OSError):
            simulated = stack.enter_context(Simulated(profile, scene, pacing=pacing, at=TcpAt()))
        yield simulated, stack.enter_context(SerialSpectrometer(profile, simulated.port, baud=BAUD, stop=stop))


def axis_error(calibration: Calibration, spectrum: Spectrum) -> float:
    """Return the error of the spectrum's own axis at the lines of the calibration, cm⁻¹ (rms)."""
    true = np.array([line.at for line in calibration.lines])
    seen = true + np.array([line.residual for line in calibration.lines])
    uncalibrated = np.interp(seen, calibration.apply(spectrum, calibration.made).axis.shift, spectrum.axis.shift)
    return float(np.sqrt(np.mean((uncalibrated - true) ** 2)))


def act_line(act: Act, found: Sequence[Record], spikes: int) -> SummaryLine:
    """Return the line of an act from its records; a mishap has to be reported, else the answer is not right."""
    result = next((record for record in reversed(found) if isinstance(record, ResultRecord)), None)
    faults = sum(isinstance(record, FaultRecord) for record in found)
    judgement = samples.judge(act.right, act.sample.split(SEPARATOR), result)
    if result and act.mishap and not (spikes if act.mishap == "spike" else faults):
        judgement = "wrong"
    words = f"{words_of(result)}{f', {spikes} spiked values left out' if spikes else ''}"
    words += f", {faults} {'fault' if faults == 1 else 'faults'} reported" if faults else ""
    return SummaryLine(act.title, words, judgement, result.ms.total if result else None, bool(result and result.decision == "possible"))


def burst_lines(written: Written, answers: Mapping[str, Record]) -> list[SummaryLine]:
    """Return a line for the burst, and one for each of the first files whose answer is not right."""
    lines, delays = [], []
    for file, at in written:
        record = answers.get(file.name)
        delays += [] if record is None else [(datetime.fromisoformat(record.ts) - at).total_seconds()]
        ms = record.ms.total if isinstance(record, ResultRecord) else None
        lines.append(SummaryLine(f"  {file.name}: {file.label}", words_of(record), samples.judge(file.right, [file.label], record), ms))
    if not lines:
        return []
    counts = {name: sum(line.judgement == name for line in lines) for name in ("missing", "wrong", "right")}
    words = ", ".join(f"{count} {name}" for name, count in reversed(counts.items()) if count)
    verdict: Judgement = "missing" if counts["missing"] else "wrong" if counts["wrong"] else "right"
    times = [line.ms for line in lines if line.ms is not None]
    after = f", after {median(delays):.1f} s" if delays else ""
    first = SummaryLine(f"{len(lines)} files in a burst, one of them broken", words + after, verdict, median(times) if times else None)
    return [first, *[line for line in lines if line.judgement != "right"][:LISTED]]


def words_of(record: Record | None) -> str:
    """Return an answer in words."""
    if not isinstance(record, ResultRecord):
        return "nothing" if record is None else "no spectrum"
    words = wording.title(record.decision, record.names, group=record.group, candidates=record.matches)
    return f"{words}, saturated" if record.quality.saturated else str(words)
