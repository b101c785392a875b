"""The state of a training on disk: enough to go on after a kill as if nothing had happened."""

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
    from raman_train.distributed import World
    from raman_train.models import Network

EVERY = 30.0
"""Seconds of work that a kill may cost; the state of the largest network is over 1 GB, so not after every epoch."""


class Moving:
    """Everything that a step changes: network, average, best, optimiser, random numbers."""

    def __init__(self, network: Network, config: TrainingConfig) -> None:
        self.network = network
        self.average = Average(network, config.average)
        self.best: Network | None = None
        """The average where it did best on validation."""
        self.optimiser = make(network, config)
        self.device = next(network.parameters()).device
        self.generator = torch.Generator(self.device).manual_seed(config.seed)

    def keep_best(self) -> None:
        """Remember the average as it is."""
        if self.best is None:
            self.best = copy.deepcopy(self.average.network)
        else:
            self.best.load_state_dict(self.average.network.state_dict())

    def pack(self) -> dict[str, Tensor]:
        """Return every tensor under its own name."""
        parts = {"network": self.network, "average": self.average.network, "kept": self.best}
        if self.average.network is self.network:
            del parts["average"]
        tensors = {f"{part}/{name}": value for part, module in parts.items() if module for name, value in module.state_dict().items()}
        for index, entry in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{name}": torch.as_tensor(value) for name, value in entry.items()}
        return tensors | {"generator": self.generator.get_state(), "dropout": dropout_state(self.device)}

    def unpack(self, tensors: dict[str, Tensor]) -> None:
        """Put back what :meth:`pack` returned; :class:`ConfigError` where it is of another kind of device."""
        if tensors["generator"].shape != self.generator.get_state().shape:
            msg = f"this run was begun on another kind of device than {self.device.type}: go on there, or choose another --out"
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
            # One kernel over all weights wants their moments in the same memory layout; a file knows none.
            laid = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
            state.setdefault(int(index), {})[field] = laid
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})


class Store:
    """Where the state lies, and when it is written."""

    def __init__(self, file: Path, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._world, self._clock = file, world, clock
        self._written_at = clock()
        self._history = ""

    def resume(self, moving: Moving) -> str:
        """Put back what is there, on every process what the first one has; return the history, empty where nothing is there."""
        tensors: dict[str, Tensor] = {}
        if self._world.leads and self._file.exists():
            tensors, self._history = checkpoint.read(self._file)
        self._history = self._world.share(self._history.encode(), moving.device).decode()
        if not self._history:
            return ""
        if self._world.size > 1:
            tensors = safetensors.torch.load(self._world.share(safetensors.torch.save(tensors), moving.device))
        moving.unpack(tensors)
        return self._history

    @property
    def due(self) -> bool:
        """Whether as much work is unwritten as may be lost."""
        return self._clock() - self._written_at >= EVERY

    def write(self, moving: Moving, history: str) -> None:
        """Write the state, unless the last one has the same history."""
        if self._world.leads and history != self._history:
            checkpoint.write(self._file, moving.pack(), history)
            self._written_at, self._history = self._clock(), history


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
