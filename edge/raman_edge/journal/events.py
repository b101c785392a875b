"""Events: changes of the journal itself, chained between its rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from raman_edge.journal import rows

if TYPE_CHECKING:
    import sqlite3

MOST = 1_000_000
"""Events that are read; a journal that is pruned every minute for a year has half as many."""


class Pruned(msgspec.Struct, frozen=True, tag_field="kind", tag="prune"):
    """``prune`` removed spectra."""

    before: int
    """Of rows before this time, ms since 1970."""
    spectra: int
    """How many there were."""


class SpectraKept(msgspec.Struct, frozen=True, tag_field="kind", tag="spectra"):
    """Rows from here on have their spectra beside them, or not."""

    kept: bool


Facts = Pruned | SpectraKept
StoredEvent = tuple[int, int, str, str, str, bytes]
"""A row of the table ``events``."""


def add(connection: sqlite3.Connection, facts: Facts) -> bytes:
    """Add an event at the end of the chain, within a transaction, and return the chain's new head."""
    seq, before = head(connection)
    (number,) = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM events WHERE after = ?", (seq,)).fetchone()
    ts = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = rows.Event(seq, number, ts, str(facts.__struct_config__.tag), msgspec.json.encode(facts).decode())
    link = rows.link_event(before, event)
    connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?)", (event.after, event.number, event.ts, event.kind, event.facts, link))
    return link


def head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the ``seq`` of the newest row, 0 where there is none, and the hash at the end of the chain."""
    newest = connection.execute("SELECT seq, chain FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    seq, link = newest or (0, rows.START)
    later = connection.execute("SELECT chain FROM events WHERE after = ? ORDER BY number DESC LIMIT 1", (seq,)).fetchone()
    return seq, later[0] if later else link


def keeps_spectra(connection: sqlite3.Connection) -> bool:
    """Return whether rows have their spectra beside them, by the newest event about it."""
    query = "SELECT facts FROM events WHERE kind = 'spectra' ORDER BY after DESC, number DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return found is None or msgspec.json.decode(found[0], type=SpectraKept).kept


def stored(connection: sqlite3.Connection) -> list[StoredEvent]:
    """Return all events in their order; :class:`ValueError` where there are too many."""
    found: list[StoredEvent] = connection.execute(f"SELECT * FROM events ORDER BY after, number LIMIT {MOST + 1}").fetchall()  # noqa: S608 - a number
    if len(found) > MOST:
        raise ValueError(f"it has more than {MOST} events")
    return found


def read(row: StoredEvent) -> tuple[rows.Event, Facts]:
    """Return a stored event and its facts; :class:`ValueError` where it is not one."""
    event = rows.Event(*row[:-1])
    try:
        facts = msgspec.json.decode(event.facts, type=Facts)
    except (msgspec.MsgspecError, TypeError) as error:
        raise ValueError(str(error)) from error
    if facts.__struct_config__.tag != event.kind:
        raise ValueError(f"its kind is {event.kind!r}, its facts are of the kind {facts.__struct_config__.tag!r}")
    return event, facts
