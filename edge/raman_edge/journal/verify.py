"""Whether the journal is as it was written: the whole chain, every line and every spectrum, read again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from raman_edge.journal import events, packing, query, rows, spectra
from raman_edge.journal.rows import Verification

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

ROWS = f"SELECT {rows.COLUMNS}, chain, shift, spectra.spectrum FROM {rows.WITH_SPECTRA} ORDER BY seq"  # noqa: S608 - our own text
STRAY = """
SELECT 'lines', seq FROM lines WHERE seq NOT IN (SELECT seq FROM records)
UNION ALL SELECT 'spectra', seq FROM spectra WHERE seq NOT IN (SELECT seq FROM records)
LIMIT 1
"""
UNANSWERED = """
SELECT 1 FROM contents WHERE sha256 NOT IN (SELECT sha256 FROM records WHERE sha256 IS NOT NULL) LIMIT 1
"""
"""A content that is marked as identified and has no row."""
OFTEN = 100
"""Rows between two reports of progress."""


def verify(connection: sqlite3.Connection, noted: str | None, progress: Callable[[int, int], None]) -> Verification:
    """Read everything once, as it is at one moment; ``noted`` is a head that must be in the chain."""
    connection.execute("BEGIN")
    try:
        return _Verification(connection, noted).run(progress)
    finally:
        connection.execute("ROLLBACK")


class _Verification:
    """The chain as far as it was followed."""

    def __init__(self, connection: sqlite3.Connection, noted: str | None) -> None:
        self._connection = connection
        self._noted = noted
        self._head = rows.START
        self._found = 0 if noted == rows.START.hex() else None
        self._rows = self._spectra = self._pruned = 0
        self._events: deque[events.StoredEvent] = deque()
        """Events that come later in the chain."""
        self._all: list[tuple[rows.Event, events.Facts]] = []
        self._keeps = True
        """Whether rows have their spectra beside them here."""

    def run(self, progress: Callable[[int, int], None]) -> Verification:
        """Follow the chain to its end, or to the first thing that is wrong."""
        of = query.count(self._connection)
        progress(0, of)
        wrong = _inconsistent(self._connection) or self._read_events()
        seq = 0
        for *stored, link, shift, body in self._connection.execute(ROWS) if wrong is None else ():
            wrong = self._follow_events(before=stored[0]) or self._follow_row(tuple(stored), link, shift, body)
            if wrong is not None:
                break
            seq = stored[0]
            if self._rows % OFTEN == 0:
                progress(self._rows, of)
        wrong = wrong or self._follow_events(before=seq + 1)
        if wrong is None and self._events:
            wrong = f"{_place(self._events[0])} lies after rows that are gone"
        if wrong is None and self._noted is not None and self._found is None:
            wrong = f"the head {self._noted} is not in the chain: rows were taken off its end, or all of it was written anew"
        return Verification(self._rows, self._spectra, self._head.hex(), self._found, wrong, self._pruned)

    def _read_events(self) -> str | None:
        try:
            stored = events.stored(self._connection)
            self._all = [events.read(row) for row in stored]
        except rows.DAMAGE as error:
            return f"the events of the journal cannot be read: {error}"
        self._events.extend(stored)
        return None

    def _follow_events(self, before: int) -> str | None:
        """Follow the chain through the events before the row ``before``."""
        while self._events and self._events[0][0] < before:
            stored = self._events.popleft()
            event, facts = events.read(stored)
            if rows.link_event(self._head, event) != stored[-1]:
                return f"{_place(stored)} does not fit its hash: it was changed, or what was before it was removed, added or moved"
            self._keeps = facts.kept if isinstance(facts, events.SpectraKept) else self._keeps
            self._go_on(stored[-1], event.after)
        return None

    def _follow_row(self, stored: rows.Stored, link: bytes, shift: bytes | None, body: bytes | None) -> str | None:
        """Follow the chain through a row."""
        wrong = _wrong(stored, self._head, link, shift, body)
        if wrong is None and stored[11] is not None and body is None:
            wrong = self._why_gone(stored)
        if wrong is None:
            self._rows, self._spectra = self._rows + 1, self._spectra + (body is not None)
            self._go_on(link, stored[0])
        return wrong

    def _go_on(self, link: bytes, seq: int) -> None:
        self._head = link
        if self._noted == link.hex():
            self._found = seq

    def _why_gone(self, stored: rows.Stored) -> str | None:
        """Return what is wrong with a row whose spectrum is gone; None where the chain explains it."""
        seq, ts = stored[0], stored[7]
        if not self._keeps or any(_removed(event, facts, seq, ts) for event, facts in self._all):
            self._pruned += 1
            return None
        return f"{_row(stored)}: its spectrum is gone, and no prune removed it: it was removed by hand"


def _removed(event: rows.Event, facts: events.Facts, seq: int, ts: int | str) -> bool:
    """Whether an event is the prune that removed the spectrum of a row."""
    return isinstance(facts, events.Pruned) and seq <= event.after and isinstance(ts, int) and ts < facts.before


def _place(stored: events.StoredEvent) -> str:
    return f"the event {stored[3]!r} after row {stored[0]} ({stored[2]})"


def _row(stored: rows.Stored) -> str:
    return f"row {stored[0]} ({stored[7]}, {stored[6]})"


def _inconsistent(connection: sqlite3.Connection) -> str | None:
    """Return what sqlite finds wrong with the file, and what belongs to no row."""
    damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if damage != "ok":
        return f"the file is damaged: {damage}"
    if stray := connection.execute(STRAY).fetchone():
        return f"row {stray[1]} is gone: the table {stray[0]} still holds what belongs to it"
    if connection.execute(UNANSWERED).fetchone():
        return "a row is gone: a content is marked as identified and has no record"
    return next(filter(None, (_axis_wrong(*axis) for axis in connection.execute("SELECT axis, digest, shift FROM axes"))), None)


def _axis_wrong(axis: int, digest: bytes, shift: bytes) -> str | None:
    try:
        return None if spectra.axis_digest(packing.unpack(shift)) == digest else f"axis {axis} is not the one that was written"
    except rows.DAMAGE as error:
        return f"axis {axis} cannot be read: {error}"


def _wrong(stored: rows.Stored, head: bytes, link: bytes, shift: bytes | None, body: bytes | None) -> str | None:
    """Return what is wrong with a row; None for nothing."""
    where = _row(stored)
    try:
        facts = rows.unpacked_row(stored)
        if rows.link(head, facts) != link:
            return f"{where} does not fit its hash: it was changed, or rows before it were removed, added or moved"
        if body is not None and (shift is None or spectra.digest(shift, body) != facts.spectrum):
            return f"{where}: its spectrum is not the one that was written"
    except rows.DAMAGE as error:
        return f"{where} cannot be read: {error}"
    return None
