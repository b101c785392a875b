"""How a row is written into columns, and read back: digests as bytes, half as long as their text."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from raman_edge.journal import compression
from raman_edge.journal.chain import ChainedFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

INSERT_RECORD = "INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)"
INSERT_LINE = "INSERT INTO lines VALUES (?,?)"
SET_FIRST = "UPDATE runs SET first=coalesce(first, ?) WHERE model=? AND config=? RETURNING run, first"
COLUMNS = "seq, id, sha256, idx, model, config, path, ts, decision, best, line, records.spectrum, first"
"""What :func:`facts` reads."""
TABLES = "records LEFT JOIN runs USING (run) LEFT JOIN lines USING (seq)"
"""Where from."""
WITH_SPECTRA = f"{TABLES} LEFT JOIN spectra USING (seq) LEFT JOIN axes USING (axis)"
STATE_BYTES = 16
ID_CHARACTERS = 32
"""Of the id of a record (:data:`raman_edge.records.ID_CHARACTERS`, whose module takes longer to load)."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Stored = tuple[int, bytes | str, bytes | str | None, int, str, str, str, int | str, str, str | None, bytes | None, bytes | None, str | None]
"""A row of :data:`COLUMNS`."""


def columns(facts: ChainedFacts, run: int, head: bytes) -> tuple[object, ...]:
    """Return a row of the table ``records``."""
    sha256 = None if facts.sha256 is None else packed(facts.sha256)
    named = (facts.path, moment(facts.ts), facts.decision, facts.best, facts.spectrum, head)
    return (facts.seq, packed(facts.id), sha256, facts.index, run, *named)


def line(facts: ChainedFacts, first: str) -> tuple[int, bytes]:
    """Return a row of the table ``lines``; ``first`` is the first line of the same model and configuration."""
    return facts.seq, compression.pack(facts.line, compression.before(first, (facts.path, facts.sha256, facts.id, facts.ts, facts.best)))


def facts(row: Stored) -> ChainedFacts:
    """Return what a row of the journal says; :class:`ValueError` where its line is gone or cannot be read."""
    seq, name, sha256, index, model, config, path, ts, decision, best, squeezed, spectrum, first = row
    if squeezed is None or first is None:
        raise ValueError("its line of JSON, or what it was packed with, is gone")
    name, sha256 = unpacked(name), None if sha256 is None else unpacked(sha256)
    ts = ts if isinstance(ts, str) else written(ts)
    said = compression.unpack(squeezed, compression.before(first, (path, sha256, name, ts, best)))
    return ChainedFacts(seq, name, sha256, index, model, config, path, ts, decision, best, said, spectrum)


def packed(text: str) -> bytes | str:
    """Return a digest in lower-case hexadecimal digits as its bytes; other text as it is."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return text
    return data if data.hex() == text else text


def unpacked(value: bytes | str) -> str:
    """Return what :func:`packed` was given."""
    return value.hex() if isinstance(value, bytes) else value


def moment(ts: str) -> int | str:
    """Return a time of a record as milliseconds since 1970; any other text as it is."""
    try:
        whole = milliseconds(datetime.fromisoformat(ts))
    except (ValueError, TypeError):
        return ts
    return whole if written(whole) == ts else ts


def milliseconds(when: datetime) -> int:
    """Return a time, which has a time zone, as milliseconds since 1970."""
    return (when - EPOCH) // timedelta(milliseconds=1)


def written(moment: int) -> str:
    """Return milliseconds since 1970 as records write a time: UTC, with milliseconds."""
    return (EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def beginning(prefix: str) -> tuple[bytes | str, bytes | str]:
    """Return the least and the largest id that begin with ``prefix``, as they are stored."""
    least, most = prefix.lower().ljust(ID_CHARACTERS, "0"), prefix.lower().ljust(ID_CHARACTERS, "f")
    if packed(least) == least or packed(most) == most:
        return prefix, f"{prefix}\U0010ffff"
    return packed(least), packed(most)


def state(signature: Sequence[int]) -> bytes:
    """Return a digest of a file's state: device, inode, size, modification and change time (ns), of any size and sign."""
    numbers = b"".join(struct.pack("<Q", value % 2**64) for value in signature)
    return hashlib.blake2b(numbers, digest_size=STATE_BYTES).digest()
