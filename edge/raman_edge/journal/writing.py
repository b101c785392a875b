"""New rows, each linked to the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge import record as records
from raman_edge.journal import chain, keys, lines
from raman_edge.journal.memory import ADD_RUN, failed_config

if TYPE_CHECKING:
    import sqlite3

    from raman_edge.record import Record


def facts_of(record: Record, model: str, config: str) -> chain.Facts:
    """Return what the row of ``record`` says; its place in the journal is given when it is written."""
    result = record if isinstance(record, records.Result) else None
    named = result and result.matches and result.decision in {"match", "ambiguous"}
    return chain.Facts(
        seq=0,
        id=record.id,
        sha256=record.source.sha256,
        index=record.source.index,
        model=model,
        config=config if result else failed_config(config),
        path=record.source.path,
        ts=record.ts,
        decision=result.decision if result else "fault",
        best=result.matches[0].label if result and named else None,
        line=records.encode(record).decode(),
        spectrum=None,
    )


class Writer:
    """Adds rows within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        newest = connection.execute("SELECT seq, chain FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        place: tuple[int, bytes] = newest or (0, chain.START)
        self._seq, self._head = place
        self._runs: dict[tuple[str, str], int] = {}

    def add(self, facts: chain.Facts) -> bool:
        """Add a row; False where the journal held it."""
        placed = chain.placed(facts, self._seq + 1)
        head = chain.link(self._head, placed)
        row = keys.columns(placed, self._run(facts.model, facts.config), head)
        if self._connection.execute(f"{keys.INSERT_RECORD} ON CONFLICT DO NOTHING", row).rowcount != 1:
            return False
        self._connection.execute(keys.INSERT_LINE, (placed.seq, lines.pack(placed)))
        self._seq, self._head = placed.seq, head
        return True

    def _run(self, model: str, config: str) -> int:
        run = (model, config)
        if run not in self._runs:
            self._connection.execute(ADD_RUN, run)
            self._runs[run] = self._connection.execute("SELECT run FROM runs WHERE model=? AND config=?", run).fetchone()[0]
        return self._runs[run]
