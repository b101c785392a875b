"""A journal that cannot be used now is distinguished from one that never can, and works again when the trouble is over."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import journals
import pytest
from raising import refused
from raman_edge.errors import JournalDamaged, JournalError, JournalUnavailable
from raman_edge.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

MOVED = "moved, deleted or replaced while it was open"
FULL = """
import os, resource, signal, sys
from pathlib import Path
from raman_edge.errors import JournalUnavailable
from raman_edge.journal import JournalEntry, Journal
from raman_edge.records import FaultRecord, RecordSource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
state = (1, 2, 3, 4, 5)
with Journal.open(Path(sys.argv[1])) as journal:
    memory = journal.memory("m", "c")
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    def write(number):
        record = FaultRecord(id=f"{number:032x}", ts="", source=RecordSource("file", "p", f"{number:064x}"), why=os.urandom(2500).hex())
        memory.mark(f"/in/{number}", state, f"{number:064x}")
        return journal.write([JournalEntry(record, None)], model="m", config="c")
    written, troubles = 0, []
    while len(troubles) < 3:
        try:
            write(written)
            written, troubles = written + 1, []
        except JournalUnavailable as error:
            troubles.append(str(error))
    assert not memory.seen(f"/in/{written}", state)
    assert journal.newest() == written, "reading goes on"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert write(written) == (True,)
    assert memory.seen(f"/in/{written}", state), "the marks waited"
    print(written, troubles[0])
