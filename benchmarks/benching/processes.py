"""Other processes that are measured: how long one takes to start, and what ``raman-edge watch`` takes while it runs.

They keep a journal of their own in a temporary folder, and read no library of the user's.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Condition, Event, Thread, current_thread, main_thread
from time import perf_counter
from typing import TYPE_CHECKING, Self

import msgspec
import raman_edge
from raman_edge.cli.model import milliseconds
from raman_edge.diagnostics.benchmark import percentiles, seconds
from raman_edge.errors import SourceLost
from raman_edge.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from raman_edge.journal.query import JournalRow
    from raman_edge.spectrum import Spectrum

GRACE_S = 10.0
"""Time that a process has to end after SIGTERM, s."""
ANSWER_S = 60.0
"""The longest that a process may take to answer."""
MOST_MESSAGE = 300
"""Characters shown of the last output of a process."""
BYTES_IN_MB = 1e6
UNKNOWN = "unknown on this system"
FED_PER_S = 20.0
"""Spectra a second that a watched folder is given."""
LOOK_S = 0.002
"""Between two looks at the journal, s: no record is seen later than this and the look itself."""
MOST = 1000
"""Records read at once."""


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How often processes are started, and how long one is watched."""

    starts: int
    watched_s: float
    """Seconds of idling, and as many of being fed."""


THOROUGH, QUICK = Repetitions(starts=7, watched_s=10.0), Repetitions(starts=3, watched_s=2.0)


class WatchCost(msgspec.Struct, frozen=True, kw_only=True):
    """What ``raman-edge watch`` takes of one core, and how soon it answers; None where the system has no /proc."""

    idle_cpu_percent: float | None
    """On an empty folder."""
    fed_cpu_percent: float | None
    fed_per_s: float
    """Spectra a second that it was given."""
    fed: int
    """Spectra given and answered."""
    rename_to_record_ms: dict[str, float]
    """From the rename into the folder to the line on standard output, by percentile."""
    rename_to_journal_ms: dict[str, float]
    """From the same rename until another process reads the record in the journal, where it is safe."""
    resident_mb: float | None
    """The most that it held."""


@dataclass(frozen=True, slots=True)
class ProcessCosts:
    """What other processes take."""

    cold_start_s: float
    """Median seconds of a fresh `raman-edge identify FILE`."""
    bare_python_s: float
    """Median seconds of a fresh Python that does nothing."""
    watched: WatchCost

    def lines(self) -> Iterator[tuple[str, str]]:
        """Give what was measured, and the number with its unit."""
        watched = self.watched
        yield "cold `raman-edge identify FILE`", f"{self.cold_start_s:.2f} s (a Python that does nothing: {self.bare_python_s:.2f} s)"
        yield "`watch`, idle", percent(watched.idle_cpu_percent)
        yield f"`watch`, fed {watched.fed_per_s:g} spectra/s", percent(watched.fed_cpu_percent)
        yield "  rename → journal", milliseconds(watched.rename_to_journal_ms)
        yield "  rename → record on a pipe", milliseconds(watched.rename_to_record_ms)
        yield "  most memory held", UNKNOWN if watched.resident_mb is None else f"{watched.resident_mb:.0f} MB"


def percent(share: float | None) -> str:
    """Return a share of one core."""
    return UNKNOWN if share is None else f"{share:.1f} % of one core"


def measure(files: tuple[Path, Path], threads: int, spectra: Sequence[Spectrum], effort: Repetitions) -> ProcessCosts:
    """Measure processes with these model and library ``files``; :class:`SourceLost` where one ends before its time."""
    options = Options(*files, threads)
    start = cold_start(options, spectra[0], effort.starts)
    return ProcessCosts(start, bare_python(effort.starts), watched(options, spectra, effort.watched_s))


@dataclass(frozen=True, slots=True)
class Options:
    """What every process is started with."""

    model: Path
    library: Path
    threads: int

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a call of ``raman-edge``."""
        given = ("--model", str(self.model), "--library", str(self.library), "--threads", str(self.threads), "--json")
        return [sys.executable, "-m", "raman_edge", name, *arguments, *given]


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time that a process has used so far, all its threads, s."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # proc(5): utime and stime are fields 14 and 15; the first one here is field 3.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident_mb(pid: int) -> float | None:
    """Return the most memory that a process has held, MB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / BYTES_IN_MB, 1)
    return None


class OutputLines:
    """The lines that a process writes, as they come."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process, self._errors = process, errors
        self.came: dict[str, float] = {}
        """When the record of a file came, by its name."""
        self._changed = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            now = perf_counter()
            path = msgspec.json.decode(line)["source"]["path"]
            with self._changed:
                self.came[Path(path).name] = now
                self._changed.notify_all()

    def wait_for(self, names: Collection[str]) -> None:
        """Wait until every file is answered; :class:`SourceLost` where that takes too long or the process ends."""
        with self._changed:
            if self._changed.wait_for(lambda: self.came.keys() >= set(names), ANSWER_S):
                return
        last = self._errors.read_text(encoding="utf-8", errors="replace").strip()[-MOST_MESSAGE:]
        late = len(set(names) - self.came.keys())
        msg = f"{late} of {len(names)} spectra were not answered within {ANSWER_S:g} s; last output of `watch`: {last or 'none'}"
        raise SourceLost(msg)

    def cpu_percent(self, work: Callable[[], object]) -> float | None:
        """Return what share of one core the process uses while ``work`` runs here."""
        before, started = cpu_seconds(self.process.pid), perf_counter()
        work()
        after, ended = cpu_seconds(self.process.pid), perf_counter()
        return None if before is None or after is None else round(100 * (after - before) / (ended - started), 2)


@contextmanager
def running(command: Sequence[str], place: Path) -> Iterator[OutputLines]:
    """Run ``raman-edge watch`` and end it afterwards."""
    errors = place / "stderr.txt"
    process = None
    try:
        with errors.open("wb") as stderr, _signals_held():
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment(place))
        yield OutputLines(process, errors)
    finally:
        if process:
            _end(process)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM come only after what is inside: between the start of a process and its name it could not be ended."""
    came: list[int] = []
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for it: leaving by Ctrl-C, :class:`subprocess.Popen` alone would wait a quarter of a second."""
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def environment(place: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's is read or written, and this package is the one that is found."""
    found = str(Path(raman_edge.__file__).parent.parent)
    ours = {"RAMAN_EDGE_JOURNAL": str(place / "journal.sqlite3"), "RAMAN_EDGE_USER_LIBRARY": str(place / "none.sqlite3")}
    return {**os.environ, **ours, "PYTHONPATH": os.pathsep.join(filter(None, (found, os.environ.get("PYTHONPATH"))))}


