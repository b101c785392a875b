"""Whether the journal is what was written: the whole chain, every line and every spectrum, read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.journal import chain, keys, packing, spectra
from raman_edge.journal.finding import Finding

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

ROWS = f"SELECT {keys.COLUMNS}, chain, shift, spectra.spectrum FROM {keys.WITH_SPECTRA} ORDER BY seq"  # noqa: S608 - our own text
STRAY = """
SELECT 'lines', seq FROM lines WHERE seq NOT IN (SELECT seq FROM records)
UNION ALL SELECT 'spectra', seq FROM spectra WHERE seq NOT IN (SELECT seq FROM records)
LIMIT 1
"""


OFTEN = 100
"""Rows between two words on how far it is."""


def verify(connection: sqlite3.Connection, noted: str | None, progress: Callable[[int, int], None]) -> Finding:
    """Read everything once, as it stands at one moment; ``noted`` is a head that must be in the chain."""
    connection.execute("BEGIN")
    try:
        return _verify(connection, noted, progress)
    finally:
        connection.execute("ROLLBACK")


def _verify(connection: sqlite3.Connection, noted: str | None, progress: Callable[[int, int], None]) -> Finding:
    head, rows, held, found = chain.START, 0, 0, None
    if noted == head.hex():
        found = 0
    of: int = connection.execute("SELECT count(*) FROM records").fetchone()[0]
    progress(0, of)
    wrong = _inconsistent(connection)
    for *stored, link, shift, body in connection.execute(ROWS) if wrong is None else ():
        wrong = _wrong(tuple(stored), head, link, shift, body)
        if wrong is not None:
            break
        head, rows, held = link, rows + 1, held + (body is not None)
        if noted == head.hex():
            found = stored[0]
        if rows % OFTEN == 0:
            progress(rows, of)
    if wrong is None and noted is not None and found is None:
        wrong = f"the head {noted} is nowhere in the chain: rows were taken off its end, or all of it was written anew"
    return Finding(rows, held, head.hex(), found, wrong)


def _inconsistent(connection: sqlite3.Connection) -> str | None:
    """Return what sqlite itself finds wrong with the file, and what belongs to no row."""
    said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if said != "ok":
        return f"the file is damaged: {said}"
    if stray := connection.execute(STRAY).fetchone():
        return f"row {stray[1]} is gone: the table {stray[0]} still holds what belongs to it"
    return next(filter(None, (_axis_wrong(*axis) for axis in connection.execute("SELECT axis, digest, shift FROM axes"))), None)


def _axis_wrong(axis: int, digest: bytes, shift: bytes) -> str | None:
    try:
        return None if spectra.axis_digest(packing.unpack(shift)) == digest else f"axis {axis} is not the one that was written"
    except (ValueError, TypeError) as error:
        return f"axis {axis} cannot be read: {error}"


def _wrong(stored: keys.Stored, head: bytes, link: bytes, shift: bytes | None, body: bytes | None) -> str | None:
    """Return what is wrong with a row; None for nothing."""
    where = f"row {stored[0]} ({stored[7]}, {stored[6]})"
    try:
        facts = keys.facts(stored)
        if chain.link(head, facts) != link:
            return f"{where} does not fit its hash: it was changed, or rows before it were removed, added or moved"
        if body is not None and (shift is None or spectra.digest(shift, body) != facts.spectrum):
            return f"{where}: its spectrum is not the one that was written"
    except (ValueError, TypeError, AttributeError) as error:
        return f"{where} cannot be read: {error}"
    return None
