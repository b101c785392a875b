"""Records read back."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.errors import RowDamaged
from raman_edge.journal import row_codec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sized
    from datetime import datetime

    from raman_edge.journal.chain import ChainedFacts


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One record as it stands in the journal."""

    seq: int
    """Order of writing, from 1, rising."""
    id: str
    line: str
    """The line of JSON as it went out."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records are meant; None is all."""

    since: datetime | None = None
    """At that time or later."""
    until: datetime | None = None
    """Before that time."""
    decision: str | None = None
    """``match``, ``possible``, ``ambiguous``, ``unknown``, ``rejected`` or ``fault``."""
    label: str | None = None
    """What was named, in upper or lower case."""
    path: str | None = None
    """Glob over the whole path."""
    id: str | None = None
    """How the record's id begins."""

    @property
    def given(self) -> bool:
        """Whether not all records are meant."""
        return self != ALL

    def where(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition and its values."""
        tests: dict[str, object] = {
            "ts >= ?": self.since and row_codec.milliseconds(self.since),
            "ts < ?": self.until and row_codec.milliseconds(self.until),
            "decision = ?": self.decision,
            "best = ?": self.label,
            "path GLOB ?": self.path,
        }
        given = {test: value for test, value in tests.items() if value is not None}
        if self.id is not None:
            least, most = row_codec.beginning(self.id)
            given |= {"id >= ?": least, "id <= ?": most}
        return " AND ".join(given) or "1", tuple(given.values())


ALL = Filters()
DAMAGE = (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, struct.error)
"""What reading values of another type, length or range than ours raises."""
AT_ONCE = 250
"""Rows in one query; sqlite takes 999 values at least."""


def after(connection: sqlite3.Connection, seq: int, limit: int) -> tuple[JournalRow, ...]:
    """Return the first ``limit`` rows after ``seq``, oldest first, at most up to a damaged one.

    Raises :class:`RowDamaged` where that is the first.
    """
    query = f"SELECT {row_codec.COLUMNS} FROM {row_codec.TABLES} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own text
    rows: list[JournalRow] = []
    for stored in connection.execute(query, (seq, limit)):
        try:
            rows.append(row_of(facts_of(stored)))
        except RowDamaged:
            if not rows:
                raise
            break  # the next call begins with it
    return tuple(rows)


def rows(connection: sqlite3.Connection, chosen: array[int]) -> Iterator[JournalRow]:
    """Give the rows of these numbers, in their order."""
    for part in _parts(chosen):
        query = f"SELECT {row_codec.COLUMNS} FROM {row_codec.TABLES} WHERE seq IN ({_places(part)})"  # noqa: S608 - our own text
        found = {stored[0]: stored for stored in connection.execute(query, part).fetchall()}
        yield from (row_of(facts_of(found[seq])) for seq in part if seq in found)


def numbers(connection: sqlite3.Connection, filters: Filters, limit: int | None = None, *, oldest: bool = False) -> array[int]:
    """Return the numbers of the rows that are meant, the newest first or the ``oldest``.

    They are read at once, the rows later and few at a time: a slow reader holds no old state of the journal.
    """
    where, values = filters.where()
    most = -1 if limit is None else limit
    order = "ASC" if oldest else "DESC"
    query = f"SELECT seq FROM records WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - our own text
    return array("q", (seq for (seq,) in connection.execute(query, (*values, most))))


def count(connection: sqlite3.Connection, filters: Filters) -> int:
    """Return how many rows there are."""
    where, values = filters.where()
    number: int = connection.execute(f"SELECT count(*) FROM records WHERE {where}", values).fetchone()[0]  # noqa: S608 - our own text
    return number


def _parts(chosen: array[int]) -> Iterator[array[int]]:
    for first in range(0, len(chosen), AT_ONCE):
        yield chosen[first : first + AT_ONCE]


def _places(values: Sized) -> str:
    return ",".join("?" * len(values))


def facts_of(stored: row_codec.Stored) -> ChainedFacts:
    """Return what a row says; :class:`RowDamaged` where it cannot be read."""
    try:
        return row_codec.facts(stored)
    except DAMAGE as error:
        raise RowDamaged(stored[0], error) from error


def row_of(facts: ChainedFacts) -> JournalRow:
    """Return what readers of a row get."""
    return JournalRow(facts.seq, facts.id, facts.line)
