"""What differs between a CPU and a GPU: arithmetic, memory, and where dropout draws from."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

import torch

from raman_train import memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from torch import Tensor

Arithmetic = Literal["fp32", "bf16"]
"""What convolutions and matrix products of a training step are computed in; weights and their moments stay fp32."""
BF16_UNITS = ("amx_bf16", "avx512_bf16")
"""Processor features that multiply bf16; without one of them bf16 is emulated and slower than fp32."""


def arithmetic(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> Arithmetic:
    """Return the arithmetic of a training on ``device``: ``auto`` is bf16 on CUDA and where the processor multiplies bf16."""
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" or (device.type == "cpu" and cpu_multiplies_bf16()) else "fp32"


def cpu_multiplies_bf16() -> bool:
    """Return whether this processor has an instruction for bf16 products; False where torch cannot tell."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(unit, False) for unit in BF16_UNITS)


def autocast(kind: Arithmetic, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a step, or the validation between epochs, is computed."""
    return torch.autocast(device.type, torch.bfloat16) if kind == "bf16" else nullcontext()


def describe(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> str:
    """Return device, arithmetic and allocator of a training as one line for a log."""
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    kept = f"; {memory.describe()}" if device.type == "cpu" else ""
    return f"{where}; {arithmetic(precision, device)}{kept}"


@contextmanager
def tuned(device: torch.device) -> Iterator[None]:
    """Tune the process for a training on ``device``; the settings before are restored at the end.

    CUDA: TF32 for what stays fp32, and a search for the fastest convolution, because shapes never
    change within a training. CPU: freed memory is kept for the next step.
    """
    if device.type == "cpu":
        with memory.kept():
            yield
        return
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
