"""The tables of a journal."""

from __future__ import annotations

import sqlite3
from time import monotonic, sleep
from typing import TYPE_CHECKING

from raman_edge import sqlite_file
from raman_edge.errors import JournalDamaged, JournalError, JournalUnavailable

if TYPE_CHECKING:
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
    longest_row=256 * 2**20,  # more than the longest spectrum takes (raman_edge.journal.packing.MOST_VALUES)
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
