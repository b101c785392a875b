"""Files without a spectrum, moved out of the way: exactly the file that failed, and never over another one.

A path is not an identity: between any two system calls a program may put a good file under it. So one rename first moves
the file that has the name at that moment into a private folder beside it. There no program replaces it, and it is
compared with the file that failed: device, inode, size, time, no process that has it open for writing, and its content.
Only then it is moved on; any other file is given back under its name, or under a free one where a newer file has the name
by now. A run that is killed in between leaves the private folder, and the next look of any run gives back what is in it.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge.atomic_write import system_path
from raman_edge.sources.scan import STAGE, Signature, candidate_at
from raman_edge.sources.stability import OpenWriter, writer_of
from raman_edge.sources.windows import open_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.sources.scan import FileCandidate

LATER_S = 60.0
"""A file whose writer is unknown is moved when it has been unchanged this long, s."""
MOST_ATTEMPTS = 3
"""A file that changes whenever it is moved is left where it is after so many attempts."""
MOST_TRIES = 20
"""Names that are tried; from the third on they are random."""
LONGEST = 255
"""Bytes of a file name."""
RENAME_NOREPLACE, AT_FDCWD = 1, -100
"""rename(2)"""
NO_SUCH_CALL = frozenset((errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM))
"""Errors of a call that this kernel or file system does not have."""


class FailedFiles:
    """Moves failed files to ``folder``, or none where that is None; ``note`` gets one line where a file stays."""

    def __init__(self, folder: str | None, note: Callable[[str], None], *, leases: bool) -> None:
        self.folder = folder
        self._note = note
        self._leases = leases
        self._later: dict[str, tuple[FileCandidate, str | None, float]] = {}
        """Path → the file, its digest, and when it is moved (monotonic, s)."""
        self._attempts: Counter[str] = Counter()

    def wants(self, path: str) -> bool:
        """Whether to move the file: not after too many failed attempts."""
        return self.folder is not None and self._attempts[path] < MOST_ATTEMPTS

    def move(self, candidate: FileCandidate, sha256: str | None) -> None:
        """Move a file now; a changed one is left to the next look."""
        if self.folder is None:
            return
        self._attempts[candidate.path] += 1
        try:
            if move(candidate, self.folder, sha256, leases=self._leases) is not None:
                del self._attempts[candidate.path]
        except OSError as error:
            self._attempts[candidate.path] = MOST_ATTEMPTS
            self._note(f"file {candidate.path!r} cannot be moved to {self.folder!r}: {error.strerror}; it stays")

    def move_later(self, candidate: FileCandidate, sha256: str | None) -> None:
        """Move a file whose writer is unknown when it has been unchanged for :data:`LATER_S` more."""
        self._later[candidate.path] = (candidate, sha256, monotonic() + LATER_S)

    def move_due(self) -> None:
        """Move the files that are due."""
        for path, (candidate, sha256, due) in tuple(self._later.items()):
            if monotonic() >= due:
                del self._later[path]
                self.move(candidate, sha256)

    def report(self) -> None:
        """Report the files that are not moved yet."""
        if self._later:
            self._note(
                f"{len(self._later)} files without a spectrum are not moved yet: a program may still write them. "
                f"A later run moves them, or this command when they are unchanged for {LATER_S:g} s"
            )


def move(candidate: FileCandidate, folder: str, sha256: str | None = None, *, leases: bool = True) -> str | None:
    """Move the file into ``folder`` and return where it lies now; None where it is gone, was changed or is being written.

    ``sha256`` is the digest of the content that failed; None where it was not read. Without ``leases``, as on a
    network, the kernel does not check for writers. Raises :class:`OSError` where it cannot be moved; it is then where it was.
    """
    path = candidate.path
    if candidate_at(path) != candidate:
        return None
    try:
        beside = os.path.dirname(path) or "."  # noqa: PTH120 - paths stay text, as names may be any bytes
        stage = tempfile.mkdtemp(prefix=STAGE, dir=system_path(beside))
    except FileNotFoundError:
        return None
    try:
        held = os.path.join(stage, os.path.basename(path))  # noqa: PTH118, PTH119 - as above
        os.rename(system_path(path), system_path(held))  # noqa: PTH104 - as above
        if not _is_the_one(held, candidate, sha256, leases=leases):
            return None
        return _delivered(held, folder, sha256)
    except FileNotFoundError:
        if not Path(system_path(folder)).is_dir():
            raise
        return None  # the file has gone, or another run has given it back
    finally:
        give_back(stage)


def give_back(stage: str) -> None:
    """Put what is in a private folder back beside it, never over another file, and remove the folder."""
    try:
        names = os.listdir(system_path(stage))  # noqa: PTH208 - paths stay text
    except OSError:
        return  # another run has done it
    for name in names:
        with suppress(FileNotFoundError):
            _placed(os.path.join(stage, name), os.path.dirname(stage), name, None)  # noqa: PTH118, PTH120 - as above
    with suppress(OSError):
        os.rmdir(system_path(stage))  # noqa: PTH106 - as above


def rename_new(source: str, target: str) -> None:
    """Rename a file; :class:`FileExistsError` where ``target`` exists, which :func:`os.rename` would replace on POSIX."""
    source, target = system_path(source), system_path(target)
    if sys.platform == "win32":
        os.rename(source, target)  # noqa: PTH104 - as above
        return
    error = _renamed(source, target)
    if error in NO_SUCH_CALL:
        error = _linked(source, target)
    if error in NO_SUCH_CALL:
        _replaced(source, target)
    elif error:
        raise OSError(error, os.strerror(error), target)


def _replaced(source: str, target: str) -> None:
    """Make an empty file or folder at ``target``, which fails where something is there, and put ``source`` in its place."""
    is_folder = stat.S_ISDIR(os.lstat(source).st_mode)
    if is_folder:
        os.mkdir(target)  # noqa: PTH102 - as above
    else:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        os.replace(source, target)  # noqa: PTH105 - as above
    except OSError:
        (os.rmdir if is_folder else os.unlink)(target)
        raise


def _is_the_one(held: str, candidate: FileCandidate, sha256: str | None, *, leases: bool) -> bool:
    """Whether the file that was taken is the one that failed, as it was, and no process is writing it."""
    try:
        fd = open_to_read(held)
    except OSError:  # a link, or denied: not the file that was read
        return False
    try:
        before = os.fstat(fd)
        same = stat.S_ISREG(before.st_mode) and Signature.of(before)[:4] == candidate.signature[:4]  # a rename changes the change time
        if not same or (leases and writer_of(fd, held) is OpenWriter.OPEN) or (sha256 is not None and _digest(fd) != sha256):
            return False
        return Signature.of(os.fstat(fd)) == Signature.of(before)
    finally:
        os.close(fd)


def _delivered(held: str, folder: str, sha256: str | None) -> str | None:
    """Put the file into ``folder``; across file systems a durable copy of it is there before it is removed."""
    name = os.path.basename(held)  # noqa: PTH119 - as above
    try:
        return _placed(held, folder, name, sha256)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    before = candidate_at(held)
    fd, copy = tempfile.mkstemp(prefix=STAGE, dir=system_path(folder))
    try:
        with Path(system_path(held)).open("rb") as source, os.fdopen(fd, "wb") as target:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        shutil.copystat(system_path(held), system_path(copy))
        if candidate_at(held) != before:  # a process had it open all the time, unseen
            return None
        placed = _placed(copy, folder, name, sha256)
    finally:
        with suppress(OSError):
            os.unlink(system_path(copy))  # noqa: PTH108 - as above
    _sync(folder)
    os.unlink(system_path(held))  # noqa: PTH108 - as above
    return placed


def _placed(source: str, folder: str, name: str, sha256: str | None) -> str:
    """Put a file under a free name in ``folder`` and return its path."""
    for free in _names(name, sha256):
        target = os.path.join(folder, free)  # noqa: PTH118 - as above
        with suppress(FileExistsError):
            rename_new(source, target)
            return target
    raise FileExistsError(errno.EEXIST, f"{MOST_TRIES} names are taken", folder)


def _names(name: str, sha256: str | None) -> Iterator[str]:
    """Give the name itself, the name with the beginning of the content's digest, then the name with random digits."""
    yield name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - Path.stem takes a name that begins with dots apart
    if sha256 is not None:
        yield _fitted(stem, f" ({sha256[:12]})", suffix)
    for _ in range(MOST_TRIES):
        yield _fitted(stem, f" ({secrets.token_hex(6)})", suffix)


def _fitted(stem: str, mark: str, suffix: str) -> str:
    """Return a name that is short enough, cutting its stem."""
    end = os.fsencode(mark + suffix)[-LONGEST:]
    return os.fsdecode(os.fsencode(stem)[: LONGEST - len(end)] + end)


def _digest(fd: int) -> str:
    with os.fdopen(os.dup(fd), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _renamed(source: str, target: str) -> int:
    """Call renameat2(2) and return its error, 0 for none."""
    call = _renameat2()
    if call is None:
        return errno.ENOSYS
    done: int = call(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), RENAME_NOREPLACE)
    return ctypes.get_errno() if done else 0


@cache
def _renameat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def _linked(source: str, target: str) -> int:
    """Give the file its second name, which fails where that exists, then take the first one away; return the error, 0 for none."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        return error.errno or errno.EIO
    os.unlink(source)  # noqa: PTH108 - as above
    return 0


def _sync(folder: str) -> None:
    """Make the names in a folder durable, where that can be done."""
    with suppress(OSError):
        fd = os.open(system_path(folder), os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
