"""Cells of a benchmark: training unless that is done, evaluation, and the outcome of each. Jobs and outcomes are JSON."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

import msgspec
import torch
from filelock import FileLock, Timeout

from raman_train import checkpoint, device, runs
from raman_train.benchmark import results
from raman_train.benchmark.budget import EpochLimit, OutOfTime, alarm
from raman_train.benchmark.grid import Cell, dataset_of
from raman_train.config import Config
from raman_train.runs import RunResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from raman_train.benchmark.budget import TimeBudget
    from raman_train.loop import Epoch

FAILURE = "failure.txt"
"""File with the traceback of a failed cell, in its run folder."""


class Job(msgspec.Struct, frozen=True):
    """A cell with everything that its training needs."""

    cell: Cell
    config: Config
    folder: str
    """Of the run, absolute; its name has the cell and the digest of the configuration."""
    device: str
    """``auto``, ``cpu`` or ``cuda``."""


class CellFinished(msgspec.Struct, frozen=True, tag=True):
    """Trained and measured."""

    cell: Cell
    result: RunResult
    seconds: float
    """Of this call: preparation, the rest of the training, evaluation."""


class CellFailed(msgspec.Struct, frozen=True, tag=True):
    """Ended with an error."""

    cell: Cell
    why: str


class CellStopped(msgspec.Struct, frozen=True, tag=True):
    """Out of time; the next call resumes the training."""

    cell: Cell


class CellBusy(msgspec.Struct, frozen=True, tag=True):
    """Another process trains this cell."""

    cell: Cell


Outcome = CellFinished | CellFailed | CellStopped | CellBusy


class SweepObserver(Protocol):
    """Receives the progress of a sweep."""

    def begins(self, job: Job) -> None:
        """Receive the start of a cell."""

    def epoch(self, job: Job, done: Epoch) -> None:
        """Receive a finished epoch."""

    def ended(self, outcome: Outcome) -> None:
        """Receive the outcome of a cell."""


@dataclass
class SweepSummary:
    """The outcomes of a sweep."""

    finished: list[Cell] = field(default_factory=list)
    failed: list[CellFailed] = field(default_factory=list)
    busy: list[Cell] = field(default_factory=list)
    left: list[Cell] = field(default_factory=list)
    """Not done when the time was up."""


class DurationEstimator:
    """Estimates the duration of cells from finished ones of the same system and dataset."""

    def __init__(self, known: Iterable[RunResult] = (), device_name: str = "") -> None:
        """Take the seconds per epoch from earlier results on the same device."""
        self._epoch: dict[tuple[str, str], list[float]] = {}
        self._rest: dict[tuple[str, str], list[float]] = {}
        for result in known:
            if result.epochs and result.device == device_name:
                self._epoch.setdefault((result.system, dataset_of(result)), []).append(result.seconds / result.epochs)

    def add(self, finished: CellFinished) -> None:
        """Add a finished cell."""
        key, result = (finished.cell.system, finished.cell.dataset), finished.result
        self._epoch.setdefault(key, []).append(result.seconds / max(1, result.epochs))
        self._rest.setdefault(key, []).append(max(0.0, finished.seconds - result.seconds))

    def at_least(self, cell: Cell) -> float:
        """Return the seconds for any progress in a cell: the longest known epoch and evaluation; 0 if unknown."""
        key = cell.system, cell.dataset
        return max(self._rest.get(key, [0.0])) + max(self._epoch.get(key, [0.0]))

    def whole(self, cell: Cell, epochs: int) -> float | None:
        """Return the mean duration of a cell with this number of ``epochs``, s; None if unknown."""
        key = cell.system, cell.dataset
        if key not in self._rest and key not in self._epoch:
            return None
        return fmean(self._rest.get(key, [0.0])) + epochs * fmean(self._epoch.get(key, [0.0]))


def duration_text(seconds: float) -> str:
    """Return a duration as text: 85 s, 12 min or 3.5 h."""
    if seconds < 100:  # noqa: PLR2004 - from here on minutes are easier to read
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def job(cell: Cell, config: Config, folder: Path, device_name: str) -> Job:
    """Return the job of a cell, with a run folder in ``folder`` whose name is always the same."""
    return Job(cell, config, str(folder.resolve() / f"{cell}-{config.sha256[:8]}"), device_name)


def work(job: Job, budget: TimeBudget, on_epoch: Callable[[Epoch], None]) -> Outcome:
    """Train and measure a cell; an error becomes a :class:`CellFailed`, so that a sweep continues."""
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            return _measured(job, folder, budget, on_epoch)
    except Timeout:
        return CellBusy(job.cell)
    except OutOfTime:
        return CellStopped(job.cell)
    except Exception as error:  # noqa: BLE001 - running out of memory has many exceptions, and the other cells must still run
        (folder / FAILURE).write_text(traceback.format_exc(), "utf-8")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return CellFailed(job.cell, f"{type(error).__name__}: {' '.join(str(error).split())}")


def _measured(job: Job, folder: Path, budget: TimeBudget, on_epoch: Callable[[Epoch], None]) -> CellFinished:
    started = budget.clock()
    if not (folder / checkpoint.CHECKPOINT).exists():
        runs.fit(job.config, folder, device.pick(job.device), EpochLimit(budget, job.config.training.epochs, on_epoch))
    trained = checkpoint.load(folder)
    trained.network.to(device.pick(job.device))
    result, _ = runs.measure(trained, runs.prepare(job.config))
    (folder / FAILURE).unlink(missing_ok=True)
    if not trained.about.epochs:  # only references, which the dataset has too: forty searches would fill a gigabyte
        (folder / checkpoint.CHECKPOINT).unlink()
    return CellFinished(job.cell, result, budget.clock() - started)


def todo(jobs: Iterable[Job], file: Path) -> list[Job]:
    """Return the jobs whose configuration has no line in the results file."""
    done = {result.config_sha256 for result in results.read(file).results}
    return [job for job in jobs if job.config.sha256 not in done]


def here(jobs: Sequence[Job], file: Path, budget: TimeBudget, durations: DurationEstimator, observer: SweepObserver) -> Iterator[Outcome]:
    """Run ``jobs`` in this process, in their order, until the next one does not fit into the budget.

    Another process may run the same sweep: cells that it has done or is doing are left to it.
    """
    for job in jobs:
        if not todo([job], file):
            yield CellBusy(job.cell)
            continue
        if budget.left <= durations.at_least(job.cell):
            return
        observer.begins(job)
        outcome = work(job, budget, lambda done, job=job: observer.epoch(job, done))  # type: ignore[misc]  # mypy cannot infer a lambda's default
        yield outcome
        if isinstance(outcome, CellStopped):
            return


def run(jobs: Sequence[Job], outcomes: Iterable[Outcome], file: Path, budget: TimeBudget, observer: SweepObserver) -> SweepSummary:
    """Record the outcomes of ``jobs`` until all are done or the time is up; only this process appends to the results."""
    summary = SweepSummary()
    try:
        with alarm(budget):
            for outcome in outcomes:
                match outcome:
                    case CellFinished():
                        results.append(file, outcome.result)
                        summary.finished.append(outcome.cell)
                    case CellFailed():
                        summary.failed.append(outcome)
                    case CellBusy():
                        summary.busy.append(outcome.cell)
                    case CellStopped():
                        pass
                observer.ended(outcome)
    except OutOfTime:
        pass
    ended = {*summary.finished, *summary.busy, *(failed.cell for failed in summary.failed)}
    summary.left = [job.cell for job in jobs if job.cell not in ended]
    return summary
