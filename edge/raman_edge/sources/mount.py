"""Which file system a folder lies on: events, leases and clocks mean nothing on a network."""

from __future__ import annotations

import os
from pathlib import Path

NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs"),
        *("9p", "virtiofs", "vboxsf", "prl_fs", "drvfs", "fuse"),
    )
)
"""Types under which other machines may write; ``fuse.sshfs`` and its like count by their first word."""


def is_network(path: str, mountinfo: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether ``path`` lies on a network (or user-space) file system; False where nothing tells."""
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
