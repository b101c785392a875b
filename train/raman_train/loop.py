"""The training loop: data, augmentation and network on one device, resumable after a kill, on one process or several."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from torch import nn

from raman_train import checkpoint, layout, metrics, optimiser
from raman_train.augment import Augment
from raman_train.device import arithmetic, autocast, tuned
from raman_train.distributed import ALONE
from raman_train.state import Moving, Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from raman_train.config import TrainingConfig
    from raman_train.device import Arithmetic
    from raman_train.distributed import World
    from raman_train.models import Network


OUTPUTS_BATCH = 64
"""Spectra that are asked at once: DRCNN's nine supervised levels of more would take gigabytes."""


class Epoch(msgspec.Struct, frozen=True):
    """One line of the history."""

    epoch: int
    loss: float
    seconds: float
    validation: float | None = None
    """Top-1 on the validation part, which is its weighted recall too; None where there is none."""
    precision: float | None = None
    """Weighted precision on the validation part, a class that was never answered counting 1."""
    auc: float | None = None
    """Area under the ROC curve on the validation part, over all pairs of spectrum and class at once (micro-average)."""


@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Features and class numbers on the device of the training."""

    features: Tensor
    """(n, length) float32."""
    classes: Tensor
    """(n,) int64."""
    step: float = 1.0
    """Width of a point of the features, cm⁻¹."""

    @classmethod
    def of(cls, features: NDArray[np.float32], classes: NDArray[np.intp], device: torch.device, step: float = 1.0) -> Examples:
        """Move arrays to ``device``."""
        return cls(torch.from_numpy(features).to(device), torch.from_numpy(classes.astype(np.int64)).to(device), step)

    def __len__(self) -> int:
        return self.classes.shape[0]


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called ``name``; ``auto`` is CUDA where there is one, under ``torchrun`` this process's own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name, int(os.environ["LOCAL_RANK"])) if name == "cuda" and "LOCAL_RANK" in os.environ else torch.device(name)


def fit(
    network: Network, train: Examples, validation: Examples, config: TrainingConfig, folder: Path, tell: Callable[[Epoch], None],
    world: World = ALONE,
) -> tuple[Network, list[Epoch]]:  # fmt: skip
    """Train ``network`` and return the one to keep (averaged, or best on validation) with its history.

    The state lies in ``folder``, at most half a minute and an epoch old, and not old at all where
    ``tell`` raised; called again after a kill, training goes on from there. On a CPU it ends with
    the very weights of a run that was never killed. In a ``world`` of several processes each takes
    its rows of every batch, and the first one alone writes, measures and tells.
    """
    with tuned(train.features.device):
        run = _Run(network, train, config, world, Store(folder / checkpoint.STATE, world))
        while run.epoch < config.epochs and not run.impatient:
            run.report(run.one_epoch(validation), tell)
        run.save()
    return run.kept, run.history


class _Run:
    """A training under way. Within an epoch nothing waits for the device."""

    def __init__(self, network: Network, train: Examples, config: TrainingConfig, world: World, store: Store) -> None:
        self._config, self._train, self._world, self._store = config, train, world, store
        self._batch = min(config.batch, len(train))
        self._batches = len(train) // self._batch  # whole ones: shapes never change
        self._rows = world.rows(self._batch)
        layout.channels_last(network)
        self._moving = Moving(network, config)
        self._arithmetic = arithmetic(config.precision, self._moving.device)
        self.history: list[Epoch] = msgspec.json.decode(store.resume(self._moving) or "[]", type=list[Epoch])
        if self._compiles:
            torch.compiler.reset()  # a process may train many networks, and the compiler gives up on the ninth form of one piece of code
        loss = world.join(network, _Loss(network))
        self._loss: Callable[[Tensor, Tensor], Tensor] = torch.compile(loss, dynamic=False) if self._compiles else loss
        self._augment = Augment(config.augment, train.step, self._moving.generator) if config.augment else None
        if self._augment:
            self._change = self._augment.compiled() if self._compiles else self._augment.change
        self._partners = _Partners(train.classes) if config.augment and config.augment.mix_share else None

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    @property
    def kept(self) -> Network:
        """The network that the training is for."""
        return self._moving.best or self._moving.average.network

    @property
    def impatient(self) -> bool:
        """Whether validation has not improved for ``patience`` epochs."""
        seen = [done.validation for done in self.history if done.validation is not None]
        return bool(self._config.patience and seen and len(seen) - 1 - int(np.argmax(seen)) >= self._config.patience)

    @property
    def _compiles(self) -> bool:
        return self._moving.device.type == "cuda" if self._config.compiled is None else self._config.compiled

    def one_epoch(self, validation: Examples) -> Epoch:
        """Show every training spectrum once and return the line for the history."""
        started = time.perf_counter()
        self._moving.network.train()
        if not self._world.leads:  # its own dropout; that of the first process goes on from the state
            torch.manual_seed(self._config.seed + self._world.rank + self._world.size * (self.epoch + 1))
        order = torch.randperm(len(self._train), generator=self._moving.generator, device=self._moving.device)
        total = torch.zeros((), device=self._moving.device)
        for number in range(self._batches):
            total += self._step(order[number * self._batch : (number + 1) * self._batch], number)
        loss, checked = self._look(total / self._batches, validation)
        accuracy = checked[0] if checked else None
        done = Epoch(self.epoch, loss, round(time.perf_counter() - started, 2), *checked)
        self.history.append(done)
        if self._config.patience and accuracy is not None and accuracy >= max(e.validation or 0 for e in self.history):
            self._moving.keep_best()
        return done

    def _step(self, chosen: Tensor, number: int) -> Tensor:
        """Learn from the training spectra with indices ``chosen``, (batch,), and return their loss."""
        moving, step = self._moving, self.epoch * self._batches + number
        spectra, classes = self._show(chosen), self._train.classes[chosen[self._rows]]
        for group in moving.optimiser.param_groups:
            group["lr"] = optimiser.rate(step / (self._config.epochs * self._batches), self._config)
        with autocast(self._arithmetic, moving.device):
            loss = self._loss(spectra, classes)
        moving.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
        optimiser.clip(moving.network, self._config.clip_norm)
        moving.optimiser.step()
        moving.average.follow(step)
        return loss.detach()

    def _show(self, chosen: Tensor) -> Tensor:
        """Return this process's own rows of a batch as they are shown, (rows, n); random numbers are drawn for the whole batch."""
        spectra, rows = self._train.features[chosen[self._rows]], self._rows
        if not self._augment:
            return spectra
        if self._partners:
            partners = self._train.features[self._partners.of(chosen, self._moving.generator)[rows]]
            spectra = self._augment.blend(spectra, partners, self._augment.draw_mixing(len(chosen)).rows(rows))
        return self._change(spectra, self._augment.draw(len(chosen), spectra.shape[1]).rows(rows))

    def _look(self, loss: Tensor, validation: Examples) -> tuple[float, list[float]]:
        """Return the loss, and top-1, precision and AUC of the validation part where there is one.

        Here, once an epoch, the device is waited for.
        """
        measured = [0.0] * 3
        if len(validation) and self._world.leads:
            measured = _checked(self._moving.average.network, validation, self._arithmetic)
        together = torch.cat([self._world.mean(loss)[None], torch.tensor(measured, device=loss.device)])
        known, *checked = self._world.as_first(together).tolist()
        return known, [round(value, 5) for value in checked] if len(validation) else []

    def report(self, done: Epoch, tell: Callable[[Epoch], None]) -> None:
        """Save the state where that is due, and tell of an epoch; whatever stops the run there loses nothing."""
        if self._store.due:
            self.save()
        try:
            if self._world.leads:
                tell(done)
        except BaseException:
            self.save()
            raise

    def save(self) -> None:
        """Write the state, unless that is done."""
        self._store.write(self._moving, msgspec.json.encode(self.history).decode())


