"""The training loop: data, augmentation and network on one device, resumable after a kill, in one process or several."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from torch import nn

from raman_train import checkpoint, metrics, optimiser
from raman_train.augment import Augment
from raman_train.device import arithmetic, autocast, channels_last, tuned
from raman_train.distributed import SINGLE
from raman_train.state import StateFile, TrainingState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from raman_train.config import TrainingConfig
    from raman_train.device import Arithmetic
    from raman_train.distributed import ProcessGroup
    from raman_train.models import Network


OUTPUTS_BATCH = 64
"""Spectra per forward pass outside the training; more would take gigabytes for DRCNN's nine supervised levels."""


class Epoch(msgspec.Struct, frozen=True):
    """One line of the history."""

    epoch: int
    loss: float
    seconds: float
    validation: float | None = None
    """Top-1 on the validation part, equal to its weighted recall; None without a validation part."""
    precision: float | None = None
    """Weighted precision on the validation part; a class that is never predicted counts 1."""
    auc: float | None = None
    """Area under the ROC curve on the validation part, over all pairs of spectrum and class (micro-average)."""


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


def fit(
    network: Network, train: Examples, validation: Examples, config: TrainingConfig, folder: Path, on_epoch: Callable[[Epoch], None],
    group: ProcessGroup = SINGLE,
) -> tuple[Network, list[Epoch]]:  # fmt: skip
    """Train ``network`` and return the result (the average, or the best on validation) with its history.

    The state in ``folder`` is at most half a minute and one epoch old, and current if ``on_epoch`` raises; a call after a kill
    resumes from there. On a CPU the weights are then the same as without the kill. In a ``group`` of several processes each
    takes its rows of every batch, and only the first one writes, measures and calls ``on_epoch``.
    """
    with tuned(train.features.device):
        run = _Run(network, train, config, group, StateFile(folder / checkpoint.STATE, group))
        while run.epoch < config.epochs and not run.stops_early:
            run.report(run.one_epoch(validation), on_epoch)
        run.save()
    return run.best_network, run.history


