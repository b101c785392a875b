"""A real terminal to test in: a pseudo-terminal with a command in it, read by a terminal emulator."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyte
import pytest
import raman_edge

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = Path(raman_edge.__file__).parents[1]
START = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.executable, [sys.executable, '-m', 'raman_edge', *sys.argv[2:]])"
"""Opening the terminal makes it the controlling one of the new session, so that Ctrl-C is a signal."""
WITHIN_S = 120.0
FRAME_ENDS = b"\x1b[?2026l"


class Terminal:
    """A terminal with a command in it."""

    def __init__(self, columns: int, rows: int, *arguments: str, stdin: int | None = None, **environment: str) -> None:
        if sys.platform == "win32":
            pytest.skip("Windows has no pseudo-terminals")
        self.master, slave = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._unread = b""
        self.resize(columns, rows)
        self._before = termios.tcgetattr(slave)
        variables = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES", "LC_ALL"}}
        variables |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(PACKAGES)} | environment
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, os.ttyname(slave), *arguments],
            stdin=slave if stdin is None else stdin,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=variables,
        )
        self._slave = slave

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._slave)
        os.close(self.master)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the kernel sends SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def read(self, seconds: float) -> bool:
        """Take in what is written within ``seconds``; False where nothing was."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        data = os.read(self.master, 65_536)
        self.written += data
        self._unread += data
        # As a terminal with synchronised output does: a frame is shown when it is whole.
        whole, end, self._unread = self._unread.rpartition(FRAME_ENDS)
        self._stream.feed(whole + end)
        return True

    def until(self, what: Callable[[list[str]], bool]) -> list[str]:
        """Read until the screen's rows are as wanted, and return them."""
        ends = time.monotonic() + WITHIN_S
        while not what(self.rows):
            assert time.monotonic() < ends, "\n".join(self.rows)
            self.read(0.1)
        return self.rows

    def press(self, keys: str) -> None:
        """Press keys, or what a terminal sends for them."""
        os.write(self.master, keys.encode())

    def ends(self, seconds: float) -> bool:
        """Read for so long, or until the process has ended, and return whether it has."""
        ends = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < ends:
            self.read(0.05)
        return self.process.poll() is not None

    def end(self) -> int:
        """Read to the end of the process and return its exit code."""
        ends = time.monotonic() + WITHIN_S
        while self.process.poll() is None:
            assert time.monotonic() < ends, "\n".join(self.rows)
            self.read(0.05)
        while self.read(0.1):
            pass
        self._stream.feed(self._unread)
        return self.process.returncode

    def line_edited(self) -> bool:
        """Whether the terminal waits for Enter, and echoes, as a shell has it."""
        return bool(termios.tcgetattr(self._slave)[3] & (termios.ICANON | termios.ECHO))

    @property
    def rows(self) -> list[str]:
        """What is on the screen, each row to its last character."""
        return [row.rstrip() for row in self.screen.display]

    def assert_as_before(self) -> None:
        """Everything that was switched on was switched off again, and the line discipline is the old one."""
        for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"), (b"\x1b[?7l", b"\x1b[?7h")):
            assert self.written.rindex(off) > self.written.rindex(on)
        assert not self.screen.cursor.hidden
        assert termios.tcgetattr(self._slave) == self._before


def watch(folder: Path, model: str, columns: int = 80, rows: int = 24, *, stdin: int | None = None, **environment: str) -> Terminal:
    """Start ``watch`` in a terminal."""
    folder.mkdir(exist_ok=True)
    arguments = ("watch", str(folder), "--model", model, "--journal", str(folder.parent / "journal.sqlite3"), "--stable", "0.1")
    return Terminal(columns, rows, *arguments, stdin=stdin, **environment)


@contextmanager
def simulated(profile: str, material: str, link: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Have a simulated spectrometer answer at ``link`` while the block runs; the process is its cable."""
    command = [
        sys.executable,
        "-m",
        "raman_edge",
        "instruments",
        "simulate",
        profile,
        "--material",
        material,
        "--link",
        link,
        "--json",
        *options,
    ]
    variables = os.environ | {"PYTHONPATH": str(PACKAGES)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=variables) as process:
        try:
            if process.stdout is not None:
                process.stdout.readline()  # its port is there now
            yield process
        finally:
            process.terminate()


def put(folder: Path, name: str, text: str) -> None:
    """Write a file as careful software does."""
    (folder / "new.tmp").write_text(text)
    (folder / "new.tmp").rename(folder / name)


def is_whole(rows: list[str]) -> bool:
    """Whether header, footer, keys and every rule of a frame are where they belong."""
    ends = rows[0].startswith(" raman-edge ") and "matched-filter" in rows[-2] and rows[-1].endswith("q quit")
    return ends and sum("── quality ─" in row for row in rows) == 1
