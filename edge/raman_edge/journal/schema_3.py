"""Schema 3: what is done to the journal itself is in the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.journal import events

if TYPE_CHECKING:
    import sqlite3

SCRIPT = """
CREATE TABLE events (              -- what was done to the journal itself
    after INTEGER NOT NULL,        -- seq of the row before it, 0 before the first
    number INTEGER NOT NULL,       -- which event after that row, from 0
    ts TEXT NOT NULL,
    kind TEXT NOT NULL,
    facts TEXT NOT NULL,           -- JSON
    chain BLOB NOT NULL,           -- hash over the chain before and all that this row holds
    PRIMARY KEY (after, number)
) WITHOUT ROWID
"""
WITHOUT = "SELECT seq FROM records WHERE spectrum IS NOT NULL AND seq NOT IN (SELECT seq FROM spectra) ORDER BY seq"


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a journal of schema 2 to schema 3; which spectra were gone by then is noted."""
    connection.execute(SCRIPT)
    without = tuple(events.runs_of(seq for (seq,) in connection.execute(WITHOUT)))
    if without:
        events.add(connection, events.EarlierState(without))
