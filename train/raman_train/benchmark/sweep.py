"""Cells one after the other, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from raman_train.benchmark import results
from raman_train.benchmark.budget import OutOfTime, alarm
from raman_train.benchmark.work import Busy, Failed, Finished, Stopped, work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from raman_train.benchmark.budget import Budget
    from raman_train.benchmark.grid import Cell
    from raman_train.benchmark.pace import Pace
    from raman_train.benchmark.work import Job, Outcome
    from raman_train.loop import Epoch


class Audience(Protocol):
    """Whom a sweep tells how far it is."""

    def begins(self, job: Job) -> None:
        """A cell is being worked off."""

    def epoch(self, job: Job, done: Epoch) -> None:
        """One more epoch of it is done."""

    def ended(self, outcome: Outcome) -> None:
        """A cell came to an end, one way or another."""


@dataclass
class Summary:
    """What became of a sweep's cells."""

    finished: list[Cell] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    busy: list[Cell] = field(default_factory=list)
    left: list[Cell] = field(default_factory=list)
    """The time was up before these were done."""


def todo(jobs: Iterable[Job], file: Path) -> list[Job]:
    """Return the jobs whose configuration has no line in the results yet."""
    done = {result.config_sha256 for result in results.read(file).results}
    return [job for job in jobs if job.config.sha256 not in done]


def here(jobs: Sequence[Job], file: Path, budget: Budget, pace: Pace, audience: Audience) -> Iterator[Outcome]:
    """Work off ``jobs`` in this process, in their order, until the next one would not fit into the budget.

    Another process may be at the same sweep: what it has done or is doing meanwhile is left to it.
    """
    for job in jobs:
        if not todo([job], file):
            yield Busy(job.cell)
            continue
        if budget.left <= pace.first(job.cell):
            return
        audience.begins(job)
        outcome = work(job, budget, lambda done, job=job: audience.epoch(job, done))  # type: ignore[misc]  # mypy cannot infer a lambda's default
        yield outcome
        if isinstance(outcome, Stopped):
            return


def run(jobs: Sequence[Job], outcomes: Iterable[Outcome], file: Path, budget: Budget, audience: Audience) -> Summary:
    """Record what comes of ``jobs``, until they are done or the time is up; only this appends to the results."""
    summary = Summary()
    try:
        with alarm(budget):
            for outcome in outcomes:
                _record(outcome, file, summary)
                audience.ended(outcome)
    except OutOfTime:
        pass
    told = {*summary.finished, *summary.busy, *(failed.cell for failed in summary.failed)}
    summary.left = [job.cell for job in jobs if job.cell not in told]
    return summary


def _record(outcome: Outcome, file: Path, summary: Summary) -> None:
    match outcome:
        case Finished():
            results.append(file, outcome.result)
            summary.finished.append(outcome.cell)
        case Failed():
            summary.failed.append(outcome)
        case Busy():
            summary.busy.append(outcome.cell)
        case Stopped():
            pass
