"""Records with all that the journal holds beside them, spectra too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.errors import JournalDamaged, RowDamaged, SpectrumError
from raman_edge.journal import reading, row_codec, spectra

if TYPE_CHECKING:
    import sqlite3
    from array import array
    from collections.abc import Iterator

    from raman_edge.journal.reading import JournalRow
    from raman_edge.spectrum import Spectrum


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A record with all that the journal holds beside it."""

    row: JournalRow
    model: str
    """SHA-256 of the model that answered."""
    config: str
    chain: str
    """The row's hash, hexadecimal."""
    digest: str | None
    """SHA-256 of the spectrum (:func:`raman_edge.journal.spectra.digest`); None for a fault."""
    spectrum: Spectrum | None
    """None for a fault, and where it is not kept."""


def held(connection: sqlite3.Connection, chosen: array[int]) -> Iterator[StoredResult]:
    """Give the rows of these numbers with all that belongs to them, in their order."""
    query = f"SELECT {row_codec.COLUMNS}, chain, shift, spectra.spectrum FROM {row_codec.WITH_SPECTRA} WHERE seq = ?"  # noqa: S608 - our own text
    for seq in chosen:
        *stored, chain, shift, body = connection.execute(query, (seq,)).fetchone()
        yield _held(tuple(stored), chain, shift, body)


def _held(stored: row_codec.Stored, chain: bytes, shift: bytes | None, body: bytes | None) -> StoredResult:
    facts = reading.facts_of(stored)
    spectrum = None
    try:
        if shift is not None and body is not None:
            spectrum = spectra.restore(shift, body, records.decode(facts.line).source)
        link, digest = chain.hex(), facts.spectrum.hex() if facts.spectrum else None
    except (*reading.DAMAGE, JournalDamaged, SpectrumError) as error:
        raise RowDamaged(facts.seq, error) from error
    return StoredResult(reading.row_of(facts), facts.model, facts.config, link, digest, spectrum)
