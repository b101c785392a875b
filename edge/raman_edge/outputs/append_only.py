"""A file that grows by complete lines, also after crashes, full disks and foreign changes."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from raman_edge.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import FileIO
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LONGEST_LINE = 1 << 20
"""Bytes at the end of a file in which the last newline is searched: no record is longer."""


LOCK_AT = (1 << 31) - 2
"""Place of the locked byte on Windows, whose C library takes no later one."""
HELD = frozenset((errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EINVAL, 0))
"""Errors of a lock that another process holds; the last two are Wine's."""
LOCK_S = 30.0
"""Longest wait for another process, s; the output is tried again later."""
LOCK_POLL_S = 0.01
"""Between two attempts to lock, s."""


class LineForm(NamedTuple):
    """Form of the lines of a file."""

    ours: Callable[[bytes], bool]
    """Whether a last line without newline is the beginning of one of ours."""
    whole: Callable[[bytes], bool]
    """Whether a last line lacks its newline alone."""
    newline: bytes = b"\n"
    header: bytes = b""
    """First line of a file, with its newline."""


def _begins_object(line: bytes) -> bool:
    return line.startswith(b"{") or not line


def _is_object(line: bytes) -> bool:
    """Whether ``line`` is a whole JSON object."""
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


JSON_LINES = LineForm(ours=_begins_object, whole=_is_object)
"""A JSON object a line."""


class AppendOnlyFile:
    """Appends lines to a file, which is opened for each batch: a rotated or deleted file is created again.

    A last line without its newline is kept where it is complete: an editor, a copy or a script removed the newline. It is
    cut off where a crash tore it: then it is the beginning of a new line, or of an incomplete one of ours.
    A foreign line gets a newline. Two processes may append to one file: each locks it meanwhile.
    """

    def __init__(self, path: Path, form: LineForm) -> None:
        self._path, self._form = path, form

    def append(self, lines: Sequence[bytes]) -> None:
        """Append ``lines`` and return when they are on the disk; SinkError, and no half line, where that fails."""
        try:
            with self._opened() as file:
                end = self._mended(file, lines)
                _grow(file, end, b"".join(lines if end else (self._form.header, *lines)))
            if not end:
                _sync_name(self._path)
        except OSError as error:
            why, advice = error.strerror or str(error), "Make room on the disk, or correct the path or its permissions"
            raise SinkError(kind="cannot be written", place=f"file {str(self._path)!r}", cause=why, advice=advice) from error

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        with self._path.open("a+b", buffering=0) as file, _locked(file):
            yield file

    def _mended(self, file: FileIO, lines: Sequence[bytes]) -> int:
        """Repair the last line and return the end of the file; 0 is an empty file."""
        end = file.seek(0, os.SEEK_END)
        self._check_header(file, end)
        file.seek(max(0, end - LONGEST_LINE))
        last = file.read(LONGEST_LINE).rpartition(b"\n")[2]
        if not last:
            return end
        begin = end - len(last)
        beginning_unknown = len(last) == LONGEST_LINE and begin > 0
        kept = last if beginning_unknown else last.rstrip(b"\0")  # zeros: blocks that a power failure left unwritten
        if not beginning_unknown and self._is_torn(kept, lines):
            return file.truncate(begin)
        end = file.truncate(begin + len(kept))
        newline = self._form.newline
        return end + file.write(b"\n" if kept.endswith(b"\r") else newline)

    def _is_torn(self, last: bytes, lines: Sequence[bytes]) -> bool:
        """Whether a last line without newline is part of a record: of a new one, or of an incomplete one."""
        comes_now = any(line.startswith(last) for line in lines)
        return comes_now or (self._form.ours(last) and not self._form.whole(last))

    def _check_header(self, file: FileIO, end: int) -> None:
        """Refuse a file that does not begin with our header, or with the part of it that a crash left."""
        file.seek(0)
        header = self._form.header
        first = file.read(len(header))
        if first != header and not (len(first) == end and header.startswith(first.rstrip(b"\0"))):
            raise SinkError(
                kind="other columns",
                place=f"file {str(self._path)!r}",
                got=repr(first[:60]),
                expected=repr(header[:60]),
                advice="Move it away, or give another name",
            )


@contextmanager
def _locked(file: FileIO) -> Iterator[None]:
    """Let no other process append while the block runs; readers are not kept away."""
    if sys.platform == "win32":
        # One byte far behind the content: Windows keeps readers from a locked byte.
        until = time.monotonic() + LOCK_S
        while True:
            file.seek(LOCK_AT)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                break
            except OSError as error:
                if error.errno not in HELD or time.monotonic() > until:
                    raise
                time.sleep(LOCK_POLL_S)
        try:
            yield
        finally:
            file.seek(LOCK_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX)  # closing the file ends it
        yield


def _grow(file: FileIO, end: int, lines: bytes) -> None:
    """Append and sync; on failure truncate to the old end."""
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
