# ruff: noqa: S608 - tests change tables by name
"""Spectra that are gone: pruned, never kept, or removed by hand; and what the chain says of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import journals
import pytest
from raising import refused
from raman_edge import sqlite_file
from raman_edge.errors import JournalDamaged
from raman_edge.journal import Journal, Verification, rows

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = 4
PRUNED = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of answers with their spectra, and a fault."""
    path = tmp_path / "journal.sqlite3"
    journals.write(path, *(journals.answer(number) for number in range(ANSWERS)), journals.failure(9))
    return path


def verified(path: Path, head: str | None = None) -> Verification:
    """Return what a verification finds."""
    with Journal.open(path) as journal:
        return journal.verify(head)


def prune(path: Path, before: datetime = PRUNED) -> int:
    """Remove old spectra."""
    with Journal.open(path) as journal:
        return journal.prune(before)


@pytest.mark.parametrize("seq", [1, ANSWERS])
def test_a_spectrum_removed_by_hand_is_found(path: Path, seq: int) -> None:
    """Whatever spectrum is gone without a prune, the row is named, also where its axis is gone with it."""
    journals.change(path, "DELETE FROM spectra WHERE seq = ?", (seq,))
    journals.change(path, "DELETE FROM axes WHERE axis NOT IN (SELECT axis FROM spectra)")
    finding = verified(path)
    assert (finding.wrong or "").startswith(f"row {seq} ")
    assert "removed by hand" in (finding.wrong or "")


def test_a_prune_is_no_removal_by_hand(path: Path) -> None:
    """The chain records what prune removes, and still has the head that was noted before."""
    head = verified(path).head
    assert prune(path) == ANSWERS
    finding = verified(path, head)
    assert (finding.rows, finding.spectra, finding.pruned, finding.wrong) == (ANSWERS + 1, 0, ANSWERS, None)
    assert finding.noted == ANSWERS + 1
    assert finding.head != head
    assert verified(path, finding.head).wrong is None


def test_a_prune_that_removes_nothing_prints_nothing(path: Path) -> None:
    """The chain does not grow by prunes that found nothing."""
    head = verified(path).head
    assert prune(path, datetime(2000, 1, 1, tzinfo=UTC)) == 0
    assert verified(path).head == head


def test_a_prune_explains_only_what_it_removed(path: Path) -> None:
    """Rows written after a prune, and rows of a later time, are not covered by it."""
    prune(path)
    journals.write(path, journals.answer(20), journals.answer(21))
    assert verified(path).wrong is None
    journals.change(path, f"DELETE FROM spectra WHERE seq = {ANSWERS + 3}")
    assert f"row {ANSWERS + 3} " in (verified(path).wrong or "")


def test_a_prune_of_old_rows_does_not_explain_new_ones(path: Path) -> None:
    """Of a row that is younger than what was pruned, a removed spectrum is found."""
    journals.change(path, "DELETE FROM spectra WHERE seq = 1")
    with Journal.open(path) as journal, journal._database.transaction() as connection:
        rows.add_event(connection, rows.Pruned(int((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1000), 1))
    assert "removed by hand" in (verified(path).wrong or "")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events",
        "UPDATE events SET facts = replace(facts, '4', '5')",
        "UPDATE events SET ts = '2026-01-01T00:00:00.000Z'",
        "UPDATE events SET after = after - 1",
        "UPDATE events SET after = after + 1",
        "UPDATE events SET number = 1",
        "UPDATE events SET kind = 'spectra'",
        "UPDATE events SET facts = 'null'",
        "UPDATE events SET facts = x'00'",
        "UPDATE events SET chain = zeroblob(32)",
        "UPDATE events SET chain = 'text'",
        "UPDATE events SET ts = 5",
        "INSERT INTO events SELECT after, number + 1, ts, kind, facts, chain FROM events",
    ],
)
@pytest.mark.parametrize("more", [False, True])
def test_an_event_that_was_changed_shows(path: Path, statement: str, *, more: bool) -> None:
    """Changed, moved, added or removed: the chain no longer fits, whether rows follow or not."""
    prune(path)
    if more:
        journals.write(path, journals.answer(20))
    journals.change(path, statement)
    assert verified(path).wrong is not None


