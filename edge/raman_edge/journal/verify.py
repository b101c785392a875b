"""Whether the journal is what was written: the whole chain, every line and every spectrum, read again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from raman_edge.journal import chain, events, packing, reading, row_codec, spectra
from raman_edge.journal.finding import Verification

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

ROWS = f"SELECT {row_codec.COLUMNS}, chain, shift, spectra.spectrum FROM {row_codec.WITH_SPECTRA} ORDER BY seq"  # noqa: S608 - our own text
STRAY = """
SELECT 'lines', seq FROM lines WHERE seq NOT IN (SELECT seq FROM records)
UNION ALL SELECT 'spectra', seq FROM spectra WHERE seq NOT IN (SELECT seq FROM records)
LIMIT 1
"""
UNANSWERED = """
SELECT 1 FROM contents WHERE sha256 NOT IN (SELECT sha256 FROM records WHERE sha256 IS NOT NULL) LIMIT 1
"""
"""A content that counts as answered and has no row."""
OFTEN = 100
"""Rows between two reports of the progress."""


def verify(connection: sqlite3.Connection, noted: str | None, progress: Callable[[int, int], None]) -> Verification:
    """Read everything once, as it stands at one moment; ``noted`` is a head that must be in the chain."""
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
        self._head = chain.START
        self._found = 0 if noted == chain.START.hex() else None
        self._rows = self._held = self._pruned = self._unexplained = 0
        self._events: deque[events.Stored] = deque()
        """Those that come later in the chain."""
        self._said: list[tuple[chain.Event, events.Facts]] = []
        """What all of them say."""
        self._keeps = True
        """Whether rows have their spectra beside them here."""

    def run(self, progress: Callable[[int, int], None]) -> Verification:
        """Follow the chain to its end, or to what is wrong first."""
        of: int = self._connection.execute("SELECT count(*) FROM records").fetchone()[0]
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
            wrong = f"the head {self._noted} is nowhere in the chain: rows were taken off its end, or all of it was written anew"
        return Verification(self._rows, self._held, self._head.hex(), self._found, wrong, self._pruned, self._unexplained)

    def _read_events(self) -> str | None:
        try:
            stored = events.stored(self._connection)
            self._said = [events.read(row) for row in stored]
        except reading.DAMAGE as error:
            return f"what was done to the journal cannot be read: {error}"
        self._events.extend(stored)
        return None

    def _follow_events(self, before: int) -> str | None:
        """Follow the chain through the events before the row ``before``."""
        while self._events and self._events[0][0] < before:
            stored = self._events.popleft()
            event, facts = events.read(stored)
            if chain.link_event(self._head, event) != stored[-1]:
                return f"{_place(stored)} does not fit its hash: it was changed, or what was before it was removed, added or moved"
            self._keeps = facts.kept if isinstance(facts, events.SpectraKept) else self._keeps
            self._go_on(stored[-1], event.after)
        return None

    def _follow_row(self, stored: row_codec.Stored, link: bytes, shift: bytes | None, body: bytes | None) -> str | None:
        """Follow the chain through a row."""
        wrong = _wrong(stored, self._head, link, shift, body)
        if wrong is None and stored[11] is not None and body is None:
            wrong = self._why_gone(stored)
        if wrong is None:
            self._rows, self._held = self._rows + 1, self._held + (body is not None)
            self._go_on(link, stored[0])
        return wrong

    def _go_on(self, link: bytes, seq: int) -> None:
        self._head = link
        if self._noted == link.hex():
            self._found = seq

    def _why_gone(self, stored: row_codec.Stored) -> str | None:
        """Return what is wrong with a row whose spectrum is gone; None where the chain says why."""
        seq, ts = stored[0], stored[7]
        if not self._keeps or any(_took(event, facts, seq, ts) for event, facts in self._said):
            self._pruned += 1
            return None
        if any(
            isinstance(facts, events.EarlierState) and any(first <= seq <= last for first, last in facts.without) for _, facts in self._said
        ):
            self._unexplained += 1
            return None
        return f"{_row(stored)}: its spectrum is gone, and no prune took it away: it was removed by hand"


def _took(event: chain.Event, facts: events.Facts, seq: int, ts: int | str) -> bool:
    """Whether an event is the prune that removed the spectrum of a row."""
    return isinstance(facts, events.Pruned) and seq <= event.after and isinstance(ts, int) and ts < facts.before


def _place(stored: events.Stored) -> str:
    return f"the event {stored[3]!r} after row {stored[0]} ({stored[2]})"


def _row(stored: row_codec.Stored) -> str:
    return f"row {stored[0]} ({stored[7]}, {stored[6]})"


def _inconsistent(connection: sqlite3.Connection) -> str | None:
    """Return what sqlite itself finds wrong with the file, and what belongs to no row."""
    said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if said != "ok":
        return f"the file is damaged: {said}"
    if stray := connection.execute(STRAY).fetchone():
        return f"row {stray[1]} is gone: the table {stray[0]} still holds what belongs to it"
    if connection.execute(UNANSWERED).fetchone():
        return "a row is gone: a content counts as answered and has no answer"
    return next(filter(None, (_axis_wrong(*axis) for axis in connection.execute("SELECT axis, digest, shift FROM axes"))), None)


def _axis_wrong(axis: int, digest: bytes, shift: bytes) -> str | None:
    try:
        return None if spectra.axis_digest(packing.unpack(shift)) == digest else f"axis {axis} is not the one that was written"
    except reading.DAMAGE as error:
        return f"axis {axis} cannot be read: {error}"


def _wrong(stored: row_codec.Stored, head: bytes, link: bytes, shift: bytes | None, body: bytes | None) -> str | None:
    """Return what is wrong with a row; None for nothing."""
    where = _row(stored)
    try:
        facts = row_codec.facts(stored)
        if chain.link(head, facts) != link:
            return f"{where} does not fit its hash: it was changed, or rows before it were removed, added or moved"
        if body is not None and (shift is None or spectra.digest(shift, body) != facts.spectrum):
            return f"{where}: its spectrum is not the one that was written"
    except reading.DAMAGE as error:
        return f"{where} cannot be read: {error}"
    return None
