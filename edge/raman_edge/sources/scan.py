"""One look at a folder: which files could be spectra, in which state they are."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from raman_edge.formats import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption

TEMPORARY = (
    *("~", ".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".download", ".swp", ".lock", ".lck"),
    *(".sqlite3", "-wal", "-shm", "-journal"),
)
"""Ends of names that are not finished, or never spectra; compared in lower case."""
HIDDEN = (".", "~", "$")
"""Beginnings of names that are hidden, or Office's lock files."""
RACY_NS = 20_000_000
"""A folder changed this shortly before it was listed may change again within the same tick of its clock."""


class Signature(NamedTuple):
    """What tells one state of a file from another without reading it; the change time cannot be set by hand."""

    dev: int
    ino: int
    size: int
    """Bytes."""
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature in what ``stat`` said."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Candidate(NamedTuple):
    """A file that may be a spectrum."""

    path: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class Rules:
    """Which files are looked at, and how."""

    include: tuple[str, ...] = ("*",)
    """Shell patterns of file names, any of which fits; case matters."""
    depth: int = 8
    """Folders below the root that are entered; 0 is the root alone."""
    max_bytes: int = MAX_BYTES
    """A larger file is answered with a fault and never read."""
    poll_s: float | None = None
    """Seconds between two scans; None is 0.5, or 2 on a network file system."""
    stable_s: float | None = None
    """A file is complete when it has been unchanged this long, s; None is 1, or 3 on a network file system."""
    laser_nm: float | None = None
    """Excitation of files with a wavelength axis that do not tell theirs, nm; None is unknown."""
    axis: AxisOption | None = None
    """What an axis holds that a file does not name; None is unknown."""
    calibration: Calibration | None = None
    """What makes the axis of every spectrum; None leaves it as the instrument wrote it."""
    newest: int | None = None
    """How many of the files that lie there at the start are answered, the newest; None is all, 0 is none."""
    move_failed: str | None = None
    """Folder that files without a spectrum in them are moved to once the journal has them; None leaves them where they are."""
    ignore: frozenset[tuple[int, int]] = frozenset()
    """(device, inode) of files and folders that are ours: the journal, a redirected output, where failed files go."""


@dataclass(slots=True)
class Scan:
    """What one look found besides files."""

    folders: dict[str, int] = field(default_factory=dict)
    """Modification time of every folder entered, ns; -1 where it is too fresh to mean anything."""
    problems: dict[str, str] = field(default_factory=dict)
    """Folders that could not be read or are too deep, and why."""


def is_candidate_name(name: str, include: tuple[str, ...] = ("*",)) -> bool:
    """Whether a file of this name is looked at."""
    if name.startswith(HIDDEN) or name.lower().endswith(TEMPORARY):
        return False
    return any(fnmatchcase(name, pattern) for pattern in include)


def scan(root: str, rules: Rules, meet: Callable[[Candidate], None]) -> Scan:
    """Look through ``root``, telling ``meet`` of every candidate; raises :class:`OSError` where the root itself cannot be listed.

    Candidates are told one by one: of a hundred thousand answered files none need stay in memory.
    Symbolic links are not followed: what they point to is watched where it lies, or not at all.
    """
    found = Scan()
    pending = [(path, 1) for path in _enter(root, found, rules, meet)]
    while pending:
        folder, level = pending.pop()
        if level > rules.depth:
            found.problems[folder] = f"lies more than {rules.depth} folders deep and is not watched"
            continue
        try:
            pending += [(path, level + 1) for path in _enter(folder, found, rules, meet)]
        except FileNotFoundError:
            continue
        except OSError as error:
            found.problems[folder] = f"cannot be listed: {error.strerror}"
    return found


def candidate_at(path: str) -> Candidate | None:
    """Return the file at ``path`` as it is now, or None where it is gone or no regular file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return Candidate(path, Signature.of(status)) if stat.S_ISREG(status.st_mode) else None


def _enter(folder: str, found: Scan, rules: Rules, meet: Callable[[Candidate], None]) -> list[str]:
    """Tell of the files in ``folder``, add it to ``found`` and return the folders below it."""
    changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - paths stay text, as names may be any bytes
    found.folders[folder] = changed if abs(time.time_ns() - changed) > RACY_NS else -1
    below = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(HIDDEN) and not _is_ours(entry, rules):
                    below.append(entry.path)
            elif is_candidate_name(entry.name, rules.include):
                candidate = candidate_at(entry.path)  # None: gone between the listing and now; the next scan tells
                if candidate is not None and candidate.signature[:2] not in rules.ignore:
                    meet(candidate)
    return below


def _is_ours(folder: os.DirEntry[str], rules: Rules) -> bool:
    """Whether a folder is one that we write to."""
    status = folder.stat(follow_symlinks=False)
    return (status.st_dev, status.st_ino) in rules.ignore
