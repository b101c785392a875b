"""The training loop: data, augmentation and network on one device, resumable after a kill."""

from __future__ import annotations

import copy
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch

from raman_train import checkpoint
from raman_train.augment import Augment

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from raman_train.config import TrainingConfig
    from raman_train.models import Network

WARM_UP = 0.2
"""Share of the steps in which one-cycle's rate rises."""
ADAM_BETAS = (0.9, 0.999)


class Epoch(msgspec.Struct, frozen=True):
    """One line of the history."""

    epoch: int
    loss: float
    seconds: float
    validation: float | None = None
    """Top-1 on the validation part; None where there is none."""


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Features and class numbers on the device of the training."""

    features: Tensor
    """(n, length) float32."""
    classes: Tensor
    """(n,) int64."""

    @classmethod
    def of(cls, features: NDArray[np.float32], classes: NDArray[np.intp], device: torch.device) -> Examples:
        """Move arrays to ``device``."""
        return cls(torch.from_numpy(features).to(device), torch.from_numpy(classes.astype(np.int64)).to(device))

    def __len__(self) -> int:
        return self.classes.shape[0]


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``; ``auto`` is CUDA where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def fit(
    network: Network, train: Examples, validation: Examples, config: TrainingConfig, folder: Path, tell: Callable[[Epoch], None]
) -> tuple[Network, list[Epoch]]:
    """Train ``network`` and return the one to keep (averaged, or best on validation) with its history.

    The state after every epoch lies in ``folder``; called again after a kill, it goes on from there.
    """
    run = _Run(network, train, config, folder)
    while run.epoch < config.epochs and not run.impatient:
        done = run.one_epoch(validation)
        tell(done)
    return run.kept, run.history


class _Run:
    """The moving parts of a training: network, average, best, optimiser, generator, history."""

    def __init__(self, network: Network, train: Examples, config: TrainingConfig, folder: Path) -> None:
        self._config, self._train, self._state = config, train, folder / checkpoint.STATE
        self._device = train.features.device
        self._generator = torch.Generator(self._device).manual_seed(config.seed)
        self._network = network.to(self._device)
        self._average = copy.deepcopy(self._network) if config.average else self._network
        self.kept: Network = self._average
        self._optimiser = _optimiser(self._network, config)
        self._batches = max(1, len(train) // config.batch)
        self._augment = Augment(config.augment, 1.0, self._generator) if config.augment else None
        self._partners = _Partners(train.classes) if config.augment and config.augment.mix_share else None
        self.history: list[Epoch] = []
        self._resume()

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    @property
    def impatient(self) -> bool:
        """Whether validation has not improved for ``patience`` epochs."""
        seen = [done.validation for done in self.history if done.validation is not None]
        return bool(self._config.patience and seen and len(seen) - 1 - int(np.argmax(seen)) >= self._config.patience)

    def one_epoch(self, validation: Examples) -> Epoch:
        """Show every training spectrum once, save the state, return the line for the history."""
        started = time.perf_counter()
        self._network.train()
        order = torch.randperm(len(self._train), generator=self._generator, device=self._device)
        total = torch.zeros((), device=self._device)
        for number in range(self._batches):
            total += self._step(order[number * self._config.batch : (number + 1) * self._config.batch], number)
        accuracy = _top1(self._average, validation) if len(validation) else None
        done = Epoch(self.epoch, float(total) / self._batches, round(time.perf_counter() - started, 2), accuracy)
        self.history.append(done)
        if self._config.patience and accuracy is not None and accuracy >= max(e.validation or 0 for e in self.history):
            self.kept = copy.deepcopy(self._average)
        self._save()
        return done

    def _step(self, chosen: Tensor, number: int) -> Tensor:
        spectra, classes = self._train.features[chosen], self._train.classes[chosen]
        if self._augment:
            if self._partners:
                spectra = self._augment.mix(spectra, self._train.features[self._partners.of(chosen, self._generator)])
            spectra = self._augment(spectra)
        step = self.epoch * self._batches + number
        for group in self._optimiser.param_groups:
            group["lr"] = rate(step / (self._config.epochs * self._batches), self._config)
        with _precision(self._device):
            loss = self._network.loss(spectra, classes)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
        self._optimiser.step()
        self._follow(step)
        return loss.detach()

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Move the averaged weights a little towards the present ones."""
        if self._average is self._network:
            return
        keep = min(self._config.average, (step + 1) / (step + 21))
        for slow, fast in zip(self._average.state_dict().values(), self._network.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - keep)
            else:
                slow.copy_(fast)

    def _save(self) -> None:
        parts = {"network": self._network, "average": self._average, "kept": self.kept}
        tensors = {f"{part}/{name}": value.clone() for part, module in parts.items() for name, value in module.state_dict().items()}
        for index, entry in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value).clone() for name, value in entry.items()}
        tensors |= {"generator": self._generator.get_state().clone(), "dropout": _dropout_state(self._device).clone()}
        checkpoint.write(self._state, tensors, msgspec.json.encode(self.history).decode())

    def _resume(self) -> None:
        if not self._state.exists():
            return
        tensors, text = checkpoint.read(self._state)
        self.history = msgspec.json.decode(text, type=list[Epoch])
        self._network.load_state_dict(_part(tensors, "network/"))
        self._average.load_state_dict(_part(tensors, "average/"))
        self.kept = copy.deepcopy(self._average) if self._config.patience else self._average
        self.kept.load_state_dict(_part(tensors, "kept/"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, "optimiser/").items():
            index, field = name.split("/")
            state.setdefault(int(index), {})[field] = value
        self._optimiser.load_state_dict({"state": state, "param_groups": self._optimiser.state_dict()["param_groups"]})
        self._generator.set_state(tensors["generator"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(tensors["dropout"], self._device)
        else:
            torch.set_rng_state(tensors["dropout"])


class _Partners:
    """For every training spectrum another one of its class, drawn anew each time."""

    def __init__(self, classes: Tensor) -> None:
        self._order = torch.argsort(classes, stable=True)
        counts = torch.bincount(classes)
        starts = torch.cumsum(counts, 0) - counts
        self._count, self._start = counts[classes], starts[classes]

    def of(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Return the index of a partner for each of ``chosen``; itself where the class has one spectrum."""
        drawn = torch.rand(chosen.shape[0], generator=generator, device=chosen.device)
        return self._order[self._start[chosen] + (drawn * self._count[chosen]).long().clamp_max(self._count[chosen] - 1)]


def rate(progress: float, config: TrainingConfig) -> float:
    """Return the learning rate at ``progress`` 0..1: constant, or one-cycle with cosine flanks."""
    if config.optimiser == "adam":
        return config.rate
    if progress < WARM_UP:
        return config.rate * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * progress / WARM_UP)))
    return config.rate * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def _optimiser(network: Network, config: TrainingConfig) -> torch.optim.Optimizer:
    if config.optimiser == "adam":
        return torch.optim.Adam(network.parameters(), lr=config.rate, betas=ADAM_BETAS)
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.rate, betas=ADAM_BETAS)


def _dropout_state(device: torch.device) -> Tensor:
    """Return the state of the generator that dropout draws from; torch has one a device."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _precision(device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


@torch.no_grad()
def outputs(network: Network, features: Tensor, batch: int = 256) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (n, classes) and embeddings (n, e) of ``features`` (n, length), in evaluation mode."""
    network.eval()
    made = [network(part) for part in torch.split(features, batch)]
    logits, embeddings = (torch.cat(part).float().cpu().numpy() for part in zip(*made, strict=True))
    return logits, embeddings


def _top1(network: Network, examples: Examples) -> float:
    logits, _ = outputs(network, examples.features)
    return round(float((logits.argmax(axis=1) == examples.classes.cpu().numpy()).mean()), 5)
