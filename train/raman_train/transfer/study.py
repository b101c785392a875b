"""The comparison: every system retrained and tested fold by fold, and the exported model. Runs with a result are not repeated."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import torch
from raman_edge.errors import ConfigError
from raman_edge.wording import printable

from raman_train import checkpoint, evaluate, runs
from raman_train.benchmark.budget import EpochLimit, OutOfTime, TimeBudget
from raman_train.config import Config, DataConfig
from raman_train.device import name_of
from raman_train.transfer import common_axis, folds, results, training
from raman_train.transfer.results import TransferResult, TransferRow
from raman_train.transfer.training import Pretrained, PretrainingData

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from raman_edge.preprocessing import Recipe

    from raman_train.checkpoint import Checkpoint
    from raman_train.data.datasets import Dataset
    from raman_train.loop import Epoch
    from raman_train.models import Network
    from raman_train.transfer.results import Start, TransferKey
    from raman_train.transfer.systems import TransferSystem

    Progress = Callable[[int], AbstractContextManager[Callable[[Epoch], None]]]
    """Shows a number of epochs: a context with the callback for each."""

SHOWN = 10
"""Labels listed in a line."""
EXPORTED = "drcnn-edge"
"""The system of the edge."""
TARGET = "target.npz"
"""Training data of the model, beside it: export builds the library from it."""
ORIGIN = "transfer.json"
"""Digests of the data and settings of the model."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TransferRequest:
    """Systems and data of a comparison."""

    name: str
    """Of the target, for tables."""
    target: Dataset
    sources: tuple[Path, ...]
    """Read only for a pretraining."""
    systems: dict[str, TransferSystem]
    folds: int
    shots: int
    """Training replicates; 0 is every one outside the test."""
    seeds: tuple[int, ...]
    out: Path
    results: Path
    device: torch.device
    budget: TimeBudget


@dataclass(frozen=True, slots=True)
class TransferTask:
    """One run of a comparison."""

    name: str
    start: Start
    fold: int
    seed: int


