"""Records read back: by filters, in their order, with their spectra; and which of them a later answer replaces.

Nothing is taken out of the journal. The record of a later answer names the earlier content in ``source.grown_from``; a
fault of a file that could not be read, or was empty, is replaced by any later answer to a content under its path.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from raman_edge import sqlite_file
from raman_edge.errors import RowDamaged
from raman_edge.journal import rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from raman_edge.spectrum import Spectrum

AT_ONCE = 250
"""Rows in one query; sqlite takes 999 values at least."""
FEW_PATHS = 250
"""Paths that a query names; for more of them all later rows are read."""
MOST_ROWS = 2**40


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One record of the journal."""

    seq: int
    """Order of writing, from 1, rising."""
    id: str
    line: str
    """The line of JSON as it went out."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A record with all that the journal holds beside it."""

    row: JournalRow
    model: str
    """SHA-256 of the model that identified the spectrum."""
    config: str
    chain: str
    """The row's hash, hexadecimal."""
    digest: str | None
    """SHA-256 of the spectrum (:func:`raman_edge.journal.spectra.digest`); None for a fault."""
    spectrum: Spectrum | None
    """None for a fault, and where it is not kept."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records to select; None is all."""

    since: datetime | None = None
    """At that time or later."""
    until: datetime | None = None
    """Before that time."""
    decision: str | None = None
    """``match``, ``group``, ``possible``, ``ambiguous``, ``unknown``, ``rejected`` or ``fault``."""
    label: str | tuple[str, ...] | None = None
    """The named material, or any of several, in upper or lower case."""
    path: str | None = None
    """Glob over the whole path."""
    id: str | None = None
    """Beginning of the record's id."""

    @property
    def given(self) -> bool:
        """Whether any filter is set."""
        return self != ALL

    def where(self) -> tuple[str, tuple[object, ...]]:
        """Return the condition and its values."""
        tests: dict[str, object] = {
            "ts >= ?": self.since and rows.milliseconds(self.since),
            "ts < ?": self.until and rows.milliseconds(self.until),
            "decision = ?": self.decision,
            "path GLOB ?": self.path,
        }
        given = {test: value for test, value in tests.items() if value is not None}
        values: list[object] = list(given.values())
        if self.label is not None:
            labels = (self.label,) if isinstance(self.label, str) else self.label
            given[f"best IN ({','.join('?' * len(labels))})"] = labels
            values += labels
        if self.id is not None:
            least, most = rows.beginning(self.id)
            given |= {"id >= ?": least, "id <= ?": most}
            values += (least, most)
        return " AND ".join(given) or "1", tuple(values)


ALL = Filters()


def after(connection: sqlite3.Connection, seq: int, limit: int) -> tuple[JournalRow, ...]:
    """Return the first ``limit`` rows after ``seq``, oldest first, at most up to a damaged one.

    Raises :class:`RowDamaged` where that is the first.
    """
    query = f"SELECT {rows.COLUMNS} FROM {rows.TABLES} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own text
    found: list[JournalRow] = []
    for stored in connection.execute(query, (seq, limit)):
        try:
            found.append(row_of(rows.facts_of(stored)))
        except RowDamaged:
            if not found:
                raise
            break  # the next call begins with it
    return tuple(found)


def selected(connection: sqlite3.Connection, chosen: array[int]) -> Iterator[JournalRow]:
    """Give the rows of these numbers, in their order."""
    for first in range(0, len(chosen), AT_ONCE):
        part = chosen[first : first + AT_ONCE]
        places = ",".join("?" * len(part))
        query = f"SELECT {rows.COLUMNS} FROM {rows.TABLES} WHERE seq IN ({places})"  # noqa: S608 - our own text
        found = {stored[0]: stored for stored in connection.execute(query, part).fetchall()}
        yield from (row_of(rows.facts_of(found[seq])) for seq in part if seq in found)


