"""A look into an sqlite file that leaves no trace: nothing is created, migrated, checkpointed or waited for."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from raman_edge import sqlite_file

if TYPE_CHECKING:
    from pathlib import Path

WRITE_AHEAD = 2
"""Byte 18 of an sqlite file in write-ahead mode (file format, 1.3)."""
HEADER = 100
LONGEST_ROW = 2**20
"""Bytes; what is looked at are numbers and times."""
PROGRAM = "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') LIMIT 1"


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What stands in an sqlite file."""

    application: int = 0
    schema: int = 0
    write_ahead: bool = False
    tables: int = 0
    rows: tuple[tuple[object, ...], ...] = ()
    """What the query gave."""
    why: str = ""
    """Why not all of it could be read; empty where it could."""


def look_into(path: Path, query: str, values: tuple[object, ...] = ()) -> DatabaseFacts:
    """Read what a file is, and what ``query`` gives if it has any table; ``why`` where that cannot be done."""
    seen = DatabaseFacts()
    try:
        with path.open("rb") as file:
            write_ahead = file.read(HEADER)[18:19] == bytes([WRITE_AHEAD])
        budget = sqlite_file.QueryBudget()
        budget.refill(path.stat().st_size)
        with closing(sqlite_file.connect(_address(path), longest=LONGEST_ROW, timeout=1.0, budget=budget)) as connection:
            asked = ("PRAGMA application_id", "PRAGMA user_version")
            application, schema = (connection.execute(one).fetchone()[0] for one in asked)
            tables = sqlite_file.count(connection, "sqlite_master", sqlite_file.MOST_ITEMS)
            seen = DatabaseFacts(application, schema, write_ahead, tables)
            if program := connection.execute(PROGRAM).fetchone():
                return replace(seen, why=f"it holds the {program[0]} {str(program[1])[:60]!r}, which raman-edge does not make")
            return replace(seen, rows=tuple(connection.execute(query, values)) if tables else ())
    except (sqlite3.Error, OSError) as error:
        return replace(seen, why=(error.strerror if isinstance(error, OSError) else None) or str(error))


def _address(path: Path) -> str:
    """Return how to open the file: as one that nobody changes, unless its write-ahead log is there to be read too.

    A read-only connection still makes the log and its index where they are missing; an immutable one does not.
    """
    beside = [path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm")]
    used = all(file.exists() for file in beside)
    return f"file:{quote(os.fsencode(path.absolute()))}?{'mode=ro' if used else 'mode=ro&immutable=1'}"
