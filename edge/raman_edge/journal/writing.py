"""New rows, each linked to the one before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.journal import events, packing, rows, spectra
from raman_edge.journal.memory import ADD_RUN, failed_config

if TYPE_CHECKING:
    import sqlite3

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
        self._seq, self._head = events.head(connection)
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
            self._keeps = events.keeps_spectra(self._connection)
        if self._keeps != self._with_spectra:
            self._head = events.add(self._connection, events.SpectraKept(self._with_spectra))
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
        added = self._connection.execute("INSERT INTO axes (digest, shift) VALUES (?,?)", (kept.axis, packing.pack(kept.shift)))
        return added.lastrowid or 0
