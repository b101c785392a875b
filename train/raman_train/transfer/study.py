"""The comparison: every system retrained fold by fold and asked. Goes on after a stop: what has its line is not run again."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import torch

from raman_train import runs
from raman_train.benchmark.budget import Budget, OutOfTime, Watch
from raman_train.loop import Epoch
from raman_train.transfer import folds, ground, lines, table, teach
from raman_train.transfer.lines import Line
from raman_train.transfer.source import Pretrained, Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raman_edge.preprocessing import Recipe

    from raman_train.checkpoint import Checkpoint
    from raman_train.data.datasets import Dataset
    from raman_train.models import Network
    from raman_train.transfer.lines import Start
    from raman_train.transfer.plan import System

SHOWN = 10
"""Labels that a line names."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Request:
    """What is to be compared on what."""

    name: str
    """Of the target, in tables."""
    target: Dataset
    sources: tuple[Path, ...]
    """Read only where something is pretrained."""
    systems: dict[str, System]
    folds: int
    shots: int
    """Replicates learned from; 0 is every one that is not asked."""
    seeds: tuple[int, ...]
    out: Path
    results: Path
    device: torch.device
    budget: Budget


@dataclass(frozen=True, slots=True)
class Task:
    """One line to come."""

    name: str
    start: Start
    fold: int
    seed: int


def _nothing(_: Epoch) -> None:
    """Say nothing of an epoch."""


