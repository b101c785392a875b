"""The state of a training on disk: a training resumed after a kill ends with the same weights."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from raman_edge.errors import ConfigError

from raman_train import checkpoint
from raman_train.device import dropout_state, set_dropout_state
from raman_train.optimiser import Average, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from raman_train.config import TrainingConfig
    from raman_train.distributed import ProcessGroup
    from raman_train.models import Network

EVERY = 30.0
"""Seconds of work that a kill may cost; the state of the largest network has over 1 GB, too much for every epoch."""


class TrainingState:
    """Everything that a step changes: network, average, best network, optimiser, random numbers."""

    def __init__(self, network: Network, config: TrainingConfig) -> None:
        self.network = network
        self.average = Average(network, config.average)
        self.best: Network | None = None
        """The average at the epoch with the highest validation accuracy."""
        self.optimiser = make(network, config)
        self.device = next(network.parameters()).device
        self.generator = torch.Generator(self.device).manual_seed(config.seed)

    def keep_best(self) -> None:
        """Store the present average as the best network."""
        if self.best is None:
            self.best = copy.deepcopy(self.average.network)
        else:
            self.best.load_state_dict(self.average.network.state_dict())

    def pack(self) -> dict[str, Tensor]:
        """Return all tensors by name."""
        parts = {"network": self.network, "average": self.average.network, "kept": self.best}
        if self.average.network is self.network:
            del parts["average"]
        tensors = {f"{part}/{name}": value for part, module in parts.items() if module for name, value in module.state_dict().items()}
        for index, entry in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value) for name, value in entry.items()}
        return tensors | {"generator": self.generator.get_state(), "dropout": dropout_state(self.device)}

    def unpack(self, tensors: dict[str, Tensor]) -> None:
        """Restore the tensors of :meth:`pack`; :class:`ConfigError` if they are from another kind of device."""
        if tensors["generator"].shape != self.generator.get_state().shape:
            msg = f"got {self.device.type}, but this run was started on another kind of device: resume it there, or choose another --out"
            raise ConfigError(msg)
        self.network.load_state_dict(_part(tensors, "network/"))
        if self.average.network is not self.network:
            self.average.network.load_state_dict(_part(tensors, "average/"))
        if best := _part(tensors, "kept/"):
            self.best = copy.deepcopy(self.average.network)
            self.best.load_state_dict(best)
        self._unpack_optimiser(_part(tensors, "optimiser/"))
        self.generator.set_state(tensors["generator"])
        set_dropout_state(tensors["dropout"], self.device)

    def _unpack_optimiser(self, tensors: dict[str, Tensor]) -> None:
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, field = name.split("/")
            weight = weights[int(index)]
            # The fused optimiser needs moments in the memory layout of the weights; a file has no layout.
            moment = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
            state.setdefault(int(index), {})[field] = moment
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})


class StateFile:
    """The file of the state, and when to write it."""

    def __init__(self, file: Path, group: ProcessGroup, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._group, self._clock = file, group, clock
        self._written_at = clock()
        self._history = ""

    def resume(self, state: TrainingState) -> str:
        """Restore the state, in every process that of the first one, and return its history; empty if there is no state."""
        tensors: dict[str, Tensor] = {}
        if self._group.is_first and self._file.exists():
            tensors, self._history = checkpoint.read(self._file)
        self._history = self._group.share(self._history.encode(), state.device).decode()
        if not self._history:
            return ""
        if self._group.size > 1:
            tensors = safetensors.torch.load(self._group.share(safetensors.torch.save(tensors), state.device))
        state.unpack(tensors)
        return self._history

    @property
    def due(self) -> bool:
        """Whether the last state is older than :data:`EVERY`."""
        return self._clock() - self._written_at >= EVERY

    def write(self, state: TrainingState, history: str) -> None:
        """Write the state, unless the last one has the same history."""
        if self._group.is_first and history != self._history:
            checkpoint.write(self._file, state.pack(), history)
            self._written_at, self._history = self._clock(), history


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
