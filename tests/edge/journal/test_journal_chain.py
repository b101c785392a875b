# ruff: noqa: S311, S608 - tests change tables by name, at random places
"""The chain: every change in the journal shows, and every writer keeps it complete."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from time import sleep
from typing import TYPE_CHECKING

import journals
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import JournalError
from raman_edge.journal import Journal, Verification, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from raman_edge.spectrum import Spectrum

ROWS = 6
EVIDENCE = ("records", "lines", "spectra", "axes", "runs")
"""Tables that say what was answered; the others remember what is still to be done."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of answers and faults."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    entries = [journals.answer(number, label) for number, label in enumerate(("Quartz", "Calcite", "Gypsum", "Zircon"))]
    journals.write(path, *entries[:2], journals.failure(1), *entries[2:], journals.failure(2))
    journals.ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def verified(path: Path, head: str | None = None) -> Verification:
    """Return what a verification finds."""
    with Journal.open(path) as journal:
        return journal.verify(head)


def found_wrong(path: Path) -> bool:
    """Return whether a verification finds anything wrong."""
    try:
        return verified(path).wrong is not None
    except JournalError:
        return True


def read(path: Path) -> list[tuple[object, ...]]:
    """Return all that the journal gives of its rows."""
    with Journal.open(path) as journal:
        return [
            (held.row, held.model, held.config, held.chain, held.digest, held.spectrum and _numbers(held.spectrum))
            for held in journal.results()
        ]


def _numbers(spectrum: Spectrum) -> tuple[object, ...]:
    facts = (spectrum.origin, spectrum.taken_at, spectrum.exposure_s, spectrum.saturation, dict(spectrum.meta))
    return spectrum.axis.shift.tobytes(), spectrum.counts.tobytes(), *facts


def test_what_was_written_is_whole(whole: Path) -> None:
    """An untouched journal has nothing wrong, and its head is the hash of its last row."""
    finding = verified(whole)
    assert (finding.rows, finding.spectra, finding.wrong, finding.noted) == (ROWS, 4, None, None)
    assert journals.ask(whole, "SELECT lower(hex(chain)) FROM records ORDER BY seq DESC LIMIT 1") == [(finding.head,)]


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    """A journal without rows has the head that stands before the first."""
    Journal.open(tmp_path / "j").close()
    assert verified(tmp_path / "j") == Verification(0, 0, rows.START.hex(), None, None)
    assert verified(tmp_path / "j", rows.START.hex()).wrong is None


def columns(path: Path) -> list[tuple[str, str]]:
    """Return every column of every table that says what was answered."""
    return [(table, str(row[1])) for table in EVIDENCE for row in journals.ask(path, f"PRAGMA table_info({table})")]


def other(value: object, how: random.Random) -> object:
    """Return another value of the same kind."""
    if isinstance(value, bytes):
        place = how.randrange(len(value))
        return value[:place] + bytes([value[place] ^ how.randrange(1, 256)]) + value[place + 1 :]
    if isinstance(value, int):
        return value + how.choice([-1, 1, 1000])
    return f"{value}x" if value is not None else "x"


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(0, 10**9))
def test_any_single_change_shows(whole: Path, seed: int) -> None:
    """Whatever value of whatever row is changed behind the journal's back, a verification finds it.

    What changes nothing that is read, as the bits that fill the last byte of a packed line, is no change.
    """
    how = random.Random(seed)
    path = whole.with_name("changed")
    shutil.copyfile(whole, path)
    table, column = how.choice(columns(whole))
    rowid, value = how.choice(journals.ask(path, f"SELECT rowid, {column} FROM {table}"))
    try:
        journals.change(path, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other(value, how), rowid))
    except sqlite3.IntegrityError:
        return  # sqlite itself refuses it
    assert found_wrong(path) or read(path) == read(whole), (table, column, rowid)


