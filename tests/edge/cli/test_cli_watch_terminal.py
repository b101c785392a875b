"""``raman-edge watch`` and what it runs in: a terminal that is suspended or closed, streams that are closed, a bare environment."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import build
import command
import pytest
from markers import POSIX
from watch_process import digests, journaled

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 120.0
SHOWN, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
AS_OURS = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.Handlers(int(sys.argv[1])))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Makes the terminal the controlling one, whose end is a SIGHUP, and runs a command."""
CURSOR, NO_CURSOR = b"\x1b[?25h", b"\x1b[?25l"

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the state of a process is looked up in /proc")


@pytest.fixture
def folder(folder: Path) -> Path:
    """A folder with one spectrum."""
    (folder / "a.csv").write_text(build.text("Gypsum"))
    return folder


def call(folder: Path, model: Path, *more: str) -> list[str | Path]:
    """Return the command line."""
    watch: list[str | Path] = ["watch", folder, "--model", model, "--journal", folder.parent / "j", "--stable", "0.1"]
    return [sys.executable, "-m", "raman_edge", *watch, *more]


class Terminal:
    """A command on its own terminal, which may be closed."""

    def __init__(self, called: list[str | Path], *, deaf: bool = False, errors: Path | None = None) -> None:
        """``deaf`` ignores SIGHUP; ``errors`` is where standard error goes instead."""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

        stderr = errors.open("wb") if errors else theirs
        begun = [sys.executable, "-c", AS_OURS, int(signal.SIG_IGN if deaf else signal.SIG_DFL)]
        self.process = subprocess.Popen(
            [*map(str, begun), *called], stdin=theirs, stdout=theirs, stderr=stderr, env=command.environment(), start_new_session=True
        )
        os.close(theirs)
        self.written = b""
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self.close()

    def _read(self) -> None:
        while not self._closed.is_set():
            if select.select([self._ours], [], [], 0.05)[0]:
                try:
                    self.written += os.read(self._ours, 65_536)
                except OSError:  # Linux says EIO when the other end of a terminal is closed
                    return

    def close(self) -> None:
        """Close the terminal, as its window would be."""
        if not self._closed.is_set():
            self._closed.set()
            self._reader.join()
            os.close(self._ours)

    def wait_until(self, what: Callable[[], bool]) -> None:
        """Wait until ``what`` holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline, self.written[-2000:]
            time.sleep(0.01)

    @property
    def is_stopped(self) -> bool:
        """Whether the process is suspended."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@linux_only
def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(folder: Path, model: Path) -> None:
    """Suspended, the screen is left and the cursor there; going on, it is entered and drawn anew, as often as that is done."""
    with Terminal(call(folder, model)) as terminal:
        terminal.wait_until(lambda: b"Gypsum" in terminal.written)
        for _ in range(2):
            terminal.process.send_signal(signal.SIGTSTP)
            terminal.wait_until(lambda: terminal.is_stopped)
            terminal.wait_until(lambda: terminal.written.rfind(LEFT) > terminal.written.rfind(SHOWN))
            assert terminal.written.rindex(CURSOR) > terminal.written.rindex(NO_CURSOR)
            before = len(terminal.written)
            terminal.process.send_signal(signal.SIGCONT)
            terminal.wait_until(lambda before=before: b"Gypsum" in terminal.written[before:])  # type: ignore[misc]  # bound now
            again = terminal.written[before:]
            assert again.index(SHOWN) < again.index(NO_CURSOR) < again.index(b"Gypsum")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(PATIENCE_S) == 143


@linux_only
@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("apart", [False, True])
def test_a_terminal_that_is_closed_ends_it(folder: Path, model: Path, more: list[str], apart: bool) -> None:  # noqa: FBT001 - a column
    """A closed terminal is a clean end with 129, whatever else hangs on it, and what was shown is journaled."""
    errors = folder.parent / "errors" if apart else None
    with Terminal(call(folder, model, *more), errors=errors) as terminal:
        terminal.wait_until(lambda: b"Gypsum" in terminal.written)
        terminal.close()
        assert terminal.process.wait(PATIENCE_S) == 129
    assert len(journaled(folder.parent / "j")) == 1
    if errors:
        assert errors.read_text().startswith("raman-edge: 1 match; 0 failed")


