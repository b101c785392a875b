"""One training, and what the trained system answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch

from raman_train import checkpoint, evaluate, loop, runs
from raman_train.augment import Augment
from raman_train.config import AugmentConfig, DrcnnEdgeConfig
from raman_train.data.splits import Split, nobody
from raman_train.models import build
from raman_train.transfer import weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from raman_train.config import Config, ModelConfig, TrainingConfig
    from raman_train.models import Network
    from raman_train.transfer.ground import Ground

ELSEWHERE = AugmentConfig(
    shift=2.5,
    far_shift=0.0,
    stretch=0.001,
    broaden=8.0,
    broaden_share=1.0,
    line_response=0.0,
    baseline_share=0.5,
    noise_low=2e-3,
    noise_high=2e-2,
    spike_share=0.0,
    mix_share=0.0,
)
"""Another instrument: its axis off by up to some 5 cm⁻¹, lines up to 8 cm⁻¹ broader, another response, range and background."""


@dataclass(frozen=True, eq=False, slots=True)
class Lesson:
    """What is to be learned, and how."""

    model: ModelConfig
    training: TrainingConfig | None
    """None for a system that keeps references."""
    features: NDArray[np.float32]
    """(n, length)."""
    classes: NDArray[np.intp]
    """(n,)."""
    labels: int
    """Of the last layer; some may have no spectrum here."""
    step: float
    """Of the axis, cm⁻¹."""

    @property
    def epochs(self) -> int:
        """Of the training; 0 where there is none."""
        return self.training.epochs if self.training else 0


def lesson(model: ModelConfig, training: TrainingConfig | None, seed: int, material: Ground, learned: NDArray[np.intp]) -> Lesson:
    """Return a lesson on the spectra ``learned`` of ``material``."""
    seeded = training and msgspec.structs.replace(training, seed=seed)
    return Lesson(model, seeded, material.features[learned], material.classes[learned], len(material.labels), material.step)


def learn(
    given: Lesson, begin: Mapping[str, Tensor] | None, folder: Path, device: torch.device, tell: Callable[[loop.Epoch], None]
) -> tuple[Network, list[loop.Epoch]]:
    """Return the trained system and its history; goes on where a stopped training left its state in ``folder``.

    ``begin`` are weights to start from, all but the last layer. What a system takes from data without learning
    (principal directions, standardisation, references) it takes from this lesson.
    """
    length = given.features.shape[1]
    torch.manual_seed(given.training.seed if given.training else 0)
    network = build(given.model, length, given.labels)
    if begin is not None:
        weights.load_all_but_last(network, begin, given.model, length)
    network = network.to(device)
    train = loop.Examples.of(given.features, given.classes, device, given.step)
    network.prepare(train.features, train.classes)
    if given.training is None:
        return network, []
    folder.mkdir(parents=True, exist_ok=True)
    nothing = loop.Examples.of(given.features[:0], given.classes[:0], device, given.step)
    return loop.fit(network, train, nothing, given.training, folder, tell)


def save(folder: Path, network: Network, history: list[loop.Epoch], config: Config, material: Ground) -> Path:
    """Leave what was learned from all of ``material`` in ``folder``, as ``raman-train fit`` leaves a run."""
    about = checkpoint.About(
        config=config,
        length=len(config.recipe.axis),
        labels=material.labels,
        spectra=material.classes.size,
        specimens=len(set(material.dataset.specimens.tolist())),
        epochs=len(history),
        seconds=round(sum(done.seconds for done in history), 1),
        device=runs.device_name(next(network.parameters()).device),
        revision=runs.revision(),
    )
    (folder / "config.json").write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    (folder / "history.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(history))
    made = folder / checkpoint.CHECKPOINT
    checkpoint.save(made, network, about)
    (folder / checkpoint.STATE).unlink(missing_ok=True)
    return made


def ask(network: Network, model: ModelConfig, material: Ground, split: Split) -> list[evaluate.Figures]:
    """Return the figures of every ranking on the test part; the others are the library."""
    scale = model.scale if isinstance(model, DrcnnEdgeConfig) else None
    return _figures(evaluate.Answers(*_outputs(network, material), scale), material, split)


def ask_unlearned(network: Network, material: Ground, split: Split) -> list[evaluate.Figures]:
    """The same of a network that never learned these labels: its embedding searches them, its class head is silent."""
    _, embedding = _outputs(network, material)
    silent = np.zeros((material.classes.size, len(material.labels)), dtype=np.float32)
    return _figures(evaluate.Answers(silent, embedding, None), material, Split(nobody(), nobody(), split.test, enrolled=split.library))


def disturbed(material: Ground, test: NDArray[np.intp], seed: int) -> Ground:
    """Return ``material`` with the test part as another instrument might have measured it.

    The same for every system that is asked with this ``seed``.
    """
    features = material.features.copy()
    elsewhere = Augment(ELSEWHERE, material.step, torch.Generator().manual_seed(seed))
    features[test] = elsewhere(torch.from_numpy(features[test])).numpy()
    return replace(material, features=features)


def _outputs(network: Network, material: Ground) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    device = next((tensor.device for tensor in network.state_dict().values()), torch.device("cpu"))
    return loop.outputs(network, torch.from_numpy(material.features).to(device))


def _figures(answers: evaluate.Answers, material: Ground, split: Split) -> list[evaluate.Figures]:
    truth = material.classes[split.test]
    return [evaluate.figures(name, scores, truth) for name, scores in evaluate.rankings(answers, material.classes, split).items()]
