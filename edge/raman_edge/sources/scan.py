"""The watched folder itself, and one scan of it: which files could be spectra, in which state they are."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raman_edge.atomic_write import real_path, system_path
from raman_edge.errors import SourceUnavailable
from raman_edge.formats import MAX_BYTES
from raman_edge.sources.windows import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption

TEMPORARY = (
    *("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".download", ".swp", ".lock", ".lck"),
    *(".sqlite3", "-wal", "-shm", "-journal"),
)
"""Ends of names that are not finished, or never spectra; compared in lower case."""
HIDDEN = (".", "~", "$")
"""Beginnings of names that are hidden, or Office's lock files."""
STAGE = ".raman-edge-moving-"
"""Beginning of the name of a private folder that holds one failed file while it is moved (:mod:`raman_edge.sources.failed`)."""
GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE))
"""Errors of a folder that was removed or replaced since it was listed."""
RACY_NS = 20_000_000
"""A folder changed this shortly before it was listed may change again within the same tick of its clock."""


class Signature(NamedTuple):
    """State of a file, without its content; no program can set the change time. Windows has none: its later other time stands for it."""

    dev: int
    ino: int
    size: int
    """Bytes."""
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature of a ``stat`` result."""
        changed_ns = status.st_ctime_ns
        if sys.platform == "win32":  # the time of creation there: a file that was made long ago may be written now
            changed_ns = max(changed_ns, status.st_mtime_ns)
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, changed_ns)


class FileCandidate(NamedTuple):
    """A file that may be a spectrum."""

    path: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class ScanRules:
    """Which files are looked at, and how."""

    include: tuple[str, ...] = ("*",)
    """Shell patterns of file names, any of which fits; case matters."""
    depth: int = 8
    """Folders below the root that are entered; 0 is the root alone."""
    max_bytes: int = MAX_BYTES
    """A larger file is a fault and never read."""
    poll_s: float | None = None
    """Seconds between two scans; None is 0.5, or 2 on a network file system."""
    stable_s: float | None = None
    """A file is complete when it has been unchanged this long, s; None is 1, or 3 on a network file system."""
    laser_nm: float | None = None
    """Excitation of files with a wavelength axis and without their laser's wavelength, nm; None is unknown."""
    axis: AxisOption | None = None
    """Quantity of an axis that a file does not name; None is unknown."""
    calibration: Calibration | None = None
    """Calibration of the axes; None leaves them as the instrument wrote them."""
    newest: int | None = None
    """How many of the files that are there at the start are read, the newest; None is all, 0 is none."""
    move_failed: str | None = None
    """Folder that files without a spectrum in them are moved to once the journal has them; None leaves them where they are."""
    ignore: frozenset[tuple[int, int]] = frozenset()
    """(device, inode) of files and folders that are ours: a redirected output, where failed files go."""
    written: tuple[str, ...] = ()
    """Paths of files that we write: the journal and the outputs. A file of the same identity is ignored under every name.

    Their identities are looked up at every scan, because an output may be rotated.
    """

    def ours(self) -> frozenset[tuple[int, int]]:
        """Return (device, inode) of everything that we write to, as it is now."""
        found = set(self.ignore)
        for path in self.written:
            with suppress(OSError):  # not written yet, or rotated away
                status = os.stat(system_path(path))  # noqa: PTH116 - paths stay text, as names may be any bytes
                found.add((status.st_dev, status.st_ino))
        return frozenset(found)


@dataclass(slots=True)
class Scan:
    """What one look found besides files."""

    folders: dict[str, int] = field(default_factory=dict)
    """Modification time of every folder entered, ns; -1 where it is too fresh to mean anything."""
    problems: dict[str, str] = field(default_factory=dict)
    """Folders that could not be read or are too deep, and why."""
    ignored: Counter[str] = field(default_factory=Counter)
    """How many names are not looked at, by the reason; names that fit no pattern are not counted."""
    ours: list[str] = field(default_factory=list)
    """Files that are ignored because they are among :attr:`ScanRules.written`, under any name."""
    stages: list[str] = field(default_factory=list)
    """Private folders of a move that was interrupted."""


def is_candidate_name(name: str) -> bool:
    """Whether a file of this name may be a spectrum."""
    return not _why_ignored(name)


def _why_ignored(name: str) -> str:
    """Return the reason why a name is never looked at; "" for a name that may be."""
    if name.startswith(HIDDEN):
        return "hidden"
    return "temporary" if name.lower().endswith(TEMPORARY) else ""


