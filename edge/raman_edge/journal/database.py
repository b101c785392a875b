"""The open file: connected when it is needed, and again after a failure that passes."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from raman_edge import sqlite_file
from raman_edge.errors import JournalError, JournalUnavailable
from raman_edge.journal import schema
from raman_edge.journal.schema import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEAVING = threading.Lock()
"""Held while the log of a file that was moved away is removed: a moment later another file's log may lie there."""


class Database:
    """A journal's file. One thread at a time; each process and thread has its own."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._create = create
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._tables: int | None = None
        """sqlite's number for the state of the tables that was checked; None is not yet."""
        self._budget = sqlite_file.QueryBudget()
        self._logs: dict[Path, Place | None] = {}
        self._pending: list[tuple[str, tuple[object, ...]]] = []

    @property
    def pending(self) -> bool:
        """Whether statements wait to be written."""
        return bool(self._pending)

    def defer(self, statement: str, values: tuple[object, ...]) -> None:
        """Write a statement with the next transaction."""
        self._pending.append((statement, values))

    @contextmanager
    def using(self, what: str) -> Iterator[sqlite3.Connection]:
        """Give the connection; after :class:`JournalUnavailable` the next use connects anew."""
        try:
            with sqlite_file.explained(JOURNAL, self.path, what):
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
            with sqlite_file.transaction(connection):
                self._check_tables(connection)  # from here on no other process can change them
                for statement, values in self._pending:
                    connection.execute(statement, values)
                yield connection
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
            advice = "`raman-edge watch` creates one; --journal names another"
            raise JournalError(kind="not found", place=f"journal {str(self.path)!r}", advice=advice)
        writable = self._create or (os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK))
        how = f"mode={'rwc' if self._create else 'rw'}" if writable else self._read_only()
        where = sqlite_file.address(self.path, how)
        connection = sqlite_file.connect(where, longest=JOURNAL.longest_row, budget=self._budget, check_same_thread=False)
        try:
            (schema.prepare if writable else schema.check)(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _read_only(self) -> str:
        """Return how sqlite opens a write-protected journal: as immutable where it has no log."""
        log = _beside(self.path, "-wal")
        return "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"

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
            sqlite_file.require_tables(connection, JOURNAL, self.path)
            self._tables = tables

    def _check_place(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that was moved or deleted: rows written there are not found again, and new ones are not read there.

        Pending statements belong to records in that file.
        """
        if _place(self.path) != self._place:
            self._pending.clear()
            self._take_log(connection)
            raise JournalUnavailable(
                kind="moved, deleted or replaced while it was open",
                place=f"journal {str(self.path)!r}",
                advice="The next attempt uses the file that is there then",
            )

    def _take_log(self, connection: sqlite3.Connection) -> None:
        """Empty the log into its file and remove it: left behind, it would be read as the log of the file that is there now.

        sqlite finds log and lock table by name. Other threads and processes that still have the old file open keep the log
        that they have open, so that theirs is never the log of the new file.
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
