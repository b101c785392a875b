"""A folder of many small files: the memory it takes to answer them, and what they cost once they are answered."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import SourceLost
from raman_edge.journal import Journal

from benching import folders
from benching.processes import GRACE_S, MOST_MESSAGE, environment, peak_resident_mb, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.matching.library import Library

    from benching.processes import OutputLines

EVERY = 1000
"""Answered files between two looks at the memory, at least."""
LOOK_S = 0.2
SETTLE_S = 3.0
"""After an answer, before a process is taken to idle, s."""
TEN_THOUSAND = 10_000


@dataclass(frozen=True, slots=True)
class Held:
    """The most memory that two processes have held until so many files were answered, MB; None where the system does not tell."""

    files: int
    first: float | None
    second: float | None
    """Of the process that is started beside a backlog; None before it is there."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What a process that has nothing to do takes of one core, %; None where the system does not tell."""

    empty: float | None
    answered: float | None
    """With all files in its folder answered."""


@dataclass(frozen=True, slots=True)
class Many:
    """What was measured of a folder of many files."""

    files: int
    held: tuple[Held, ...]
    """While they were answered, by number of files."""
    start_s: float
    """Until a new file among the answered ones is answered by a new process, its start included."""
    start_mb: float | None
    idle: Idle

    def lines(self) -> list[str]:
        """Return the numbers as lines."""
        last = self.held[-1]
        memory = f"{spoken(last.first)} MB and {spoken(last.second)} MB in the second process"
        grown = f"{spoken(growth(self.held, 'first'), '+.1f')} and {spoken(growth(self.held, 'second'), '+.1f')} MB"
        beside = f"{spoken(self.idle.answered, '.2f')} % on {self.files} answered files"
        return [
            f"backlog of {self.files} small files",
            f"  most memory held: {memory}; each 10 000 files in its second half: {grown}",
            f"  start over {self.files} answered files: a new one is answered after {self.start_s:.2f} s, {spoken(self.start_mb)} MB held",
            f"  idle: {spoken(self.idle.empty, '.2f')} % of one core on an empty folder, {beside}",
        ]


def measure(library: Library, count: int, idle_s: float) -> Many:
    """Answer ``count`` small files, start again over them, and let a process idle for ``idle_s`` beside one on an empty folder."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        folder, nothing = place / "many", place / "nothing"
        folder.mkdir()
        nothing.mkdir()
        folders.small(folder, library, count)
        held = memory(folder, place / "journal.sqlite3", count)
        (new,) = folders.simulated(place, library, 1)
        new.rename(folder / "new.csv")
        with _on_an_empty_folder(nothing, folder / "new.csv") as empty:
            started = time.perf_counter()
            with running(_command(folder, place / "journal.sqlite3"), place) as answers:
                answers.wait_for({"new.csv"})
                start_s = answers.came["new.csv"] - started
                start_mb = peak_resident_mb(answers.process.pid)
                time.sleep(SETTLE_S)
                idle = _idle(empty, answers, idle_s)
    return Many(count, tuple(held), start_s, start_mb, idle)


def memory(folder: Path, journal: Path, count: int) -> list[Held]:
    """Run ``watch --once`` over ``count`` files and return what it held as it went on; :class:`SourceLost` where it does not answer all."""
    messages = journal.with_name("messages.txt")
    with messages.open("wb") as errors:
        command = [*_command(folder, journal), "--once"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=environment(journal.parent))
    try:
        held = list(_looks(process, journal, count))
    finally:
        process.terminate()
        process.wait(GRACE_S)
    done = _answered(journal) if journal.exists() else 0
    if process.returncode or done != count:
        last = messages.read_text(encoding="utf-8", errors="replace").strip()[-MOST_MESSAGE:]
        raise SourceLost(f"`watch --once` answered {done} of {count} files and ended with {process.returncode}; message: {last}")
    return held


def _looks(process: subprocess.Popen[bytes], journal: Path, count: int) -> Iterator[Held]:
    """Give what a process holds each time it has answered some more files, until it ends."""
    due, second = 1, None
    while process.poll() is None:
        time.sleep(LOOK_S)
        done = _answered(journal) if journal.exists() else 0
        first = peak_resident_mb(process.pid)
        second = max((held for held in (second, peak_of_second(process.pid)) if held is not None), default=None)
        if done >= due and first is not None:
            yield Held(done, first, second)
            due = min(count, done + EVERY)


def growth(held: Sequence[Held], which: str) -> float | None:
    """Return how much the memory of a process grew each 10 000 files in the second half, MB; None where that is not known."""
    half = next((one for one in held if 2 * one.files >= held[-1].files), held[-1])
    before, after = getattr(half, which), getattr(held[-1], which)
    files = held[-1].files - half.files
    return None if before is None or after is None or not files else (after - before) / files * TEN_THOUSAND


def spoken(number: float | None, form: str = ".0f") -> str:
    """Return a number, or that it is not known."""
    return "?" if number is None else format(number, form)


def _command(folder: Path, journal: Path) -> list[str]:
    return [sys.executable, "-m", "raman_edge", "watch", str(folder), "--json", "--journal", str(journal)]


def _answered(journal: Path) -> int:
    with Journal.open(journal, create=False) as rows:
        return rows.newest()


def peak_of_second(pid: int) -> float | None:
    """Return the most that the process beside ``pid`` has held, MB; Python has another one there, which only tidies up."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        spawned = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except OSError:
        return None
    return peak_resident_mb(spawned[0]) if spawned else None


@contextmanager
def _on_an_empty_folder(place: Path, file: Path) -> Iterator[OutputLines]:
    """Run a process that has answered ``file``, of which nothing is left in its folder."""
    folder = place / "empty"
    folder.mkdir()
    with running(_command(folder, place / "journal.sqlite3"), place) as answers:
        here = folder / "one.csv"
        here.write_bytes(file.read_bytes())
        answers.wait_for({here.name})
        here.unlink()
        yield answers


def _idle(empty: OutputLines, answered: OutputLines, lasting_s: float) -> Idle:
    """Return what both take meanwhile."""
    taken: list[float | None] = []
    beside = answered.cpu_percent(lambda: taken.append(empty.cpu_percent(lambda: time.sleep(lasting_s))))
    return Idle(taken[0], beside)
