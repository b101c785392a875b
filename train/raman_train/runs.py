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
from raman_train.device import Arithmetic, arithmetic, name_of
from raman_train.models import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from raman_edge.preprocessing import Recipe

    from raman_train.data.datasets import Dataset
    from raman_train.data.splits import Split
    from raman_train.models import Network

CACHED = 2
"""Number of datasets, and of their features, cached for the runs of a sweep; each takes some 100 MB."""
CONFIG = "config.json"
SYNTHETIC = "synthetic"
"""Value of ``data.path`` for :mod:`raman_train.data.synthetic`."""


@dataclass(frozen=True, eq=False, slots=True)
class PreparedData:
    """The data of a run, preprocessed by its recipe and split."""

    dataset: Dataset
    features: NDArray[np.float32]
    """(n, length)."""
    labels: tuple[str, ...]
    classes: NDArray[np.intp]
    """Index into ``labels``, (n,)."""
    split: Split
    in_packs: NDArray[np.bool_]
    """Whether the spectrum is of a library pack: the last ones, all of them in the training part, (n,)."""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a run: one line of ``results.jsonl``."""

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
    """One per ranking; :attr:`main` is the ranking of the system."""
    measured: dict[str, float]
    """Figures of only some protocols or systems: calibration, "unknown", few-shot."""
    epochs: int
    seconds: float
    """Of the training."""
    epochs_at_most: int | None = None
    """``training.epochs``; None in lines older than this field."""
    patience: int | None = None
    """``training.patience``; None in lines older than this field."""
    precision: Arithmetic = "fp32"
    """Arithmetic of the training steps; fp32 in lines older than this field."""
    device: str
    threads: int
    revision: str
    config_sha256: str
    settings_sha256: str
    """Of the configuration without its seeds: results with the same one can be averaged."""
    split_sha256: str
    """Of the names in each part of the split: results with the same one have the same test set."""

    @property
    def main(self) -> evaluate.Figures:
        """Figures of the ranking that represents the system."""
        return evaluate.main(self.figures)


def prepare(config: Config) -> PreparedData:
    """Read, preprocess and split the data of a configuration.

    Raises:
        ConfigError: if the dataset cannot be read, or does not allow the split.
    """
    file = Path(config.data.path)
    written = file.stat().st_mtime_ns if file.exists() else 0
    dataset = _dataset(config.data.path, config.data.subset, config.data.leave_out, written)
    names, classes = np.unique(dataset.labels, return_inverse=True)
    split = splits.make(config.data, dataset, classes)  # of the dataset alone: the same test part with and without packs
    features, in_packs = _features(dataset, config.recipe), np.zeros(len(dataset), dtype=bool)
    apart = set(dataset.labels[np.concatenate([split.unknown, split.enrolled])].tolist())
    if (packs := config.data.packs) and (others := datasets.of_packs(packs, apart)):
        dataset = datasets.merge(dataset, others)
        features = np.concatenate([features, others.features(config.recipe)])
        in_packs = np.arange(len(dataset)) >= in_packs.size
        split = dataclasses.replace(split, train=np.concatenate([split.train, np.flatnonzero(in_packs)]))
        names, classes = np.unique(dataset.labels, return_inverse=True)
    return PreparedData(dataset, features, tuple(names.tolist()), classes, split, in_packs)


@lru_cache(maxsize=CACHED)
def _dataset(path: str, subset: str, leave_out: tuple[str, ...], _written: int) -> Dataset:
    """Return a dataset, cached as long as its file does not change."""
    whole = synthetic.make() if path == SYNTHETIC else datasets.load(Path(path))
    return whole.subset(subset).without(leave_out)


@lru_cache(maxsize=CACHED)
def _features(dataset: Dataset, recipe: Recipe) -> NDArray[np.float32]:
    """Return the preprocessed spectra, (n, length), cached."""
    return dataset.features(recipe)


def fit(config: Config, folder: Path, device: torch.device, on_epoch: Callable[[loop.Epoch], None]) -> Path:
    """Train the system of ``config``, write the run to ``folder`` and return the checkpoint; a killed run is resumed.

    Without early stopping the validation part is used for training too. A system without parameters only stores its
    references. Under ``torchrun`` all processes train this run, and only the first one writes and calls ``on_epoch``.

    Raises:
        ConfigError: if the folder contains the run of another configuration, or the data cannot be read or split.
    """
    with distributed.joined(device) as group:
        file = folder / CONFIG
        if group.is_first and file.exists() and msgspec.json.decode(file.read_bytes(), type=Config).sha256 != config.sha256:
            msg = f"{str(folder)!r} contains a run of another configuration: choose another --out, or remove it"
            raise ConfigError(msg)
        code = revision()
        prepared = prepare(config)  # before the folder is written: a run without data must not block it
        if group.is_first:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(msgspec.json.format(msgspec.json.encode(config)))
        split, shift = prepared.split, config.recipe.axis.shift
        step = float(shift[-1] - shift[0]) / (len(shift) - 1)
        parts_used = [split.train, split.validation]
        if not config.training.patience:
            parts_used = [np.concatenate(parts_used), splits.no_indices()]
        train, validation = (loop.Examples.of(prepared.features[i], prepared.classes[i], device, step) for i in parts_used)
        torch.manual_seed(config.training.seed)
        network = build(config.model, len(config.recipe.axis), len(prepared.labels)).to(device)
        network.prepare(train.features, train.classes)
        trainable = any(weight.requires_grad for weight in network.parameters())
        trained, history = loop.fit(network, train, validation, config.training, folder, on_epoch, group) if trainable else (network, [])
        if group.is_first:
            specimens = len(set(prepared.dataset.specimens[parts_used[0]].tolist()))
            about = checkpoint.About(
                config=config, length=len(config.recipe.axis), labels=prepared.labels, spectra=len(train), specimens=specimens,
                epochs=len(history), seconds=round(sum(done.seconds for done in history), 1), device=name_of(device), revision=code,
                precision=arithmetic(config.training.precision, device) if trainable else "fp32",
            )  # fmt: skip
            _write_run(folder, trained, about, history, prepared)
    return folder / checkpoint.CHECKPOINT


def _write_run(folder: Path, network: Network, about: checkpoint.About, history: list[loop.Epoch], prepared: PreparedData) -> None:
    """Write the files of a finished run, and remove its state."""
    checkpoint.save(folder / checkpoint.CHECKPOINT, network, about)
    (folder / "history.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(history))
    np.savez_compressed(folder / "split.npz", allow_pickle=False, **parts(prepared))
    if history:
        title = f"{about.config.system}, {about.spectra} spectra, {len(prepared.labels)} labels"
        figures.learning_curve(history, folder / "curve.png", title)
    (folder / checkpoint.STATE).unlink(missing_ok=True)


def parts(prepared: PreparedData) -> dict[str, NDArray[np.str_]]:
    """Return the names of the spectra in each part of the split."""
    return {part.name: prepared.dataset.names[getattr(prepared.split, part.name)] for part in dataclasses.fields(prepared.split)}


def predict(trained: checkpoint.Checkpoint, prepared: PreparedData) -> evaluate.SystemOutputs:
    """Return the outputs of a trained system for every spectrum."""
    logits, embedding = loop.outputs(trained.network, torch.from_numpy(prepared.features))
    model = trained.about.config.model
    return evaluate.SystemOutputs(logits, embedding, model.scale if isinstance(model, DrcnnEdgeConfig) else None)


def measure(trained: checkpoint.Checkpoint, prepared: PreparedData) -> tuple[RunResult, evaluate.SystemOutputs]:
    """Measure a trained system on the test spectra, and return its outputs too; :class:`ConfigError` if the split has no test spectra."""
    config, split = trained.about.config, prepared.split
    if not split.test.size:
        msg = "this checkpoint was trained with protocol 'none' and has no test spectra: expected another data.protocol"
        raise ConfigError(msg)
    outputs = predict(trained, prepared)
    truth = prepared.classes[split.test]
    result = RunResult(
        system=config.system, subset=config.data.subset, copies=config.data.copies, protocol=config.data.protocol,
        split_seed=config.data.split_seed, training_seed=config.training.seed, train=split.train.size, validation=split.validation.size,
        test=split.test.size, enrolled=split.enrolled.size, unknown=split.unknown.size, classes=len(prepared.labels),
        classes_asked=int(np.unique(truth).size),
        figures=[evaluate.figures(name, scores, truth) for name, scores in evaluate.rankings(outputs, prepared.classes, split).items()],
        measured=evaluate.protocol_figures(outputs, prepared.classes, split) | _confidence(outputs, prepared), epochs=trained.about.epochs,
        seconds=trained.about.seconds, epochs_at_most=config.training.epochs if trained.about.epochs else None,
        patience=config.training.patience if trained.about.epochs else None, precision=trained.about.precision, device=trained.about.device,
        threads=torch.get_num_threads(), revision=trained.about.revision, config_sha256=config.sha256,
        settings_sha256=config.settings_sha256, split_sha256=split_sha256(prepared),
    )  # fmt: skip
    return result, outputs


def _confidence(outputs: evaluate.SystemOutputs, prepared: PreparedData) -> dict[str, float]:
    """Return the calibration of the edge's probabilities; nothing for systems that the edge does not rank."""
    split = prepared.split
    if outputs.logit_scale is None or split.enrolled.size:
        return {}
    queries = confidence.ScoredQueries.of(outputs, prepared.classes, split)
    return confidence.measure(confidence.cross_fit(queries, prepared.dataset.specimens[split.test]))