class _Run:
    """A training in progress. Within an epoch nothing waits for the device."""

    def __init__(self, network: Network, train: Examples, config: TrainingConfig, group: ProcessGroup, state_file: StateFile) -> None:
        self._config, self._train, self._group, self._state_file = config, train, group, state_file
        self._batch = min(config.batch, len(train))
        self._batches = len(train) // self._batch  # whole ones: shapes never change
        self._rows = group.rows(self._batch)
        channels_last(network)
        self._state = TrainingState(network, config)
        self._arithmetic = arithmetic(config.precision, self._state.device)
        self.history: list[Epoch] = msgspec.json.decode(state_file.resume(self._state) or "[]", type=list[Epoch])
        if self._compiles:
            torch.compiler.reset()  # the compiler stops at the ninth variant of a function, and a process may train many networks
        loss = group.join(network, _Loss(network))
        self._loss: Callable[[Tensor, Tensor], Tensor] = torch.compile(loss, dynamic=False) if self._compiles else loss
        self._augment = Augment(config.augment, train.step, self._state.generator) if config.augment else None
        if self._augment:
            self._change = self._augment.compiled() if self._compiles else self._augment.change
        self._partners = _Partners(train.classes) if config.augment and config.augment.mix_share else None

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history)

    @property
    def best_network(self) -> Network:
        """The result of the training."""
        return self._state.best or self._state.average.network

    @property
    def stops_early(self) -> bool:
        """Whether validation has not improved for ``patience`` epochs."""
        seen = [done.validation for done in self.history if done.validation is not None]
        return bool(self._config.patience and seen and len(seen) - 1 - int(np.argmax(seen)) >= self._config.patience)

    @property
    def _compiles(self) -> bool:
        return self._state.device.type == "cuda" if self._config.compiled is None else self._config.compiled

    def one_epoch(self, validation: Examples) -> Epoch:
        """Train with every training spectrum once and return the line for the history."""
        started = time.perf_counter()
        self._state.network.train()
        if not self._group.is_first:  # each process has its own dropout; the first one continues that of the state
            torch.manual_seed(self._config.seed + self._group.rank + self._group.size * (self.epoch + 1))
        order = torch.randperm(len(self._train), generator=self._state.generator, device=self._state.device)
        total = torch.zeros((), device=self._state.device)
        for number in range(self._batches):
            total += self._step(order[number * self._batch : (number + 1) * self._batch], number)
        loss, checked = self._measure(total / self._batches, validation)
        accuracy = checked[0] if checked else None
        done = Epoch(self.epoch, loss, round(time.perf_counter() - started, 2), *checked)
        self.history.append(done)
        if self._config.patience and accuracy is not None and accuracy >= max(e.validation or 0 for e in self.history):
            self._state.keep_best()
        return done

    def _step(self, chosen: Tensor, number: int) -> Tensor:
        """Train with the spectra at the indices ``chosen``, (batch,), and return their loss."""
        state, step = self._state, self.epoch * self._batches + number
        spectra, classes = self._augmented(chosen), self._train.classes[chosen[self._rows]]
        for group in state.optimiser.param_groups:
            group["lr"] = optimiser.rate(step / (self._config.epochs * self._batches), self._config)
        with autocast(self._arithmetic, state.device):
            loss = self._loss(spectra, classes)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
        optimiser.clip(state.network, self._config.clip_norm)
        state.optimiser.step()
        state.average.update(step)
        return loss.detach()

    def _augmented(self, chosen: Tensor) -> Tensor:
        """Return the augmented rows of this process, (rows, n); random numbers are drawn for the whole batch."""
        spectra, rows = self._train.features[chosen[self._rows]], self._rows
        if not self._augment:
            return spectra
        if self._partners:
            partners = self._train.features[self._partners.of(chosen, self._state.generator)[rows]]
            spectra = self._augment.blend(spectra, partners, self._augment.draw_mixing(len(chosen)).rows(rows))
        return self._change(spectra, self._augment.draw(len(chosen), spectra.shape[1]).rows(rows))

    def _measure(self, loss: Tensor, validation: Examples) -> tuple[float, list[float]]:
        """Return the loss, and top-1, precision and AUC of the validation part if there is one.

        This synchronises with the device, once per epoch.
        """
        measured = [0.0] * 3
        if len(validation) and self._group.is_first:
            measured = _checked(self._state.average.network, validation, self._arithmetic)
        together = torch.cat([self._group.mean(loss)[None], torch.tensor(measured, device=loss.device)])
        total, *checked = self._group.of_first(together).tolist()
        return total, [round(value, 5) for value in checked] if len(validation) else []

    def report(self, done: Epoch, on_epoch: Callable[[Epoch], None]) -> None:
        """Save the state if it is due, and call ``on_epoch``; if that raises, nothing is lost."""
        if self._state_file.due:
            self.save()
        try:
            if self._group.is_first:
                on_epoch(done)
        except BaseException:
            self.save()
            raise

    def save(self) -> None:
        """Write the state, unless the file is current."""
        self._state_file.write(self._state, msgspec.json.encode(self.history).decode())


class _Loss(nn.Module):
    """The loss of a network as a module, which torch can compile and distribute."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        return self.network.loss(spectra, classes)


class _Partners:
    """Draws another training spectrum of the same class for each spectrum."""

    def __init__(self, classes: Tensor) -> None:
        self._order = torch.argsort(classes, stable=True)
        counts = torch.bincount(classes)
        starts = torch.cumsum(counts, 0) - counts
        self._count, self._start = counts[classes], starts[classes]

    def of(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Return the index of a partner for each of ``chosen``; itself if the class has one spectrum."""
        drawn = torch.rand(chosen.shape[0], generator=generator, device=chosen.device)
        return self._order[self._start[chosen] + (drawn * self._count[chosen]).long().clamp_max(self._count[chosen] - 1)]


@torch.no_grad()
def outputs(network: Network, features: Tensor, batch: int = OUTPUTS_BATCH) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits (n, classes) and embeddings (n, e) of ``features`` (n, length), in evaluation mode on the network's device."""
    network.eval()
    device = next(itertools.chain(network.parameters(), network.buffers()), features).device
    with tuned(device):
        made = [network(part.to(device)) for part in torch.split(features, batch)]
    logits, embeddings = (torch.cat(part).float().cpu().numpy() for part in zip(*made, strict=True))
    return logits, embeddings


@torch.no_grad()
def _checked(network: Network, examples: Examples, kind: Arithmetic) -> list[float]:
    """Return top-1, weighted precision and micro-averaged AUC of the class head on ``examples``."""
    network.eval()
    with autocast(kind, examples.features.device):
        made = torch.cat([network(spectra)[0] for spectra in torch.split(examples.features, OUTPUTS_BATCH)])
    logits, truth = made.float().cpu().numpy(), examples.classes.cpu().numpy()
    answered = logits.argmax(axis=1)
    precision, _, _ = metrics.weighted(answered, truth)
    return [float((answered == truth).mean()), precision, metrics.micro_auc(metrics.probabilities(logits, 1.0), truth)]
