"""What the system says of a port that cannot be used, and what to do about it."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GROUP = stat.S_IRGRP | stat.S_IWGRP


def said(error: Exception) -> str:
    """Return an error's own words on one line, the error's kind where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def denied(path: Path) -> str:
    """Return what lets this user open a device file."""
    if sys.platform == "win32":
        return "run it as a user who may"
    import grp  # noqa: PLC0415 - POSIX only

    try:
        facts = os.stat(path)  # noqa: PTH116 - a port's name may be no path
        group = grp.getgrgid(facts.st_gid).gr_name
    except (OSError, KeyError):
        return "ask who administers this machine"
    if facts.st_mode & GROUP != GROUP or group == "root":
        rule = 'a udev rule such as SUBSYSTEM=="tty", GROUP="dialout", MODE="0660"'
        return f"it is open to its owner alone; add {rule}, and yourself to that group: {_joined('dialout')}"
    return f"it is open to the group {group}: {_joined(group)}"


def _joined(group: str) -> str:
    return f'`sudo usermod -aG {group} "$USER"`, and log in again'
