# ruff: noqa: S608 - statements of our own text
"""A file that is not the user's own library, or no longer a whole one: a clear error, and the file stays as it is."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import struct
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import build
import materials
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raising import refused
from raman_edge import sqlite_file
from raman_edge.errors import LibraryError
from raman_edge.matching import user_library
from raman_edge.matching.library import Library
from raman_edge.matching.user_library import UserLibrary
from raman_edge.model.model import Model

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.matching.library import Reference


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The matched filter."""
    return Model.open(build.write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Path:
    """A library of three references."""
    path = tmp_path_factory.mktemp("own") / "own.sqlite3"
    with UserLibrary.open(path, create=True) as own:
        for seed in range(3):
            seen = materials.exposure(seed=seed)
            own.store("Silicon", [(seen, Library.make_reference(seen, "", "", model))], model)
    return path


def copied(good: Path, place: Path, *statements: str) -> Path:
    """Return a copy of the library, changed behind its back."""
    path = place / "copy.sqlite3"
    path.write_bytes(good.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


def used(path: Path, model: Model) -> tuple[Reference, ...]:
    """Open a library and take everything out of it."""
    with UserLibrary.open(path, create=False) as own:
        own.entries()
        return own.references(model)[0]


def digest(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("statement", "kind", "got"),
    [
        ("UPDATE entries SET name = x'41'", "damaged", "Expected `str`, got `bytes`"),
        ("UPDATE entries SET name = ''", "not a material's name", ""),
        ("UPDATE entries SET name = 'a' || char(27)", "not a material's name", ""),
        ("UPDATE entries SET path = x'ff'", "damaged", "Expected `str`"),
        ("UPDATE entries SET idx = 'first'", "damaged", "Expected `int`"),
        ("UPDATE entries SET name = CAST(x'ff' AS TEXT)", "cannot be read", "decode"),
        ("UPDATE embeddings SET embedding = x'00'", "damaged", ""),
        ("UPDATE embeddings SET embedding = x'00000000'", "damaged", "an embedding of 1 numbers"),
        ("UPDATE embeddings SET embedding = x'0000c07f'", "damaged", "not finite"),
        ("UPDATE embeddings SET embedding = zeroblob(2804)", "damaged", "of length 0, expected"),
        ("UPDATE embeddings SET embedding = 1.5", "damaged", "Expected `bytes"),
        ("UPDATE embeddings SET peaks = x'0000000000000000'", "damaged", ""),
        ("DROP TABLE embeddings", "foreign tables", "no table 'embeddings'"),
        ("ALTER TABLE entries DROP COLUMN note", "foreign tables", "another table 'entries'"),
        ("PRAGMA user_version = 99", "unknown schema", "99"),
        ("PRAGMA user_version = 0", "unknown schema", "0"),
        ("PRAGMA application_id = 1", "another program's database", ""),
    ],
)
def test_damage_is_refused_and_left_alone(statement: str, kind: str, got: str, good: Path, model: Model, tmp_path: Path) -> None:
    """Values of another type, length or meaning, missing tables and other programs' files are refused with a reason."""
    path = copied(good, tmp_path, statement)
    before = digest(path)
    with pytest.raises(LibraryError, match=re.escape(got) or None) as caught:
        used(path, model)
    assert caught.value.kind == kind
    assert digest(path) == before


def test_lost_embeddings_are_computed_again(good: Path, model: Model, tmp_path: Path) -> None:
    """Embeddings are made from the entries."""
    assert len(used(copied(good, tmp_path, "DELETE FROM embeddings"), model)) == 3


@pytest.mark.parametrize("shift", ["x'00'", "x''", "zeroblob(10008)", f"x'{struct.pack('<d', float('nan')).hex()}'"])
def test_a_damaged_spectrum_is_reported(shift: str, good: Path, model: Model, tmp_path: Path) -> None:
    """A damaged spectrum in the library is damage of the library, not a spectrum that this model cannot use."""
    path = copied(good, tmp_path, "DELETE FROM embeddings", f"UPDATE entries SET shift = {shift}")
    with refused(LibraryError, "damaged", str(path)):
        used(path, model)


@pytest.mark.parametrize("content", [b"words\n" * 1000, b"\x00" * 5000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_what_is_no_database_is_refused(content: bytes, model: Model, tmp_path: Path) -> None:
    """Any other file is refused, also by what would create one, and keeps its content."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for create in (False, True):
        with refused(LibraryError, "cannot be opened", str(path)), UserLibrary.open(path, create=create):
            used(path, model)
    assert path.read_bytes() == content


def test_another_programs_database_is_not_filled(model: Model, tmp_path: Path) -> None:
    """A database with other tables is refused, and gets none of ours."""
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE entries (mine)")
    before = digest(path)
    with refused(LibraryError, "another program's database"):
        used(path, model)
    assert digest(path) == before


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """More than the limit is refused with both sizes."""
    path = tmp_path / "large.sqlite3"
    with path.open("wb") as file:
        file.truncate(user_library.MAX_BYTES + 1)
    with refused(LibraryError, "too large", got="512 MiB", expected="at most 512 MiB"):
        UserLibrary.open(path, create=True)


def test_a_library_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    """Opening a missing library to read is an error and makes no file."""
    path = tmp_path / "none.sqlite3"
    with refused(LibraryError, "cannot be opened", cause="unable to open"):
        UserLibrary.open(path, create=False)
    assert not path.exists()
    with refused(LibraryError, "cannot be opened"):
        UserLibrary.open(tmp_path, create=True)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
COLUMNS = "i AS seq, 'a' AS name, 'file' AS kind, 'p' AS path, '' AS sha256, 0 AS idx, '' AS learned, '' AS version, '' AS network"
VIEW = f"CREATE VIEW entries AS {ENDLESS} {COLUMNS}, '' AS note, zeroblob(1000000000) AS shift, zeroblob(1000000000) AS counts FROM n"
QUOTED_VIEW = VIEW.replace("'", "''")
REWRITE = "PRAGMA writable_schema = ON"
PROGRAMS = {
    "a view of the name of a table": ["ALTER TABLE entries RENAME TO kept", VIEW],
    "a view beside the tables": [f"CREATE VIEW more AS {ENDLESS} i FROM n"],
    "a trigger": ["CREATE TRIGGER taken BEFORE INSERT ON entries BEGIN SELECT raise(ignore); END"],
    "a temporary name": ["CREATE TABLE sqlitX_sequence (name, seq)"],
    "a table more": ["CREATE TABLE more (a)"],
    "an index": ["CREATE UNIQUE INDEX one ON entries (seq)"],
    "an index that computes": ["CREATE INDEX computed ON entries (length(zeroblob(900000000)) + seq)"],
    "a computed column": ["ALTER TABLE entries ADD COLUMN large AS (zeroblob(1000000000))"],
    "a default that is large": ["ALTER TABLE entries ADD COLUMN large DEFAULT 'x'"],
    "another collation": ["DROP TABLE embeddings", "CREATE TABLE embeddings (entry, model TEXT COLLATE NOCASE, embedding, peaks)"],
    "a table that is a program": [
        REWRITE,
        f"UPDATE sqlite_master SET type = 'view', sql = '{QUOTED_VIEW}' WHERE name = 'entries'",
    ],
    "a sequence that is a view": [
        REWRITE,
        "UPDATE sqlite_master SET sql = 'CREATE VIEW sqlite_sequence AS SELECT 1' WHERE name = 'sqlite_sequence'",
    ],
    "very many tables": [
        REWRITE,
        f"INSERT INTO sqlite_master {ENDLESS} 'table', 't' || i, 't' || i, 3, 'CREATE TABLE t' || i || '(a)' FROM n LIMIT 9999",
    ],
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_library_that_is_a_program_is_refused(what: str, good: Path, tmp_path: Path) -> None:
    """A view, a trigger, a table or an index that we did not make: the file is refused by its list of contents, and none of it runs."""
    path = copied(good, tmp_path, *PROGRAMS[what])
    before = digest(path)
    began = time.monotonic()
    for create in (False, True):
        with pytest.raises(LibraryError) as caught:
            UserLibrary.open(path, create=create)
        assert caught.value.kind in {"foreign tables", "damaged", "cannot be opened"}
    assert time.monotonic() - began < 20
    assert digest(path) == before


def test_pages_that_belong_to_several_rows(good: Path, tmp_path: Path) -> None:
    """A small file whose rows share their pages, which would be read as gigabytes, is refused."""
    path = copied(good, tmp_path, "DELETE FROM embeddings")
    content = bytearray(path.read_bytes())
    page = struct.unpack_from(">H", content, 16)[0]
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entries'").fetchone()
    at = (root - 1) * page
    cells = struct.unpack_from(">H", content, at + 3)[0]
    first, second = struct.unpack_from(">HH", content, at + (12 if content[at] == 5 else 8))
    assert cells >= 2 or content[at] == 5
    overflow = 4 if content[at] == 5 else None
    if overflow is None:  # a leaf: both rows continue on the same overflow page
        usable = page - content[20]
        local = _local(content, at + first, usable), _local(content, at + second, usable)
        content[local[1] : local[1] + 4] = content[local[0] : local[0] + 4]
    else:  # an inner page: both children are the same page
        content[at + second : at + second + 4] = content[at + first : at + first + 4]
    path.write_bytes(content)
    with refused(LibraryError, "damaged"):
        UserLibrary.open(path, create=False)


def _local(content: bytearray, cell: int, usable: int) -> int:
    """Return where a leaf's cell names its overflow page (file format, 1.6)."""
    size, place = 0, cell
    while True:
        byte = content[place]
        size, place = size << 7 | byte & 0x7F, place + 1
        if not byte & 0x80:
            break
    while content[place] & 0x80:
        place += 1
    place += 1
    least, most = (usable - 12) * 32 // 255 - 23, usable - 35
    kept = least + (size - least) % (usable - 4)
    return place + (kept if kept <= most else least)


def test_more_entries_than_a_library_holds(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many entries are refused before any is read."""
    monkeypatch.setattr(user_library, "MOST_ENTRIES", 2)
    with refused(LibraryError, "too many references", expected="at most 2"):
        UserLibrary.open(copied(good, tmp_path), create=False)


def test_what_takes_too_many_steps_is_ended(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is endless all the same ends by the budget of its steps, with advice."""
    monkeypatch.setattr(sqlite_file, "STEPS", 1_000_000)
    with UserLibrary.open(copied(good, tmp_path), create=False) as own:
        connection = own._connection
        with refused(LibraryError, "damaged", cause="interrupted"), user_library._explained(own.path, "read"):
            connection.execute(f"{ENDLESS} i FROM n WHERE i < 0").fetchone()
        with refused(LibraryError, "damaged", cause="too big"), user_library._explained(own.path, "read"):
            connection.execute("SELECT zeroblob(1000000000)").fetchone()


def test_what_sqlite_adds_is_no_mistake(good: Path, model: Model, tmp_path: Path) -> None:
    """A library that was analyzed, packed anew or commented otherwise by another version is one of ours."""
    path = copied(good, tmp_path, "ANALYZE")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute(REWRITE)
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'as they were read', 'otherwise  said') WHERE name = 'entries'")
    assert len(used(path, model)) == 3


@given(st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_a_library_error_or_none(good: Path, model: Model, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes are overwritten or cut off, opening and reading end with an answer or a LibraryError."""
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        new = data.draw(st.binary(min_size=1, max_size=64))
        content[at : at + len(new)] = new
    path = tmp_path / "fuzzed.sqlite3"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    with suppress(LibraryError):
        assert all(np.linalg.norm(one.embedding) == pytest.approx(1.0, abs=1e-3) for one in used(path, model))


def test_a_full_disk_keeps_what_was_learned(good: Path, model: Model, tmp_path: Path) -> None:
    """Without room the reason is reported, nothing is written by halves, and the earlier entries stay."""
    path = copied(good, tmp_path)
    with UserLibrary.open(path, create=True) as own:
        (pages,) = own._connection.execute("PRAGMA page_count").fetchone()
        own._connection.execute(f"PRAGMA max_page_count = {pages}")
        seen = materials.exposure(seed=9)
        with refused(LibraryError, "cannot be written", cause="full"):
            own.store("More", [(seen, Library.make_reference(seen, "", "", model))], model)
        assert len(own.entries()) == 3
    assert len(used(path, model)) == 3


def test_a_held_library_is_reported(good: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that does not let go is named as the reason, after a wait."""
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.05)
    path = copied(good, tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with refused(LibraryError, "cannot be opened", cause="locked"):
            used(path, model)
        other.execute("ROLLBACK")
    assert len(used(path, model)) == 3
