"""A journal in use: marks against a model of them, followers while others write, kills between marks and records."""

from __future__ import annotations

import json
import random
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

import journals
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from markers import examples
from raman_edge.errors import JournalUnavailable
from raman_edge.journal import Journal, JournalMemory

CONTENTS = [f"{number:064x}" for number in range(4)]
PATHS = ["/in/a", "/in/b", "/in/\udcff"]
STATES = [(1, 2, 3, 4, 5), (1, 2, 3, 4, 6), (2**64 - 1, 2, 3, -4, 5)]
VERSIONS = ["1.0", "2.0"]
RUNS = [("m" * 64, "c"), ("m" * 64, "d"), ("n" * 64, "c")]

Mark = tuple[str, str, str]
"""Model, configuration, version of raman-edge or "" for all versions."""


class Marks(RuleBasedStateMachine):
    """What is marked, flushed, lost in a crash and found by another version, beside sets that say the same slowly."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.sqlite3"
        self.patched = pytest.MonkeyPatch()
        self.version = VERSIONS[0]
        self.kept: set[tuple[Mark, str]] = set()
        self.states: dict[tuple[Mark, str], tuple[int, ...]] = {}
        self.waiting: list[tuple[Mark, str, tuple[int, ...], str | None]] = []

    @initialize()
    def begin(self) -> None:
        """Open a new journal."""
        self.start(VERSIONS[0])

    def start(self, version: str) -> None:
        """Open the journal as this version of raman-edge."""
        self.version = version
        self.patched.setattr("raman_edge.__version__", version)
        self.journal = Journal.open(self.path)
        self.memories = {run: self.journal.memory(*run) for run in RUNS}

    @rule(
        run=st.sampled_from(RUNS),
        path=st.sampled_from(PATHS),
        state=st.sampled_from(STATES),
        sha256=st.none() | st.sampled_from(CONTENTS),
        failed=st.booleans(),
    )
    def mark(self, run: tuple[str, str], path: str, state: tuple[int, int, int, int, int], sha256: str | None, *, failed: bool) -> None:
        """Note that a file was answered, or could not be."""
        self.memories[run].mark(path, state, sha256, failed=failed)
        self.waiting.append(((*run, self.version if failed else ""), path, state, sha256))

    @rule()
    def flush(self) -> None:
        """Make the marks durable."""
        next(iter(self.memories.values())).flush()
        self.settle()

    @rule(number=st.integers(0, 5))
    def write(self, number: int) -> None:
        """Write a record, which makes the marks durable too."""
        self.journal.write([journals.failure(number)], model="m", config="c")
        self.settle()

    def settle(self) -> None:
        """Do in the sets what the journal does in its tables."""
        for mark, path, state, sha256 in self.waiting:
            self.states[mark, path] = state
            if sha256 is not None:
                self.kept.add((mark, sha256))
        self.waiting.clear()

    @rule(version=st.sampled_from(VERSIONS))
    def crash(self, version: str) -> None:
        """Lose what was not flushed, and start again, perhaps as another version."""
        self.journal.close()
        self.waiting.clear()
        self.start(version)

    @invariant()
    def agrees(self) -> None:
        """What is durable is seen and known by exactly those who may; what waits is known to who marked it."""
        for run, memory in getattr(self, "memories", {}).items():
            marks = [(*run, ""), (*run, self.version)]
            for path in PATHS:
                seen = [state in [self.states.get((mark, path)) for mark in marks] for state in STATES]
                assert memory.seen_each([(path, state) for state in STATES]) == seen
            waiting = {sha256 for mark, _, _, sha256 in self.waiting if mark[:2] == run}
            for sha256 in CONTENTS:
                durable = any((mark, sha256) in self.kept for mark in marks)
                assert memory.known(sha256) == (durable or sha256 in waiting)

    def teardown(self) -> None:
        """Close and forget."""
        self.journal.close()
        self.patched.undo()
        self.folder.cleanup()


TestMarks = Marks.TestCase
TestMarks.settings = settings(max_examples=examples(25), stateful_step_count=20, deadline=None)


def test_a_follower_misses_nothing(tmp_path: Path) -> None:
    """Who follows the rows by their numbers while several write gets each one once, in order, and never a gap filled later."""
    path = tmp_path / "journal.sqlite3"
    Journal.open(path).close()
    followed: list[int] = []
    done = threading.Event()

    def work(first: int) -> None:
        with Journal.open(path) as mine:
            for number in range(first, first + 60, 3):
                mine.write([journals.failure(number + more, f"in/{number + more}") for more in range(3)], model="m", config="c")

    def follow() -> None:
        with Journal.open(path) as mine:
            place = 0
            while not done.is_set() or mine.newest() > place:
                for row in mine.after(place, 7):
                    followed.append(row.seq)
                    place = row.seq
                mine.advance("sink", place)

    follower = threading.Thread(target=follow)
    writers = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200)]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    follower.join()
    assert followed == list(range(1, 181))
    with Journal.open(path) as journal:
        assert journal.cursor("sink") == 180
        assert journal.verify().wrong is None


def test_pruning_beside_a_reader(tmp_path: Path) -> None:
    """Spectra that are removed during a read are missing from then on, and nothing else is."""
    path = tmp_path / "journal.sqlite3"
    journals.write(path, *(journals.answer(number) for number in range(4)))
    with Journal.open(path) as reader, Journal.open(path) as other:
        rows = reader.results()
        assert next(rows).spectrum is not None
        assert other.prune(datetime(2100, 1, 1, tzinfo=UTC)) == 4
        rest = list(rows)
        assert [one.spectrum for one in rest] == [None, None, None]
        assert all(one.digest for one in rest)


WATCHER = """
import sys
from pathlib import Path
from raman_edge.journal import JournalEntry, Journal
from raman_edge.records import FaultRecord, RecordSource
with Journal.open(Path(sys.argv[1])) as journal:
    memory = journal.memory("m", "c")
    for number in range(100_000):
        sha256 = f"{number:064x}"
        if memory.seen(f"/in/{number}", (number, 2, 3, 4, 5)):
            assert memory.known(sha256)
            continue
        if not memory.known(sha256):
            record = FaultRecord(id=f"{number:032x}", ts="", source=RecordSource("file", f"/in/{number}", sha256), why="w")
            journal.write([JournalEntry(record, None)], model="m", config="c")
        memory.mark(f"/in/{number}", (number, 2, 3, 4, 5), sha256)
        if number % 7 == 0:
            memory.flush()
        print(number, flush=True)
