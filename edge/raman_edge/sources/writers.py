"""Which files are open for writing, as ``/proc`` tells it of the processes that we may look into (proc(5)).

Processes of other users are closed to us unless we run as root: that a file is not listed proves nothing.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS = 0o3
"""Bits of a file's flags that tell how it was opened; 0 is for reading only."""


def open_for_writing(proc: str = "/proc") -> frozenset[tuple[int, int]]:
    """Return (device, inode) of every regular file that a visible process has open for writing; nothing where there is no ``/proc``."""
    found = set()
    for process in _listed(proc):
        if not process.isdigit():
            continue
        place = f"{proc}/{process}"
        for number in _listed(f"{place}/fd"):
            with suppress(OSError, ValueError):  # closed since it was listed
                status = os.stat(f"{place}/fd/{number}")  # noqa: PTH116 - thousands of them: no Path each
                if stat.S_ISREG(status.st_mode) and _flags(f"{place}/fdinfo/{number}") & ACCESS:
                    found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def _listed(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - as above
    except OSError:  # ended, or another user's
        return
    yield from names


def _flags(path: str) -> int:
    """Return the flags that a file was opened with, which are in octal."""
    for line in Path(path).read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("flags:"):
            return int(line.partition(":")[2], 8)
    return 0
