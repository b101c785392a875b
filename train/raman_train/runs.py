"""One run from configuration to checkpoint, and its measurement."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError

from raman_train import checkpoint, evaluate, figures, loop
from raman_train.config import Config, DrcnnEdgeConfig
from raman_train.data import datasets, splits, synthetic
from raman_train.models import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from raman_train.data.datasets import Dataset
    from raman_train.data.splits import Split

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
    protocol: str
    split_seed: int
    subset: str
    train: int
    validation: int
    test: int
    classes_asked: int
    figures: list[evaluate.Figures]
    measured: dict[str, float]
    epochs: int
    seconds: float
    device: str
    threads: int
    revision: str
    config_sha256: str


def prepare(config: Config) -> Material:
    """Read, prepare and split the data a configuration names."""
    whole = synthetic.make() if config.data.path == SYNTHETIC else datasets.load(Path(config.data.path))
    dataset = whole.subset(config.data.subset).without(config.data.leave_out)
    features = dataset.features(config.recipe)
    names, classes = np.unique(dataset.labels, return_inverse=True)
    return Material(dataset, features, tuple(names.tolist()), classes, _split(config, dataset, classes, features))


def _split(config: Config, dataset: Dataset, classes: NDArray[np.intp], features: NDArray[np.float32]) -> Split:
    seed = config.data.split_seed
    match config.data.protocol:
        case "spectrum":
            return splits.by_spectrum(classes, seed)
        case "sample":
            return splits.by_sample(classes, splits.near_duplicates(dataset.specimens, features), seed)
        case "none":
            return splits.nothing_apart(len(dataset))


def fit(config: Config, folder: Path, device: torch.device, tell: Callable[[loop.Epoch], None]) -> Path:
    """Train what ``config`` says and leave the run in ``folder``; goes on where a killed run stopped.

    Without early stopping the validation part has no use of its own and is learned from too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, config)
    code = revision()
    material = prepare(config)
    split = material.split
    nobody = split.validation[:0]
    learned, checked = (split.train, split.validation) if config.training.patience else (split.library, nobody)
    torch.manual_seed(config.training.seed)
    network = build(config.model, len(config.recipe.axis), len(material.labels)).to(device)
    train = loop.Examples.of(material.features[learned], material.classes[learned], device)
    held = loop.Examples.of(material.features[checked], material.classes[checked], device)
    network.prepare(train.features)
    kept, history = loop.fit(network, train, held, config.training, folder, tell)
    about = checkpoint.About(
        config=config,
        length=len(config.recipe.axis),
        labels=material.labels,
        spectra=len(train),
        specimens=len(set(material.dataset.specimens[learned].tolist())),
        epochs=len(history),
        seconds=round(sum(done.seconds for done in history), 1),
        device=device_name(device),
        revision=code,
    )
    made = folder / checkpoint.CHECKPOINT
    checkpoint.save(made, kept, about)
    (folder / "history.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(history))
    sides = {side: material.dataset.names[getattr(split, side)] for side in ("train", "validation", "test")}
    np.savez_compressed(folder / "split.npz", **sides)
    figures.learning_curve(history, folder / "curve.png", f"{system(config)}, {len(train)} spectra, {len(material.labels)} labels")
    (folder / checkpoint.STATE).unlink(missing_ok=True)
    return made


def measure(made: checkpoint.Checkpoint, material: Material) -> tuple[Result, evaluate.Answers]:
    """Ask the network for the spectra that were kept apart; a plain library search is asked beside it."""
    config, split = made.about.config, material.split
    if not split.test.size:
        msg = "this checkpoint was trained with protocol 'none': nothing was kept apart to measure it on"
        raise ConfigError(msg)
    answers = evaluate.Answers(*loop.outputs(made.network, torch.from_numpy(material.features)))
    truth, count = material.classes[split.test], len(material.labels)
    table = [evaluate.figures(f"{system(config)} class head", answers.logits[split.test], truth)]
    measured: dict[str, float] = {}
    scale = config.model.scale if isinstance(config.model, DrcnnEdgeConfig) else None
    if scale is not None:
        table.append(evaluate.figures(f"{system(config)} library", evaluate.library_scores(answers, material.classes, split, scale), truth))
        _, measured = evaluate.decision(answers, material.classes, split, scale)
    search = evaluate.search_scores(material.features, material.classes, split, count)
    table.append(evaluate.figures("root-derivative search", search, truth))
    result = Result(
        system=system(config),
        protocol=config.data.protocol,
        split_seed=config.data.split_seed,
        subset=config.data.subset,
        train=split.train.size,
        validation=split.validation.size,
        test=split.test.size,
        classes_asked=int(np.unique(truth).size),
        figures=table,
        measured=measured,
        epochs=made.about.epochs,
        seconds=made.about.seconds,
        device=made.about.device,
        threads=torch.get_num_threads(),
        revision=made.about.revision,
        config_sha256=config.sha256,
    )
    return result, answers


def table(result: Result) -> str:
    """Return a result as lines for a person."""
    head = (
        f"{result.subset}, protocol {result.protocol}, split seed {result.split_seed}: "
        f"{result.train} train, {result.validation} validation, {result.test} test spectra of {result.classes_asked} labels; "
        f"{result.epochs} epochs in {result.seconds:.0f} s on {result.device}"
    )
    rows = [f"{'system':32} top-1  ±95 %   top-3   top-5   macro"]
    rows += [f"{f.system:32} {f.top1:.4f} {f.interval:.4f}  {f.top3:.4f}  {f.top5:.4f}  {f.macro_top1:.4f}" for f in result.figures]
    more = [f"{name:32} {value:.4f}" for name, value in result.measured.items()]
    return "\n".join([head, *rows, *more])


def system(config: Config) -> str:
    """Return the name of the configured network."""
    return str(config.model.__struct_config__.tag)


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


def _claim(folder: Path, config: Config) -> None:
    """Refuse to go on in a folder that another configuration started."""
    file = folder / "config.json"
    if file.exists() and msgspec.json.decode(file.read_bytes(), type=Config) != config:
        msg = f"{str(folder)!r} holds a run of another configuration: choose another --out, or remove it"
        raise ConfigError(msg)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(config)))
