"""One look at a folder: which files could be spectra, in which state they are."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from raman_edge.formats import MAX_BYTES

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
    ignore: frozenset[tuple[int, int]] = frozenset()
    """(device, inode) of files that are ours: the journal, a redirected output."""


@dataclass(slots=True)
class Scan:
    """What one look found."""

    candidates: list[Candidate] = field(default_factory=list)
    folders: dict[str, int] = field(default_factory=dict)
    """Modification time of every folder entered, ns; -1 where it is too fresh to mean anything."""
    problems: dict[str, str] = field(default_factory=dict)
    """Folders that could not be read or are too deep, and why."""


def is_candidate_name(name: str, include: tuple[str, ...] = ("*",)) -> bool:
    """Whether a file of this name is looked at."""
    if name.startswith(HIDDEN) or name.lower().endswith(TEMPORARY):
        return False
    return any(fnmatchcase(name, pattern) for pattern in include)


def scan(root: str, rules: Rules) -> Scan:
    """Look through ``root``; raises :class:`OSError` where the root itself cannot be listed.

    Symbolic links are not followed: what they point to is watched where it lies, or not at all.
    """
    found = Scan()
    pending = [(path, 1) for path in _enter(root, found, rules)]
    while pending:
        folder, level = pending.pop()
        if level > rules.depth:
            found.problems[folder] = f"lies more than {rules.depth} folders deep and is not watched"
            continue
        try:
            pending += [(path, level + 1) for path in _enter(folder, found, rules)]
        except FileNotFoundError:
            continue
        except OSError as error:
            found.problems[folder] = f"cannot be listed: {error.strerror}"
    return found


def _enter(folder: str, found: Scan, rules: Rules) -> list[str]:
    """Add what is in ``folder`` to ``found`` and return the folders below it."""
    changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - paths stay text, as names may be any bytes
    found.folders[folder] = changed if abs(time.time_ns() - changed) > RACY_NS else -1
    below = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith(HIDDEN):
                    below.append(entry.path)
            elif is_candidate_name(entry.name, rules.include):
                _add(entry.path, found, rules)
    return below


def _add(path: str, found: Scan, rules: Rules) -> None:
    try:
        status = os.lstat(path)
    except OSError:
        return  # gone between the listing and now; the next scan tells
    if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in rules.ignore:
        found.candidates.append(Candidate(path, Signature.of(status)))
