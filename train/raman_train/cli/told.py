"""How far a benchmark is, on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raman_train.benchmark.pace import spoken
from raman_train.benchmark.work import Busy, Failed, Finished, Stopped
from raman_train.cli.options import Progress
from raman_train.device import describe
from raman_train.loop import pick_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_train.benchmark.pace import Pace
    from raman_train.benchmark.work import Job, Outcome
    from raman_train.loop import Epoch


class Told:
    """Says on standard error how far a sweep is."""

    def __init__(self, jobs: Sequence[Job], pace: Pace) -> None:
        self._waiting = {job.cell: job.config.training.epochs for job in jobs}
        self._count, self._pace = len(jobs), pace
        self._progress: Progress | None = None
        self._epochs: int | None = None
        """Of the present cell, now; None where nobody tells of epochs."""

    def say(self, text: str) -> None:
        """Write one line."""
        print(text, file=sys.stderr, flush=True)

    def begins(self, job: Job) -> None:
        """A cell is being worked off."""
        self._progress, self._epochs = Progress(job.config.training.epochs), 0
        training = job.config.training
        where = describe(training.precision, pick_device(job.device))
        self.say(f"[{self._count - len(self._waiting) + 1}/{self._count}] {job.cell}: at most {training.epochs} epochs; {where}")

    def epoch(self, _: Job, done: Epoch) -> None:
        """One more epoch of it is done."""
        if self._progress is not None and self._epochs is not None:
            self._progress(done)
            self._epochs += 1

    def ended(self, outcome: Outcome) -> None:
        """A cell came to an end, one way or another."""
        self._waiting.pop(outcome.cell, None)
        if isinstance(outcome, Finished):
            self._pace.saw(outcome.cell, outcome.result, outcome.seconds)
        if isinstance(outcome, Stopped):
            self.say(
                f"        {outcome.cell}: the time is up{' before an epoch was: give it a longer --budget' if self._epochs == 0 else ''}"
            )
        else:
            self.say(f"        {_ended(outcome)}{self.left()}")

    def left(self) -> str:
        """Return how long the cells that are left will take, as far as that is known."""
        waiting = [self._pace.whole(cell, epochs) for cell, epochs in self._waiting.items()]
        known = [seconds for seconds in waiting if seconds is not None]
        parts = [f"about {spoken(sum(known))}"] if known else []
        parts += [f"{len(waiting) - len(known)} of unknown length"] if len(known) < len(waiting) else []
        return f"; {len(waiting)} left, {' and '.join(parts)}" if waiting else ""


def _ended(outcome: Finished | Failed | Busy) -> str:
    match outcome:
        case Finished(cell, result, seconds):
            return f"{cell}: top-1 {result.main.top1:.4f} ± {result.main.interval:.4f} in {spoken(seconds)}"
        case Failed(cell, why):
            return f"{cell} failed: {why}"
        case Busy(cell):
            return f"{cell}: another process does it"
