"""The journal: exactly once, whatever happens to the process or the file."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from typing import TYPE_CHECKING

import build
import msgspec
import pytest
from raising import refused
from raman_edge import records, sqlite_file
from raman_edge.errors import JournalError, JournalUnavailable
from raman_edge.journal import Journal, JournalEntry, database
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.records import Record
    from raman_edge.spectrum import Spectrum

RUN = {"model": "m" * 64, "config": "c" * 32}
STATE = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Library]:
    """The tiny model and its library."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    opened = Model.open(model)
    return opened, Library.open(library, network=opened.card.network)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    with Journal.open(tmp_path / "journal.sqlite3") as opened:
        yield opened


def result(pair: tuple[Model, Library], sha256: str = "a" * 64, index: int = 0) -> Record:
    """Return a record of a spectrum of this content."""
    spectrum = build.spectrum(seed=index, origin=Origin("file", f"in/{sha256[:4]}.csv", sha256, index))
    return records.of(identify(spectrum, *pair), records.provenance(*pair))


def write(journal: Journal, record: Record, spectrum: Spectrum | None = None, **run: str) -> bool:
    """Write one record."""
    return journal.write([JournalEntry(record, spectrum)], **(RUN | run))[0]


def fault(pair: tuple[Model, Library], path: str = "in/x.csv", sha256: str | None = None) -> Record:
    """Return a record of a fault."""
    return records.of(Fault(Origin("file", path, sha256), "it is no spectrum"), records.provenance(*pair))


def waiting_marks(journal: Journal) -> bool:
    """Return whether marks wait to be written."""
    return journal._database.pending


def held(journal: Journal) -> list[str]:
    """Return the ids in the journal, oldest first."""
    return [json.loads(line)["id"] for line in journal.records()][::-1]


def test_a_record_stands_once(journal: Journal, pair: tuple[Model, Library]) -> None:
    """Writing the same record again says that it was there and changes nothing."""
    assert write(journal, result(pair)) is True
    later = msgspec.structs.replace(result(pair), ts="2030-01-01T00:00:00Z")
    assert write(journal, later) is False
    assert [line.encode() for line in journal.records()] != [records.encode(later)]
    assert len(held(journal)) == 1


def test_each_spectrum_of_a_file_and_each_model_has_its_own(journal: Journal, pair: tuple[Model, Library]) -> None:
    """The place in the file, the model and the configuration are part of what is recorded once."""
    assert write(journal, result(pair, index=0))
    assert write(journal, result(pair, index=1))
    other = msgspec.structs.replace(result(pair), id="of another model")
    assert write(journal, other, model="another")
    assert len(held(journal)) == 3


