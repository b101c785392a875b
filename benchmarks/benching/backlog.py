"""How fast a backlog is answered: ``raman-edge watch DIR --once`` and the naive loop take turns over the same files."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from raman_edge.errors import SourceLost
from raman_edge.journal import Journal

from benching.processes import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benching.naive import Naive

STARTING = 2
"""The first half of the records is measured apart: both processes start in it."""

FEWEST = 64
"""Files of a backlog: the times of fewer records, in milliseconds, may all be the same."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Files a second, medians over the turns."""

    naive: float
    kept: float
    """Of the naive loop that keeps a journal too, a transaction a file."""
    overall: float
    """Of `watch`, from before the process starts until it has ended."""
    running: float
    """Of `watch` over the second half of the files, by the times of its records."""

    def lines(self, what: str) -> list[str]:
        """Return the rates, and their ratios, as lines."""
        naive = f"naive loop {self.naive:.0f} files/s, with a journal {self.kept:.0f}"
        watch = f"`watch --once` {self.running:.0f} files/s, with its start {self.overall:.0f}"
        over = f"{self.running / self.naive:.2f} × the naive loop, {self.running / self.kept:.2f} × the one with a journal"
        return [f"backlog of {what}", f"  {naive}", f"  {watch}", f"  `watch` is {over}"]


def turns(files: Sequence[Path], naive: Naive, count: int) -> Rates:
    """Let them answer ``files``, which are all that is in their folder, ``count`` times each in turn."""
    taken = [_turn(files, naive) for _ in range(count)]
    return Rates(*(median(rates) for rates in zip(*taken, strict=True)))


def _turn(files: Sequence[Path], naive: Naive) -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        plain = len(files) / naive.plain(files, place / "plain.jsonl")
        overall, times = watch(files[0].parent, place / "journal.sqlite3", len(files))
        kept = len(files) / naive.kept(files, place / "kept.jsonl", place / "kept.sqlite3")
    return plain, kept, overall, after_start(times)


def watch(folder: Path, journal: Path, count: int) -> tuple[float, list[float]]:
    """Return the files a second of a whole ``watch --once`` over ``count`` files, and when each was answered, as :func:`answered` does.

    Raises :class:`SourceLost` where it does not answer every file with a result.
    """
    command = [sys.executable, "-m", "raman_edge", "watch", str(folder), "--once", "--json", "--journal", str(journal)]
    started = perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(journal.parent), check=False)
    overall = count / (perf_counter() - started)
    times = answered(journal)
    if done.returncode or len(times) != count:
        message = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise SourceLost(f"`watch --once` answered {len(times)} of {count} files and ended with {done.returncode}; message: {message}")
    return overall, times


def answered(journal: Path) -> list[float]:
    """Return when each result in a journal was found, s since 1970, rising."""
    with Journal.open(journal, create=False) as rows:
        stored = map(json.loads, (row.line for row in rows.after(0, rows.newest())))
        return sorted(datetime.fromisoformat(one["ts"]).timestamp() for one in stored if one["event"] == "result")


def after_start(times: Sequence[float]) -> float:
    """Return the results a second over the second half of them, at least :data:`FEWEST`."""
    first = len(times) // STARTING
    return (len(times) - 1 - first) / (times[-1] - times[first])
