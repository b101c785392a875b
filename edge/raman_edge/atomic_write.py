"""Atomic writes: a file appears complete, or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to; it replaces ``path`` when the block ends without an exception.

    Raises :class:`OSError`, also for writes of the block; no file is left behind then.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()
