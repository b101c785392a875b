"""The hash chain: every row's hash covers the hash of the row before it and all that the row holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

START = bytes(32)
"""What stands before the first row."""
NOTHING = b"\xff" * 8
"""Length of None."""


@dataclass(frozen=True, slots=True)
class ChainedFacts:
    """All that a row of the journal says, as the chain covers it."""

    seq: int
    id: str
    sha256: str | None
    """Of the content; None where nothing was read."""
    index: int
    """Which spectrum of the file."""
    model: str
    config: str
    path: str
    ts: str
    decision: str
    best: str | None
    line: str
    """The line of JSON as it went out."""
    spectrum: bytes | None
    """SHA-256 of the spectrum (:func:`raman_edge.journal.spectra.digest`); None for a fault."""


@dataclass(frozen=True, slots=True)
class Event:
    """What was done to the journal itself, at its place between the rows."""

    after: int
    """``seq`` of the row before it; 0 is before the first."""
    number: int
    """Which of the events after that row, from 0."""
    ts: str
    """UTC, ISO 8601."""
    kind: str
    """See :mod:`raman_edge.journal.events`."""
    facts: str
    """JSON."""


def link(before: bytes, row: ChainedFacts) -> bytes:
    """Return the hash of ``row`` after a row with the hash ``before``.

    It is SHA-256 over ``before`` and the fields of :class:`ChainedFacts` in their order, each as
    its length in bytes (8 bytes, little-endian) and its bytes: text in UTF-8, a whole number
    in decimal digits; for None the length is 2⁶⁴ - 1 and no bytes follow.
    """
    text = (str(row.seq), row.id, row.sha256, str(row.index), row.model, row.config, row.path, row.ts, row.decision, row.best, row.line)
    return _hash(before, [*(None if part is None else part.encode() for part in text), row.spectrum])


def link_event(before: bytes, event: Event) -> bytes:
    """Return the hash of ``event`` after a row or an event with the hash ``before``.

    It is made as :func:`link` makes one, over the word ``event`` and the fields of :class:`Event` in their order.
    """
    text = ("event", str(event.after), str(event.number), event.ts, event.kind, event.facts)
    return _hash(before, [part.encode() for part in text])


def _hash(before: bytes, values: list[bytes | None]) -> bytes:
    parts = [before]
    for value in values:
        parts += [NOTHING] if value is None else [len(value).to_bytes(8, "little"), value]
    return hashlib.sha256(b"".join(parts)).digest()


def placed(row: ChainedFacts, seq: int) -> ChainedFacts:
    """Return ``row`` at the place ``seq`` of the journal."""
    return replace(row, seq=seq)
