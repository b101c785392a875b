"""One run from configuration to checkpoint, and its measurement."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError

from raman_train import checkpoint, confidence, distributed, evaluate, figures, loop
from raman_train.config import Config, DrcnnEdgeConfig
from raman_train.data import datasets, splits, synthetic
from raman_train.device import Arithmetic, arithmetic
from raman_train.models import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from raman_edge.preprocessing import Recipe

    from raman_train.data.datasets import Dataset
    from raman_train.data.splits import Split
    from raman_train.models import Network

REMEMBERED = 2
"""Datasets, and their features, that a sweep of many runs need not read and prepare again; each takes some 100 MB."""
CONFIG = "config.json"
SYNTHETIC = "synthetic"
"""The data path that means :mod:`raman_train.data.synthetic`."""


@dataclass(frozen=True, eq=False, slots=True)
class Material:
    """The data of a run, prepared by its recipe and split."""

    dataset: Dataset
    features: NDArray[np.float32]
    """(n, length)."""
    labels: tuple[str, ...]
    classes: NDArray[np.intp]
    """Index into ``labels``, (n,)."""
    split: Split


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of docs/benchmarks: a run, measured."""

    system: str
    subset: str
    copies: str
    protocol: str
    split_seed: int
    training_seed: int
    train: int
    validation: int
    test: int
    enrolled: int
    unknown: int
    classes: int
    classes_asked: int
    figures: list[evaluate.Figures]
    """A ranking each; :attr:`main` is what the system answers."""
    measured: dict[str, float]
    """What only this protocol or system has: calibration, "unknown", few-shot figures."""
    epochs: int
    seconds: float
    """Of training alone."""
    epochs_at_most: int | None = None
    """What the configuration allows; None in lines that are older than this field."""
    patience: int | None = None
    """Epochs without a better validation accuracy after which the training stops; 0 never does."""
    precision: Arithmetic = "fp32"
    """Arithmetic of the training steps; lines that say nothing were trained in fp32."""
    device: str
    threads: int
    revision: str
    config_sha256: str
    settings_sha256: str
    """Of the configuration but for its seeds: runs with the same one may be averaged."""
    split_sha256: str
    """Of the names on each side: runs with the same one were asked the same questions."""

    @property
    def main(self) -> evaluate.Figures:
        """The ranking the system stands for: the edge's own where there is one, else the class head, else the embedding."""
        ranked = {row.ranking: row for row in self.figures}
        return ranked.get("library") or ranked.get("head") or ranked["embedding"]


def prepare(config: Config) -> Material:
    """Read, prepare and split the data a configuration names."""
    file = Path(config.data.path)
    written = file.stat().st_mtime_ns if file.exists() else 0
    dataset = _dataset(config.data.path, config.data.subset, config.data.leave_out, written)
    names, classes = np.unique(dataset.labels, return_inverse=True)
    return Material(dataset, _features(dataset, config.recipe), tuple(names.tolist()), classes, splits.make(config.data, dataset, classes))


@lru_cache(maxsize=REMEMBERED)
def _dataset(path: str, subset: str, leave_out: tuple[str, ...], _written: int) -> Dataset:
    """Return a dataset, remembered for the next run of a sweep as long as its file was not ``written`` anew."""
    whole = synthetic.make() if path == SYNTHETIC else datasets.load(Path(path))
    return whole.subset(subset).without(leave_out)


@lru_cache(maxsize=REMEMBERED)
def _features(dataset: Dataset, recipe: Recipe) -> NDArray[np.float32]:
    """Return every spectrum through the recipe, (n, length)."""
    return dataset.features(recipe)


def fit(config: Config, folder: Path, device: torch.device, tell: Callable[[loop.Epoch], None]) -> Path:
    """Train what ``config`` says and leave the run in ``folder``; goes on where a killed run stopped.

    Without early stopping the validation part has no use of its own and is learned from too.
    A system without parameters is done when it has seen its references. Under ``torchrun`` all
    processes train this one run, and the first one alone writes and tells.
    """
    with distributed.joined(device) as world:
        if world.leads:
            _refuse_another(folder, config)
        code = revision()
        material = prepare(config)  # before the folder is claimed: a run without data must not block it
        if world.leads:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(config)))
        learned, checked = _sides_of_learning(config, material)
        train, held = (_examples(config, material, part, device) for part in (learned, checked))
        torch.manual_seed(config.training.seed)
        network = build(config.model, len(config.recipe.axis), len(material.labels)).to(device)
        network.prepare(train.features, train.classes)
        trainable = any(weight.requires_grad for weight in network.parameters())
        kept, history = loop.fit(network, train, held, config.training, folder, tell, world) if trainable else (network, [])
        if world.leads:
            specimens = len(set(material.dataset.specimens[learned].tolist()))
            about = checkpoint.About(
                config=config,
                length=len(config.recipe.axis),
                labels=material.labels,
                spectra=len(train),
                specimens=specimens,
                epochs=len(history),
                seconds=round(sum(done.seconds for done in history), 1),
                device=device_name(device),
                revision=code,
                precision=arithmetic(config.training.precision, device) if trainable else "fp32",
            )
            _leave(folder, kept, about, history, material)
    return folder / checkpoint.CHECKPOINT


