"""Records read back."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from raman_edge import record as records
from raman_edge.errors import JournalError, SpectrumError
from raman_edge.journal import keys, spectra

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sized
    from datetime import datetime

    from raman_edge.journal.chain import Facts
    from raman_edge.spectrum import Spectrum


@dataclass(frozen=True, slots=True)
class Row:
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
    """``match``, ``ambiguous``, ``unknown``, ``rejected`` or ``fault``."""
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
            "ts >= ?": self.since and keys.milliseconds(self.since),
            "ts < ?": self.until and keys.milliseconds(self.until),
            "decision = ?": self.decision,
            "best = ?": self.label,
            "path GLOB ?": self.path,
        }
        given = {test: value for test, value in tests.items() if value is not None}
        if self.id is not None:
            least, most = keys.beginning(self.id)
            given |= {"id >= ?": least, "id <= ?": most}
        return " AND ".join(given) or "1", tuple(given.values())


ALL = Filters()
AT_ONCE = 250
"""Rows in one query; sqlite takes 999 values at least."""


@dataclass(frozen=True, slots=True)
class Held:
    """A record with all that the journal holds beside it."""

    row: Row
    model: str
    """SHA-256 of the model that answered."""
    config: str
    chain: str
    """The row's hash, hexadecimal."""
    digest: str | None
    """SHA-256 of the spectrum (:func:`raman_edge.journal.spectra.digest`); None for a fault."""
    spectrum: Spectrum | None
    """None for a fault, and where it is not kept."""


def after(connection: sqlite3.Connection, seq: int, limit: int) -> tuple[Row, ...]:
    """Return the first ``limit`` rows after ``seq``, oldest first."""
    query = f"SELECT {keys.COLUMNS} FROM {keys.TABLES} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our own text
    return tuple(_row(_facts(stored)) for stored in connection.execute(query, (seq, limit)))


def rows(connection: sqlite3.Connection, chosen: array[int]) -> Iterator[Row]:
    """Give the rows of these numbers, in their order."""
    for part in _parts(chosen):
        query = f"SELECT {keys.COLUMNS} FROM {keys.TABLES} WHERE seq IN ({_places(part)})"  # noqa: S608 - our own text
        found = {stored[0]: stored for stored in connection.execute(query, part).fetchall()}
        yield from (_row(_facts(found[seq])) for seq in part if seq in found)


def held(connection: sqlite3.Connection, chosen: array[int]) -> Iterator[Held]:
    """Give the rows of these numbers with all that belongs to them, in their order."""
    query = f"SELECT {keys.COLUMNS}, chain, shift, spectra.spectrum FROM {keys.WITH_SPECTRA} WHERE seq = ?"  # noqa: S608 - our own text
    for seq in chosen:
        *stored, chain, shift, body = connection.execute(query, (seq,)).fetchone()
        yield _held(tuple(stored), chain, shift, body)


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


def _facts(stored: keys.Stored) -> Facts:
    try:
        return keys.facts(stored)
    except ValueError as error:
        raise _damaged(stored[0], error) from error


def _row(facts: Facts) -> Row:
    return Row(facts.seq, facts.id, facts.line)


def _held(stored: keys.Stored, chain: bytes, shift: bytes | None, body: bytes | None) -> Held:
    facts = _facts(stored)
    spectrum = None
    if shift is not None and body is not None:
        try:
            spectrum = spectra.restore(shift, body, records.decode(facts.line).source)
        except (ValueError, SpectrumError, msgspec.MsgspecError) as error:
            raise _damaged(facts.seq, error) from error
    digest = facts.spectrum.hex() if facts.spectrum else None
    return Held(_row(facts), facts.model, facts.config, chain.hex(), digest, spectrum)


def _damaged(seq: int, error: Exception) -> JournalError:
    return JournalError(f"row {seq} of the journal is damaged: {error}. `raman-edge journal verify` tests the whole of it")