def test_a_later_version_answers_what_an_earlier_one_could_not(
    journal: Journal, pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault stands once for a version of raman-edge: the answer of a later one has its own row."""
    assert write(journal, fault(pair, sha256="a" * 64))
    assert not write(journal, fault(pair, sha256="a" * 64))
    monkeypatch.setattr("raman_edge.__version__", "99.0")
    assert write(journal, result(pair))
    assert not write(journal, result(pair))
    assert len(held(journal)) == 2


def test_faults_without_content_stand_by_path(journal: Journal, pair: tuple[Model, Library]) -> None:
    """Two empty files have two records, the same one again has none."""
    assert write(journal, fault(pair, "in/a.csv"))
    assert write(journal, fault(pair, "in/b.csv"))
    assert not write(journal, fault(pair, "in/a.csv"))


def test_records_newest_first(journal: Journal, pair: tuple[Model, Library]) -> None:
    """Records come back as the lines that went out, the newest first, as many as requested."""
    written = [result(pair), fault(pair), result(pair, "b" * 64)]
    for record in written:
        write(journal, record)
    assert [records.decode(line) for line in journal.records()] == written[::-1]
    assert [records.decode(line) for line in journal.records(2)] == written[:0:-1]


def test_hostile_names_are_kept(journal: Journal, pair: tuple[Model, Library]) -> None:
    """Any file name can be recorded and marked, whatever its bytes."""
    memory = journal.memory(**RUN)
    for number, name in enumerate(("\x1b[31m", "new\nline", os.fsdecode(b"\xff\xfe"), "[bold]", "'; DROP TABLE seen; --", "\u202e")):
        assert write(journal, fault(pair, name, sha256=str(number) * 64))
        memory.mark(name, STATE, str(number) * 64)
        memory.flush()
        assert memory.seen(name, STATE)
    assert all(json.loads(line)["why"] for line in journal.records())
    assert len(held(journal)) == 6


def test_memory(journal: Journal) -> None:
    """A file is seen in exactly the state, and a content is known under exactly the model, that were marked."""
    memory = journal.memory(**RUN)
    assert not memory.seen("/a", STATE)
    memory.mark("/a", STATE, "a" * 64)
    assert memory.known("a" * 64)
    assert waiting_marks(journal)
    memory.flush()
    assert not waiting_marks(journal)
    assert memory.seen("/a", STATE)
    assert memory.known("a" * 64)
    for place in range(5):
        other = tuple(value + (index == place) for index, value in enumerate(STATE))
        assert not memory.seen("/a", other)  # type: ignore[arg-type]  # five numbers
    assert not memory.seen("/b", STATE)
    for elsewhere in (journal.memory("another", RUN["config"]), journal.memory(RUN["model"], "another")):
        assert not elsewhere.seen("/a", STATE)
        assert not elsewhere.known("a" * 64)


def test_many_files_at_once(journal: Journal) -> None:
    """Asking for thousands of files at once says of each what asking for it alone says."""
    memory = journal.memory(**RUN)
    files = [(f"/in/{number}", (1, number, 3, 4, 5)) for number in range(1200)]
    for path, state in files[::2]:
        memory.mark(path, state, None)
    memory.flush()
    assert memory.seen_each(files) == [number % 2 == 0 for number in range(1200)]
    assert memory.seen_each([(path, (9, 9, 9, 9, 9)) for path, _ in files]) == [False] * 1200
    assert memory.seen_each([]) == []


def test_marks_outlive_the_process_with_the_next_record(tmp_path: Path, pair: tuple[Model, Library]) -> None:
    """Marks are durable after a flush or with the next record; before that a crash loses them, which costs a second look."""
    path = tmp_path / "journal.sqlite3"
    first = Journal.open(path)
    memory = first.memory(**RUN)
    memory.mark("/a", STATE, "a" * 64)
    with Journal.open(path) as second:
        assert not second.memory(**RUN).seen("/a", STATE)
        write(first, result(pair))
        assert second.memory(**RUN).seen("/a", STATE)
    first.close()


def test_numbers_beyond_sqlite(journal: Journal) -> None:
    """Inodes of network file systems and times after the year 2262 are kept apart."""
    memory = journal.memory(**RUN)
    large = (2**64 - 1, 2**63, 2**62, 15 * 10**18, -(10**18))
    memory.mark("/a", large, None)
    memory.flush()
    assert memory.seen("/a", large)
    assert not memory.seen("/a", (2**64 - 1, 2**63 - 1, 2**62, 15 * 10**18, -(10**18)))


def test_two_processes_share_it(tmp_path: Path, pair: tuple[Model, Library]) -> None:
    """Of two that open a new journal and write the same records at once, each record is new to one of them."""
    path = tmp_path / "journal.sqlite3"
    new: list[bool] = []
    written = [result(pair, f"{number:064x}") for number in range(40)]
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait()
        with Journal.open(path) as mine:
            new.extend(write(mine, record) for record in written)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(new), sum(new)) == (160, 40)
    with Journal.open(path) as journal:
        assert sorted(held(journal)) == sorted(record.id for record in written)


# What cannot be used


def test_not_a_database(tmp_path: Path) -> None:
    """A file that is no database is refused and left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but longer than a header of one hundred bytes. " * 4)
    before = path.read_bytes()
    with refused(JournalError, "cannot be opened", "notes.txt", cause="not a database"):
        Journal.open(path)
    assert path.read_bytes() == before


def test_another_programs_database(tmp_path: Path) -> None:
    """A database of another program is refused and gets no table of ours."""
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with refused(JournalError, "another program's database"):
        Journal.open(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    other.close()


def test_newer_schema(tmp_path: Path) -> None:
    """A journal from a newer raman-edge is refused with both numbers and what to do."""
    path = tmp_path / "journal.sqlite3"
    Journal.open(path).close()
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    later.close()
    with refused(JournalError, "unknown schema", got=str(database.SCHEMA + 1), expected=str(database.SCHEMA)):
        Journal.open(path)


def test_cannot_be_opened(tmp_path: Path) -> None:
    """A folder, or a place below a file, is refused with a reason and an advice."""
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "journal.sqlite3"):
        with refused(JournalError, "cannot be opened"):
            Journal.open(path)


def test_not_made_for_reading(tmp_path: Path) -> None:
    """Reading a journal that is not there is an error and makes none."""
    with refused(JournalError, "not found"):
        Journal.open(tmp_path / "none.sqlite3", create=False)
    assert list(tmp_path.iterdir()) == []


def test_held_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pair: tuple[Model, Library]) -> None:
    """A journal that another program holds for too long is an error with the reason, and works again afterwards."""
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.1)
    path = tmp_path / "journal.sqlite3"
    with Journal.open(path) as journal:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with refused(JournalUnavailable, "cannot be written", cause="locked"):
            write(journal, result(pair))
        other.execute("ROLLBACK")
        other.close()
        assert write(journal, result(pair))


