"""Files that are written: names that every system can have, long paths, and writes after which a file is complete, or as it was."""

from __future__ import annotations

import errno
import hashlib
import ntpath
import os
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING, TypeVar

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

AnyPath = TypeVar("AnyPath", str, Path)

DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *([.:].*)?", re.IGNORECASE | re.DOTALL)
"""A name that Windows takes for a device, in every folder and with every ending (Microsoft, Naming Files, Paths, and Namespaces)."""
FORBIDDEN = re.compile(r'[<>:"|?*\x01-\x1f]')
"""Characters that no name on Windows has; what follows a colon is a hidden stream of the file before it."""
DEVICES, VERBATIM, VERBATIM_SHARE, SHARE = "\\\\.\\", "\\\\?\\", "\\\\?\\UNC\\", "\\\\"
"""Beginnings of paths of Windows: a device, a path that is taken as it is and may be long, such a path of a share, a share."""
LONGEST_PLAIN = 247
"""Characters of a path that every function of Windows takes without the prefix for long paths: of a folder, 248 are too many."""
MOST_NAME = 80
"""Most characters of a file name that is made from a name."""
HELD_S = 1.0
"""How long a write waits for a program that keeps its target open, s; on Windows only: a virus scanner does so for moments."""
HELD_POLL_S = 0.05
LOCK_AT = (1 << 31) - 2
"""Where one byte is locked, far behind the content: Windows keeps readers from a locked byte."""
LOCK_HELD = frozenset((errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EINVAL, 0))
"""Errors of a lock that another process holds, with those of Wine."""
LOCK_S, LOCK_POLL_S = 30.0, 0.01
"""Longest wait for it, and between two attempts, s; on Windows only."""


def windows_refusal(path: str) -> str:
    """Return why a file of this path cannot be written on Windows, or would not be one; empty where it can."""
    if path.startswith(DEVICES):
        return "a device of Windows"
    for name in filter(None, re.split(r"[\\/]", ntpath.splitdrive(path.removeprefix(VERBATIM))[1])):
        if DEVICE.fullmatch(name):
            return f"{name!r} is a device of Windows"
        if name[-1] in " ." and name not in {".", ".."}:
            return f"{name!r} ends with a blank or a dot, which Windows removes"
        if found := FORBIDDEN.search(name):
            return f"{name!r} contains {found[0]!r}, which no name on Windows can"
    return ""


def reader_left(error: OSError) -> bool:
    """Whether writing to a pipe failed because its reader has gone: Windows reports EINVAL for that, other systems EPIPE."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def require_name(path: str | os.PathLike[str]) -> None:
    """Raise :class:`OSError` with the reason where this is Windows and no file of this path can be written; call it before opening one."""
    if sys.platform == "win32" and (why := windows_refusal(os.fspath(path))):
        raise OSError(errno.EINVAL, why, os.fspath(path))


def system_path(path: AnyPath) -> AnyPath:
    """Return a path as system calls take it; messages and results have the path as it was given.

    On Windows a prefix lets it be longer than 260 characters, and be the name of a device, such as the file ``aux.csv`` that a program on
    another system wrote into a share: without the prefix, opening it would wait for a serial port.
    """
    if sys.platform != "win32":
        return path
    text = os.fspath(path)
    full = _full(text)
    return type(path)(long_path(full)) if len(full) > LONGEST_PLAIN or windows_refusal(text) else path


def long_path(path: str) -> str:
    """Return an absolute Windows path with the prefix for long paths."""
    if path.startswith(VERBATIM):
        return path
    return VERBATIM_SHARE + path.removeprefix(SHARE) if path.startswith(SHARE) else VERBATIM + path


def _full(path: str) -> str:
    """Return the absolute form of a Windows path; :func:`os.path.abspath` makes a device of ``aux.csv``."""
    drive, rest = ntpath.splitdrive(path)
    if drive.endswith(":") and not rest.startswith(("\\", "/")):  # relative to the current folder of that drive
        return ntpath.normpath(ntpath.join(os.path.abspath(drive), rest))  # noqa: PTH100 - asks Windows for that folder
    return ntpath.normpath(ntpath.join(os.getcwd(), path))  # noqa: PTH109 - Path would have to be made a text again


def real_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute path of a file without links; of one whose links the system cannot follow, with them."""
    try:
        return os.path.realpath(path)
    except OSError:  # a network drive of Windows, or under Wine a long path
        return os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links


def file_stem(name: str) -> str:
    """Return a name for a file from data, without ending: the name itself where every system can have it, else a digest of it."""
    fits = re.fullmatch(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{MOST_NAME - 1}}}", name) and not windows_refusal(name)
    return name if fits else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@contextmanager
def locked(file: IO[bytes]) -> Iterator[None]:
    """Keep every other process that does the same from passing while the block runs; readers are not kept away.

    The system releases the lock where this process is killed.
    """
    if sys.platform == "win32":
        until = monotonic() + LOCK_S
        while True:
            file.seek(LOCK_AT)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # LK_LOCK tries ten times, once a second
                break
            except OSError as error:
                if error.errno not in LOCK_HELD or monotonic() > until:
                    raise
                sleep(LOCK_POLL_S)
        try:
            yield
        finally:
            file.seek(LOCK_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX)  # closing the file ends it
        yield


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to; it replaces ``path`` when the block ends without an exception.

    Raises :class:`OSError`, also for writes of the block; no file is left behind then.
    """
    require_name(path)
    part = system_path(path.with_name(f".{path.name}.{os.getpid()}.part"))
    try:
        with part.open("wb") as file:
            yield file
        _replace(part, system_path(path))
    finally:
        with suppress(OSError):
            part.unlink()


def _replace(part: Path, path: Path) -> None:
    until = monotonic() + HELD_S
    while True:
        try:
            part.replace(path)
        except PermissionError:
            if sys.platform == "win32" and monotonic() < until:
                sleep(HELD_POLL_S)
            else:
                raise
        else:
            return
