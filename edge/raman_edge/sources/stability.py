"""Whether a file is complete, and its bytes if it is: a half-written spectrum is not read where a sign shows that it is one.

There are five signs, in this order:

* A read lease (Linux; fcntl(2), F_SETLEASE) is refused while any process has the file open for writing. It is
  requested and returned at once, so the writer never waits for us, and requested again after reading.
* ``/proc`` lists the open files of the processes that we may look into (:func:`open_for_writing`).
* On Windows a handle that does not share writing is refused while a program writes (:mod:`raman_edge.sources.windows`).
* inotify reports that a program changed the file, and that it closed it (:mod:`raman_edge.sources.notify`).
* The content itself, where its format declares its length (:func:`raman_edge.formats.is_whole`).

Where there is no sign, as for another user's file without events, or on a network, the file has to be
unchanged for longer: :func:`patience_s`.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.sources.scan import Signature
from raman_edge.sources.windows import has_writer, open_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.sources.scan import FileCandidate

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # every use checks

OPEN_STABLE_S = 600.0
"""A file that a program keeps open for writing is read as it is once it has been unchanged this long, s."""
OPEN_WHOLE_S = 60.0
"""The same where the content declares its length, and has it, s."""
UNKNOWN_TIMES, UNKNOWN_S = 10.0, 10.0
"""Where the writer cannot be known, a file is unchanged for this many times ``stable_s``, but this many seconds at most."""
SKEW_S = 3600.0
"""How far the clock of a file server may be behind ours, s."""
COARSE_S, COARSEST_S = 0.05, 2.05
"""Resolution of a file system's times where it is not known to be finer, and the coarsest there is (FAT: 2 s), each with a margin, s."""
CHUNK = 1 << 20
"""Bytes requested at once."""
ACCESS = 0o3
"""Bits of a file's flags for the way it was opened; 0 is for reading only."""


class OpenWriter(Enum):
    """Whether a process has the file open for writing."""

    NONE = "none"
    OPEN = "open"
    UNKNOWN = "unknown"


class Readiness(Enum):
    """Whether a file can be answered."""

    NO = "no"
    IF_WHOLE = "if whole"
    """Only where its content declares its length, and has it."""
    YES = "yes"


def writer_of(fd: int, path: str) -> OpenWriter:
    """Return whether the file behind ``fd``, opened read-only at ``path``, is open for writing, by the kernel."""
    if (found := has_writer(path)) is not None:  # Windows
        return OpenWriter.OPEN if found else OpenWriter.NONE
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE"):
        return OpenWriter.UNKNOWN
    try:
        # A broken lease is announced by SIGIO, which kills; SIGURG is ignored by default.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return OpenWriter.OPEN
    except OSError:
        return OpenWriter.UNKNOWN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return OpenWriter.NONE


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


def patience_s(stable_s: float) -> float:
    """Return how long a file is unchanged before it is read where its writer cannot be known, s."""
    return max(stable_s, min(UNKNOWN_TIMES * stable_s, UNKNOWN_S))


def readiness(
    signature: Signature,
    writer: OpenWriter,
    unchanged_s: float,
    stable_s: float,
    *,
    moved: bool = False,
    closed: bool = False,
    network: bool = False,
) -> Readiness:
    """Return whether a file in this state can be answered.

    ``unchanged_s`` is how long it has been watched without a change, s. Where no process writes it, three signs
    spare the wait: it was ``moved`` into place while it was watched, a change time later than the modification time
    (it was renamed some time after it was written, or copied with its times), and a change time that lies long enough
    in the past. ``closed`` means that its writer closed it. On a ``network`` the change time is of another clock.
    """
    if writer is OpenWriter.OPEN:
        soon, late = unchanged_s >= OPEN_WHOLE_S, unchanged_s >= OPEN_STABLE_S
        return Readiness.YES if late else Readiness.IF_WHOLE if soon else Readiness.NO
    age_s = (time.time_ns() - signature.ctime_ns) / 1e9
    if writer is OpenWriter.UNKNOWN:
        enough_s = patience_s(stable_s)
        late = moved or closed or unchanged_s >= enough_s or age_s >= enough_s + SKEW_S * network
        return Readiness.NO if unchanged_s < stable_s else Readiness.YES if late else Readiness.IF_WHOLE
    spared = signature.size > 0 and (moved or signature.ctime_ns > signature.mtime_ns or age_s >= stable_s)
    return Readiness.YES if unchanged_s >= stable_s or spared else Readiness.NO


def resolution_s(signature: Signature, *, network: bool = False) -> float:
    """Return how coarse the times of the file system may be, s, judged by the digits of the file's times.

    On Linux the change time shows it, because no program can set it; Windows has none, and on a network the server may
    keep the two differently.
    """
    times = (signature.mtime_ns,) if sys.platform == "win32" else (signature.ctime_ns, *((signature.mtime_ns,) if network else ()))
    return max(map(_resolution_s, times))


def _resolution_s(time_ns: int) -> float:
    """Return the coarsest resolution that times of a second, of 0.1 s and of 10 ms stand for."""
    if time_ns % 10**9 == 0:
        return COARSEST_S
    return 0.2 + COARSE_S if time_ns % 10**8 == 0 else COARSE_S


def is_settled(signature: Signature, unchanged_s: float, *, network: bool = False) -> bool:
    """Whether no later change can leave the file with this same signature.

    A file may be written again, in the same size, within one tick of its file system's clock: git calls such an entry
    racy. That is over when a tick has passed since the signature was first seen, by any clock, or since the file
    was changed; a file server's clock may be behind ours.
    """
    tick_s = resolution_s(signature, network=network)
    age_s = (time.time_ns() - max(signature.mtime_ns, signature.ctime_ns)) / 1e9
    return unchanged_s >= tick_s or age_s >= tick_s + SKEW_S * network


def read_complete(
    candidate: FileCandidate, size: int, finished: Callable[[OpenWriter], bool], *, leases: bool, twice: bool = False
) -> bytes | None:
    """Return the first ``size`` bytes of the file, or None where it is not complete or changed meanwhile.

    With ``twice`` it is read a second time and compared: the times of the file may not show that it changed.
    Raises :class:`OSError` where it cannot be opened or read.
    """
    if sys.platform == "win32" and not finished(OpenWriter.NONE):
        return None  # even if no program writes it: an open file keeps its writer from opening it without sharing
    fd = open_to_read(candidate.path)
    try:
        before = writer_of(fd, candidate.path) if leases else OpenWriter.UNKNOWN
        if Signature.of(os.fstat(fd)) != candidate.signature or not finished(before):
            return None
        data = _read(fd, size)
        if twice and size:
            os.lseek(fd, 0, os.SEEK_SET)
            if _read(fd, size) != data:
                return None
        after = writer_of(fd, candidate.path) if leases else OpenWriter.UNKNOWN
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
