"""One training on several GPUs or hosts: its processes, the rows of each, and their communication.

``torchrun`` starts the processes, and ends all of them if one fails. Each process draws the same random numbers, takes its own
rows of every batch, and has the same weights at the end; only the first one measures, writes and logs.
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
from torch import nn
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

TIMEOUT = timedelta(minutes=10)
"""A process fails if the others do not answer for longer than this; the first one measures and saves in less."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes of one training."""

    rank: int = 0
    """Number of this process; the first is 0."""
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that measures, writes and logs."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Return the rows of a batch for this process; :class:`ConfigError` if the batch cannot be divided evenly."""
        if batch % self.size:
            msg = f"training.batch: got {batch}, expected a multiple of the number of processes, {self.size}"
            raise ConfigError(msg)
        own = batch // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def join(self, network: nn.Module, step: nn.Module) -> nn.Module:
        """Return ``step``, a module around ``network``, with gradients and batch statistics averaged over all processes.

        All processes start with the weights of the first one. A loss that is a weighted mean (``liu``) is weighted within each
        process, so that it differs slightly from that of a single process.

        Raises:
            ConfigError: if the network has BatchNorm and runs on CPUs, where PyTorch has no common statistics.
        """
        if self.size == 1:
            return step
        device = next(network.parameters()).device
        synchronise(network, device)
        return DistributedDataParallel(step, device_ids=[device] if device.type == "cuda" else None, gradient_as_bucket_view=True)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size

    def of_first(self, values: Tensor) -> Tensor:
        """Return the values of the first process."""
        if self.size > 1:
            dist.broadcast(values, 0)
        return values

    def share(self, data: bytes, device: torch.device) -> bytes:
        """Return the bytes of the first process."""
        if self.size == 1:
            return data
        length = self.of_first(torch.tensor(len(data), device=device))
        content = np.frombuffer(data, np.uint8).copy() if self.is_first else np.empty(int(length), np.uint8)
        return self.of_first(torch.from_numpy(content).to(device)).cpu().numpy().tobytes()


SINGLE = ProcessGroup()


def synchronise(network: nn.Module, device: torch.device) -> None:
    """Replace every BatchNorm of ``network`` by one with the statistics of all processes; its weights and their names stay.

    Raises:
        ConfigError: on a CPU, for which PyTorch has none.
    """
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # torch's own types
    elif any(isinstance(layer, nn.BatchNorm1d) for layer in network.modules()):
        msg = f"torchrun on CPUs does not support BatchNorm, which {type(network).__name__} has: use GPUs, or one process"
        raise ConfigError(msg)


def is_first() -> bool:
    """Return whether this process is the first one, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the processes of ``torchrun``, with NCCL between GPUs and gloo between CPUs; without ``torchrun`` a single process.

    Nested calls change nothing. After an error the process does not wait for the others, which would never answer.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield SINGLE
        return
    if dist.is_initialized():
        yield ProcessGroup(dist.get_rank(), dist.get_world_size())
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    yield ProcessGroup(dist.get_rank(), dist.get_world_size())
    dist.barrier()
    dist.destroy_process_group()
