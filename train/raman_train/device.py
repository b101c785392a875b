"""What differs between a CPU and a GPU: arithmetic, and where dropout draws from."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from torch import Tensor


def precision(device: torch.device) -> AbstractContextManager[object]:
    """Return the arithmetic of a training step: bf16 on CUDA, fp32 elsewhere."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


@contextmanager
def tuned(device: torch.device) -> Iterator[None]:
    """Let CUDA use TF32 for what is left in fp32, and try which convolution is fastest: shapes never change within a training."""
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.benchmark = before[1]


def dropout_state(device: torch.device) -> Tensor:
    """Return the state of the generator that dropout draws from; torch has one a device."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_dropout_state(state: Tensor, device: torch.device) -> None:
    """Let dropout go on from ``state``."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
