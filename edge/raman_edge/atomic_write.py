"""Files that appear when they are whole, or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to, which lies at ``path`` once the block is left without an exception, over what was there.

    Raises :class:`OSError`, also of what the block writes; nothing is left behind then.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()
