"""One training on several GPUs or hosts: who is there, which rows are whose, and what all must agree on.

``torchrun`` starts the processes and ends all of them when one fails. Each draws the same random
numbers, takes its own rows of every batch, and ends with the same weights; the first one alone
measures, writes and talks.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import torch
from raman_edge.errors import ConfigError
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it fails: longer than the first one takes to measure and save."""


@dataclass(frozen=True, slots=True)
class World:
    """The processes of one training."""

    rank: int = 0
    """Which of them this one is; 0 is the first."""
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that measures, writes and talks."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Return which rows of a batch are this process's own; :class:`ConfigError` where they cannot be shared out evenly."""
        if batch % self.size:
            msg = f"batches of {batch} spectra cannot be shared out evenly to {self.size} processes: set training.batch to a multiple"
            raise ConfigError(msg)
        own = batch // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def join(self, network: nn.Module, step: nn.Module) -> nn.Module:
        """Return ``step``, a module around ``network``, with gradients averaged and BatchNorm taken over all processes.

        All begin with the weights of the first. A loss that is a weighted mean (``liu``) is weighted
        within each process, so that it differs a little from that of a single one.
        """
        if self.size == 1:
            return step
        from raman_train import batchnorm  # noqa: PLC0415 - brings in torch's compiler, which takes seconds to import

        batchnorm.over_processes(network)
        device = next(network.parameters()).device
        return DistributedDataParallel(step, device_ids=[device] if device.type == "cuda" else None, gradient_as_bucket_view=True)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size

    def as_first(self, values: Tensor) -> Tensor:
        """Return what the first process has."""
        if self.size > 1:
            dist.broadcast(values, 0)
        return values

    def share(self, data: bytes, device: torch.device) -> bytes:
        """Return the bytes that the first process has."""
        if self.size == 1:
            return data
        length = self.as_first(torch.tensor(len(data), device=device))
        told = np.frombuffer(data, np.uint8).copy() if self.leads else np.empty(int(length), np.uint8)
        return self.as_first(torch.from_numpy(told).to(device)).cpu().numpy().tobytes()


ALONE = World()


def leads() -> bool:
    """Return whether this process is the one that talks; alone it is."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Join the processes that ``torchrun`` started, NCCL between GPUs and gloo between CPUs; alone outside it.

    Joining again within changes nothing. After an error the others are not waited for: they would never come.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if dist.is_initialized():
        yield World(dist.get_rank(), dist.get_world_size())
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    yield World(dist.get_rank(), dist.get_world_size())
    dist.barrier()
    dist.destroy_process_group()
