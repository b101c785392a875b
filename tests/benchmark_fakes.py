"""Small systems on synthetic spectra, for sweeps that take seconds; an observer that records; a clock set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raman_train.benchmark import grid, sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raman_train.loop import Epoch

DATA = """
[data]
path = "synthetic"

[recipe]
steps = [{type = "resample@1", start = 100, stop = 1500, step = 10}, {type = "minmax@1"}]
"""
CONFIGS = {
    "cosine": "[model]\nname = 'search'\nsimilarity = 'cosine'\n",
    "root-derivative": "[model]\nname = 'search'\nsimilarity = 'root-derivative'\n",
    "drcnn-edge": "[model]\nname = 'drcnn-edge'\nwidth = 4\nrecursions = 1\nsqueeze = 2\nembedding = 8\nspectral = 0\n"
    "[training]\nepochs = 3\nbatch = 16\n",
}


def write_configs(folder: Path) -> Path:
    """Write the small systems' configurations, named as the packaged ones are."""
    for name, text in CONFIGS.items():
        (folder / f"{name}.toml").write_text(DATA + text)
    return folder


def jobs(folder: Path, systems: str = "drcnn-edge", seeds: str = "0", protocols: str = "sample") -> list[sweep.Job]:
    """Return the jobs of small systems on everything there is, with their run folders in ``folder``."""
    cells = grid.cells(systems.split(","), ["everything"], protocols.split(","), grid.seeds(seeds))
    files = grid.DatasetFiles(data="synthetic")
    return [sweep.job(cell, grid.configuration(cell, files), folder, "cpu") for cell in cells]


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = 100.0

    def __call__(self) -> float:
        """Return the time, s."""
        return self.now


@dataclass
class RecordingObserver:
    """An observer that records what it receives; ``at_epoch`` is called after each epoch."""

    at_epoch: Callable[[], None] = lambda: None
    begun: list[str] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    outcomes: list[sweep.Outcome] = field(default_factory=list)

    def begins(self, job: sweep.Job) -> None:
        """Record the start of a cell."""
        self.begun.append(str(job.cell))

    def epoch(self, _: sweep.Job, done: Epoch) -> None:
        """Record an epoch."""
        self.epochs.append(done.epoch)
        self.at_epoch()

    def ended(self, outcome: sweep.Outcome) -> None:
        """Record an outcome."""
        self.outcomes.append(outcome)