"""


def test_kills_between_records_and_marks(tmp_path: Path) -> None:
    """Killed again and again at any point, a watcher leaves a record for every content that is marked, and none twice."""
    path, how = tmp_path / "journal.sqlite3", random.Random(5)  # noqa: S311 - where the kill comes
    for _ in range(5):
        with journals.child(WATCHER, path) as watcher:
            assert watcher.stdout is not None
            for _ in range(how.randrange(1, 30)):
                watcher.stdout.readline()
            sleep(how.random() * 0.005)
            watcher.kill()
            watcher.stdout.read()
    with Journal.open(path) as journal:
        recorded = [json.loads(line)["source"]["sha256"] for line in journal.records()]
        assert len(recorded) == len(set(recorded)) >= 5
        memory = journal.memory("m", "c")
        assert isinstance(memory, JournalMemory)
        marked = {sha256 for sha256 in (f"{number:064x}" for number in range(len(recorded) + 10)) if memory.known(sha256)}
        assert marked <= set(recorded)
        assert journal.verify().wrong is None


def test_marks_of_a_journal_that_was_replaced_count_for_nothing(tmp_path: Path) -> None:
    """A content whose mark was dropped with its journal is not known to the one that takes its place."""
    path = tmp_path / "journal.sqlite3"
    with Journal.open(path) as journal:
        journal.write([journals.answer(0)], **journals.RUN)
        memory = journal.memory(**journals.RUN)
        memory.mark("/in/0.csv", journals.STATE, f"{0:064x}")
        assert memory.known(f"{0:064x}")
        path.unlink()
        with pytest.raises(JournalUnavailable):
            journal.newest()
        assert not memory.known(f"{0:064x}")
        assert journal.verify().wrong is None
