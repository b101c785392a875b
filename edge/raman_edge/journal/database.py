"""The open file: connected when it is needed, and again after a failure that passes."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from raman_edge import sqlite_file
from raman_edge.errors import JournalError, JournalUnavailable
from raman_edge.journal import schema
from raman_edge.journal.errors import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_ROW = 256 * 2**20
"""Bytes: more than the longest spectrum takes (:data:`raman_edge.journal.packing.MOST_VALUES`)."""
_LEAVING = threading.Lock()
"""Held by whoever takes the log of a file that was moved away: what lies there a moment later may be another file's."""


class Database:
    """A journal's file. One thread at a time; each process and thread has its own."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._create = create
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._tables: int | None = None
        """What sqlite calls the state of the tables that was checked; None is not yet."""
        self._budget = sqlite_file.QueryBudget()
        self._logs: dict[Path, Place | None] = {}
        self._pending: list[tuple[str, tuple[object, ...]]] = []

    @property
    def pending(self) -> bool:
        """Whether statements wait to be written."""
        return bool(self._pending)

    def defer(self, statement: str, values: tuple[object, ...]) -> None:
        """Have a statement written with the next transaction."""
        self._pending.append((statement, values))

    @contextmanager
    def using(self, what: str) -> Iterator[sqlite3.Connection]:
        """Give the connection; after :class:`JournalUnavailable` the next use connects anew."""
        try:
            with explained(self.path, what):
                connection = self._connected()
                self._check_place(connection)
                self._budget.refill(self._size())
                self._check_tables(connection)
                yield connection
        except JournalUnavailable:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write the pending statements and what the block writes, all or nothing."""
        with self.using("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._check_tables(connection)  # from here on nobody can change them
                for statement, values in self._pending:
                    connection.execute(statement, values)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # what failed may have rolled back already; the reason for it is told
                    connection.execute("ROLLBACK")
                raise
            self._pending.clear()

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
            self._tables = None
            self._place = _place(self.path)
            self._logs = {log: _place(log) for log in (_beside(self.path, "-wal"), _beside(self.path, "-shm"))}
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self._create:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.path.exists():
            msg = f"there is no journal at {str(self.path)!r}: `raman-edge watch` makes one; --journal names another"
            raise JournalError(msg)
        writable = self._create or _writable(self.path)
        where = _address(self.path, f"mode={'rwc' if self._create else 'rw'}") if writable else _read_only(self.path)
        connection = sqlite_file.connect(where, longest=LONGEST_ROW, timeout=schema.BUSY_S, budget=self._budget, check_same_thread=False)
        prepare = schema.prepare if writable else schema.check_current
        try:
            prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _size(self) -> int:
        """Return the bytes of the file and its log, as far as they are there."""
        size = 0
        for path in (self.path, _beside(self.path, "-wal")):
            with suppress(OSError):
                size += path.stat().st_size
        return size

    def _check_tables(self, connection: sqlite3.Connection) -> None:
        """Refuse tables that another program has changed since they were checked."""
        if (tables := sqlite_file.schema_version(connection)) != self._tables:
            schema.check_tables(connection, self.path)
            self._tables = tables

    def _check_place(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that was moved or deleted: what is written there nobody finds again, and what comes is not read there.

        What waits to be written belongs to records in that file.
        """
        if _place(self.path) != self._place:
            self._pending.clear()
            self._take_log(connection)
            msg = f"journal {str(self.path)!r} was moved, deleted or replaced while it was open; the next attempt uses what is there then"
            raise JournalUnavailable(msg)

    def _take_log(self, connection: sqlite3.Connection) -> None:
        """Empty the log into its file and take it away: left behind, it would be read as the log of the file that is there now.

        sqlite finds log and lock table by name. Other threads and processes that still have the old file open keep what they
        have open, so that theirs and those of the new file never are the same.
        """
        with _LEAVING:
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for log, place in self._logs.items():
                if place is not None and _place(log) == place:
                    log.unlink(missing_ok=True)


Place = tuple[int, int]
"""Device and inode of a file."""


def _place(path: Path) -> Place | None:
    """Return which file lies at ``path``; None for none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _beside(path: Path, suffix: str) -> Path:
    """Return where sqlite keeps what belongs to the file at ``path``."""
    return path.with_name(path.name + suffix)


def _writable(path: Path) -> bool:
    """Whether the journal can be written, and the files beside it that a reader of a live one needs."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _read_only(path: Path) -> str:
    """Return how sqlite is told to read a write-protected journal: without a log beside it, it is as it is."""
    log = _beside(path, "-wal")
    still = not (log.exists() and log.stat().st_size)
    return _address(path, f"mode=ro{'&immutable=1' if still else ''}")


def _address(path: Path, how: str) -> str:
    """Return the URI by which sqlite opens the file."""
    return f"file:{quote(os.fsencode(path.absolute()))}?{how}"