class Commits:
    """Looks at a journal that is there, in a thread of its own, until the block ends; then once more."""

    def __init__(self, journal: Path) -> None:
        """Open ``journal``; :class:`raman_edge.errors.JournalError` where that cannot be."""
        self.came: dict[str, float] = {}
        """When the record of a file was first seen (perf_counter, s), by the file's name; only of what comes after the block began."""
        self._journal = Journal.open(journal, create=False)
        self._seen = self._journal.newest()
        self._ended = Event()
        self._thread = Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()
        self._journal.close()

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_S):
            self._look()
        self._look()

    def _look(self) -> None:
        while self._journal.newest() > self._seen:
            now = perf_counter()
            rows = self._journal.after(self._seen, MOST)
            self.came |= {_file_of(row): now for row in rows}
            self._seen = rows[-1].seq


def _file_of(row: JournalRow) -> str:
    path: str = msgspec.json.decode(row.line)["source"]["path"]
    return Path(path).name


def cold_start(options: Options, spectrum: Spectrum, runs: int) -> float:
    """Return the median seconds of ``raman-edge identify FILE`` in a fresh process, after one that fills the disk cache."""
    with tempfile.TemporaryDirectory() as folder:
        file = _written(spectrum, Path(folder) / "one.csv")
        return _median_of(options.command("identify", str(file)), runs, Path(folder))


def bare_python(runs: int) -> float:
    """Return the median seconds of a Python that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        return _median_of([sys.executable, "-c", "pass"], runs, Path(folder))


def watched(options: Options, spectra: Sequence[Spectrum], lasting_s: float) -> WatchCost:
    """Let ``raman-edge watch`` idle for ``lasting_s``, then feed it for as long."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        folder, aside = place / "watched", place / "aside"
        folder.mkdir()
        aside.mkdir()
        command = options.command("watch", str(folder), "--journal", str(place / "journal.sqlite3"))
        with running(command, place) as answers:
            _feed([_written(spectra[0], aside / "first.csv")], folder)
            answers.wait_for({"first.csv"})
            idle = answers.cpu_percent(lambda: time.sleep(lasting_s))
            count = round(lasting_s * FED_PER_S)
            files = [_written(spectra[i % len(spectra)], aside / f"{i}.csv") for i in range(1, count + 1)]
            gave: dict[str, float] = {}

            def feed() -> None:
                gave.update(_feed(files, folder))
                answers.wait_for(gave.keys())

            with Commits(place / "journal.sqlite3") as commits:
                fed = answers.cpu_percent(feed)
            resident = peak_resident_mb(answers.process.pid)
    return WatchCost(
        idle_cpu_percent=idle, fed_cpu_percent=fed, fed_per_s=FED_PER_S, fed=count, resident_mb=resident,
        rename_to_record_ms=_after(gave, answers.came), rename_to_journal_ms=_after(gave, commits.came),
    )  # fmt: skip


def _after(gave: Mapping[str, float], came: Mapping[str, float]) -> dict[str, float]:
    """Return percentiles of how long after it was given each file's record came."""
    return percentiles([came[name] - when for name, when in gave.items()])


def _median_of(command: Sequence[str], runs: int, place: Path) -> float:
    """Return the median seconds of a command, after one run that fills the disk cache."""
    run = partial(subprocess.run, command, check=True, capture_output=True, stdin=subprocess.DEVNULL, env=environment(place))
    try:
        return round(statistics.median([seconds(run) for _ in range(runs + 1)][1:]), 3)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip()[-MOST_MESSAGE:]
        msg = f"`{' '.join(command[2:5])}` ended with {error.returncode}; its last output: {last or 'none'}"
        raise SourceLost(msg) from error


def _feed(files: Sequence[Path], folder: Path) -> dict[str, float]:
    """Rename ``files`` into ``folder`` at an even pace; return when each one was."""
    started, gave = perf_counter(), {}
    for index, file in enumerate(files):
        time.sleep(max(0.0, started + index / FED_PER_S - perf_counter()))
        gave[file.name] = perf_counter()
        file.rename(folder / file.name)
    return gave


def _written(spectrum: Spectrum, file: Path) -> Path:
    """Write a spectrum as the text file that an instrument would; its name stands in it, so that no two files are alike."""
    rows = "\n".join(f"{x:.2f},{y:.1f}" for x, y in zip(spectrum.axis.shift, spectrum.counts, strict=True))
    file.write_text(f"# {file.name}\n{rows}\n", encoding="ascii")
    return file
