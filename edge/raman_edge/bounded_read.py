"""Reads that end: files of at most so many bytes, and opening a pipe does not wait for its writer."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from raman_edge.atomic_write import require_name, system_path

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.errors import RamanEdgeError


def bounded(path: Path, most: int, error_class: type[RamanEdgeError], *, place: str = "", advice: str = "") -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    path
        A regular file. A pipe or a device is refused: it may have no end, and opening a pipe waits for its writer.
    most
        Largest size, bytes.
    error_class
        What is raised: of kind "cannot be read", "not a file" or "too large".
    place
        What the file is, for the message; its path where there is nothing better.
    advice
        What to do about it.
    """
    place = place or repr(str(path))
    try:
        require_name(path)  # `open` takes CON for the console without asking its opener
        with open(path, "rb", opener=without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise error_class(kind="not a file", place=place, got="a pipe or a device", expected="a regular file", advice=advice)
            data = file.read(most + 1)  # a file may grow meanwhile
    except (OSError, ValueError) as problem:  # a name with a zero byte is a ValueError
        cause = str(getattr(problem, "strerror", None) or problem)
        raise error_class(kind="cannot be read", place=place, cause=cause, advice=advice) from problem
    if len(data) > most:
        size = max(status.st_size, len(data))
        raise error_class(kind="too large", place=place, got=_text(size), expected=f"at most {_text(most)}", advice=advice)
    return data


def without_waiting(path: str, flags: int) -> int:
    """Open a file, as the ``opener`` of :func:`open`: a pipe without a writer is empty, instead of waiting for one."""
    require_name(path)  # opening a device of Windows may wait for ever
    try:
        fd = os.open(system_path(path), flags | getattr(os, "O_NONBLOCK", 0))
    except PermissionError as error:
        if os.path.isdir(system_path(path)):  # noqa: PTH112 - as typed
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path) from error  # Windows calls it a lack of permission
        raise
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(fd, True)  # a writer that is there is waited for
    return fd


def _text(size: int) -> str:
    return f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size} bytes"
