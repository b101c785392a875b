"""One cell: train, unless that is done, and measure. What is asked and answered fits through a wire as JSON."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch
from filelock import FileLock, Timeout

from raman_train import checkpoint, loop, runs
from raman_train.benchmark.budget import OutOfTime, Watch
from raman_train.benchmark.grid import Cell
from raman_train.config import Config
from raman_train.runs import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_train.benchmark.budget import Budget

FAILURE = "failure.txt"
"""Where a cell that failed leaves its traceback, in its run folder."""


class Job(msgspec.Struct, frozen=True):
    """A cell and all that is needed to work it off."""

    cell: Cell
    config: Config
    folder: str
    """Of the run, absolute; its name says which cell of which configuration it is."""
    device: str
    """``auto``, ``cpu`` or ``cuda``."""


class Finished(msgspec.Struct, frozen=True, tag=True):
    """Measured."""

    cell: Cell
    result: Result
    seconds: float
    """Of the whole cell, now: preparing, what was left of the training, measuring."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Ended by an error."""

    cell: Cell
    why: str


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """The time was up; the run goes on from where it stands."""

    cell: Cell


class Busy(msgspec.Struct, frozen=True, tag=True):
    """Another process is at it."""

    cell: Cell


Outcome = Finished | Failed | Stopped | Busy


def job(cell: Cell, config: Config, folder: Path, device: str) -> Job:
    """Return the job of a cell; its run folder lies in ``folder``, under a name that stays."""
    return Job(cell, config, str(folder.resolve() / f"{cell}-{config.sha256[:8]}"), device)


def work(job: Job, budget: Budget, tell: Callable[[loop.Epoch], None]) -> Outcome:
    """Train and measure; errors are told, not raised: a sweep outlives any of its cells."""
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            return _measured(job, folder, budget, tell)
    except Timeout:
        return Busy(job.cell)
    except OutOfTime:
        return Stopped(job.cell)
    except Exception as error:  # noqa: BLE001 - out of memory has many names, and a sweep outlives any of its cells
        (folder / FAILURE).write_text(traceback.format_exc(), "utf-8")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return Failed(job.cell, f"{type(error).__name__}: {' '.join(str(error).split())}")


def _measured(job: Job, folder: Path, budget: Budget, tell: Callable[[loop.Epoch], None]) -> Finished:
    started = budget.clock()
    if not (folder / checkpoint.CHECKPOINT).exists():
        runs.fit(job.config, folder, loop.pick_device(job.device), Watch(budget, job.config.training.epochs, tell))
    made = checkpoint.load(folder)
    made.network.to(loop.pick_device(job.device))
    result, _ = runs.measure(made, runs.prepare(job.config))
    (folder / FAILURE).unlink(missing_ok=True)
    if not made.about.epochs:  # references alone: the dataset has them too, and forty searches would fill a gigabyte
        (folder / checkpoint.CHECKPOINT).unlink()
    return Finished(job.cell, result, budget.clock() - started)
