"""The tables of a journal, and how an older one comes to have them."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from time import monotonic, sleep
from typing import TYPE_CHECKING

from raman_edge import sqlite_file
from raman_edge.errors import JournalDamaged, JournalError
from raman_edge.journal import schema_1, schema_2, schema_3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUSY_S = 10.0
"""How long one process waits for another one's write, s."""
AGAIN_S = 0.02
"""Between two attempts where sqlite does not wait by itself, s."""
APPLICATION = 0x52454A31
"""``application_id`` of our files: "REJ1"; another program's database is refused, not filled."""
PAGE_BYTES = 8192
"""Page of a new journal: rows of 1 to 3 kB waste half of a smaller one, and every commit writes whole pages."""
WAL_BYTES = 16 * 2**20
"""The write-ahead log becomes no larger than this again, whatever it grew to while a reader held an old state."""
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (schema_1.migrate, schema_2.migrate, schema_3.migrate)
"""``MIGRATIONS[n]`` takes a journal from schema n to n + 1; schema 0 is an empty file."""
SCHEMA = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the connection up, refuse what is not ours, migrate what is older."""
    with sqlite_file.snapshot(connection):  # another process may just be making the same journal
        version = check(connection, path)
        check_tables(connection, path, version)
    if version == 0:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    if version < SCHEMA:
        _migrate(connection, path)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Change to write-ahead mode; sqlite itself does not wait here for another process that is just making the same journal."""
    ends = monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > ends:
                raise
            sleep(AGAIN_S)
        else:
            return


def check(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema of a journal that can be used here, 0 for an empty file; :class:`JournalError` for anything else."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = sqlite_file.count(connection, "sqlite_master", 0)
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        msg = f"{str(path)!r} is the database of another program; give another place with --journal"
        raise JournalError(msg)
    if version > SCHEMA:
        msg = (
            f"journal {str(path)!r} has schema {version}, this raman-edge writes {SCHEMA}: update it, or give another place with --journal"
        )
        raise JournalError(msg)
    return version


def check_tables(connection: sqlite3.Connection, path: Path, version: int = SCHEMA) -> None:
    """Refuse a journal whose tables are not those of its schema; a trigger among them could drop what is written."""
    try:
        sqlite_file.require_schema(connection, _expected(MIGRATIONS[: max(0, version)]))
    except sqlite_file.ForeignSchema as error:
        msg = f"journal {str(path)!r} was changed by another program: {error}. Put back a copy, or give another place with --journal"
        raise JournalDamaged(msg) from error


@lru_cache(maxsize=8)
def _expected(migrations: tuple[Callable[[sqlite3.Connection], None], ...]) -> frozenset[sqlite_file.SchemaItem]:
    return sqlite_file.schema_made_by(migrations)


def check_current(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what cannot be read as it is."""
    with sqlite_file.snapshot(connection):
        version = check(connection, path)
        if version == SCHEMA:
            check_tables(connection, path)
    if version < SCHEMA:
        msg = f"journal {str(path)!r} has schema {version}; to be read it is brought to schema {SCHEMA}, and it cannot be written: copy it"
        raise JournalError(msg)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date in one transaction, also where two processes start at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = check(connection, path)
        check_tables(connection, path, version)
        for migration in MIGRATIONS[version:]:
            migration(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
