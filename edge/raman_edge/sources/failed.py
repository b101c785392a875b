"""Files without a spectrum in them, moved out of the way: never over another file, never after they changed."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.sources.scan import candidate_at

if TYPE_CHECKING:
    from raman_edge.sources.scan import Candidate

MOST_NAMES = 10_000
"""Files of one name that a folder takes."""


def move(candidate: Candidate, folder: str) -> str | None:
    """Move the file into ``folder`` and return where it lies now; None where it is gone or was changed meanwhile.

    Raises :class:`OSError` where that cannot be done; the file is then where it was.
    """
    path = candidate.path
    if candidate_at(path) != candidate:
        return None
    target = _reserved(Path(folder), Path(path).name)
    try:
        _fill(target, path)
    except OSError:
        target.unlink()
        raise
    return str(target)


def _reserved(folder: Path, name: str) -> Path:
    """Make an empty file of the file's own name, or of the name with a number, that nobody else has."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - Path.stem takes a name that begins with dots apart
    for number in range(1, MOST_NAMES + 1):
        target = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        with suppress(FileExistsError):
            target.open("xb").close()
            return target
    raise FileExistsError(errno.EEXIST, f"it holds {MOST_NAMES} files of that name", str(folder))


def _fill(target: Path, path: str) -> None:
    """Put the file in the place reserved for it; across file systems by copying it before it is taken away."""
    try:
        os.replace(path, target)  # noqa: PTH105 - paths stay text, as names may be any bytes
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with Path(path).open("rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
        Path(path).unlink()
