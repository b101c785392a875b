"""What the edge costs on this machine, beside the project's own limits: `make bench`.

``python benchmarks/bench.py [--quick] [--backlog N] [--turns N] [--files N] [--rows N | --year]``. Nothing here
passes or fails: a timed test would fail on a busy machine and pass on a fast one. Read the ratios; the
milliseconds are those of the machine that ran it, and what else it did meanwhile.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benching import backlog, folders, many, processes, year
from benching.naive import Naive
from raman_edge.cli.model import table
from raman_edge.diagnostics import benchmark
from raman_edge.matching import library
from raman_edge.model import model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benching.backlog import Rates
    from benching.many import Many
    from benching.processes import ProcessCosts

DATA = Path(os.environ.get("RAMAN_DATA") or Path(__file__).parents[2] / "shared" / "data")
IDLE_S, QUICK_IDLE_S = 20.0, 3.0


def main() -> None:
    """Print what was measured, piece by piece, and how it compares with the limits."""
    parser = arguments()
    options = parser.parse_args()
    if options.backlog < backlog.FEWEST:
        parser.error(f"--backlog {options.backlog}: expected at least {backlog.FEWEST}, as fewer are answered before they can be timed")
    files = (model.default_path(), library.default_path())
    network = model.Model.open(files[0])
    references = library.Library.open(files[1], network=network.card.network)
    report = benchmark.measure(network, references, files, 1, benchmark.QUICK if options.quick else benchmark.THOROUGH)
    effort = processes.QUICK if options.quick else processes.THOROUGH
    costs = processes.measure(files, 1, benchmark.exposures(references, report.effort.spectra), effort)
    for name, value in (*table(report), *costs.lines()):
        print(f"{name:42}{value}")
    rates = [say(what, made) for what, made in backlogs(options, Naive.of(network, references))]
    held = many.measure(references, options.files, QUICK_IDLE_S if options.quick else IDLE_S)
    print(*held.lines(), sep="\n", flush=True)
    kept = year.measure(year.YEAR if options.year else options.rows)
    print(*year.lines(kept), sep="\n")
    for limit in (*limits(report, costs), *watch_limits(rates, held, kept)):
        print(limit.line)


def arguments() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description="What the edge costs on this machine.", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="fewer turns of what is timed one by one")
    parser.add_argument("--backlog", type=int, default=1000, metavar="N", help="files in each backlog that is timed (1000)")
    parser.add_argument("--turns", type=int, default=3, metavar="N", help="times that each backlog is answered (3)")
    parser.add_argument("--files", type=int, default=20_000, metavar="N", help="small files that memory and idling are measured on (20000)")
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument("--rows", type=int, default=20_000, metavar="N", help="rows of the journal (20000)")
    rows.add_argument("--year", action="store_true", help=f"a year of one spectrum a minute in the journal: {year.YEAR} rows")
    return parser


def backlogs(options: argparse.Namespace, naive: Naive) -> Iterator[tuple[str, Rates]]:
    """Time the backlogs there are files for: simulated ones with one axis, and original ones where the real data is."""
    with tempfile.TemporaryDirectory() as folder:
        made = folders.simulated(Path(folder), naive.library, options.backlog)
        yield f"{len(made)} CSV files of {folders.POINTS} points, one axis", backlog.turns(made, naive, options.turns)
    archive = DATA / folders.RRUFF
    if not archive.is_file():
        print(f"no original files: {str(archive)!r} is not there; RAMAN_DATA names their folder")
        return
    with tempfile.TemporaryDirectory() as folder:
        made = folders.original(Path(folder), archive, options.backlog)
        yield f"{len(made)} original RRUFF files, each with its own axis", backlog.turns(made, naive, options.turns)


def say(what: str, rates: Rates) -> Rates:
    """Print the rates of one backlog."""
    print(*rates.lines(what), sep="\n", flush=True)
    return rates


class Limit(NamedTuple):
    """What was measured, beside what it may be."""

    what: str
    got: float | None
    limit: float
    at_least: bool = False
    """Whether more is better."""

    @property
    def line(self) -> str:
        """As it is printed."""
        got = "-" if self.got is None else f"{self.got:.2f}"
        return f"  {self.what:40}{got:>8} of {'at least' if self.at_least else 'at most'} {self.limit:g}: {self.judged}"

    @property
    def judged(self) -> str:
        """Whether the number is within the limit, in a word."""
        if self.got is None:
            return "not measured here"
        good = self.got >= self.limit if self.at_least else self.got <= self.limit
        return "within" if good else "UNDER" if self.at_least else "OVER"


def limits(report: benchmark.BenchmarkReport, costs: ProcessCosts) -> list[Limit]:
    """Return what has a limit of one spectrum at a time."""
    return [
        Limit("cold start, s", costs.cold_start_s, 0.8),
        Limit("pipeline p99, ms", report.latency.pipeline["p99"], 5.0),
        Limit("pipeline / onnxruntime's call", report.latency.overhead, 1.5),
        Limit("`watch` idle, % of one core", costs.watched.idle_cpu_percent, 2.0),
        Limit("`watch` memory, MB", costs.watched.resident_mb, 200.0),
        Limit("rename → journal p95, ms", costs.watched.rename_to_journal_ms["p95"], 250.0),
        Limit("model and library, MB", report.size_mb, 8.0),
    ]


def watch_limits(rates: Sequence[Rates], held: Many, kept: dict[str, float]) -> list[Limit]:
    """Return what has a limit of a watched folder and its journal."""
    names = ("backlog, files/s", "backlog of original files, files/s")
    return [
        *(Limit(name, one.running, 500.0, at_least=True) for name, one in zip(names, rates, strict=False)),
        Limit("idle on answered files, % of one core", held.idle.answered, 2.0),
        Limit("list of the newest 50, ms", kept["list_ms"], 200.0),
        Limit("journal of a year, GB", kept["bytes"] / kept["rows"] * year.YEAR / 1e9, 1.0),
    ]


if __name__ == "__main__":
    main()
