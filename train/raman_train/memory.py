"""Keep freed memory in the process between the steps of a training on the CPU.

A step of DRCNN allocates and frees some 4 GB in large tensors. glibc takes each from the kernel and
gives it back at once, so that every step pays for a million page faults: a quarter of its time.
``mallopt`` changes that without another allocator; jemalloc by ``LD_PRELOAD`` measured the same.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of ``mallopt``, from glibc's ``malloc.h``."""
KEEP = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 64 << 20}
"""Take large blocks from the heap, never shrink it, and grow it 64 MB at a time."""
DEFAULT = {M_MMAP_MAX: 65_536, M_TRIM_THRESHOLD: 128 << 10, M_TOP_PAD: 128 << 10}
"""The documented defaults, ``man 3 mallopt``."""
ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")
"""Preloaded allocators that keep memory by themselves, or by their own environment variable."""


@contextmanager
def kept() -> Iterator[None]:
    """Keep freed memory within the block, and return it to the system at its end; no effect without glibc's allocator."""
    libc = _glibc()
    if libc is None or preloaded():
        yield
        return
    _set(libc, KEEP)
    try:
        yield
    finally:
        _set(libc, DEFAULT)
        libc.malloc_trim(0)


def describe() -> str:
    """Return which allocator a training on the CPU uses, and whether it keeps memory between steps."""
    other = preloaded()
    if other:
        return f"memory from the preloaded {other}"
    return "freed memory kept between steps (glibc mallopt)" if _glibc() else "memory as the system allocates it"


def preloaded() -> str | None:
    """Return the name of an allocator that was loaded in place of glibc's; None where there is none, or no /proc."""
    try:
        mapped = Path("/proc/self/maps").read_text("utf-8", "replace")
    except OSError:
        return None
    return next((name for name in ALLOCATORS if f"lib{name}" in mapped), None)


def _set(libc: ctypes.CDLL, values: dict[int, int]) -> None:
    for parameter, value in values.items():
        libc.mallopt(parameter, value)


@cache
def _glibc() -> ctypes.CDLL | None:
    """Return glibc; None on other systems and with other C libraries, which lack ``mallopt`` or ignore it."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None
