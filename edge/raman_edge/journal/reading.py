"""Records read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.journal import keys, lines

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it stands in the journal."""

    seq: int
    """Order of writing, from 1, rising."""
    id: str
    line: str
    """The line of JSON as it went out."""


def after(connection: sqlite3.Connection, seq: int, limit: int) -> tuple[Row, ...]:
    """Return the first ``limit`` rows after ``seq``, oldest first."""
    query = "SELECT seq, id, line FROM records JOIN lines USING (seq) WHERE seq > ? ORDER BY seq LIMIT ?"
    found = connection.execute(query, (seq, limit))
    return tuple(Row(place, keys.unpacked(name), lines.unpack(packed)) for place, name, packed in found)


def newest_first(connection: sqlite3.Connection, limit: int | None) -> Iterator[str]:
    """Give the lines, newest first."""
    query = "SELECT line FROM records JOIN lines USING (seq) ORDER BY seq DESC LIMIT ?"
    for (packed,) in connection.execute(query, (-1 if limit is None else limit,)):
        yield lines.unpack(packed)
