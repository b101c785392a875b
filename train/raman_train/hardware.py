"""What a device can do at most, and what a training asks of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from raman_train.models import build

if TYPE_CHECKING:
    from raman_train.config import NetworkConfig

WARM_UP, TIMED = 3, 10
"""Matrix products done before, and those timed."""


def peak(device: torch.device) -> tuple[float, str]:
    """Return the FLOP/s of a large product of random matrices in the arithmetic of a training on ``device``, and what was multiplied."""
    size, kind = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    for _ in range(WARM_UP):
        left @ right
    _wait(device)
    started = time.perf_counter()
    for _ in range(TIMED):
        left @ right
    _wait(device)
    return 2 * size**3 * TIMED / (time.perf_counter() - started), f"{size}x{size} {str(kind).removeprefix('torch.')} matrices"


def cost(config: NetworkConfig, points: int, classes: int) -> tuple[float, int]:
    """Return the FLOPs of forward and backward of one spectrum, and the number of parameters; nothing is computed.

    A multiplication and an addition are two FLOPs. Those of matrices and convolutions are counted, the others are few.
    """
    batch = 2
    with torch.device("meta"):
        network = build(config, points, classes)
        spectra, labels = torch.empty(batch, points), torch.empty(batch, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        network.loss(spectra, labels).backward()  # type: ignore[no-untyped-call]  # torch's own types
    return counter.get_total_flops() / batch, sum(weight.numel() for weight in network.parameters())


def _wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
