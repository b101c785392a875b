"""Differences between a CPU and a GPU: arithmetic, memory layout, allocator, random state of dropout."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from torch import Tensor

Arithmetic = Literal["fp32", "bf16"]
"""Arithmetic of convolutions and matrix products in a training step; weights and their moments stay fp32."""
BF16_UNITS = ("amx_bf16", "avx512_bf16")
"""Processor features that multiply bf16; without them bf16 is emulated and slower than fp32."""
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of ``mallopt``, from glibc's ``malloc.h``."""
KEEP = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 << 20}
"""Large blocks come from the heap, which never shrinks and grows by 64 MB at a time."""
DEFAULT = {M_MMAP_MAX: 65_536, M_TRIM_THRESHOLD: 128 << 10, M_TOP_PAD: 128 << 10}
"""The documented defaults, ``man 3 mallopt``."""
ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")
"""Preloaded allocators; they keep freed memory themselves, or have an environment variable for it."""


def pick(name: str = "auto") -> torch.device:
    """Return the device ``name``; ``auto`` is CUDA if available, under ``torchrun`` the GPU of this process."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name, int(os.environ["LOCAL_RANK"])) if name == "cuda" and "LOCAL_RANK" in os.environ else torch.device(name)


def name_of(device: torch.device) -> str:
    """Return the name of the device as results record it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def describe(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> str:
    """Return device, arithmetic and allocator of a training as one line for a log."""
    memory = f"; {describe_allocator()}" if device.type == "cpu" else ""
    return f"{name_of(device)}; {arithmetic(precision, device)}{memory}"


def arithmetic(precision: Literal["auto", "fp32", "bf16"], device: torch.device) -> Arithmetic:
    """Return the arithmetic of a training on ``device``: ``auto`` is bf16 on CUDA and on processors that multiply bf16."""
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" or (device.type == "cpu" and cpu_multiplies_bf16()) else "fp32"


def cpu_multiplies_bf16() -> bool:
    """Return whether this processor has an instruction for bf16 products; False if torch cannot tell."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(unit, False) for unit in BF16_UNITS)


def autocast(kind: Arithmetic, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a training step or a validation computes."""
    return torch.autocast(device.type, torch.bfloat16) if kind == "bf16" else nullcontext()


@contextmanager
def tuned(device: torch.device) -> Iterator[None]:
    """Tune the process for a training on ``device`` and restore its settings at the end.

    CUDA: TF32 for the remaining fp32 operations, and a search for the fastest convolution, since shapes never change within
    a training. CPU: freed memory stays in the process for the next step, and denormal numbers are zero.
    """
    if device.type == "cpu":
        with denormals_flushed(), freed_memory_kept():
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
    """Return the state of the generator that dropout uses; torch has one per device."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_dropout_state(state: Tensor, device: torch.device) -> None:
    """Restore a state of :func:`dropout_state`."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory in the process within the block, and return it to the system at its end.

    A step of DRCNN allocates and frees some 4 GB in large tensors. glibc maps and unmaps each of them, so that every step
    causes a million page faults: a quarter of its time. ``mallopt`` avoids this without another allocator; jemalloc by
    ``LD_PRELOAD`` was as fast. No effect with other C libraries and allocators.
    """
    libc = _glibc()
    if libc is None or preloaded_allocator():
        yield
        return
    for parameter, value in KEEP.items():
        libc.mallopt(parameter, value)
    try:
        yield
    finally:
        for parameter, value in DEFAULT.items():
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Compute with denormal numbers as zero within the block.

    If a gradient stays 0, Adam's mean of it shrinks by a tenth a step, until rounding keeps it at a denormal number for ever, and
    processors are slow with these. ``raman-train benchmark --speed`` times a step with and without. The mode belongs to a thread;
    torch's threads, which start with the first large operation, inherit it.
    """
    before = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def describe_allocator() -> str:
    """Return which allocator a training on the CPU uses, and whether it keeps memory between steps."""
    other = preloaded_allocator()
    if other:
        return f"memory from the preloaded {other}"
    return "freed memory kept between steps (glibc mallopt)" if _glibc() else "memory as the system allocates it"


def preloaded_allocator() -> str | None:
    """Return the name of an allocator loaded in place of glibc's; None if there is none, or no /proc."""
    try:
        mapped = Path("/proc/self/maps").read_text("utf-8", "replace")
    except OSError:
        return None
    return next((name for name in ALLOCATORS if f"lib{name}" in mapped), None)


@cache
def _glibc() -> ctypes.CDLL | None:
    """Return glibc; None on other systems and with other C libraries, which lack ``mallopt`` or ignore it."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None


class RowConv(nn.Conv1d):
    """A ``Conv1d`` that computes on images of one row with channels last, and returns that layout.

    Tensor cores need the channels of one point next to each other. PyTorch has this layout ("channels last") only for
    images; a ``Conv1d`` converts its input to the other layout. Numbers and weights are the same.
    """

    def forward(self, spectra: Tensor) -> Tensor:
        """Return (batch, out, m) for (batch, in, n)."""
        rows = spectra.unsqueeze(2).contiguous(memory_format=torch.channels_last)  # (batch, in, 1, n)
        weight = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        padding = self.padding if isinstance(self.padding, str) else (0, *self.padding)
        made = functional.conv2d(rows, weight, self.bias, (1, *self.stride), padding, (1, *self.dilation), self.groups)
        return made.squeeze(2)


class RowPool(nn.MaxPool1d):
    """A ``MaxPool1d`` that keeps the layout of :class:`RowConv`; under ``no_grad`` torch's own one copies into the other layout."""

    def forward(self, spectra: Tensor) -> Tensor:
        """Return (batch, channels, m) for (batch, channels, n)."""
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        size, stride, padding, dilation = ((one,) if isinstance(one, int) else one for one in window)
        made = functional.max_pool2d(spectra.unsqueeze(2), (1, *size), (1, *stride), (0, *padding), (1, *dilation), self.ceil_mode)
        return made.squeeze(2)


def channels_last(network: nn.Module) -> None:
    """Make every ``Conv1d`` and ``MaxPool1d`` of ``network`` compute with channels last; its weights and their names stay."""
    for layer in network.modules():
        if type(layer) is nn.Conv1d and layer.padding_mode == "zeros":
            layer.__class__ = RowConv  # no state of its own
        elif type(layer) is nn.MaxPool1d and not layer.return_indices:
            layer.__class__ = RowPool
