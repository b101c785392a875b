"""A file that grows by whole lines, whatever happens to it or to us."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from raman_edge.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # every use asks first

LONGEST_LINE = 1 << 20
"""Bytes at the end of a file in which its last newline is looked for: no record is longer."""


class GrownFile:
    """Appends lines to a file, which is opened for each batch: one that was rotated or deleted is simply made again.

    A half line that a crash has left is cut off where it is one of ours (the record comes
    again), else ended. Two processes may append to one file: each locks it meanwhile.
    """

    def __init__(self, path: Path, ours: Callable[[bytes], bool], header: bytes = b"") -> None:
        """``ours`` tells whether a half line is the beginning of one of ours; ``header`` is a file's first line."""
        self._path, self._ours, self._header = path, ours, header

    def append(self, lines: bytes) -> None:
        """Append ``lines`` and return when they are on the disk; SinkError, and no half line, where that fails."""
        try:
            with self._opened() as file:
                end = self._mended(file)
                _grow(file, end, lines if end else self._header + lines)
            if not end:
                _sync_name(self._path)
        except OSError as error:
            msg = f"{str(self._path)!r} cannot be written: {error.strerror or error}. Make room, mend the path or its permissions"
            raise SinkError(msg) from error

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        with self._path.open("a+b", buffering=0) as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _mended(self, file: FileIO) -> int:
        """Return where whole lines end, once they do; 0 is an empty file."""
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - LONGEST_LINE))
        half = file.read(LONGEST_LINE).rpartition(b"\n")[2]
        if half and self._ours(half):
            end = file.truncate(end - len(half))
        elif half:
            end += file.write(b"\n")
        file.seek(0)
        if end and (first := file.read(len(self._header))) != self._header:
            msg = f"{str(self._path)!r} begins with {first[:60]!r}, expected {self._header[:60]!r}: move it away, or give another name"
            raise SinkError(msg)
        return end


def _grow(file: FileIO, end: int, lines: bytes) -> None:
    """Append and sync; what was appended is taken back where that fails."""
    rest = memoryview(lines)
    try:
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(end)
        raise
    if os.name == "posix" and os.fstat(file.fileno()).st_nlink == 0:
        raise OSError(errno.ESTALE, "it was deleted while it was written")


def _sync_name(path: Path) -> None:
    """Make a new file's name survive a power cut, where the system can."""
    if os.name != "posix":
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
