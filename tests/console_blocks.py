"""Console blocks of a page: what a reader types, what he sees, and both done on a real terminal."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from command import _read

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS, ROWS = 200, 50
BLOCK = re.compile(r"<!-- (\w+) -->\n```console\n\$ (.*?)\n(.*?)```", re.DOTALL)
ANYTHING = "…"
"""A line that stands for any lines."""


class Shown(NamedTuple):
    """A command of a page, and what the page says that it prints."""

    mark: str
    """The comment above the block."""
    command: str
    lines: tuple[str, ...]


def shown(page: str) -> tuple[Shown, ...]:
    """Return the marked console blocks of a page, in their order."""
    return tuple(Shown(found[1], found[2], tuple(found[3].splitlines())) for found in BLOCK.finditer(page))


def on_terminal(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, tuple[str, ...]]:
    """Run a shell command on a terminal; return its exit code and the lines that were seen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["sh", "-euc", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    written = bytearray()
    while part := _read(ours):
        written += part
    os.close(ours)
    return process.wait(timeout=120), tuple(line.rstrip() for line in written.decode().splitlines())


def agrees(expected: tuple[str, ...], seen: tuple[str, ...]) -> bool:
    """Whether a page's lines are what was seen, with ``…`` for any lines between."""
    parts = [re.escape(line) if line != ANYTHING else r"[^\0]*?" for line in expected]
    return re.fullmatch("\n".join(parts), "\n".join(seen)) is not None