"""


def test_a_full_disk_passes(tmp_path: Path) -> None:
    """Where a journal cannot grow, writing fails and reading goes on; once there is room the same journal writes, marks too."""
    path = tmp_path / "journal.sqlite3"
    full = journals.child(FULL, path)
    output, errors = full.communicate(timeout=120)
    assert full.returncode == 0, errors
    written, message = output.split(" ", 1)
    assert "full" in message
    assert len(journals.ids(path)) == int(written) + 1 > 5
    with Journal.open(path) as journal:
        assert journal.verify().wrong is None


NO_ROOM_TO_OPEN = """
import resource, signal, sys
from pathlib import Path
from raman_edge.errors import JournalUnavailable
from raman_edge.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for size in (0, 100, 5_000, 40_000, 100_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        Journal.open(Path(sys.argv[1]))
    except JournalUnavailable as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with Journal.open(Path(sys.argv[1])) as journal:
    print(journal.newest())
"""


def test_no_room_for_a_new_journal(tmp_path: Path) -> None:
    """A journal that there is no room to make is trouble that passes, wherever the making stopped, and is made later."""
    opening = journals.child(NO_ROOM_TO_OPEN, tmp_path / "journal.sqlite3")
    output, errors = opening.communicate(timeout=120)
    assert opening.returncode == 0, errors
    *troubles, newest = output.splitlines()
    assert len(troubles) == 5
    assert all("cannot be opened" in trouble and "room" in trouble for trouble in troubles)
    assert newest == "0"


def test_a_page_limit_is_a_full_disk(tmp_path: Path) -> None:
    """What sqlite calls full is trouble that passes, and the row is written by the next attempt."""
    path = tmp_path / "journal.sqlite3"
    entries = [journals.answer(number) for number in range(40)]
    answering = {"model": "m", "config": "c"}
    with Journal.open(path) as journal:
        journal.write(entries[:1], **answering)
        with journal._database.using("read") as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        with refused(JournalUnavailable, "cannot be written", cause="full"):
            journal.write(entries, **answering)
        assert journal.newest() == 1
        assert sum(journal.write(entries, **answering)) == 39


def test_moved_away(tmp_path: Path) -> None:
    """A journal that is moved while it is open is not written to where it is not found again: a new one begins in its place."""
    path = tmp_path / "journal.sqlite3"
    with Journal.open(path) as journal:
        journal.write([journals.answer(0)], model="m", config="c")
        path.rename(tmp_path / "elsewhere")
        with refused(JournalUnavailable, MOVED, str(path)):
            journal.write([journals.answer(1)], model="m", config="c")
        assert journal.write([journals.answer(1)], model="m", config="c") == (True,)
        assert journal.newest() == 1
    assert len(journals.ids(tmp_path / "elsewhere")) == 1


def test_replaced(tmp_path: Path) -> None:
    """A journal that another file has taken the place of is not written to; the next attempt uses what is there."""
    path = tmp_path / "journal.sqlite3"
    journals.write(tmp_path / "other", journals.answer(5), journals.answer(6))
    with Journal.open(path) as journal:
        journal.write([journals.answer(0)], model="m", config="c")
        (tmp_path / "other").replace(path)
        with refused(JournalUnavailable, MOVED, str(path)):
            journal.write([journals.answer(1)], model="m", config="c")
        journal.write([journals.answer(1)], model="m", config="c")
        assert journal.newest() == 3


@pytest.mark.parametrize("first", ["writer", "reader"])
@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_taken_from_two_that_have_it_open(tmp_path: Path, how: str, first: str) -> None:
    """Whichever of two notices first that the file is gone, the new one's log never is the old one's: both go on in it, and it is whole."""
    path, elsewhere = tmp_path / "journal.sqlite3", tmp_path / "elsewhere"
    with Journal.open(path) as writer, Journal.open(path) as reader:
        writer.write([journals.answer(1)], **journals.RUN)
        assert reader.newest() == 1
        path.unlink() if how == "deleted" else path.rename(elsewhere)
        with refused(JournalUnavailable, MOVED, str(path)):
            writer.newest() if first == "writer" else reader.newest()
        early, late = (writer, reader) if first == "writer" else (reader, writer)
        early.write([journals.answer(2), journals.answer(3)], **journals.RUN)
        with refused(JournalUnavailable, MOVED, str(path)):
            late.newest()
        assert late.newest() == 2
        late.write([journals.answer(4)], **journals.RUN)
        assert early.newest() == 3
        assert reader.verify().wrong is None
    assert len(journals.ids(path)) == 3
    assert how == "deleted" or len(journals.ids(elsewhere)) == 1


def test_the_folder_is_gone(tmp_path: Path) -> None:
    """Where the folder of the journal cannot be made, it is trouble that passes."""
    (tmp_path / "file").touch()
    with refused(JournalUnavailable, "cannot be opened"):
        Journal.open(tmp_path / "file" / "journal.sqlite3")
    (tmp_path / "file").unlink()
    Journal.open(tmp_path / "file" / "journal.sqlite3").close()


def damaged(path: Path) -> None:
    """Overwrite the tables, not the header."""
    journals.write(path, *(journals.answer(number) for number in range(20)))
    journals.ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[8192:] = os.urandom(len(data) - 8192)
    path.write_bytes(data)


def test_damage_stays(tmp_path: Path) -> None:
    """A damaged file is an error that no waiting mends, with advice."""
    path = tmp_path / "journal.sqlite3"
    damaged(path)
    with Journal.open(path) as journal:
        for use in (lambda: list(journal.records()), lambda: journal.write([journals.answer(99)], model="m", config="c")):
            with refused(JournalDamaged, "damaged", str(path)):
                use()


def test_a_row_that_cannot_be_read(tmp_path: Path) -> None:
    """A line that was overwritten is an error that names the row and what tests the whole."""
    path = tmp_path / "journal.sqlite3"
    journals.write(path, journals.answer(0), journals.answer(1))
    journals.change(path, "UPDATE lines SET line = x'00' WHERE seq = 2")
    with Journal.open(path) as journal, pytest.raises(JournalError, match=r"row 2 .* is damaged.*journal verify"):
        list(journal.records())
    journals.change(path, "UPDATE spectra SET spectrum = x'00' WHERE seq = 1")
    with Journal.open(path) as journal, pytest.raises(JournalError, match=r"row 1 .* is damaged"):
        next(iter(journal.results(filters=journals.with_id(journals.answer(0)))))


# A journal that may be read and not written


@pytest.fixture
def shelf() -> Iterator[Path]:
    """A folder that every user may read, whatever the folder of the tests allows."""
    folder = Path(tempfile.mkdtemp(prefix="raman-edge-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


READ = """
import os, sys
from pathlib import Path
import raman_edge.journal.chain
from raman_edge.errors import JournalError, JournalUnavailable
from raman_edge.journal import Journal, rows
rows.sample()  # the checkout may be closed to the other user
if os.getuid() == 0:
    os.setuid(65_534)  # root may write everywhere
try:
    with Journal.open(Path(sys.argv[1]), create=False) as journal:
        print(journal.count(), len(list(journal.records())), journal.verify().wrong)
        try:
            journal.advance("sink", 1)
        except JournalUnavailable as error:
            print(error)
except JournalError as error:
    print(type(error).__name__, error)
"""


def read_as_another(path: Path) -> list[str]:
    """Read the journal as a user who may not write it, and return the lines of what came out."""
    reader = journals.child(READ, path)
    output, errors = reader.communicate(timeout=120)
    assert reader.returncode == 0, errors
    return output.splitlines()


def test_write_protected(shelf: Path) -> None:
    """A journal in a folder that may not be written is read and verified; writing says that it is protected."""
    path = shelf / "journal.sqlite3"
    journals.write(path, journals.answer(0), journals.answer(1))
    path.chmod(0o444)
    shelf.chmod(0o555)
    counted, refused = read_as_another(path)
    assert counted == "2 2 None"
    assert "write-protected" in refused
    assert [entry.name for entry in shelf.iterdir()] == ["journal.sqlite3"]


def test_read_while_another_user_writes(shelf: Path) -> None:
    """What another user's process has just written is seen by who may only read."""
    path = shelf / "journal.sqlite3"
    answering = {"model": "m", "config": "c"}
    with Journal.open(path) as journal:
        journal.write([journals.answer(0)], **answering)
        shelf.chmod(0o555)
        assert read_as_another(path)[0] == "1 1 None"
        journal.write([journals.answer(1)], **answering)
        assert read_as_another(path)[0] == "2 2 None"


def test_an_older_one_that_is_write_protected(shelf: Path) -> None:
    """A write-protected journal of an older schema is refused."""
    path = shelf / "journal.sqlite3"
    journals.write(path, journals.answer(0))
    journals.change(path, "PRAGMA user_version = 1")
    path.chmod(0o444)
    shelf.chmod(0o555)
    assert "unknown schema: got 1, expected 3" in read_as_another(path)[0]


def test_unknown_sqlite_errors_are_passed_on(tmp_path: Path) -> None:
    """An error without a known cause is final, names the journal, and gives advice."""
    path = tmp_path / "journal.sqlite3"
    wrong = refused(JournalError, "cannot be written", str(path), cause="no such table")
    with Journal.open(path) as journal, wrong, journal._database.transaction() as connection:
        connection.execute("INSERT INTO nowhere VALUES (1)")