def test_a_journal_without_spectra_is_reported(tmp_path: Path) -> None:
    """What was never kept is no removal; where spectra are kept again, those that go are found."""
    path = tmp_path / "journal.sqlite3"
    journals.write(path, journals.answer(0), journals.answer(1), spectra=False)
    journals.write(path, journals.answer(2), spectra=False)
    assert journals.ask(path, "SELECT count(*) FROM events") == [(1,)]
    finding = verified(path)
    assert (finding.rows, finding.spectra, finding.pruned, finding.wrong) == (3, 0, 3, None)
    journals.write(path, journals.answer(3), journals.answer(4))
    assert (verified(path).spectra, verified(path).wrong) == (2, None)
    journals.change(path, "DELETE FROM spectra WHERE seq = 4")
    assert "row 4 " in (verified(path).wrong or "")


def test_the_hash_of_an_event_is_no_hash_of_a_row() -> None:
    """An event's hash covers the word event first, where a row's covers its number."""
    event = rows.Event(1, 0, "t", "prune", "{}")
    fields = [b"event", b"1", b"0", b"t", b"prune", b"{}"]
    assert rows.link_event(rows.START, event) == rows._hash(rows.START, list(fields))


# A journal that another program has changed


TRIGGER = "CREATE TRIGGER planted BEFORE INSERT ON records WHEN new.seq % 2 = 0 BEGIN SELECT raise(ignore); END"

PLANTED = {
    "a trigger": (TRIGGER,),
    "a view": ("CREATE VIEW more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",),
    "a view for a table": (
        "ALTER TABLE lines RENAME TO kept",
        "CREATE VIEW lines AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS seq, zeroblob(i) AS line FROM n",
    ),
    "an index": ("CREATE UNIQUE INDEX planted ON records (seq)",),
    "a table less": ("DROP TABLE cursors",),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_program_is_refused(path: Path, what: str) -> None:
    """A trigger, a view or an index that we did not make: the journal is not used at all, and distinguished from a busy one."""
    for statement in PLANTED[what]:
        journals.change(path, statement)
    with refused(JournalDamaged, "foreign tables", str(path)):
        Journal.open(path)
    with pytest.raises(JournalDamaged):
        Journal.open(path, create=False)


@pytest.mark.parametrize("what", PLANTED)
def test_planted_while_it_is_open(path: Path, what: str) -> None:
    """What is planted under an open journal is noticed before the next row is written: none is swallowed."""
    with Journal.open(path) as journal:
        assert journal.write([journals.answer(20)], **journals.RUN) == (True,)
        for statement in PLANTED[what]:
            journals.change(path, statement)
        with refused(JournalDamaged, "foreign tables"):
            journal.write([journals.answer(21), journals.answer(22)], **journals.RUN)
        with refused(JournalDamaged, "foreign tables"):
            journal.newest()


def test_a_content_without_an_answer_is_found(path: Path) -> None:
    """Where a trigger swallowed rows and was removed again, the contents that count as answered show it."""
    journals.change(path, TRIGGER)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("INSERT INTO contents SELECT x'0123', run FROM runs LIMIT 1")
        old.execute("DROP TRIGGER planted")
    assert "marked as identified and has no record" in (verified(path).wrong or "")


def test_what_sqlite_and_other_versions_write_is_no_change(path: Path) -> None:
    """A journal that was analyzed, packed anew, or whose tables have other comments is one of ours."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("ANALYZE", "VACUUM", "PRAGMA writable_schema = ON"):
            connection.execute(statement)
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'order of writing', 'the order') WHERE name = 'records'")
    assert verified(path).wrong is None


def test_what_takes_too_many_steps_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is endless ends by the budget of its steps."""
    monkeypatch.setattr(sqlite_file, "STEPS", 1_000_000)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"
    with Journal.open(path) as journal:
        with refused(JournalDamaged, "damaged", cause="interrupted"), journal._database.using("read") as connection:
            connection.execute(endless).fetchone()
        assert journal.newest() == ANSWERS + 1