def split_sha256(prepared: PreparedData) -> str:
    """Return the digest of the names in each part, lower-case hex; the order matters only for the enrolled ones."""
    named = {part: names.tolist() for part, names in parts(prepared).items()}
    content = {part: names if part == "enrolled" else sorted(names) for part, names in named.items()}
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def table(result: RunResult) -> str:
    """Return a result as lines of text."""
    head = (
        f"{result.system} on {result.subset}, protocol {result.protocol}, split seed {result.split_seed}: "
        f"{result.train} train, {result.validation} validation, {result.test} test spectra of {result.classes_asked} labels"
        + (f", {result.enrolled} references of new species" if result.enrolled else "")
        + (f", {result.unknown} spectra of unknown species" if result.unknown else "")
        + (f", copies {result.copies}" if result.copies != "none" else "")
        + f"; {result.epochs} epochs in {result.seconds:.0f} s on {result.device}"
    )
    rows = [f"{'ranking':32} top-1  ±95 %   top-3   top-5   macro"]
    rows += [f"{f.ranking:32} {f.top1:.4f} {f.interval:.4f}  {f.top3:.4f}  {f.top5:.4f}  {f.macro_top1:.4f}" for f in result.figures]
    others = [f"{name:32} {value:.0f}" if value.is_integer() else f"{name:32} {value:.4f}" for name, value in result.measured.items()]
    return "\n".join([head, *rows, *others])


def revision() -> str:
    """Return the revision of the code, with ``+`` if it has changes; ``unknown`` outside a checkout."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],  # noqa: S607 - the git the user has
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()
