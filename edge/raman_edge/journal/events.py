"""Events: what was done to the journal itself, chained between its rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from raman_edge.journal import chain

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

MOST = 1_000_000
"""Events that are read; a journal that was pruned every minute for a year has half as many."""


class Pruned(msgspec.Struct, frozen=True, tag_field="kind", tag="prune"):
    """``prune`` removed spectra."""

    before: int
    """Of rows before this time, ms since 1970."""
    spectra: int
    """How many there were."""


class SpectraKept(msgspec.Struct, frozen=True, tag_field="kind", tag="spectra"):
    """Rows from here on have their spectra beside them, or not."""

    kept: bool


class EarlierState(msgspec.Struct, frozen=True, tag_field="kind", tag="found"):
    """What an older raman-edge left, which wrote no events: rows whose spectrum was gone, pruned or removed by hand."""

    without: tuple[tuple[int, int], ...]
    """First and last ``seq`` of each run of such rows."""


Facts = Pruned | SpectraKept | EarlierState
Stored = tuple[int, int, str, str, str, bytes]
"""A row of the table ``events``."""


def add(connection: sqlite3.Connection, facts: Facts) -> bytes:
    """Add an event at the end of the chain, within a transaction, and return the chain's new head."""
    seq, before = head(connection)
    (number,) = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM events WHERE after = ?", (seq,)).fetchone()
    ts = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = chain.Event(seq, number, ts, str(facts.__struct_config__.tag), msgspec.json.encode(facts).decode())
    link = chain.link_event(before, event)
    connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?)", (event.after, event.number, event.ts, event.kind, event.facts, link))
    return link


def head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the ``seq`` of the newest row, 0 where there is none, and the hash at the end of the chain."""
    newest = connection.execute("SELECT seq, chain FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    seq, link = newest or (0, chain.START)
    later = connection.execute("SELECT chain FROM events WHERE after = ? ORDER BY number DESC LIMIT 1", (seq,)).fetchone()
    return seq, later[0] if later else link


def keeps_spectra(connection: sqlite3.Connection) -> bool:
    """Return whether rows have their spectra beside them, by the newest event that tells."""
    query = "SELECT facts FROM events WHERE kind = 'spectra' ORDER BY after DESC, number DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return found is None or msgspec.json.decode(found[0], type=SpectraKept).kept


def stored(connection: sqlite3.Connection) -> list[Stored]:
    """Return all events in their order; :class:`ValueError` where there are too many."""
    rows: list[Stored] = connection.execute(f"SELECT * FROM events ORDER BY after, number LIMIT {MOST + 1}").fetchall()  # noqa: S608 - a number
    if len(rows) > MOST:
        raise ValueError(f"it has more than {MOST} events")
    return rows


def read(row: Stored) -> tuple[chain.Event, Facts]:
    """Return a stored event and what it says; :class:`ValueError` where it is none."""
    event = chain.Event(*row[:-1])
    try:
        facts = msgspec.json.decode(event.facts, type=Facts)
    except (msgspec.MsgspecError, TypeError) as error:
        raise ValueError(str(error)) from error
    if facts.__struct_config__.tag != event.kind:
        raise ValueError(f"it is of the kind {event.kind!r} and says {facts.__struct_config__.tag!r}")
    return event, facts


def runs_of(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Give the first and the last of each run of following numbers, which rise."""
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = last = number
        elif number == last + 1:
            last = number
        else:
            yield first, last
            first = last = number
    if first is not None and last is not None:
        yield first, last