def numbers(connection: sqlite3.Connection, filters: Filters, limit: int | None = None, *, oldest: bool = False) -> array[int]:
    """Return the numbers of the selected rows, the newest first or the ``oldest``.

    They are read at once, the rows later and few at a time: a slow reader does not hold an old state of the journal.
    """
    where, values = filters.where()
    order = "ASC" if oldest else "DESC"
    query = f"SELECT seq FROM records WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - our own text
    return array("q", (seq for (seq,) in connection.execute(query, (*values, -1 if limit is None else limit))))


def count(connection: sqlite3.Connection, filters: Filters = ALL) -> int:
    """Return how many rows are selected."""
    where, values = filters.where()
    return sqlite_file.count(connection, f"records WHERE {where}", MOST_ROWS, values)


def row_of(facts: rows.ChainedFacts) -> JournalRow:
    """Return the record of a row."""
    return JournalRow(facts.seq, facts.id, facts.line)


# Which answers a later one replaces


class _Source(msgspec.Struct):
    kind: str
    grown_from: str | None = None


class _Record(msgspec.Struct):
    source: _Source


Content = bytes | str | None


def current(connection: sqlite3.Connection, filters: Filters, limit: int | None) -> tuple[array[int], int]:
    """Return the newest ``limit`` rows that no later answer replaces, newest first, and how many replaced ones lie between them."""
    take = limit
    while True:
        chosen = numbers(connection, filters, take)
        hidden = replaced(connection, chosen)
        kept = array("q", (seq for seq in chosen if seq not in hidden))
        if take is None or len(kept) >= (limit or 0) or len(chosen) < take:
            kept = kept[:limit]
            last = kept[-1] if limit is not None and len(kept) == limit else 0
            return kept, sum(seq > last for seq in hidden)
        take *= 2


def replaced(connection: sqlite3.Connection, chosen: array[int]) -> set[int]:
    """Return those of the rows ``chosen`` that a later answer replaces."""
    if not chosen:
        return set()
    wanted, found = set(chosen), set()
    for earlier, sha256, later in _followed(_later(connection, chosen)):
        here = wanted.intersection(earlier)
        if not here:
            continue
        if sha256 is None:
            found |= {seq for seq in here if (source := _source(connection, seq)) and source.kind == "file"}
        elif (source := _source(connection, later)) and source.grown_from == rows.unpacked(sha256):
            found |= here
    return found


def _later(connection: sqlite3.Connection, chosen: array[int]) -> Iterable[tuple[int, str, Content]]:
    """Return number, path and content of the rows from the first one ``chosen`` on, of the same paths at least."""
    query, values = "SELECT seq, path, sha256 FROM records WHERE seq >= ?", [min(chosen)]
    if len(chosen) > FEW_PATHS:
        return connection.execute(f"{query} ORDER BY seq", values)
    places = ",".join("?" * len(chosen))
    of_these = f"path IN (SELECT path FROM records WHERE seq IN ({places}))"  # noqa: S608 - question marks
    return connection.execute(f"{query} AND {of_these} ORDER BY seq", [*values, *chosen])


def _followed(stored: Iterable[tuple[int, str, Content]]) -> Iterator[tuple[list[int], Content, int]]:
    """Give the rows of one content of a file, that content, and the first row of the content that follows under the same path."""
    last: dict[str, tuple[Content, list[int]]] = {}
    for seq, path, sha256 in stored:
        before = last.get(path)
        if before is None or before[0] != sha256:
            if before is not None and sha256 is not None:
                yield before[1], before[0], seq
            last[path] = (sha256, [seq])
        else:
            before[1].append(seq)


def _source(connection: sqlite3.Connection, seq: int) -> _Source | None:
    """Return the source of a record; None for one that cannot be read here."""
    for row in selected(connection, array("q", [seq])):
        try:
            return msgspec.json.decode(row.line, type=_Record).source
        except msgspec.MsgspecError:
            return None
    return None
