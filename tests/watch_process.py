"""``raman-edge watch`` as a process: its lines and notes are read as they come."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import command
from raman_edge.journal import Journal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Self

PATIENCE_S = 120.0
"""It only bounds a failure; a test as a whole has 180 s."""
ANNOUNCING = (
    "import os, sys, time; from raman_edge import cli; from raman_edge.service import signals; handle = signals.Stop.__call__; "
    "signals.Stop.__call__ = lambda self, number, frame: (handle(self, number, frame), os.write(2, b'signal %d\\n' % number))"
)
if sys.platform == "win32":
    ANNOUNCING = (
        "import os, sys, time; from raman_edge import cli; from raman_edge.service import signals; handle = signals.on_console_event; "
        "signals.on_console_event = lambda stop, event: (handle(stop, event), os.write(2, b'signal %d\\n' % stop.signal))[0]"
    )
"""Code that makes a run write a line when it has handled its first signal: a second one that comes before is not a second one."""
MAIN = "sys.exit(cli.main(sys.argv[1:]))"
"""Code that runs the command after :data:`ANNOUNCING`."""
SIGNAL = "signal 2"
"""What it writes for Ctrl-C."""


class Watch:
    """A running ``raman-edge watch``."""

    def __init__(
        self, folder: Path, model: Path, *more: str | Path, journal: Path | None = None, program: Sequence[str] = command.MODULE
    ) -> None:
        self.journal = journal or folder.parent / "journal.sqlite3"
        quick = ("--stable", "0.1")
        self._read(command.start("watch", folder, "--model", model, "--journal", self.journal, *quick, *more, program=program))

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Read what a process writes, as it comes."""
        self.process = process
        self.lines: list[dict[str, object]] = []
        self.stderr = b""
        self._readers = [threading.Thread(target=target) for target in (self._read_lines, self._read_notes)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):  # the last one may be cut by a kill
                self.lines.append(json.loads(line))

    def _read_notes(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr += line

    @property
    def notes(self) -> list[str]:
        """The lines of standard error."""
        return self.stderr.decode().splitlines()

    def noted(self, words: str) -> int:
        """Return how many notes have these words in them."""
        return sum(words in note for note in self.notes)

    def kill(self) -> None:
        """End what a failed test left running."""
        if self.process.poll() is None:
            self.process.kill()
            self.end()

    def wait_for(self, count: int, patience_s: float = PATIENCE_S) -> None:
        """Wait until so many lines have come."""
        self.wait_until(lambda: len(self.lines) >= count, f"{count} lines, got {len(self.lines)}", patience_s)

    def wait_until(self, what: Callable[[], bool], words: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until ``what`` holds, while it runs."""
        deadline = time.monotonic() + patience_s
        while not what():
            assert time.monotonic() < deadline, f"waited for {words}: {self.notes}"
            assert self.process.poll() is None or what(), f"ended with {self.process.returncode}: {self.notes}"
            time.sleep(0.01)

    def end(self, number: int | None = None) -> int:
        """Send a signal, if one is given, and return how the process ended: for SIGTERM with :data:`command.STOPPED`."""
        if number == signal.SIGINT:
            command.interrupt(self.process)
        elif number == signal.SIGTERM:
            command.stop(self.process)
        elif number is not None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_S)
        for reader in self._readers:
            reader.join()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def stop(self) -> int:
        """Ask it to end, and return its exit code, :data:`command.STOPPED` where all is well."""
        return self.end(signal.SIGTERM)


class Serial(Watch):
    """A running ``raman-edge serial``."""

    def __init__(self, port: str, *more: str | Path, journal: Path, calibrations: Path, program: Sequence[str] = command.MODULE) -> None:
        self.journal = journal
        self._read(
            command.start(
                "serial",
                port,
                "--journal",
                journal,
                "--no-user-library",
                "--laser",
                "785",
                *more,
                program=program,
                RAMAN_EDGE_CALIBRATIONS=str(calibrations),
            )
        )


def journaled(path: Path) -> list[dict[str, object]]:
    """Return the records in the journal, oldest first."""
    with Journal.open(path, create=False) as journal:
        return [json.loads(line) for line in journal.records()][::-1]


def digests(records: list[dict[str, object]]) -> list[str]:
    """Return the contents that records are about."""
    return [record["source"]["sha256"] for record in records]  # type: ignore[index]  # a record's source