class _Loss(nn.Module):
    """A network's loss as a module, which is what can be compiled and shared out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        return self.network.loss(spectra, classes)


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


@torch.no_grad()
def outputs(network: Network, features: Tensor, batch: int = OUTPUTS_BATCH) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (n, classes) and embeddings (n, e) of ``features`` (n, length), in evaluation mode, where the network lies."""
    network.eval()
    device = next(itertools.chain(network.parameters(), network.buffers()), features).device
    with tuned(device):
        made = [network(part.to(device)) for part in torch.split(features, batch)]
    logits, embeddings = (torch.cat(part).float().cpu().numpy() for part in zip(*made, strict=True))
    return logits, embeddings


@torch.no_grad()
def _checked(network: Network, examples: Examples, kind: Arithmetic, batch: int = OUTPUTS_BATCH) -> list[float]:
    """Return top-1, weighted precision and micro-averaged AUC of the class head on ``examples``."""
    network.eval()
    with autocast(kind, examples.features.device):
        made = torch.cat([network(spectra)[0] for spectra in torch.split(examples.features, batch)])
    logits, truth = made.float().cpu().numpy(), examples.classes.cpu().numpy()
    answered = logits.argmax(axis=1)
    precision, _, _ = metrics.weighted(answered, truth)
    return [float((answered == truth).mean()), precision, metrics.micro_auc(metrics.probabilities(logits, 1.0), truth)]
