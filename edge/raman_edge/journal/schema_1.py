"""Schema 1: records as they went out, and what was seen of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

SCRIPT = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of writing
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT,                            -- of the content; NULL where nothing was read
    idx INTEGER NOT NULL,                   -- which spectrum of the file
    model TEXT NOT NULL,                    -- sha256 of the model file
    config TEXT NOT NULL,
    path TEXT NOT NULL,
    ts TEXT NOT NULL,
    event TEXT NOT NULL,
    decision TEXT,                          -- NULL for a fault
    best TEXT,                              -- NULL where nothing was named
    record TEXT NOT NULL,                   -- the line of JSON as it went out
    UNIQUE (sha256, idx, model, config)
);
CREATE TABLE contents (
    sha256 TEXT NOT NULL, model TEXT NOT NULL, config TEXT NOT NULL,
    PRIMARY KEY (sha256, model, config)
) WITHOUT ROWID;
CREATE TABLE seen (
    path BLOB NOT NULL, model TEXT NOT NULL, config TEXT NOT NULL,
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    sha256 TEXT,                            -- NULL where the file was answered without being read
    PRIMARY KEY (path, model, config)
) WITHOUT ROWID;
"""


def migrate(connection: sqlite3.Connection) -> None:
    """Fill an empty file."""
    for statement in SCRIPT.split(";\n"):
        connection.execute(statement)
