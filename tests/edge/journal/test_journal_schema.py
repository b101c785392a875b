"""The tables of a journal: created at once by one process, read as they were written before, refused in another schema."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import journals
import pytest
from raising import refused
from raman_edge.diagnostics import doctor
from raman_edge.errors import JournalDamaged, JournalError
from raman_edge.journal import Journal, Verification, database
from raman_edge.sqlite_file import look_into

EARLIER = Path(__file__).parents[2] / "data" / "journal_schema_3.sql"
"""A journal that an earlier commit wrote, as statements."""
HEAD = "87ccc7b97bf193d30856120dcc64cc5b6c11b9977ca095f31d6fbad98ec4abe8"
RUN = {"model": "m" * 64, "config": "c" * 32}


def earlier(path: Path) -> Path:
    """Make that journal."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(EARLIER.read_text(encoding="utf-8"))
    return path


def bare(sql: str) -> str:
    """Return a statement without its comments and breaks."""
    return " ".join(" ".join(line.partition("--")[0] for line in sql.split("\n")).split())


def test_a_journal_written_before_is_read_and_goes_on(tmp_path: Path) -> None:
    """Its head, lines, spectra, marks and cursor are what they were, and new rows follow in its chain."""
    with Journal.open(earlier(tmp_path / "journal.sqlite3")) as journal:
        assert journal.verify() == Verification(rows=4, spectra=1, head=HEAD, noted=None, wrong=None, pruned=2)
        assert [row.seq for row in journal.after(0, 9)] == [1, 2, 3, 4]
        assert journal.cursor("jsonl:/out") == 2
        assert journal.memory(**RUN).seen("/in/2.csv", (1, 2, 3, 4, 5))
        assert journal.write([journals.answer(5)], **RUN) == (True,)
        after = journal.verify(HEAD)
        assert (after.rows, after.noted, after.wrong) == (5, 4, None)


def test_a_new_journal_is_as_the_earlier_ones_are(tmp_path: Path) -> None:
    """The statements of its tables are the same but for their comments."""
    Journal.open(tmp_path / "new").close()
    earlier(tmp_path / "old")
    query = "SELECT name, sql FROM sqlite_master WHERE sql NOT NULL"
    new, old = ({(name, bare(str(sql))) for name, sql in journals.ask(tmp_path / where, query)} for where in ("new", "old"))
    assert new == old


@pytest.mark.parametrize("version", [1, 2, database.SCHEMA + 1, 99])
@pytest.mark.parametrize("create", [True, False])
def test_another_schema_is_refused(tmp_path: Path, version: int, *, create: bool) -> None:
    """An older or a newer journal is refused with both numbers and what to do, and left as it is."""
    path = earlier(tmp_path / "journal.sqlite3")
    journals.change(path, f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with refused(JournalError, "unknown schema", str(path), got=str(version), expected=str(database.SCHEMA)):
        Journal.open(path, create=create)
    assert path.read_bytes() == before


def test_emptied_tables_are_no_new_journal(tmp_path: Path) -> None:
    """A file that has the number of our schema and no tables is not filled."""
    path = tmp_path / "journal.sqlite3"
    journals.change(path, f"PRAGMA user_version = {database.SCHEMA}")
    with refused(JournalDamaged, "foreign tables", str(path)):
        Journal.open(path)


def test_several_that_create_it_at_once(tmp_path: Path) -> None:
    """Of several that open a journal that is not there, one creates its tables, and all can use it."""
    ready, found = threading.Barrier(4), []

    def work(number: int) -> None:
        ready.wait()
        with Journal.open(tmp_path / "journal.sqlite3") as mine:
            found.append(mine.write([journals.answer(number)], **RUN))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(True,)] * 4
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        assert (journal.verify().rows, journal.verify().wrong) == (4, None)


def test_a_new_journal_has_large_pages(tmp_path: Path) -> None:
    """Its pages hold several rows each."""
    Journal.open(tmp_path / "j").close()
    assert journals.ask(tmp_path / "j", "PRAGMA page_size") == [(database.PAGE_BYTES,)]


def test_doctor_reads_times(tmp_path: Path) -> None:
    """`doctor` reads how old the newest record is."""
    journals.write(tmp_path / "new", journals.answer(0))
    ((number, oldest, newest),) = look_into(tmp_path / "new", doctor.RECORDS).rows
    assert (number, oldest) == (1, newest)
    assert abs((datetime.now(UTC) - doctor.time_of(newest)).total_seconds()) < 600
