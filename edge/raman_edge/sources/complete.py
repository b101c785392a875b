"""Is a file complete, and its bytes if it is: a half-written spectrum is never read.

On Linux a read lease is refused while any process has the file open for writing
(fcntl(2), F_SETLEASE). A lease is asked for and given back at once, so the writer never
waits for us; it is asked for again after reading, and the file's state compared, so that
what was read is what lay there. Without leases (another user's file, a network file
system, another operating system) a file is complete when it has stopped changing.
"""

from __future__ import annotations

import os
import signal
import time
from enum import Enum
from typing import TYPE_CHECKING

from raman_edge.sources.scan import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.sources.scan import Candidate

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # every use asks first

OPEN_STABLE_S = 60.0
"""A file that a program keeps open is read as it stands once it has been unchanged this long, s."""
CHUNK = 1 << 20
"""Bytes asked for at once."""


class Writer(Enum):
    """Whether somebody has the file open for writing."""

    NONE = "none"
    OPEN = "open"
    UNKNOWN = "unknown"


def writer_of(fd: int) -> Writer:
    """Ask the kernel whether the file behind ``fd``, opened read-only, is open for writing anywhere."""
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE"):
        return Writer.UNKNOWN
    try:
        # A broken lease is announced by SIGIO, which kills; SIGURG is ignored unless asked for.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return Writer.OPEN
    except OSError:
        return Writer.UNKNOWN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Writer.NONE


def is_complete(signature: Signature, writer: Writer, unchanged_s: float, stable_s: float, *, moved: bool) -> bool:
    """Whether a file in this state is finished.

    ``unchanged_s`` is how long it has been watched without a change, s. Where nobody is
    writing, three signs spare the wait: that it was seen being ``moved`` into place, a
    change time later than the modification time (it was renamed some time after it was
    written, or copied with its times), and a change time that lies long enough in the past.
    """
    if writer is Writer.OPEN:
        return unchanged_s >= OPEN_STABLE_S
    if unchanged_s >= stable_s:
        return True
    if writer is Writer.UNKNOWN or signature.size == 0:
        return False
    age_s = (time.time_ns() - signature.ctime_ns) / 1e9
    return moved or signature.ctime_ns > signature.mtime_ns or age_s >= stable_s


def read_complete(candidate: Candidate, size: int, finished: Callable[[Writer], bool], *, leases: bool) -> bytes | None:
    """Return the first ``size`` bytes of the file, or None where it is not complete or changed meanwhile.

    Raises :class:`OSError` where it cannot be opened or read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    fd = os.open(candidate.path, flags)
    try:
        before = writer_of(fd) if leases else Writer.UNKNOWN
        if Signature.of(os.fstat(fd)) != candidate.signature or not finished(before):
            return None
        data = _read(fd, size)
        after = writer_of(fd) if leases else Writer.UNKNOWN
        unchanged = Signature.of(os.fstat(fd)) == candidate.signature and after is before
        return data if unchanged and len(data) == size else None
    finally:
        os.close(fd)


def _read(fd: int, size: int) -> bytes:
    parts, left = [], size
    while left > 0 and (part := os.read(fd, min(left, CHUNK))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