def scan(root: str, rules: ScanRules, meet: Callable[[FileCandidate], None]) -> Scan:
    """Look through ``root`` and pass every candidate to ``meet``; raises :class:`OSError` where the root cannot be listed.

    Candidates are passed one by one: of a hundred thousand known files none need stay in memory.
    Symbolic links are not followed: their targets are watched at their own place, or not at all.
    """
    found, ours = Scan(), rules.ours()
    pending = [(path, 1) for path in _enter(root, found, rules, ours, meet)]
    while pending:
        folder, level = pending.pop()
        if level > rules.depth:
            found.problems[folder] = f"lies more than {rules.depth} folders deep and is not watched"
            found.ignored["too deep"] += 1
            continue
        try:
            pending += [(path, level + 1) for path in _enter(folder, found, rules, ours, meet)]
        except OSError as error:
            if error.errno not in GONE and not _is_file(folder):
                found.problems[folder] = f"cannot be listed: {error.strerror}"
    return found


def candidate_at(path: str) -> FileCandidate | None:
    """Return the file at ``path`` as it is now, or None where it is gone or no regular file."""
    try:
        status = os.lstat(system_path(path))
    except OSError:
        return None
    return FileCandidate(path, Signature.of(status)) if stat.S_ISREG(status.st_mode) else None


def _enter(
    folder: str, found: Scan, rules: ScanRules, ours: frozenset[tuple[int, int]], meet: Callable[[FileCandidate], None]
) -> list[str]:
    """Pass the files in ``folder`` to ``meet``, add it to ``found`` and return the folders below it."""
    changed = os.stat(system_path(folder)).st_mtime_ns  # noqa: PTH116 - paths stay text, as names may be any bytes
    found.folders[folder] = changed if abs(time.time_ns() - changed) > RACY_NS else -1
    below = []
    for entry, path in _listed(folder):
        if entry.is_dir(follow_symlinks=False):
            if _is_watched(entry, path, found, ours):
                below.append(path)
        elif (why := _why_ignored(entry.name)) or not entry.is_file(follow_symlinks=False):
            if entry.inode() not in {inode for _, inode in ours}:  # the journal's log, where that lies here
                found.ignored[why or "link or special file"] += 1
        elif any(fnmatchcase(entry.name, pattern) for pattern in rules.include):
            candidate = candidate_at(path)  # None: gone since the listing
            if candidate is None or candidate.signature[:2] in rules.ignore:
                continue
            if candidate.signature[:2] in ours:
                found.ours.append(path)
            else:
                meet(candidate)
    return below


def _listed(folder: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Give each entry of a folder, and its path as it begins with ``folder``.

    On Windows all entries are read first: no program can rename the folder while it is listed.
    """
    listed = system_path(folder)
    with os.scandir(listed) as entries:
        for entry in list(entries) if sys.platform == "win32" else entries:
            yield entry, entry.path if listed == folder else os.path.join(folder, entry.name)  # noqa: PTH118 - paths stay text


def _is_watched(folder: os.DirEntry[str], path: str, found: Scan, ours: frozenset[tuple[int, int]]) -> bool:
    """Whether a folder is entered; else its kind is noted in ``found``."""
    if folder.name.startswith(STAGE):
        found.stages.append(path)
        return False
    if _why_ignored(folder.name) == "hidden":
        found.ignored["hidden"] += 1
        return False
    return not _is_ours(folder, ours)


def _is_ours(folder: os.DirEntry[str], ours: frozenset[tuple[int, int]]) -> bool:
    """Whether a folder is one that we write to; one that has gone is not, and is found to be gone when it is entered."""
    try:
        status = os.lstat(folder.path)  # the entry has no identity on Windows
    except OSError:
        return False
    return (status.st_dev, status.st_ino) in ours


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
            os.scandir(system_path(self.path)).close()
        except OSError as error:
            why = error.strerror or str(error)
            advice = "Give a folder that exists and is readable"
            if isinstance(error, NotADirectoryError) or _is_file(self.path):
                why = os.strerror(errno.ENOTDIR)
                advice = "Give a folder; `raman-edge identify FILE` identifies a file"
            raise SourceUnavailable(kind="cannot be watched", place=f"folder {self.path!r}", cause=why, advice=advice) from error

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


def _is_file(path: str) -> bool:
    """Whether a path that cannot be listed is a file; Windows has several errors for that."""
    try:
        return stat.S_ISREG(os.stat(system_path(path)).st_mode)  # noqa: PTH116 - paths stay text, as names may be any bytes
    except OSError:
        return False


def _identity(path: str) -> tuple[int, int]:
    status = Path(system_path(path)).stat()
    return status.st_dev, status.st_ino


def lies_within(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Whether ``path``, which need not exist, is in ``folder`` or below: by identity, as a folder may have several names."""
    place = Path(real_path(path))
    try:
        watched = system_path(Path(folder)).stat()
    except OSError:
        return place.is_relative_to(real_path(folder))
    for above in (place, *place.parents):
        with suppress(OSError):  # not made yet
            if os.path.samestat(system_path(above).stat(), watched):
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
