"""What every output is, a sink of journal rows; and the one that writes lines of JSON to standard output."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from raman_edge.atomic_write import reader_left
from raman_edge.errors import OutputError
from raman_edge.wording import printable_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal import JournalRow


class Sink(Protocol):
    """A place that records are sent to; opened by ``with``, anew after every :class:`raman_edge.errors.SinkError`."""

    @property
    def name(self) -> str:
        """Name without secrets, and without options that leave it the same sink."""

    @property
    def remembers(self) -> bool:
        """Whether the next run goes on where this one stopped; else each run begins with its own records."""

    def __enter__(self) -> Self:
        """Open it; SinkError for a failure that may pass."""

    def __exit__(self, *exc: object) -> None:
        """Release everything."""

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Return when the receiver has confirmed all ``rows``; without rows, when it is there.

        Raises RecordsRefused where it has all but those that it can never take.
        Raises SinkError for a failure that may pass; all ``rows`` are then sent again.
        BrokenPipeError and OutputError end the run: standard output has no reader.
        """


@dataclass(frozen=True, slots=True)
class Standing:
    """State of one sink."""

    name: str
    owed: int
    """Records in the journal that it has not confirmed."""
    failing: bool


class Overview(Protocol):
    """What a sink can report about the run besides the records."""

    def newest(self) -> int:
        """Return the number of the journal's newest record; 0 where there is none."""

    def standings(self) -> Sequence[Standing]:
        """Return the states of the sinks that remember."""

    def backlog(self) -> int | None:
        """Return how many files wait to be read; None is unknown."""


# Standard output


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the use checks

LOOK_S = 1.0
"""Between two attempts at a non-blocking pipe, s."""


class Pipe:
    """A pipe, terminal or file that is open already; :meth:`send` waits for a slow reader.

    Each run begins with its own records: there is no cursor. Written past Python's own
    buffer, whose lock a hanging thread would keep to the end.
    """

    name = "standard output"
    remembers = False

    def __init__(self, fd: int | BinaryIO | None) -> None:
        """``fd`` is a file descriptor or a binary file; None writes nowhere."""
        self._fd = fd

    @classmethod
    def standard_output(cls) -> Pipe:
        """Return the standard output of the process, or the caller's replacement; a process without one (``>&-``) writes nowhere."""
        if sys.stdout is None:
            return cls(None)
        try:
            return cls(sys.stdout.fileno())
        except io.UnsupportedOperation:
            return cls(sys.stdout.buffer)

    def __enter__(self) -> Self:
        """End the last line of a file that is appended to (``>>``), where a crash or an editor left it without newline."""
        if isinstance(self._fd, int) and _lacks_newline(self._fd):
            with suppress(OSError):
                os.write(self._fd, b"\n")
        return self

    def __exit__(self, *exc: object) -> None:
        """The descriptor stays open."""

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Write every line; BrokenPipeError where the reader is gone, OutputError where writing fails."""
        if self._fd is None:
            return
        data = "".join(f"{row.line}\n" for row in rows).encode()
        rest = memoryview(printable_json(data) if isinstance(self._fd, int) and os.isatty(self._fd) else data)
        try:
            while rest:
                rest = rest[_write(self._fd, rest) :]
        except OSError as error:
            if reader_left(error):
                raise BrokenPipeError(error.errno, error.strerror) from error
            why, advice = error.strerror or str(error), "Make room on its disk, or redirect it elsewhere; the journal has all records"
            raise OutputError(kind="cannot be written", place="standard output", cause=why, advice=advice) from error


def _lacks_newline(fd: int) -> bool:
    """Whether ``fd`` appends to a regular file whose last line has no newline; False where that is unknown."""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0 or not _appends(fd):
            return False
        with Path(f"/proc/self/fd/{fd}").open("rb") as file:  # the shell opened it for writing alone
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False


def _appends(fd: int) -> bool:
    return fcntl is not None and bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND)


def _write(fd: int | BinaryIO, data: memoryview) -> int:
    if not isinstance(fd, int):
        return fd.write(data)
    try:
        return os.write(fd, data)
    except BlockingIOError:  # another process that shares the pipe made it non-blocking
        select.select([], [fd], [], LOOK_S)
        return 0