def _sides_of_learning(config: Config, material: Material) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return what is learned from, and what early stopping looks at."""
    split = material.split
    if config.training.patience:
        return split.train, split.validation
    return np.concatenate([split.train, split.validation]), splits.nobody()


def _examples(config: Config, material: Material, which: NDArray[np.intp], device: torch.device) -> loop.Examples:
    shift = config.recipe.axis.shift
    step = float(shift[-1] - shift[0]) / (len(shift) - 1)
    return loop.Examples.of(material.features[which], material.classes[which], device, step)


def _leave(folder: Path, kept: Network, about: checkpoint.About, history: list[loop.Epoch], material: Material) -> None:
    """Write what a finished run leaves behind, and remove the state it went on from."""
    checkpoint.save(folder / checkpoint.CHECKPOINT, kept, about)
    (folder / "history.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(history))
    np.savez_compressed(folder / "split.npz", allow_pickle=False, **sides(material))
    if history:
        title = f"{about.config.system}, {about.spectra} spectra, {len(material.labels)} labels"
        figures.learning_curve(history, folder / "curve.png", title)
    (folder / checkpoint.STATE).unlink(missing_ok=True)


def sides(material: Material) -> dict[str, NDArray[np.str_]]:
    """Return the names of the spectra on each side of the split."""
    return {side.name: material.dataset.names[getattr(material.split, side.name)] for side in dataclasses.fields(material.split)}


def ask(made: checkpoint.Checkpoint, material: Material) -> evaluate.Answers:
    """Return what a trained system says of every spectrum."""
    logits, embedding = loop.outputs(made.network, torch.from_numpy(material.features))
    model = made.about.config.model
    return evaluate.Answers(logits, embedding, model.scale if isinstance(model, DrcnnEdgeConfig) else None)


def measure(made: checkpoint.Checkpoint, material: Material) -> tuple[Result, evaluate.Answers]:
    """Ask a trained system for the spectra that were kept apart."""
    config, split = made.about.config, material.split
    if not split.test.size:
        msg = "this checkpoint was trained with protocol 'none': nothing was kept apart to measure it on"
        raise ConfigError(msg)
    answers = ask(made, material)
    truth = material.classes[split.test]
    result = Result(
        system=config.system,
        subset=config.data.subset,
        copies=config.data.copies,
        protocol=config.data.protocol,
        split_seed=config.data.split_seed,
        training_seed=config.training.seed,
        train=split.train.size,
        validation=split.validation.size,
        test=split.test.size,
        enrolled=split.enrolled.size,
        unknown=split.unknown.size,
        classes=len(material.labels),
        classes_asked=int(np.unique(truth).size),
        figures=[evaluate.figures(name, scores, truth) for name, scores in evaluate.rankings(answers, material.classes, split).items()],
        measured=evaluate.more(answers, material.classes, split) | _confidence(answers, material),
        epochs=made.about.epochs,
        seconds=made.about.seconds,
        epochs_at_most=config.training.epochs if made.about.epochs else None,
        patience=config.training.patience if made.about.epochs else None,
        precision=made.about.precision,
        device=made.about.device,
        threads=torch.get_num_threads(),
        revision=made.about.revision,
        config_sha256=config.sha256,
        settings_sha256=config.settings_sha256,
        split_sha256=split_sha256(material),
    )
    return result, answers


def _confidence(answers: evaluate.Answers, material: Material) -> dict[str, float]:
    """Return how far the edge's probabilities are true; of systems that the edge does not rank, nothing."""
    split = material.split
    if answers.logit_scale is None or split.enrolled.size:
        return {}
    asked = confidence.Questions.of(answers, material.classes, split)
    return confidence.measure(confidence.ask(asked, material.dataset.specimens[split.test]))


def split_sha256(material: Material) -> str:
    """Return the digest of the names on each side, lower-case hex; of the enrolled ones their order counts, the first are given first."""
    named = {side: names.tolist() for side, names in sides(material).items()}
    told = {side: names if side == "enrolled" else sorted(names) for side, names in named.items()}
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def table(result: Result) -> str:
    """Return a result as lines for a person."""
    head = (
        f"{result.system} on {result.subset}, protocol {result.protocol}, split seed {result.split_seed}: "
        f"{result.train} train, {result.validation} validation, {result.test} test spectra of {result.classes_asked} labels"
        + (f", {result.enrolled} references of new species" if result.enrolled else "")
        + (f", {result.unknown} spectra of unknown species" if result.unknown else "")
        + (f", copies {result.copies}" if result.copies != "none" else "")
        + "; "
        f"{result.epochs} epochs in {result.seconds:.0f} s on {result.device}"
    )
    rows = [f"{'ranking':32} top-1  ±95 %   top-3   top-5   macro"]
    rows += [f"{f.ranking:32} {f.top1:.4f} {f.interval:.4f}  {f.top3:.4f}  {f.top5:.4f}  {f.macro_top1:.4f}" for f in result.figures]
    more = [f"{name:32} {value:.0f}" if value > 1 else f"{name:32} {value:.4f}" for name, value in result.measured.items()]
    return "\n".join([head, *rows, *more])


def device_name(device: torch.device) -> str:
    """Return what the device is called."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def revision() -> str:
    """Return the revision of the code, with ``+`` where it was changed since; ``unknown`` outside a checkout."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],  # noqa: S607 - the git the user has
            cwd=here, capture_output=True, text=True, check=True, timeout=10, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def _refuse_another(folder: Path, config: Config) -> None:
    """Raise :class:`ConfigError` where ``folder`` holds the run of another configuration."""
    file = folder / CONFIG
    if file.exists() and msgspec.json.decode(file.read_bytes(), type=Config).sha256 != config.sha256:
        msg = f"{str(folder)!r} holds a run of another configuration: choose another --out, or remove it"
        raise ConfigError(msg)
