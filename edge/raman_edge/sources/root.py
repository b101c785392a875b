"""The watched folder itself: it may go away, come back as another one, be denied to us, or lie on a network; watching goes on."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import SourceUnavailable
from raman_edge.sources.scan import Scan, ScanRules, scan
from raman_edge.sources.windows import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.sources.scan import FileCandidate

NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs"),
        *("9p", "virtiofs", "vboxsf", "prl_fs", "drvfs", "fuse"),
    )
)
"""Types under which other machines may write; ``fuse.sshfs`` and its like count by their first word."""


class WatchedFolder:
    """A watched folder and its last state; ``note`` gets one line for every change."""

    def __init__(self, path: str, rules: ScanRules, note: Callable[[str], None]) -> None:
        self.path = path
        self._rules = rules
        self._note = note
        self._identity: tuple[int, int] | None = None
        self._missing = ""
        self._problems: dict[str, str] = {}

    def open(self) -> None:
        """Check that the folder can be read now; :class:`SourceUnavailable` where it cannot."""
        try:
            self._identity = _identity(self.path)
            os.scandir(self.path).close()
        except OSError as error:
            why = error.strerror or str(error)
            raise SourceUnavailable(
                kind="cannot be watched", place=f"folder {self.path!r}", cause=why, advice="Give a folder that exists and is readable"
            ) from error

    def look(self, meet: Callable[[FileCandidate], None]) -> Scan | None:
        """Pass every file in the folder to ``meet``; None while the folder cannot be read."""
        try:
            identity = _identity(self.path)
            found = scan(self.path, self._rules, meet)
        except OSError as error:
            if self._missing != (why := error.strerror or type(error).__name__):
                self._note(f"folder {self.path!r} cannot be read ({why}); waiting for it")
                self._missing = why
            return None
        self._compare(identity, found.problems)
        return found

    def _compare(self, identity: tuple[int, int], problems: dict[str, str]) -> None:
        """Report differences from the last look."""
        if self._identity not in {identity, None}:
            self._note(f"another folder is at {self.path!r} now; watching that one")
        elif self._missing:
            self._note(f"folder {self.path!r} can be read again")
        for folder, why in problems.items():
            if self._problems.get(folder) != why:
                self._note(f"folder {folder!r} {why}")
        self._identity, self._missing, self._problems = identity, "", problems


def _identity(path: str) -> tuple[int, int]:
    status = Path(path).stat()
    return status.st_dev, status.st_ino


def lies_within(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Whether ``path``, which need not exist, is in ``folder`` or below: by identity, as a folder may have several names."""
    place = Path(os.path.realpath(path))
    try:
        watched = Path(folder).stat()
    except OSError:
        return place.is_relative_to(os.path.realpath(folder))
    for above in (place, *place.parents):
        with suppress(OSError):  # not made yet
            if os.path.samestat(above.stat(), watched):
                return True
    return False


def is_network(path: str, mountinfo: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether ``path`` is on a network (or user-space) file system; False where that is unknown."""
    if sys.platform == "win32":
        return is_remote(os.path.abspath(path))  # noqa: PTH100 - a path of a share stays one
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    return file_system(os.path.realpath(path), lines).split(".")[0] in NETWORK


def file_system(path: str, lines: list[str]) -> str:
    """Return the type of the file system that holds the absolute ``path``; proc_pid_mountinfo(5)."""
    best, kind = "", ""
    for line in lines:
        mount, _, rest = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not rest:  # noqa: PLR2004 - the mount point is the fifth field
            continue
        point = _unescaped(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of two mounts on one point the later one is on top
            best, kind = point, rest.split(" ")[0]
    return kind


def _unescaped(point: str) -> str:
    """Undo the kernel's octal escapes of space, tab, newline and backslash."""
    for escape, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        point = point.replace(escape, character)
    return point
