"""Schema 2: rows are small, hash-chained and hold the spectrum; sinks have cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.journal import chain, row_codec

if TYPE_CHECKING:
    import sqlite3

SCRIPT = """
CREATE TABLE runs (                -- what answered: said once, not in every row
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
    best TEXT COLLATE NOCASE,      -- NULL where nothing was named
    spectrum BLOB,                 -- digest of the spectrum; NULL for a fault
    chain BLOB NOT NULL,           -- hash over the chain of the row before and all that this one holds
    UNIQUE (sha256, idx, run)
);
CREATE INDEX by_time ON records (ts);
CREATE INDEX by_decision ON records (decision);
CREATE INDEX by_best ON records (best) WHERE best IS NOT NULL;
CREATE TABLE lines (               -- apart from the columns: a list reads few of them
    seq INTEGER PRIMARY KEY,
    line BLOB NOT NULL             -- the line of JSON as it went out, packed
);
CREATE TABLE spectra (             -- may be taken away; the row keeps the digest
    seq INTEGER PRIMARY KEY,
    axis INTEGER NOT NULL REFERENCES axes,
    spectrum BLOB NOT NULL         -- counts and facts, packed
);
CREATE TABLE axes (
    axis INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    shift BLOB NOT NULL            -- packed
);
CREATE TABLE contents (            -- answered whole
    sha256 BLOB NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (sha256, run)
) WITHOUT ROWID;
CREATE TABLE seen (                -- answered in this state
    path BLOB NOT NULL, run INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (path, run)
) WITHOUT ROWID;
CREATE TABLE cursors (             -- what each sink has taken
    sink TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) WITHOUT ROWID;
"""
UNREAD = "+0"
"""Put behind the configuration of what schema 1 holds as failed: it is read once more, by the readers of today."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a journal of schema 1 to schema 2: its rows are chained as they stand."""
    for table in ("records", "contents", "seen"):
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    for statement in SCRIPT.split(";\n"):
        connection.execute(statement)
    _set_failures_apart(connection)
    for table in ("records", "contents", "seen"):
        connection.execute(f"INSERT OR IGNORE INTO runs (model, config) SELECT DISTINCT model, config FROM {table}_1")  # noqa: S608 - our names
    _move_records(connection)
    _move_memory(connection)
    for table in ("records", "contents", "seen"):
        connection.execute(f"DROP TABLE {table}_1")


def _set_failures_apart(connection: sqlite3.Connection) -> None:
    failed = "SELECT sha256 FROM records_1 WHERE event = 'fault' AND sha256 IS NOT NULL"
    connection.execute(f"UPDATE contents_1 SET config = config || '{UNREAD}' WHERE sha256 IN ({failed})")  # noqa: S608 - our names
    connection.execute(f"UPDATE seen_1 SET config = config || '{UNREAD}' WHERE sha256 IS NULL OR sha256 IN ({failed})")  # noqa: S608
    connection.execute(f"UPDATE records_1 SET config = config || '{UNREAD}' WHERE event = 'fault'")  # noqa: S608


def _move_records(connection: sqlite3.Connection) -> None:
    head = chain.START
    runs: dict[tuple[str, str], tuple[int, str]] = {}
    query = (
        "SELECT seq, id, sha256, idx, model, config, path, ts, coalesce(decision, 'fault'), best, record, NULL FROM records_1 ORDER BY seq"
    )
    for row in connection.execute(query):
        facts = chain.ChainedFacts(*row)
        head = chain.link(head, facts)
        if (named := (facts.model, facts.config)) not in runs:
            runs[named] = connection.execute(row_codec.SET_FIRST, (facts.line, *named)).fetchone()
        run, first = runs[named]
        connection.execute(row_codec.INSERT_RECORD, row_codec.columns(facts, run, head))
        connection.execute(row_codec.INSERT_LINE, row_codec.line(facts, first))


def _move_memory(connection: sqlite3.Connection) -> None:
    query = "SELECT sha256, run FROM contents_1 JOIN runs USING (model, config)"
    moved = ((row_codec.packed(sha256), run) for sha256, run in connection.execute(query))
    connection.executemany("INSERT INTO contents VALUES (?,?)", moved)
    query = "SELECT path, run, dev, ino, size, mtime_ns, ctime_ns FROM seen_1 JOIN runs USING (model, config)"
    states = ((path, run, row_codec.state(signature)) for path, run, *signature in connection.execute(query))
    connection.executemany("INSERT INTO seen VALUES (?,?,?)", states)