def test_durable(journal: Journal) -> None:
    """The file is in write-ahead mode and every commit is synced."""
    with journal._database.using("read") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


# What it takes from the journal


def test_rows_in_the_order_of_writing(journal: Journal, pair: tuple[Model, Library]) -> None:
    """Rows come after a place, oldest first, as many as requested; the newest place is known."""
    assert journal.newest() == 0
    assert journal.after(0, 10) == ()
    written = [result(pair, f"{number:064x}") for number in range(5)]
    new = journal.write([JournalEntry(record, None) for record in written], **RUN)
    assert new == (True,) * 5
    rows = journal.after(0, 10)
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.id for row in rows] == [record.id for record in written]
    assert [row.line.encode() for row in rows] == [records.encode(record) for record in written]
    assert journal.after(2, 2) == rows[2:4]
    assert journal.newest() == 5


def test_a_batch_is_written_whole_or_not_at_all(journal: Journal, pair: tuple[Model, Library]) -> None:
    """Each entry of a batch says whether it is new, also where the batch holds it twice."""
    first, second = result(pair), result(pair, "b" * 64)
    assert write(journal, first)
    new = journal.write([JournalEntry(record, None) for record in (second, first, second)], **RUN)
    assert new == (True, False, False)
    assert held(journal) == [first.id, second.id]
    assert journal.write([], **RUN) == ()


def test_a_cursor_goes_forward_only(journal: Journal) -> None:
    """Each sink has its own place, which is durable and never goes back."""
    assert journal.cursor("mqtt") is None
    journal.advance("mqtt", 7)
    journal.advance("mqtt", 3)
    journal.advance("csv", 2)
    with Journal.open(journal.path) as other:
        assert (other.cursor("mqtt"), other.cursor("csv"), other.cursor("none")) == (7, 2, None)


def test_a_failure_is_tried_again_by_a_later_version(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be answered is remembered for this version of raman-edge, what was answered for all."""
    memory = journal.memory(**RUN)
    memory.mark("/bad", STATE, "a" * 64, failed=True)
    memory.mark("/good", STATE, "b" * 64)
    memory.flush()
    assert memory.seen("/bad", STATE)
    assert memory.known("a" * 64)
    with Journal.open(journal.path) as updated:
        monkeypatch.setattr("raman_edge.__version__", "99.0")
        memory = updated.memory(**RUN)
        assert not memory.seen("/bad", STATE)
        assert not memory.known("a" * 64)
        assert memory.seen("/good", STATE)
        assert memory.known("b" * 64)


def test_a_writer_does_not_block_readers(journal: Journal, pair: tuple[Model, Library]) -> None:
    """While a transaction is open, another process reads what was committed before."""
    write(journal, result(pair))
    with Journal.open(journal.path) as reader, journal._database.transaction() as connection:
        connection.execute("DELETE FROM lines")
        assert len(reader.after(0, 10)) == 1


def test_contents_are_remembered_with_their_size(tmp_path: Path) -> None:
    """What was answered last under a path is known by size and digest, a spectrum's and a fault's, and which of them failed."""
    with Journal.open(tmp_path / "j.sqlite3") as journal:
        memory = journal.memory("m" * 64, "c")
        memory.mark("/a", (1, 2, 300, 4, 5), "a" * 64)
        memory.mark("/a", (1, 2, 100, 4, 5), "b" * 64, failed=True)
        memory.mark("/b", (1, 2, 300, 4, 5), None)
        memory.flush()
        assert sorted(memory.earlier("/a")) == [(100, "b" * 64), (300, "a" * 64)]
        assert memory.earlier("/b") == memory.earlier("/c") == []
        assert [memory.failed(letter * 64) for letter in "abc"] == [False, True, False]
        assert memory.seen_each([("/a", (1, 2, 300, 4, 5)), ("/a", (1, 2, 300, 4, 6)), ("/b", (1, 2, 300, 4, 5))]) == [True, False, True]
        assert journal.memory("other", "c").earlier("/a") == []
