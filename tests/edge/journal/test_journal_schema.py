# ruff: noqa: S608 - the statements are put together from our own text
"""Older journals: brought up to date with all that they hold, in one piece or not at all."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import journals
import pytest
from raman_edge import records
from raman_edge.diagnostics import doctor
from raman_edge.errors import JournalError
from raman_edge.journal import Journal, schema, schema_1

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_edge.journal import JournalEntry

MODEL, CONFIG = "d" * 64, "e" * 32
INSERT = "INSERT INTO records (id, sha256, idx, model, config, path, ts, event, decision, best, record) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
STATES = {"/in/quartz.csv": (2**64 - 1, 2**63, 3, -4, 5), "/in/\udcff.csv": (1, 2, 3, 4, 5), "/in/empty.csv": (1, 1, 0, 4, 5)}


def schema_1_journal(path: Path, entries: Sequence[JournalEntry]) -> None:
    """Write a journal as raman-edge 0.1 did: rows as they were, by the script of its schema."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(schema_1.SCRIPT)
        for entry in entries:
            record, result = entry.record, entry.record if isinstance(entry.record, records.ResultRecord) else None
            said = ("result" if result else "fault", result and result.decision, result and result.matches[0].label)
            source = (record.source.sha256, record.source.index, MODEL, CONFIG, record.source.path, record.ts)
            old.execute(INSERT, (record.id, *source, *said, records.encode(record).decode()))
            old.execute("INSERT INTO contents VALUES (?,?,?)", (record.source.sha256, MODEL, CONFIG))
        for (name, state), sha256 in zip(STATES.items(), (f"{0:064x}", f"{1:063x}f", None), strict=True):
            signed = [(value + 2**63) % 2**64 - 2**63 for value in state]
            old.execute("INSERT INTO seen VALUES (?,?,?,?,?,?,?,?,?)", (os.fsencode(name), MODEL, CONFIG, *signed, sha256))
        old.execute(f"PRAGMA application_id = {schema.APPLICATION}")
        old.execute("PRAGMA user_version = 1")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of schema 1 with two answers and a fault."""
    path = tmp_path / "journal.sqlite3"
    schema_1_journal(path, [journals.answer(0), journals.failure(1), journals.answer(2, "Gypsum")])
    return path


def test_every_row_comes_along(old: Path) -> None:
    """The lines, their order and their ids are what they were, and all rows are chained."""
    before = journals.ask(old, "SELECT seq, id, record FROM records ORDER BY seq")
    with Journal.open(old) as journal:
        assert [(row.seq, row.id, row.line) for row in journal.after(0, 10)] == before
        finding = journal.verify()
        assert (finding.rows, finding.spectra, finding.wrong) == (3, 0, None)
        assert {held.model for held in journal.held()} == {MODEL}
    assert journals.ask(old, "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%\\_1' ESCAPE '\\'") == []
    assert journals.ask(old, "PRAGMA user_version") == [(schema.SCHEMA,)]


def test_answers_are_remembered_and_failures_tried_again(old: Path) -> None:
    """What was answered is not answered again; what an older reader could not read is read once more, and has its own row."""
    with Journal.open(old) as journal:
        memory = journal.memory(MODEL, CONFIG)
        assert [memory.seen(path, state) for path, state in STATES.items()] == [True, False, False]
        assert memory.known(f"{0:064x}")
        assert not memory.known(f"{1:063x}f")
        assert journal.write([journals.answer(0)], model=MODEL, config=CONFIG) == (False,)
        assert journal.write([journals.failure(7)], model=MODEL, config=CONFIG) == (True,)
        assert journal.verify().wrong is None


def test_a_large_one(tmp_path: Path) -> None:
    """Thousands of rows come along."""
    path = tmp_path / "journal.sqlite3"
    first = journals.answer(0)
    schema_1_journal(path, [first])
    copies = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000) "
    fields = "printf('%032x', i), printf('%064x', i+9), idx, model, config, path, ts, event, decision, best, record"
    journals.change(path, f"{INSERT.split('VALUES', maxsplit=1)[0]} {copies} SELECT {fields} FROM records, n")
    with Journal.open(path) as journal:
        assert journal.count() == 3001
        assert journal.verify().wrong is None


def test_two_that_open_it_at_once(old: Path) -> None:
    """Of several that open an old journal at the same time one brings it up to date, and all can use it."""
    ready, found = threading.Barrier(4), []

    def work() -> None:
        ready.wait()
        with Journal.open(old) as mine:
            found.append(mine.verify())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert {finding.rows for finding in found} == {3}
    assert len({finding.head for finding in found}) == 1


def fails(connection: sqlite3.Connection) -> None:
    """Do half of something."""
    connection.execute("CREATE TABLE sinks (name TEXT)")
    connection.execute("NONSENSE")


def test_a_failed_migration_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails half-way leaves the journal as it was, and another attempt finds it so."""
    before = journals.ask(old, "SELECT * FROM records")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, fails))
        patched.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
        with pytest.raises(JournalError, match="syntax error"):
            Journal.open(old)
    assert journals.ask(old, "SELECT * FROM records") == before
    assert journals.ask(old, "PRAGMA user_version") == [(1,)]
    with Journal.open(old) as journal:
        assert journal.count() == 3


def test_a_new_journal_has_every_table_and_large_pages(tmp_path: Path) -> None:
    """An empty file goes through every migration; its pages hold several rows each."""
    Journal.open(tmp_path / "j").close()
    tables = {str(row[0]) for row in journals.ask(tmp_path / "j", "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {"records", "lines", "spectra", "axes", "runs", "contents", "seen", "cursors"} <= tables
    assert journals.ask(tmp_path / "j", "PRAGMA page_size") == [(schema.PAGE_BYTES,)]


def test_doctor_reads_times_of_both_schemas(tmp_path: Path) -> None:
    """`doctor` reads how old the newest record is, in a journal as it is written today and in an older one."""
    schema_1_journal(tmp_path / "old", [journals.answer(0)])
    journals.write(tmp_path / "new", journals.answer(0))
    for path in (tmp_path / "old", tmp_path / "new"):
        ((number, oldest, newest),) = doctor.look_into(path, doctor.RECORDS).rows
        assert (number, oldest) == (1, newest)
        assert abs((datetime.now(UTC) - doctor.time_of(newest)).total_seconds()) < 600
