"""Progress of trainings and benchmarks, on standard error."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from raman_train import device
from raman_train.benchmark.sweep import CellBusy, CellFailed, CellFinished, CellStopped, duration_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raman_train.benchmark.sweep import DurationEstimator, Job, Outcome
    from raman_train.config import Config
    from raman_train.loop import Epoch

BAR = 20
"""Width of the bar, columns."""


def log(text: str) -> None:
    """Write one line."""
    print(text, file=sys.stderr, flush=True)


def announce(config: Config, name: str) -> None:
    """Log system, device, arithmetic and allocator of a training."""
    log(f"{config.system}: {device.describe(config.training.precision, device.pick(name))}")


@contextmanager
def epoch_progress(epochs: int) -> Iterator[Callable[[Epoch], None]]:
    """Return a callback for each epoch: a progress bar on a terminal, else one line per epoch."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: log(_epoch_text(done, epochs))
        return
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="crop"))
    with Progress(BarColumn(BAR), text, console=console, auto_refresh=False) as bar:
        task = bar.add_task("", total=epochs)
        yield lambda done: bar.update(task, completed=done.epoch + 1, description=_epoch_text(done, epochs), refresh=True)


def _epoch_text(done: Epoch, epochs: int) -> str:
    left = done.seconds * (epochs - done.epoch - 1)
    validation = "" if done.validation is None else f"  validation top-1 {done.validation:.4f}"
    return f"epoch {done.epoch + 1}/{epochs}  loss {done.loss:.4f}{validation}  {done.seconds:.1f} s, {left / 60:.1f} min left"


class SweepProgress(ExitStack):
    """Logs the progress of a sweep."""

    def __init__(self, jobs: Sequence[Job], durations: DurationEstimator) -> None:
        super().__init__()
        self._waiting = {job.cell: job.config.training.epochs for job in jobs}
        self._count, self._durations = len(jobs), durations
        self._on_epoch: Callable[[Epoch], None] | None = None
        self._epochs: int | None = None
        """Of the present cell in this call; None on a cluster, which does not report epochs."""

    def begins(self, job: Job) -> None:
        """Log the start of a cell."""
        training = job.config.training
        where = device.describe(training.precision, device.pick(job.device))
        log(f"[{self._count - len(self._waiting) + 1}/{self._count}] {job.cell}: at most {training.epochs} epochs; {where}")
        self._on_epoch, self._epochs = self.enter_context(epoch_progress(training.epochs)), 0

    def epoch(self, _: Job, done: Epoch) -> None:
        """Log a finished epoch."""
        if self._on_epoch is not None and self._epochs is not None:
            self._on_epoch(done)
            self._epochs += 1

    def ended(self, outcome: Outcome) -> None:
        """Log the outcome of a cell."""
        self.close()
        self._waiting.pop(outcome.cell, None)
        match outcome:
            case CellFinished(cell, result, seconds):
                self._durations.add(outcome)
                text = f"{cell}: top-1 {result.main.top1:.4f} ± {result.main.interval:.4f} in {duration_text(seconds)}{self.left()}"
            case CellFailed(cell, why):
                text = f"{cell} failed: {why}{self.left()}"
            case CellBusy(cell):
                text = f"{cell}: another process is training it{self.left()}"
            case CellStopped(cell):
                text = f"{cell}: out of time{' before the first epoch ended: use a longer --budget' if self._epochs == 0 else ''}"
        log(f"        {text}")

    def left(self) -> str:
        """Return the number of remaining cells and the estimate of their duration."""
        waiting = [self._durations.whole(cell, epochs) for cell, epochs in self._waiting.items()]
        known = [seconds for seconds in waiting if seconds is not None]
        parts = [f"about {duration_text(sum(known))}"] if known else []
        parts += [f"{len(waiting) - len(known)} of unknown length"] if len(known) < len(waiting) else []
        return f"; {len(waiting)} left, {' and '.join(parts)}" if waiting else ""
