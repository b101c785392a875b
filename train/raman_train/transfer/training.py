"""Trainings of a transfer, the evaluation of the trained systems, and the networks pretrained on the source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.wording import printable

from raman_train import checkpoint, evaluate, loop, runs
from raman_train.augment import Augment
from raman_train.config import AugmentConfig, Config, DataConfig, DrcnnEdgeConfig
from raman_train.data import datasets, readers
from raman_train.data.splits import Split, no_indices
from raman_train.device import arithmetic, name_of
from raman_train.models import build
from raman_train.transfer import common_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_edge.preprocessing import Recipe
    from torch import Tensor

    from raman_train.config import ModelConfig, TrainingConfig
    from raman_train.data.datasets import Dataset
    from raman_train.loop import Epoch
    from raman_train.models import Network
    from raman_train.transfer.common_axis import PreparedDataset
    from raman_train.transfer.systems import TransferSystem

OTHER_INSTRUMENT = AugmentConfig(
    shift=2.5, far_shift=0.0, stretch=0.001, broaden=8.0, broaden_share=1.0, line_response=0.0, baseline_share=0.5, noise_low=2e-3,
    noise_high=2e-2, spike_share=0.0, mix_share=0.0,
)  # fmt: skip
"""Another instrument: axis error of some 5 cm⁻¹, lines up to 8 cm⁻¹ broader, other response, range and background."""


@dataclass(frozen=True, eq=False, slots=True)
class TrainingTask:
    """Data and settings of one training."""

    model: ModelConfig
    training: TrainingConfig | None
    """None for a system that only stores references."""
    features: NDArray[np.float32]
    """(n, length)."""
    classes: NDArray[np.intp]
    """(n,)."""
    labels: int
    """Number of outputs of the last layer; some labels may have no training spectrum."""
    step: float
    """Of the axis, cm⁻¹."""

    @property
    def epochs(self) -> int:
        """Of the training; 0 if there is none."""
        return self.training.epochs if self.training else 0


def task(model: ModelConfig, training: TrainingConfig | None, seed: int, data: PreparedDataset, train: NDArray[np.intp]) -> TrainingTask:
    """Return a training on the spectra ``train`` of ``data``."""
    seeded = training and msgspec.structs.replace(training, seed=seed)
    return TrainingTask(model, seeded, data.features[train], data.classes[train], len(data.labels), data.step)


def fit(
    given: TrainingTask, begin: Mapping[str, Tensor] | None, folder: Path, device: torch.device, on_epoch: Callable[[loop.Epoch], None]
) -> tuple[Network, list[loop.Epoch]]:
    """Return the trained system and its history; an interrupted training is resumed from its state in ``folder``.

    ``begin`` are initial weights for all layers except the last. Parts of a system that come from data without training
    (principal directions, standardisation, references) come from this task.
    """
    length = given.features.shape[1]
    torch.manual_seed(given.training.seed if given.training else 0)
    network = build(given.model, length, given.labels)
    if begin is not None:
        load_all_but_last(network, begin, given.model, length)
    network = network.to(device)
    train = loop.Examples.of(given.features, given.classes, device, given.step)
    network.prepare(train.features, train.classes)
    if given.training is None:
        return network, []
    folder.mkdir(parents=True, exist_ok=True)
    validation = loop.Examples.of(given.features[:0], given.classes[:0], device, given.step)
    return loop.fit(network, train, validation, given.training, folder, on_epoch)


def save(folder: Path, network: Network, history: list[loop.Epoch], config: Config, data: PreparedDataset) -> Path:
    """Write a training on all of ``data`` to ``folder``, in the form of ``raman-train fit``."""
    device = next(network.parameters()).device
    about = checkpoint.About(
        config=config, length=len(config.recipe.axis), labels=data.labels, spectra=data.classes.size,
        specimens=len(set(data.dataset.specimens.tolist())), epochs=len(history), seconds=round(sum(done.seconds for done in history), 1),
        device=name_of(device), revision=runs.revision(), precision=arithmetic(config.training.precision, device),
    )  # fmt: skip
    (folder / "config.json").write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    (folder / "history.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(history))
    made = folder / checkpoint.CHECKPOINT
    checkpoint.save(made, network, about)
    (folder / checkpoint.STATE).unlink(missing_ok=True)
    return made


def measure(network: Network, model: ModelConfig, data: PreparedDataset, split: Split) -> list[evaluate.Figures]:
    """Return the figures of every ranking on the test part; the other spectra are the library."""
    scale = model.scale if isinstance(model, DrcnnEdgeConfig) else None
    return _figures(evaluate.SystemOutputs(*_outputs(network, data), scale), data, split)


def measure_embedding(network: Network, data: PreparedDataset, split: Split) -> list[evaluate.Figures]:
    """Return the same for a network trained on other labels: only its embedding searches the library."""
    _, embedding = _outputs(network, data)
    logits = np.zeros((data.classes.size, len(data.labels)), dtype=np.float32)
    return _figures(
        evaluate.SystemOutputs(logits, embedding, None), data, Split(no_indices(), no_indices(), split.test, enrolled=split.library)
    )


def disturbed(data: PreparedDataset, test: NDArray[np.intp], seed: int) -> PreparedDataset:
    """Return ``data`` with the test part as from another instrument, the same for every system with this ``seed``."""
    features = data.features.copy()
    augment = Augment(OTHER_INSTRUMENT, data.step, torch.Generator().manual_seed(seed))
    features[test] = augment(torch.from_numpy(features[test])).numpy()
    return replace(data, features=features)


def _outputs(network: Network, data: PreparedDataset) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    device = next((tensor.device for tensor in network.state_dict().values()), torch.device("cpu"))
    return loop.outputs(network, torch.from_numpy(data.features).to(device))


def _figures(outputs: evaluate.SystemOutputs, data: PreparedDataset, split: Split) -> list[evaluate.Figures]:
    truth = data.classes[split.test]
    return [evaluate.figures(name, scores, truth) for name, scores in evaluate.rankings(outputs, data.classes, split).items()]


def last_layer(config: ModelConfig, length: int) -> frozenset[str]:
    """Return the names of the weights of the last layer: those whose shape depends on the number of labels.

    A comparison of two networks without storage finds them, so that no system has to list its own.
    """
    with torch.device("meta"):
        two, three = (build(config, length, labels).state_dict() for labels in (2, 3))
    return frozenset(name for name in two if two[name].shape != three[name].shape)


def load_all_but_last(network: Network, learned: Mapping[str, Tensor], config: ModelConfig, length: int) -> None:
    """Copy ``learned``, including the statistics of BatchNorm, to all layers of ``network`` except the last.

    Raises:
        ConfigError: if they are not of the same network on the same axis.
    """
    own, last = network.state_dict(), last_layer(config, length)
    wrong = [name for name in own if name not in last and (name not in learned or learned[name].shape != own[name].shape)]
    if wrong:
        msg = f"the pretrained weights {wrong[:3]} are from another network or axis. Remove them and pretrain again"
        raise ConfigError(msg)
    network.load_state_dict({name: own[name] if name in last else learned[name] for name in own})


class PretrainingData:
    """One or several datasets merged, read at the first use, on the axis of the target."""

    def __init__(self, paths: Sequence[Path], recipe: Recipe) -> None:
        self._paths, self._recipe = tuple(paths), recipe
        self.names = tuple(path.name for path in paths)

    def check(self) -> None:
        """Raise :class:`ConfigError` if a path is missing, before the first training instead of after it."""
        missing = [str(path) for path in self._paths if not path.exists()]
        if missing or not self._paths:
            msg = (
                f"--source: got {', '.join(missing) or 'nothing'}, which does not exist; expected a dataset of `raman-train import`, or a "
                "file that it reads, such as RRUFF's archive"
            )
            raise ConfigError(msg)

    @cached_property
    def dataset(self) -> Dataset:
        """All spectra, also those that do not cover the axis."""
        return datasets.merge(*(readers.read(path)[0] for path in self._paths))

    @cached_property
    def sha256(self) -> str:
        """Digest of :attr:`dataset`."""
        return common_axis.digest(self.dataset)

    @cached_property
    def prepared(self) -> PreparedDataset:
        """The spectra that cover the axis of the target."""
        return common_axis.source(self.dataset, self._recipe)

    def describe(self) -> str:
        """Return the size of the data as a line of text."""
        used, measured, names = self.prepared.dataset, self.dataset, printable(" + ".join(self.names))
        return (
            f"source     {names}: {len(used)} of {len(measured)} spectra cover at least {common_axis.MIN_OVERLAP:.0%} "
            f"of the axis, {len(self.prepared.labels)} labels"
        )


class Pretrained:
    """Networks pretrained on the source, each in its own folder below ``folder``."""

    def __init__(self, source: PretrainingData, recipe: Recipe, folder: Path, device: torch.device) -> None:
        self.source = source
        self._recipe, self._folder, self._device = recipe, folder, device

    def place(self, name: str, system: TransferSystem) -> Path:
        """Return the folder of a system, which depends on pretraining, axis and source."""
        return self._folder / f"{name}-{system.pretrained_sha256(self._recipe, self.source.sha256)[:12]}"

    def exists(self, name: str, system: TransferSystem) -> bool:
        """Return whether the network of a system is trained."""
        return (self.place(name, system) / checkpoint.CHECKPOINT).exists()

    def of(self, name: str, system: TransferSystem, on_epoch: Callable[[Epoch], None]) -> checkpoint.Checkpoint:
        """Return the pretrained network of a system; train it, or resume the training, if it is not finished."""
        folder = self.place(name, system)
        if not self.exists(name, system):
            self._train(system, folder, on_epoch)
        return checkpoint.load(folder)

    def _train(self, system: TransferSystem, folder: Path, on_epoch: Callable[[Epoch], None]) -> None:
        data = self.source.prepared
        seed = system.pretraining.seed if system.pretraining else 0
        given = task(system.model, system.pretraining, seed, data, data.everything)
        if given.training is None:
            msg = f"{system.model} has no training, and cannot be pretrained"
            raise ConfigError(msg)
        config = Config(system.model, DataConfig(" + ".join(self.source.names), protocol="none"), given.training, self._recipe)
        network, history = fit(given, None, folder, self._device, on_epoch)
        save(folder, network, history, config, data)