@pytest.mark.parametrize("table", ["records", "lines", "axes", "runs"])
def test_any_row_that_is_gone_shows(whole: Path, table: str) -> None:
    """Whatever row is removed, but for those at the end of the chain, a verification finds it."""
    for (rowid,) in journals.ask(whole, f"SELECT rowid FROM {table} WHERE rowid < {ROWS} ORDER BY rowid"):
        path = whole.with_name("removed")
        shutil.copyfile(whole, path)
        assert journals.change(path, f"DELETE FROM {table} WHERE rowid = ?", (rowid,)) == 1
        assert found_wrong(path), rowid


def swap(path: Path) -> None:
    """Let two rows change places, with all that belongs to them."""
    for table in ("records", "lines", "spectra"):
        for old, new in ((1, 100), (2, 1), (100, 2)):
            journals.change(path, f"UPDATE {table} SET seq = {new} WHERE seq = {old}")


def insert(path: Path) -> None:
    """Put a copy of a row between others, under another name."""
    journals.change(path, "UPDATE records SET seq = seq + 1000 WHERE seq > 3")
    journals.change(path, "UPDATE lines SET seq = seq + 1000 WHERE seq > 3")
    journals.change(path, "UPDATE spectra SET seq = seq + 1000 WHERE seq > 3")
    named = "seq, id, sha256, idx, run, path, ts, decision, best, spectrum, chain"
    journals.change(
        path,
        f"INSERT INTO records ({named}) SELECT 4, x'00', x'00', idx, run, path, ts, decision, best, spectrum, chain FROM records LIMIT 1",
    )
    journals.change(path, "INSERT INTO lines SELECT 4, line FROM lines LIMIT 1")


def exchange_spectra(path: Path) -> None:
    """Give two rows each other's spectrum."""
    for old, new in ((1, 100), (2, 1), (100, 2)):
        journals.change(path, f"UPDATE spectra SET seq = {new} WHERE seq = {old}")


def add_spectrum(path: Path) -> None:
    """Give a fault the spectrum of an answer."""
    journals.change(path, "INSERT INTO spectra SELECT 3, axis, spectrum FROM spectra LIMIT 1")


@pytest.mark.parametrize(("how", "row"), [(swap, 1), (insert, 4), (exchange_spectra, 1), (add_spectrum, 3)])
def test_what_was_moved_or_added_shows(whole: Path, how: Callable[[Path], None], row: int) -> None:
    """Rows that change places, are added, or get another spectrum, are found, and the first bad one is named."""
    path = whole.with_name("moved")
    shutil.copyfile(whole, path)
    how(path)
    assert (verified(path).wrong or "").startswith(f"row {row} ")


def test_the_end_shows_against_a_noted_head(whole: Path) -> None:
    """Rows taken off the end are found by a head that was noted elsewhere, and only by that."""
    head = verified(whole).head
    path = whole.with_name("shorter")
    shutil.copyfile(whole, path)
    for table in ("records", "lines", "spectra"):
        journals.change(path, f"DELETE FROM {table} WHERE seq > 4")
    finding = verified(path)
    assert (finding.rows, finding.wrong) == (4, None)
    assert "is not in the chain" in (verified(path, head).wrong or "")


def test_a_noted_head_stays_while_the_journal_grows(whole: Path) -> None:
    """A head noted earlier is found at its row, also when rows came after it."""
    path = whole.with_name("grown")
    shutil.copyfile(whole, path)
    head = verified(path).head
    journals.write(path, journals.answer(70))
    finding = verified(path, head)
    assert (finding.noted, finding.rows, finding.wrong) == (ROWS, ROWS + 1, None)
    assert finding.head != head


def test_a_pruned_journal_is_whole(whole: Path) -> None:
    """Spectra may be taken away: the rows keep their digests, and the number of spectra says it."""
    path = whole.with_name("pruned")
    shutil.copyfile(whole, path)
    with Journal.open(path) as journal:
        assert journal.prune(datetime(2000, 1, 1, tzinfo=UTC)) == 0
        assert journal.prune(datetime(2100, 1, 1, tzinfo=UTC)) == 4
        finding = journal.verify(verified(whole).head)
    assert (finding.rows, finding.spectra, finding.wrong, finding.noted) == (ROWS, 0, None, ROWS)
    assert journals.ask(path, "SELECT count(*) FROM axes") == [(0,)]


