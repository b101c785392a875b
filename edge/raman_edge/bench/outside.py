"""What is measured of other processes: how long one takes to start, and what ``raman-edge watch`` costs while it runs.

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
from threading import Condition, Thread, current_thread, main_thread
from typing import TYPE_CHECKING

import msgspec

import raman_edge
from raman_edge.bench.inside import percentiles, seconds
from raman_edge.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from raman_edge.spectrum import Spectrum

FED_PER_S = 20.0
"""Spectra a second that a watched folder is given."""
GRACE_S = 10.0
"""s that a process has to end after it was told to."""
ANSWER_S = 60.0
"""The longest that a process may take to answer."""
MOST_SAID = 300
"""Characters shown of what a process said last."""
BYTES_IN_MB = 1e6


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What ``raman-edge watch`` takes of one core, and how soon it answers; None where the system does not tell."""

    idle_cpu_percent: float | None
    """On an empty folder."""
    fed_cpu_percent: float | None
    fed_per_s: float
    """Spectra a second that it was given."""
    fed: int
    """Spectra given and answered."""
    rename_to_record_ms: dict[str, float]
    """From the rename into the folder to the line on standard output, by percentile."""
    resident_mb: float | None
    """The most that it held."""


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


def cold_start(options: Options, spectrum: Spectrum, runs: int) -> float:
    """Return the median seconds of ``raman-edge identify FILE`` in a fresh process, after one that fills the disk cache."""
    with tempfile.TemporaryDirectory() as folder:
        file = _written(spectrum, Path(folder) / "one.csv")
        return _median_of(options.command("identify", str(file)), runs, Path(folder))


def bare_python(runs: int) -> float:
    """Return the median seconds of a Python that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        return _median_of([sys.executable, "-c", "pass"], runs, Path(folder))


def watched(options: Options, spectra: Sequence[Spectrum], lasting_s: float) -> Watched:
    """Let ``raman-edge watch`` idle for ``lasting_s``, then feed it for as long."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        folder, aside = place / "watched", place / "aside"
        folder.mkdir()
        aside.mkdir()
        command = options.command("watch", str(folder), "--journal", str(place / "journal.sqlite3"))
        with _running(command, place) as answers:
            _feed([_written(spectra[0], aside / "first.csv")], folder)
            answers.wait_for({"first.csv"})
            idle = answers.cpu_percent(lambda: time.sleep(lasting_s))
            count = round(lasting_s * FED_PER_S)
            files = [_written(spectra[i % len(spectra)], aside / f"{i}.csv") for i in range(1, count + 1)]
            gave: dict[str, float] = {}

            def feed() -> None:
                gave.update(_feed(files, folder))
                answers.wait_for(gave.keys())

            fed = answers.cpu_percent(feed)
            resident = peak_resident_mb(answers.process.pid)
    return Watched(
        idle_cpu_percent=idle, fed_cpu_percent=fed, fed_per_s=FED_PER_S, fed=count, resident_mb=resident,
        rename_to_record_ms=percentiles([answers.came[name] - when for name, when in gave.items()]),
    )  # fmt: skip


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


class _Answers:
    """The lines that a process says, as they come."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process, self._errors = process, errors
        self.came: dict[str, float] = {}
        """When the record of a file came, by its name."""
        self._changed = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            now = time.perf_counter()
            path = msgspec.json.decode(line)["source"]["path"]
            with self._changed:
                self.came[Path(path).name] = now
                self._changed.notify_all()

    def wait_for(self, names: Collection[str]) -> None:
        """Wait until every file is answered; :class:`SourceLost` where that takes too long or the process ends."""
        with self._changed:
            if self._changed.wait_for(lambda: self.came.keys() >= set(names), ANSWER_S):
                return
        said = self._errors.read_text(encoding="utf-8", errors="replace").strip()[-MOST_SAID:]
        late = len(set(names) - self.came.keys())
        msg = f"{late} of {len(names)} spectra were not answered within {ANSWER_S:g} s; `watch` says: {said or 'nothing'}"
        raise SourceLost(msg)

    def cpu_percent(self, work: Callable[[], object]) -> float | None:
        """Return what share of one core the process uses while ``work`` runs here."""
        before, started = cpu_seconds(self.process.pid), time.perf_counter()
        work()
        after, ended = cpu_seconds(self.process.pid), time.perf_counter()
        return None if before is None or after is None else round(100 * (after - before) / (ended - started), 2)


@contextmanager
def _running(command: Sequence[str], place: Path) -> Iterator[_Answers]:
    """Run ``raman-edge watch`` and end it afterwards."""
    errors = place / "said.txt"
    process = None
    try:
        with errors.open("wb") as said, _signals_held():
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=_environment(place))  # noqa: S603 - our own command
        yield _Answers(process, errors)
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


def _environment(place: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's is read or written, and this package is the one that is found."""
    found = str(Path(raman_edge.__file__).parent.parent)
    ours = {"RAMAN_EDGE_JOURNAL": str(place / "journal.sqlite3"), "RAMAN_EDGE_LIBRARY": str(place / "none.sqlite3")}
    return {**os.environ, **ours, "PYTHONPATH": os.pathsep.join(filter(None, (found, os.environ.get("PYTHONPATH"))))}


def _median_of(command: Sequence[str], runs: int, place: Path) -> float:
    """Return the median seconds of a command, after one run that fills the disk cache."""
    run = partial(subprocess.run, command, check=True, capture_output=True, stdin=subprocess.DEVNULL, env=_environment(place))
    try:
        return round(statistics.median([seconds(run) for _ in range(runs + 1)][1:]), 3)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()[-MOST_SAID:]
        msg = f"`{' '.join(command[2:5])}` ended with {error.returncode}; it says: {said or 'nothing'}"
        raise SourceLost(msg) from error


def _feed(files: Sequence[Path], folder: Path) -> dict[str, float]:
    """Rename ``files`` into ``folder`` at an even pace; return when each one was."""
    started, gave = time.perf_counter(), {}
    for index, file in enumerate(files):
        time.sleep(max(0.0, started + index / FED_PER_S - time.perf_counter()))
        gave[file.name] = time.perf_counter()
        file.rename(folder / file.name)
    return gave


def _written(spectrum: Spectrum, file: Path) -> Path:
    """Write a spectrum as the text file that an instrument would; its name stands in it, so that no two files are alike."""
    rows = "\n".join(f"{x:.2f},{y:.1f}" for x, y in zip(spectrum.axis.shift, spectrum.counts, strict=True))
    file.write_text(f"# {file.name}\n{rows}\n", encoding="ascii")
    return file
