"""The file of a journal: its tables, and its connection, which is made when it is needed and again after a temporary failure."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING

from raman_edge import sqlite_file
from raman_edge.atomic_write import system_path
from raman_edge.errors import JournalDamaged, JournalError, JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = 0x52454A31
""""REJ1"."""
SCHEMA = 3
RETRY_S = 0.02
"""Between two attempts where sqlite does not wait itself, s."""
PAGE_BYTES = 8192
"""Page of a new journal: rows of 1 to 3 kB waste half of a smaller one, and every commit writes whole pages."""
WAL_BYTES = 16 * 2**20
"""The write-ahead log is cut to this size again after it grew while a reader held an old state."""
SCRIPT = """
CREATE TABLE runs (                -- a model and a configuration, written once and not in every row
    run INTEGER PRIMARY KEY,
    model TEXT NOT NULL,           -- sha256 of the model file
    config TEXT NOT NULL,
    first TEXT,                    -- the first line written; the others are packed with it
    UNIQUE (model, config)
);
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,       -- order of writing
    id BLOB NOT NULL UNIQUE,
    sha256 BLOB,                   -- of the content; NULL where nothing was read
    idx INTEGER NOT NULL,          -- which spectrum of the file
    run INTEGER NOT NULL REFERENCES runs,
    path TEXT NOT NULL,
    ts INTEGER NOT NULL,           -- ms since 1970; other text as it is
    decision TEXT NOT NULL,        -- 'fault' for a fault
    best TEXT COLLATE NOCASE,      -- NULL where no material is named
    spectrum BLOB,                 -- digest of the spectrum; NULL for a fault
    chain BLOB NOT NULL,           -- hash over the chain of the row before and all that this one holds
    UNIQUE (sha256, idx, run)
);
CREATE INDEX by_time ON records (ts);
CREATE INDEX by_decision ON records (decision);
CREATE INDEX by_best ON records (best) WHERE best IS NOT NULL;
CREATE TABLE lines (               -- apart from the columns: a list reads few of them
    seq INTEGER PRIMARY KEY,
    line BLOB NOT NULL             -- the line of JSON, packed
);
CREATE TABLE spectra (             -- may be pruned; the row keeps the digest
    seq INTEGER PRIMARY KEY,
    axis INTEGER NOT NULL REFERENCES axes,
    spectrum BLOB NOT NULL         -- counts and facts, packed
);
CREATE TABLE axes (
    axis INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    shift BLOB NOT NULL            -- packed
);
CREATE TABLE contents (            -- every spectrum identified
    sha256 BLOB NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (sha256, run)
) WITHOUT ROWID;
CREATE TABLE seen (                -- files identified in this state
    path BLOB NOT NULL, run INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (path, run)
) WITHOUT ROWID;
CREATE TABLE cursors (             -- what each output has confirmed
    sink TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (              -- changes of the journal itself
    after INTEGER NOT NULL,        -- seq of the row before it, 0 before the first
    number INTEGER NOT NULL,       -- which event after that row, from 0
    ts TEXT NOT NULL,
    kind TEXT NOT NULL,
    facts TEXT NOT NULL,           -- JSON
    chain BLOB NOT NULL,           -- hash over the chain before and all that this row holds
    PRIMARY KEY (after, number)
) WITHOUT ROWID
"""
JOURNAL = sqlite_file.FileKind(
    noun="journal",
    application=APPLICATION,
    schema=SCHEMA,
    script=SCRIPT,
    longest_row=256 * 2**20,  # more than the longest spectrum takes (raman_edge.journal.spectra.MOST_VALUES)
    elsewhere="give another place with --journal, or in RAMAN_EDGE_JOURNAL",
    safe="nothing is lost, what the journal lacks is read again",
    damaged="Move it away and start again: every file in the folder is identified again",
    unusable=JournalError,
    unavailable=JournalUnavailable,
    broken=JournalDamaged,
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours, set the connection up, and fill an empty file."""
    is_filled = sqlite_file.check(connection, JOURNAL, path)
    if not is_filled:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    if not is_filled:
        sqlite_file.create(connection, JOURNAL, path)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Change to write-ahead mode; sqlite itself does not wait here for another process that is creating the same journal."""
    ends = monotonic() + sqlite_file.BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > ends:
                raise
            sleep(RETRY_S)
        else:
            return


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a write-protected file that is not a journal, or an empty one."""
    if not sqlite_file.check(connection, JOURNAL, path):
        raise JournalError(kind="empty", place=f"journal {str(path)!r}", advice=JOURNAL.elsewhere[:1].upper() + JOURNAL.elsewhere[1:])


_LEAVING = threading.Lock()
"""Held while the log of a file that was moved away is removed: a moment later another file's log may lie there."""


class Database:
    """A journal's file. One thread at a time; each process and thread has its own."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._file = system_path(path)
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
            self._place = _place(self._file)
            self._logs = {log: _place(log) for log in (_beside(self._file, "-wal"), _beside(self._file, "-shm"))}
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self._create:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        elif not self._file.exists():
            advice = "`raman-edge watch` creates one; --journal names another"
            raise JournalError(kind="not found", place=f"journal {str(self.path)!r}", advice=advice)
        writable = self._create or (os.access(self._file, os.W_OK) and os.access(self._file.parent, os.W_OK))
        how = f"mode={'rwc' if self._create else 'rw'}" if writable else self._read_only()
        where = sqlite_file.address(self.path, how)
        connection = sqlite_file.connect(where, longest=JOURNAL.longest_row, budget=self._budget, check_same_thread=False)
        try:
            (prepare if writable else check)(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _read_only(self) -> str:
        """Return how sqlite opens a write-protected journal: as immutable where it has no log."""
        log = _beside(self._file, "-wal")
        return "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"

    def _size(self) -> int:
        """Return the bytes of the file and its log, as far as they are there."""
        size = 0
        for path in (self._file, _beside(self._file, "-wal")):
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
        if _place(self._file) != self._place:
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
