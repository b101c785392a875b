"""What is measured of other processes: how long one takes to start, and what ``raman-edge watch`` costs while it runs.

They keep a journal of their own in a temporary folder, and read no library of the user's.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.diagnostics.benchmark.commits import Commits
from raman_edge.diagnostics.benchmark.inside import percentiles, seconds
from raman_edge.diagnostics.benchmark.watching import MOST_SAID, environment, peak_resident_mb, running
from raman_edge.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raman_edge.diagnostics.benchmark.watching import Options
    from raman_edge.spectrum import Spectrum

FED_PER_S = 20.0
"""Spectra a second that a watched folder is given."""


class WatchCost(msgspec.Struct, frozen=True, kw_only=True):
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
    rename_to_journal_ms: dict[str, float]
    """From the same rename until another process reads the record in the journal, where it is safe."""
    resident_mb: float | None
    """The most that it held."""


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