def test_damage_of_the_file_is_found(whole: Path) -> None:
    """A byte that changed on the disk is found, wherever it lies in the pages of a table."""
    data = bytearray(whole.read_bytes())
    how = random.Random(3)
    path = whole.with_name("damaged")
    (line,) = next(row for row in journals.ask(whole, "SELECT line FROM lines WHERE seq = 2"))
    assert isinstance(line, bytes)
    for place in (data.find(line) + 5, data.find(line) + len(line) // 2):
        changed = bytearray(data)
        changed[place] ^= how.randrange(1, 256)
        path.write_bytes(changed)
        assert found_wrong(path)


WRITER = """
import sys
from pathlib import Path
from raman_edge.journal import JournalEntry, Journal
from raman_edge.records import FaultRecord, RecordSource
first, batch = int(sys.argv[2]), int(sys.argv[3])
with Journal.open(Path(sys.argv[1])) as journal:
    number = first
    while number < int(sys.argv[4]):
        places = range(number, number + batch)
        faults = [FaultRecord(id=f"{n:032x}", ts="", source=RecordSource("file", "p", f"{n:064x}"), why="w" * (n % 977)) for n in places]
        journal.write([JournalEntry(one, None) for one in faults], model="m", config="c")
        number += batch
        print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_leaves_whole_batches(tmp_path: Path, seed: int) -> None:
    """After SIGKILL at any point the journal opens, verifies, and holds all batches that were committed and no part of another."""
    how = random.Random(seed)
    batch, path = how.choice([1, 7, 50]), tmp_path / "journal.sqlite3"
    with journals.child(WRITER, path, "0", str(batch), "1000000") as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(how.randrange(1, 25))]
        sleep(how.random() * 0.01)
        writer.kill()
        written = int((writer.stdout.read().splitlines() or lines)[-1])
    held = journals.ids(path)
    assert len(held) in {written, written + batch}
    assert held == [f"{number:032x}" for number in range(len(held))]
    assert verified(path).wrong is None


def test_two_processes_keep_one_chain(tmp_path: Path) -> None:
    """Two processes that write at the same time give one chain of all their rows, each once."""
    path = tmp_path / "journal.sqlite3"
    first = journals.child(WRITER, path, "0", "5", "300")
    second = journals.child(WRITER, path, "100", "3", "400")
    for process in (first, second):
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert sorted(journals.ids(path)) == [f"{number:032x}" for number in range(400)]
    assert verified(path) == Verification(400, 0, verified(path).head, None, None)


def test_the_hash_is_as_documented() -> None:
    """A row's hash is SHA-256 over the hash before and the fields, each with its length: worked out by hand."""
    row = rows.ChainedFacts(7, "ab", None, 0, "m", "c", "p/µ", "t", "match", "Quartz", "{}", b"\x01\x02")
    fields = (b"7", b"ab", None, b"0", b"m", b"c", "p/µ".encode(), b"t", b"match", b"Quartz", b"{}", b"\x01\x02")
    spelled = b"".join(b"\xff" * 8 if field is None else len(field).to_bytes(8, "little") + field for field in fields)
    assert rows.link(b"\x05" * 32, row) == hashlib.sha256(b"\x05" * 32 + spelled).digest()


def test_verification_sees_one_moment(whole: Path) -> None:
    """Rows written while a verification runs neither disturb it nor are seen by it."""
    path = whole.with_name("written")
    shutil.copyfile(whole, path)
    with Journal.open(path) as reader, closing(sqlite3.connect(path)):
        with reader._database.using("read") as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM records").fetchone()
            journals.write(path, journals.answer(80))
            assert connection.execute("SELECT count(*) FROM records").fetchone() == (ROWS,)
            connection.execute("ROLLBACK")
        assert reader.verify().rows == ROWS + 1