@linux_only
def test_under_nohup_it_outlives_its_terminal(folder: Path, model: Path) -> None:
    """With SIGHUP ignored, as nohup has it, what comes after the terminal has gone is answered and journaled."""
    with Terminal(call(folder, model), deaf=True, errors=folder.parent / "errors") as terminal:
        terminal.wait_until(lambda: b"Gypsum" in terminal.written)
        terminal.close()
        (folder / "b.csv").write_text(build.text("Quartz", 2))
        terminal.wait_until(lambda: len(journaled(folder.parent / "j")) == 2)
        (folder / "c.csv").write_text(build.text("Quartz", 3))
        terminal.wait_until(lambda: len(journaled(folder.parent / "j")) == 3)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(PATIENCE_S) == 143
    assert "Traceback" not in (folder.parent / "errors").read_text()


def shell(script: str, folder: Path, model: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``"$@"`` is the command."""
    called = ["sh", "-c", script, "sh", *call(folder, model, "--once")]
    given = command.environment(**environment)
    return subprocess.run(called, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=given)


@POSIX
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ('"$@" >&-', 0),
        ('"$@" 2>&-', 0),
        ('"$@" <&-', 0),
        ('"$@" <&- >&- 2>&-', 0),
        ('"$@" > /dev/full', 73),
        ('"$@" 2> /dev/full', 0),
        ('env -i PYTHONPATH="$PYTHONPATH" "$@"', 0),
        ('HOME=/nonexistent "$@"', 0),
        ('unset HOME; "$@"', 0),
        ('cd /; rm -rf "$TMPDIR/gone"; mkdir "$TMPDIR/gone"; cd "$TMPDIR/gone"; rmdir "$TMPDIR/gone"; "$@"', 0),
    ],
)
def test_it_needs_no_stream_and_no_environment(script: str, code: int, folder: Path, model: Path) -> None:
    """Closed or full streams, no environment, no home, a working directory that is gone: the file is journaled, the exit code the usual."""
    done = shell(script, folder, model, TMPDIR=str(folder.parent))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(journaled(folder.parent / "j")) == 1


def test_a_reader_that_goes(folder: Path, model: Path) -> None:
    """Where the reader of a pipe goes the run ends with 141; everything up to there is in the journal, and the next run does the rest."""
    for number in range(40):
        (folder / f"{number}.csv").write_text(build.text("Quartz", number))
    process = subprocess.Popen(
        call(folder, model, "--once"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, env=command.environment()
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(1) == b"{"
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(PATIENCE_S) in {141, 0}  # quick runs have written everything before the reader goes
    assert b"Traceback" not in errors
    again = subprocess.run(call(folder, model, "--once"), capture_output=True, check=False, timeout=PATIENCE_S, env=command.environment())
    assert again.returncode == 0, again.stderr
    records = journaled(folder.parent / "j")
    assert len(records) == len(set(digests(records))) == 41


@pytest.mark.slow
def test_a_reader_that_does_not_read(folder: Path, model: Path) -> None:
    """With a pipe without a reader a signal ends the run soon, with everything in the journal."""
    for number in range(150):
        (folder / f"{number}.csv").write_text(build.text("Quartz", number))
    read, write = os.pipe()
    process = subprocess.Popen(call(folder, model), stdout=write, stderr=subprocess.PIPE, env=command.environment())
    os.close(write)
    deadline = time.monotonic() + PATIENCE_S
    while not (folder.parent / "j").exists() or len(journaled(folder.parent / "j")) < 151:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    command.stop(process)
    process.communicate(timeout=PATIENCE_S)
    os.close(read)
    assert process.returncode == command.STOPPED
