"""Everything at once against ``raman-edge watch``: writers, SIGKILL, a second watcher, lost events, a folder that is replaced.

``python fuzz/torture.py SECONDS [SEED [FLOODS]]`` prints what was written, how often the watchers were killed, and whether the
journal has exactly one row for every content that lies in the folder at the end. Exit code 1 where it has not.
The first FLOODS bursts are of a thousand files: a backlog for which a watcher starts a second process.
"""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from raman_edge.journal import Journal

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
import build
import command
from folder_writers import NAMES, Writer

OPERATIONS = (
    *("whole", "chunked", "renamed", "rewritten", "linked", "removed", "emptied"),
    *("moved_in", "burst", "set_back", "replaced"),
)
DEAF = "import raman_edge.sources.notify as a; a.FolderEvents.open = lambda self: None; "
"""Such a watcher receives no file events."""
PATIENCE_S = 120.0


@dataclass
class Report:
    """What came of it."""

    written: int
    """Contents that some file had when its writer closed it."""
    lying: int
    """Contents that lie in the folder at the end."""
    rows: int
    kills: int
    pauses: int
    missing: list[str] = field(default_factory=list)
    """Digests of contents that lie there and have no row."""
    twice: list[str] = field(default_factory=list)
    """Digests with more than one row."""
    torn: list[str] = field(default_factory=list)
    """Digests in the journal that were never a whole file."""
    verified: bool = False
    """Whether the journal's chain holds."""
    verification: str = ""
    """Why it does not: exit code and messages of ``journal verify``."""
    codes: tuple[int, ...] = ()
    """Exit codes of the two watchers; 143 is a clean stop."""

    @property
    def is_right(self) -> bool:
        """Whether the promise was kept."""
        return self.verified and set(self.codes) <= {143} and not (self.missing or self.twice or self.torn)


def _catches(pid: int, number: int) -> bool:
    """Whether a process handles this signal by now; True where there is no /proc to say so."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return True
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


class Watchers:
    """Two watchers of one folder with one journal, started again whenever they are killed."""

    def __init__(self, root: Path, model: Path, journal: Path, rng: random.Random) -> None:
        self._called: list[str | Path] = [
            "watch",
            root,
            "--model",
            model,
            "--journal",
            journal,
            "--stable",
            "0.3",
            "--no-user-library",
            "--json",
        ]
        self._rng = rng
        self.kills = self.pauses = 0
        self._running = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[bytes]:
        deaf = DEAF if self._rng.random() < 0.5 else ""
        code = f"import sys; {deaf}from raman_edge.cli import main; sys.exit(main(sys.argv[1:]))"
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, "-c", code, *self._called], stdin=quiet, stdout=quiet, stderr=quiet, env=command.environment()
        )

    def disturb(self) -> None:
        """Kill one of them, or hold it for a while; start those again that have ended."""
        victim = self._rng.randrange(2)
        process = self._running[victim]
        if self._rng.random() < 0.3 and process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            time.sleep(self._rng.uniform(0.1, 1.0))
            process.send_signal(signal.SIGCONT)
            self.pauses += 1
        else:
            process.kill()
            process.wait()
            self.kills += 1
        self.start_again()

    def start_again(self) -> None:
        """Start those that have ended: one that was killed, or that began while the folder was away."""
        self._running = [process if process.poll() is None else self._start() for process in self._running]

    def end(self) -> list[int]:
        """End both and return their exit codes."""
        for process in self._running:
            while process.poll() is None and not _catches(process.pid, signal.SIGTERM):
                time.sleep(0.05)  # one that was started a moment ago would be killed before it can end cleanly
            process.send_signal(signal.SIGTERM)
        return [process.wait(timeout=60) for process in self._running]


def run(seconds: float, seed: int, place: Path, floods: int = 0) -> Report:
    """Torture for so many seconds, then let the watchers finish, and compare."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    root, journal = place / "in", place / "journal.sqlite3"
    (root / "sub").mkdir(parents=True)
    (place / "model").mkdir()
    model, _ = build.write_pair(place / "model")
    writer = Writer(root, floods=floods)
    watchers = Watchers(root, model, journal, rng)
    over = threading.Event()

    def disturb() -> None:
        while not over.wait(rng.uniform(0.1, 1.5)):
            watchers.disturb()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    ends = time.monotonic() + seconds
    number = 0
    while time.monotonic() < ends:
        number += 1
        getattr(writer, rng.choice(OPERATIONS))(rng.randrange(len(NAMES)), rng.choice([number, rng.randrange(number)]))
        time.sleep(rng.choice([0.0, 0.0, 0.01, 0.1, 0.5]))
    over.set()
    disturber.join()
    lying = {digest(content) for content in writer.all_lying()}
    _wait_for(lying, journal, watchers)
    codes = watchers.end()
    report = compare(journal, {digest(content) for content in writer.complete}, lying)
    report.kills, report.pauses = watchers.kills, watchers.pauses
    report.codes = tuple(codes)
    return report


def compare(journal: Path, written: set[str], lying: set[str]) -> Report:
    """Hold the journal's rows against what was written."""
    rows = Counter(_contents(journal))
    verified = command.run("journal", "verify", "--journal", journal)
    return Report(
        written=len(written),
        lying=len(lying),
        rows=rows.total(),
        kills=0,
        pauses=0,
        missing=sorted(lying - rows.keys()),
        twice=sorted(sha256 for sha256, count in rows.items() if count > 1),
        torn=sorted(rows.keys() - written),
        verified=verified.returncode == 0,
        verification="" if verified.returncode == 0 else f"{verified.returncode}: {verified.stderr.decode()}",
    )


def digest(content: bytes) -> str:
    """Return SHA-256 in lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def _contents(journal: Path) -> list[str]:
    """Return the digest of every row that has one."""
    with Journal.open(journal, create=False) as opened:
        sources = [json.loads(line)["source"] for line in opened.records()]
    return [source["sha256"] for source in sources if "sha256" in source]


def _wait_for(lying: set[str], journal: Path, watchers: Watchers) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        watchers.start_again()
        if journal.exists() and lying <= set(_contents(journal)):
            return
        time.sleep(0.5)


def main() -> int:
    """Run what the command line selects."""
    seconds, seed, floods = float(sys.argv[1]), int((sys.argv[2:] or ["0"])[0]), int((sys.argv[3:] or ["0"])[0])
    with tempfile.TemporaryDirectory() as place:
        report = run(seconds, seed, Path(place), floods)
    print(report)
    return 0 if report.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
