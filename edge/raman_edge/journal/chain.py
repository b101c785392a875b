"""Rows with their hashes and spectra: a new row is linked to the one before, rows are read back, and verification reads all of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.errors import JournalDamaged, RowDamaged, SpectrumError
from raman_edge.journal import query, rows, spectra
from raman_edge.journal.memory import ADD_RUN, failed_config
from raman_edge.journal.query import StoredResult
from raman_edge.journal.rows import Verification

if TYPE_CHECKING:
    import sqlite3
    from array import array
    from collections.abc import Callable, Iterator

    from raman_edge.journal.rows import JournalEntry


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry as it will be written, without its place in the journal."""

    facts: rows.ChainedFacts
    spectrum: spectra.PackedSpectrum | None


def prepare(entry: JournalEntry, model: str, config: str) -> Prepared:
    """Return the row of ``entry``."""
    record = entry.record
    result = record if isinstance(record, records.ResultRecord) else None
    kept = spectra.keep(entry.spectrum) if entry.spectrum else None
    facts = rows.ChainedFacts(
        seq=0,
        id=record.id,
        sha256=record.source.sha256,
        index=record.source.index,
        model=model,
        config=config if result else failed_config(config),
        path=record.source.path,
        ts=record.ts,
        decision=result.decision if result else "fault",
        best=result.names[0] if result and result.names else None,
        line=records.encode(record).decode(),
        spectrum=kept.digest if kept else None,
    )
    return Prepared(facts, kept)


class JournalWriter:
    """Adds rows within one transaction."""

    def __init__(self, connection: sqlite3.Connection, *, with_spectra: bool) -> None:
        self._connection = connection
        self._with_spectra = with_spectra
        self._seq, self._head = rows.chain_head(connection)
        self._keeps: bool | None = None
        """Whether the chain says that spectra are kept; None is not read yet."""
        self._runs: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, new: Prepared) -> bool:
        """Add a row; False where the journal has it."""
        if new.spectrum:
            self._note_whether_kept()
        placed = replace(new.facts, seq=self._seq + 1)
        head = rows.link(self._head, placed)
        run, first = self._run(placed)
        row = rows.columns(placed, run, head)
        if self._connection.execute(f"{rows.INSERT_RECORD} ON CONFLICT DO NOTHING", row).rowcount != 1:
            return False
        self._connection.execute(rows.INSERT_LINE, rows.line(placed, first))
        if new.spectrum and self._with_spectra:
            self._connection.execute("INSERT INTO spectra VALUES (?,?,?)", (placed.seq, self._axis(new.spectrum), new.spectrum.body))
        self._seq, self._head = placed.seq, head
        return True

    def _note_whether_kept(self) -> None:
        """Add an event where spectra are kept from here on and were not, or the reverse."""
        if self._keeps is None:
            self._keeps = rows.keeps_spectra(self._connection)
        if self._keeps != self._with_spectra:
            self._head = rows.add_event(self._connection, rows.SpectraKept(self._with_spectra))
            self._keeps = self._with_spectra

    def _run(self, facts: rows.ChainedFacts) -> tuple[int, str]:
        """Return the number of model and configuration, and their first line."""
        run = (facts.model, facts.config)
        if run not in self._runs:
            self._connection.execute(ADD_RUN, run)
            self._runs[run] = self._connection.execute(rows.SET_FIRST, (facts.line, *run)).fetchone()
        return self._runs[run]

    def _axis(self, kept: spectra.PackedSpectrum) -> int:
        """Return the number of an axis, which is written once."""
        found = self._connection.execute("SELECT axis FROM axes WHERE digest=?", (kept.axis,)).fetchone()
        if found:
            return int(found[0])
        added = self._connection.execute("INSERT INTO axes (digest, shift) VALUES (?,?)", (kept.axis, spectra.pack_array(kept.shift)))
        return added.lastrowid or 0


# Rows with their spectra


def stored_results(connection: sqlite3.Connection, chosen: array[int]) -> Iterator[StoredResult]:
    """Give the rows of these numbers with all that belongs to them, in their order."""
    one = f"SELECT {rows.COLUMNS}, chain, shift, spectra.spectrum FROM {rows.WITH_SPECTRA} WHERE seq = ?"  # noqa: S608 - our own text
    for seq in chosen:
        *stored, chain, shift, body = connection.execute(one, (seq,)).fetchone()
        facts = rows.facts_of(tuple(stored))
        spectrum = None
        try:
            if shift is not None and body is not None:
                spectrum = spectra.restore(shift, body, records.decode(facts.line).source)
            link, digest = chain.hex(), facts.spectrum.hex() if facts.spectrum else None
        except (*rows.DAMAGE, JournalDamaged, SpectrumError) as error:
            raise RowDamaged(facts.seq, error) from error
        yield StoredResult(query.row_of(facts), facts.model, facts.config, link, digest, spectrum)


# Verification


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
        self._events: deque[rows.StoredEvent] = deque()
        """Events that come later in the chain."""
        self._all: list[tuple[rows.Event, rows.Facts]] = []
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
            stored = rows.stored_events(self._connection)
            self._all = [rows.read_event(row) for row in stored]
        except rows.DAMAGE as error:
            return f"the events of the journal cannot be read: {error}"
        self._events.extend(stored)
        return None

    def _follow_events(self, before: int) -> str | None:
        """Follow the chain through the events before the row ``before``."""
        while self._events and self._events[0][0] < before:
            stored = self._events.popleft()
            event, facts = rows.read_event(stored)
            if rows.link_event(self._head, event) != stored[-1]:
                return f"{_place(stored)} does not fit its hash: it was changed, or what was before it was removed, added or moved"
            self._keeps = facts.kept if isinstance(facts, rows.SpectraKept) else self._keeps
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


def _removed(event: rows.Event, facts: rows.Facts, seq: int, ts: int | str) -> bool:
    """Whether an event is the prune that removed the spectrum of a row."""
    return isinstance(facts, rows.Pruned) and seq <= event.after and isinstance(ts, int) and ts < facts.before


def _place(stored: rows.StoredEvent) -> str:
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
        return None if spectra.axis_digest(spectra.unpack_array(shift)) == digest else f"axis {axis} is not the one that was written"
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
