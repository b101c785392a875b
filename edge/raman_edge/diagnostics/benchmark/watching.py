"""Other processes that are measured: started, listened to, and asked what they take of the machine.

They keep a journal of their own in a temporary folder, and read no library of the user's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread, current_thread, main_thread
from typing import TYPE_CHECKING

import msgspec

import raman_edge
from raman_edge.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

GRACE_S = 10.0
"""s that a process has to end after it was told to."""
ANSWER_S = 60.0
"""The longest that a process may take to answer."""
MOST_SAID = 300
"""Characters shown of what a process said last."""
BYTES_IN_MB = 1e6


@dataclass(frozen=True, slots=True)
class Options:
    """What every process is started with."""

    model: Path
    library: Path
    threads: int

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a call of ``raman-edge``."""
        given = ("--model", str(self.model), "--library", str(self.library), "--threads", str(self.threads), "--json")
        return [sys.executable, "-m", "raman_edge", name, *arguments, *given]


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time that a process has used so far, all its threads, s."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # proc(5): utime and stime are fields 14 and 15; the first one here is field 3.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident_mb(pid: int) -> float | None:
    """Return the most memory that a process has held, MB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / BYTES_IN_MB, 1)
    return None


class OutputLines:
    """The lines that a process says, as they come."""

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process, self._errors = process, errors
        self.came: dict[str, float] = {}
        """When the record of a file came, by its name."""
        self._changed = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            now = time.perf_counter()
            path = msgspec.json.decode(line)["source"]["path"]
            with self._changed:
                self.came[Path(path).name] = now
                self._changed.notify_all()

    def wait_for(self, names: Collection[str]) -> None:
        """Wait until every file is answered; :class:`SourceLost` where that takes too long or the process ends."""
        with self._changed:
            if self._changed.wait_for(lambda: self.came.keys() >= set(names), ANSWER_S):
                return
        said = self._errors.read_text(encoding="utf-8", errors="replace").strip()[-MOST_SAID:]
        late = len(set(names) - self.came.keys())
        msg = f"{late} of {len(names)} spectra were not answered within {ANSWER_S:g} s; `watch` says: {said or 'nothing'}"
        raise SourceLost(msg)

    def cpu_percent(self, work: Callable[[], object]) -> float | None:
        """Return what share of one core the process uses while ``work`` runs here."""
        before, started = cpu_seconds(self.process.pid), time.perf_counter()
        work()
        after, ended = cpu_seconds(self.process.pid), time.perf_counter()
        return None if before is None or after is None else round(100 * (after - before) / (ended - started), 2)


@contextmanager
def running(command: Sequence[str], place: Path) -> Iterator[OutputLines]:
    """Run ``raman-edge watch`` and end it afterwards."""
    errors = place / "said.txt"
    process = None
    try:
        with errors.open("wb") as said, _signals_held():
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment(place))  # noqa: S603 - our own command
        yield OutputLines(process, errors)
    finally:
        if process:
            _end(process)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM come only after what is inside: between the start of a process and its name it could not be ended."""
    came: list[int] = []
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and wait for it: leaving by Ctrl-C, :class:`subprocess.Popen` alone would wait a quarter of a second."""
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def environment(place: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's is read or written, and this package is the one that is found."""
    found = str(Path(raman_edge.__file__).parent.parent)
    ours = {"RAMAN_EDGE_JOURNAL": str(place / "journal.sqlite3"), "RAMAN_EDGE_USER_LIBRARY": str(place / "none.sqlite3")}
    return {**os.environ, **ours, "PYTHONPATH": os.pathsep.join(filter(None, (found, os.environ.get("PYTHONPATH"))))}