class Study:
    """A request, its lines so far, and what is left of it."""

    def __init__(self, request: Request, say: Callable[[str], None], progress: Callable[[int], Callable[[Epoch], None]]) -> None:
        self.request, self._say, self._progress = request, say, progress
        self.recipe: Recipe = ground.recipe_for(request.target)
        self.target = ground.target(request.target, self.recipe)
        self.target_sha256 = ground.digest(request.target)
        self.splits = folds.make(request.target, request.folds, request.shots)
        self.pretrained = Pretrained(Source(request.sources, self.recipe), self.recipe, request.out / "pretrained", request.device)
        if any(system.retraining for system in request.systems.values()):
            self.pretrained.source.expect()
        self._revision = runs.revision()
        self.lines = lines.read(request.results)

    def describe(self) -> str:
        """Return target, axis and folds in lines for a person."""
        request, axis, alone = self.request, self.recipe.axis, folds.alone(self.request.target)
        learned, asked = ({getattr(split, side).size for split in self.splits} for side in ("train", "test"))
        step = self.target.step
        told = [
            f"target     {request.name}: {len(request.target)} spectra of {len(self.target.labels)} labels",
            f"axis       {axis.start:.0f}..{axis.stop:.0f} cm-1, covered by {ground.COVERED:.0%}; {len(axis)} points {step:g} apart",
            f"folds      {len(self.splits)}, each learns from {_range(learned)} spectra and asks {_range(asked)}",
        ]
        if alone:
            shown = ", ".join(alone[:SHOWN]) + (" …" if len(alone) > SHOWN else "")
            told.append(f"not asked  {len(alone)} with one replicate, kept as possible wrong answers: {shown}")
        return "\n".join(told)

    def tasks(self) -> list[Task]:
        """Return every line wanted: what needs no training first, then seed by seed."""
        first, *_ = seeds = self.request.seeds
        systems = self.request.systems.items()
        order: list[tuple[str, Start, int]] = [(name, "references", first) for name, system in systems if not system.retraining]
        starts: tuple[Start, ...] = ("scratch", "enrolled", "transfer")
        learning = [name for name, system in systems if system.retraining]
        order += [(name, start, seed) for seed in seeds for name in learning for start in starts if start != "enrolled" or seed == first]
        return [Task(name, start, fold, seed) for name, start, seed in order for fold in range(len(self.splits))]

    def run(self) -> None:
        """Do what is left, a line each; :class:`OutOfTime` once the budget is spent."""
        done = {line.key for line in self.lines}
        for task in self.tasks():
            if self._key(task) not in done:
                if self.request.budget.left <= 0:
                    raise OutOfTime
                line = self._one(task)
                lines.append(self.request.results, line)
                self.lines.append(line)
                self._say(said(line))

    def table(self) -> str:
        """Return the table of this request, "not run" where nothing was."""
        request = self.request
        asked = (self.target_sha256, request.folds, request.shots)
        own = [line for line in self.lines if (line.target_sha256, line.folds, line.shots) == asked and line.seed in request.seeds]
        wanted: dict[table.Row, int] = {}
        for task in self.tasks():
            row = table.Row(task.name, task.start, self._config_sha256(task), self._source(task)[1])
            wanted[row] = wanted.get(row, 0) + 1
        return (table.caption(own[0]) + "\n\n" if own else "") + table.render(own, wanted)

    def origin(self, name: str) -> Checkpoint:
        """Return the pretrained network of a system, made where there is none yet."""
        system = self.request.systems[name]
        if not self.pretrained.is_there(name, system):
            self._say(f"{self.pretrained.source.describe()}\npretraining {name} in {self.pretrained.place(name, system)}")
        epochs = system.pretraining.epochs if system.pretraining else 0
        return self.pretrained.of(name, system, self.watch(epochs, self._progress(epochs)))

    def watch(self, epochs: int, then: Callable[[Epoch], None] = _nothing) -> Watch:
        """Return what to tell of every one of ``epochs``: it raises :class:`OutOfTime` where the next does not fit."""
        return Watch(self.request.budget, epochs, then)

    def _config_sha256(self, task: Task) -> str:
        return self.request.systems[task.name].sha256(task.start, self.recipe)

    def _source(self, task: Task) -> tuple[tuple[str, ...], str]:
        """Return the names and the digest of what a task is pretrained on, nothing where it is not."""
        source = self.pretrained.source
        return (source.names, source.sha256) if task.start in {"enrolled", "transfer"} else ((), "")

    def _key(self, task: Task) -> lines.Key:
        split = folds.digest(self.request.target, self.splits[task.fold])
        return (task.start, self._config_sha256(task), self.target_sha256, self._source(task)[1], split, task.seed)

    def _one(self, task: Task) -> Line:
        """Teach and ask one system on one fold."""
        request, split = self.request, self.splits[task.fold]
        system = request.systems[task.name]
        made = self.origin(task.name) if task.start in {"enrolled", "transfer"} else None
        seen = (self.target, teach.disturbed(self.target, split.test, task.fold))
        if made and task.start == "enrolled":
            network, history = made.network.to(request.device), list[Epoch]()
            figures, off = (teach.ask_unlearned(network, material, split) for material in seen)
        else:
            network, history = self._taught(task, made)
            figures, off = (teach.ask(network, system.model, material, split) for material in seen)
        names, source_sha256 = self._source(task)
        return Line(
            target=request.name,
            target_sha256=self.target_sha256,
            source=names,
            source_sha256=source_sha256,
            system=task.name,
            start=task.start,
            shots=request.shots,
            folds=request.folds,
            fold=task.fold,
            seed=task.seed,
            train=split.train.size,
            test=split.test.size,
            asked=len({index for one in self.splits for index in one.test.tolist()}),
            labels=len(self.target.labels),
            labels_asked=len(set(self.target.classes[split.test].tolist())),
            figures=figures,
            disturbed=off,
            pretraining_spectra=made.about.spectra if made else 0,
            pretraining_epochs=made.about.epochs if made else 0,
            pretraining_seconds=made.about.seconds if made else 0.0,
            epochs=len(history),
            seconds=round(sum(done.seconds for done in history), 1),
            device=runs.device_name(request.device),
            threads=torch.get_num_threads(),
            revision=self._revision,
            config_sha256=self._config_sha256(task),
            split_sha256=folds.digest(request.target, split),
        )

    def _taught(self, task: Task, made: Checkpoint | None) -> tuple[Network, list[Epoch]]:
        """Train on the fold; the state of a stopped training lies in a folder of its own until it is done."""
        learned = self.splits[task.fold].train
        system = self.request.systems[task.name]
        given = teach.lesson(system.model, system.retraining, task.seed, self.target, learned)
        folder = self.request.out / "running" / hashlib.sha256(msgspec.json.encode(self._key(task))).hexdigest()[:16]
        taught = teach.learn(given, made.network.state_dict() if made else None, folder, self.request.device, self.watch(given.epochs))
        shutil.rmtree(folder, ignore_errors=True)
        return taught


def _range(sizes: set[int]) -> str:
    return f"{min(sizes)}" if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"


def said(line: Line) -> str:
    """Return a line as a person reads it."""
    main, off = lines.main(line.figures), lines.main(line.disturbed)
    return (
        f"{line.system:16} {line.start:10} fold {line.fold + 1}/{line.folds} seed {line.seed}  top-1 {main.top1:.4f}  "
        f"disturbed {off.top1:.4f}  {line.epochs} epochs, {line.seconds:.1f} s"
    )
