"""The file of the user's own library: opened, brought up to date, and every failure explained."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from raman_edge import sqlite_file
from raman_edge.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = 0x52454F31
"""``application_id`` of our files: "REO1"; another program's database is refused, not filled."""
BUSY_S = 10.0
"""How long a write waits for another process's write, s."""
MAX_BYTES = 512 * 2**20
"""A larger file is refused."""
LONGEST_ROW = 64 * 2**20
"""Bytes: a spectrum of four million points."""
MOST_ENTRIES = 10_000
"""As many references as the embedded library has: a search then takes twice as long."""

SCHEMA_1 = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: another process may still embed a forgotten one
    name TEXT NOT NULL,
    kind TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL, idx INTEGER NOT NULL,  -- where it was read
    learned TEXT NOT NULL,                   -- UTC, ISO 8601
    version TEXT NOT NULL,                   -- of raman-edge
    network TEXT NOT NULL,                   -- digest of the network it was taught with
    note TEXT NOT NULL,
    shift BLOB NOT NULL, counts BLOB NOT NULL,  -- as they were read, float64, little-endian
    UNIQUE (name, sha256, idx)
);
CREATE TABLE embeddings (
    entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
    model TEXT NOT NULL,                     -- sha256 of the model file
    embedding BLOB NOT NULL,                 -- float32, little-endian
    peaks BLOB NOT NULL,                     -- positions, heights, widths; float64, little-endian
    PRIMARY KEY (entry, model)
) WITHOUT ROWID;
"""
MIGRATIONS = (SCHEMA_1,)
"""``MIGRATIONS[n]`` takes a file from schema n to n + 1; schema 0 is an empty file."""
SCHEMA = len(MIGRATIONS)


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the file at ``path``, or create it; :class:`LibraryError` where it is not ours, and it is left as it is."""
    with explained(path, "opened"):
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_BYTES:
            msg = f"your library {str(path)!r} is {path.stat().st_size / 2**20:.0f} MiB; at most {MAX_BYTES / 2**20:.0f} MiB are read"
            raise LibraryError(msg)
        where = f"file:{quote(os.fsencode(path.absolute()))}?mode={'rwc' if create else 'rw'}"
        connection = sqlite_file.connect(where, longest=LONGEST_ROW, timeout=BUSY_S)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write what the block writes, all or nothing, after what another process writes now."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the connection up, refuse what is not ours, fill what is empty."""
    with sqlite_file.snapshot(connection):  # another process may just be making the same library
        version = _checked(connection, path)
    # EXTRA also syncs the folder when the rollback journal goes: what was said to be learned survives a power cut.
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA foreign_keys = ON")
    if version < SCHEMA:
        _migrate(connection, path)
    # Pages that belong to several rows, or to each other, would make a small file endless.
    if (damage := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise ValueError(" ".join(str(damage).split()))
    if sqlite_file.count(connection, "entries", MOST_ENTRIES) > MOST_ENTRIES:
        msg = f"your library {str(path)!r} holds more than {MOST_ENTRIES} references, which is the most; give another --user-library"
        raise LibraryError(msg)


def _checked(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema of a file that is ours, and holds what that schema has; 0 is an empty file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = sqlite_file.count(connection, "sqlite_master", 0)
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        msg = f"{str(path)!r} is the database of another program; give another place with --user-library"
        raise LibraryError(msg)
    if version > SCHEMA:
        msg = f"your library {str(path)!r} has schema {version}, this raman-edge knows {SCHEMA}: update it, or give another --user-library"
        raise LibraryError(msg)
    sqlite_file.require_schema(connection, _expected(MIGRATIONS[: max(0, version)]))
    return version


@lru_cache(maxsize=4)
def _expected(scripts: tuple[str, ...]) -> frozenset[sqlite_file.SchemaItem]:
    return sqlite_file.schema_made_by([lambda connection: connection.executescript("".join(scripts))])


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date in one transaction, also where two processes start at once."""
    with transaction(connection):
        for script in MIGRATIONS[_checked(connection, path) :]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn what sqlite, the file system and damaged rows say into one clear error."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, msgspec.MsgspecError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        msg = f"your library {str(path)!r} cannot be {what}: {why[:300]}. {_advice(error)}"
        raise LibraryError(msg) from error


def _advice(error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    damaged = "It is damaged: move it away, or put back a copy; --no-user-library does without it"
    advice = {
        sqlite3.SQLITE_FULL: "The disk is full: make room; what was learned before is safe",
        sqlite3.SQLITE_IOERR: "The disk failed or is full: make room or check it",
        sqlite3.SQLITE_BUSY: "Another program holds it: close that one, or give another library with --user-library",
        sqlite3.SQLITE_READONLY: "It is write-protected: give another library with --user-library, or in RAMAN_EDGE_USER_LIBRARY",
        sqlite3.SQLITE_NOTADB: "It is no library of this kind: give another place with --user-library",
        sqlite3.SQLITE_CORRUPT: damaged,
        sqlite3.SQLITE_INTERRUPT: f"Reading it takes longer than any library does. {damaged}",
        sqlite3.SQLITE_TOOBIG: damaged,
    }
    if isinstance(error, (ValueError, msgspec.MsgspecError, sqlite3.OperationalError)) and primary in {None, sqlite3.SQLITE_ERROR}:
        return damaged
    return advice.get(primary or 0, "Give another place with --user-library, or in RAMAN_EDGE_USER_LIBRARY")