class Study:
    """A request, its results so far, and the remaining runs."""

    def __init__(self, request: TransferRequest, log: Callable[[str], None], progress: Progress) -> None:
        self.request, self._log, self._progress = request, log, progress
        self.recipe: Recipe = common_axis.recipe_for(request.target)
        self.target = common_axis.target(request.target, self.recipe)
        self.target_sha256 = common_axis.digest(request.target)
        self.splits = folds.make(request.target, request.folds, request.shots)
        self.pretrained = Pretrained(PretrainingData(request.sources, self.recipe), self.recipe, request.out / "pretrained", request.device)
        if any(system.retraining for system in request.systems.values()):
            self.pretrained.source.check()
        self._revision = runs.revision()
        self.results = results.read(request.results)

    def describe(self) -> str:
        """Return target, axis and folds as lines of text."""
        request, axis, single = self.request, self.recipe.axis, folds.single_replicates(self.request.target)
        train, test = ({getattr(split, part).size for split in self.splits} for part in ("train", "test"))
        lines = [
            f"target     {printable(request.name)}: {len(request.target)} spectra of {len(self.target.labels)} labels",
            f"axis       {axis.start:.0f}..{axis.stop:.0f} cm-1, covered by {common_axis.COVERED:.0%}; {len(axis)} points",
            f"folds      {len(self.splits)}, each with {_range(train)} training and {_range(test)} test spectra",
        ]
        if single:
            shown = printable(", ".join(single[:SHOWN])) + (" …" if len(single) > SHOWN else "")
            lines.append(f"not tested {len(single)} labels with one replicate, which are distractors: {shown}")
        return "\n".join(lines)

    def tasks(self) -> list[TransferTask]:
        """Return all runs: those without training first, then seed by seed."""
        first, *_ = seeds = self.request.seeds
        systems = self.request.systems.items()
        order: list[tuple[str, Start, int]] = [(name, "references", first) for name, system in systems if not system.retraining]
        starts: tuple[Start, ...] = ("scratch", "enrolled", "transfer")
        learning = [name for name, system in systems if system.retraining]
        order += [(name, start, seed) for seed in seeds for name in learning for start in starts if start != "enrolled" or seed == first]
        return [TransferTask(name, start, fold, seed) for name, start, seed in order for fold in range(len(self.splits))]

    def run(self) -> None:
        """Run the remaining tasks; :class:`OutOfTime` when the budget is spent."""
        done = {result.key for result in self.results}
        for task in self.tasks():
            if self._key(task) not in done:
                if self.request.budget.left <= 0:
                    raise OutOfTime
                result = self._one(task)
                results.append(self.request.results, result)
                self.results.append(result)
                self._log(result_text(result))

    def table(self) -> str:
        """Return the table of this request, with "not run" for missing rows."""
        request = self.request
        group = (self.target_sha256, request.folds, request.shots)
        own = [one for one in self.results if (one.target_sha256, one.folds, one.shots) == group and one.seed in request.seeds]
        wanted: dict[TransferRow, int] = {}
        for task in self.tasks():
            row = TransferRow(task.name, task.start, self._config_sha256(task), self._source(task)[1])
            wanted[row] = wanted.get(row, 0) + 1
        return (results.caption(own[0]) + "\n\n" if own else "") + results.render(own, wanted)

    def origin(self, name: str) -> Checkpoint:
        """Return the pretrained network of a system; train it if it does not exist."""
        system = self.request.systems[name]
        if not self.pretrained.exists(name, system):
            self._log(f"{self.pretrained.source.describe()}\npretraining {name} in {self.pretrained.place(name, system)}")
        epochs = system.pretraining.epochs if system.pretraining else 0
        with self._progress(epochs) as on_epoch:
            return self.pretrained.of(name, system, self.limit(epochs, on_epoch))

    def limit(self, epochs: int, on_epoch: Callable[[Epoch], None] = lambda _: None) -> EpochLimit:
        """Return a callback for each of ``epochs`` that raises :class:`OutOfTime` if the next one does not fit."""
        return EpochLimit(self.request.budget, epochs, on_epoch)

    def _config_sha256(self, task: TransferTask) -> str:
        return self.request.systems[task.name].sha256(task.start, self.recipe)

    def _source(self, task: TransferTask) -> tuple[tuple[str, ...], str]:
        """Return the names and the digest of the pretraining data of a task; empty without pretraining."""
        source = self.pretrained.source
        return (source.names, source.sha256) if task.start in {"enrolled", "transfer"} else ((), "")

    def _key(self, task: TransferTask) -> TransferKey:
        split = folds.digest(self.request.target, self.splits[task.fold])
        return (task.start, self._config_sha256(task), self.target_sha256, self._source(task)[1], split, task.seed)

    def _one(self, task: TransferTask) -> TransferResult:
        """Train and test one system on one fold."""
        request, split = self.request, self.splits[task.fold]
        system = request.systems[task.name]
        pretrained = self.origin(task.name) if task.start in {"enrolled", "transfer"} else None
        both = (self.target, training.disturbed(self.target, split.test, task.fold))
        if pretrained and task.start == "enrolled":
            history: list[Epoch] = []
            network = pretrained.network.to(request.device)
            figures, disturbed = (training.measure_embedding(network, data, split) for data in both)
        else:
            network, history = self._trained(task, pretrained)
            figures, disturbed = (training.measure(network, system.model, data, split) for data in both)
        names, source_sha256 = self._source(task)
        return TransferResult(
            target=request.name, target_sha256=self.target_sha256, source=names, source_sha256=source_sha256, system=task.name,
            start=task.start, shots=request.shots, folds=request.folds, fold=task.fold, seed=task.seed, train=split.train.size,
            test=split.test.size, asked=len({index for one in self.splits for index in one.test.tolist()}), labels=len(self.target.labels),
            labels_asked=len(set(self.target.classes[split.test].tolist())), figures=figures, disturbed=disturbed,
            pretraining_spectra=pretrained.about.spectra if pretrained else 0,
            pretraining_epochs=pretrained.about.epochs if pretrained else 0,
            pretraining_seconds=pretrained.about.seconds if pretrained else 0.0, epochs=len(history),
            seconds=round(sum(done.seconds for done in history), 1), device=name_of(request.device), threads=torch.get_num_threads(),
            revision=self._revision, config_sha256=self._config_sha256(task), split_sha256=folds.digest(request.target, split),
        )  # fmt: skip

    def _trained(self, task: TransferTask, pretrained: Checkpoint | None) -> tuple[Network, list[Epoch]]:
        """Train on the fold; an interrupted training has its state in a folder of its own."""
        system = self.request.systems[task.name]
        given = training.task(system.model, system.retraining, task.seed, self.target, self.splits[task.fold].train)
        folder = self.request.out / "running" / hashlib.sha256(msgspec.json.encode(self._key(task))).hexdigest()[:16]
        begin = pretrained.network.state_dict() if pretrained else None
        trained = training.fit(given, begin, folder, self.request.device, self.limit(given.epochs))
        shutil.rmtree(folder, ignore_errors=True)
        return trained


def _range(sizes: set[int]) -> str:
    return f"{min(sizes)}" if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"


def result_text(line: TransferResult) -> str:
    """Return a result as a line of text."""
    main, disturbed = evaluate.main(line.figures), evaluate.main(line.disturbed)
    return (
        f"{line.system:16} {line.start:10} fold {line.fold + 1}/{line.folds} seed {line.seed}  top-1 {main.top1:.4f}  "
        f"disturbed {disturbed.top1:.4f}  {line.epochs} epochs, {line.seconds:.1f} s"
    )


def train_final(study: Study, name: str, folder: Path) -> Path:
    """Retrain system ``name`` on the whole target, from the pretrained weights, and return the checkpoint in ``folder``.

    The result is an ordinary run for ``raman-train export``. A finished model is not trained again; an interrupted training is
    resumed.

    Raises:
        ConfigError: if the folder contains something else.
    """
    system, target = study.request.systems[name], study.target
    given = training.task(system.model, system.retraining, study.request.seeds[0], target, target.everything)
    if given.training is None:
        msg = f"{name!r} has no training, and gives no model"
        raise ConfigError(msg)
    origin = study.origin(name)
    config = Config(system.model, DataConfig(str(folder / TARGET), protocol="none"), given.training, study.recipe)
    claim = msgspec.json.encode({"config": config.sha256, "target": study.target_sha256, "pretrained": origin.sha256})
    file = folder / ORIGIN
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (file.exists() and file.read_bytes() == claim):
        msg = f"{str(folder)!r} contains something other than this model: choose another --keep, or remove it"
        raise ConfigError(msg)
    file.write_bytes(claim)
    made = folder / checkpoint.CHECKPOINT
    if made.exists():
        return made
    target.dataset.save(folder / TARGET)
    network, history = training.fit(given, origin.network.state_dict(), folder, study.request.device, study.limit(given.epochs))
    return training.save(folder, network, history, config, target)
