"""Rows and events of the journal: what they hold, their place in the hash chain, and how they are stored.

An event is a change of the journal itself, such as the removal of spectra.

Digests are stored as bytes, half as long as their text. Lines of JSON are packed with zlib, primed with some records and
with the row's own columns.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.errors import RowDamaged

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from raman_edge.records import Record
    from raman_edge.spectrum import Spectrum

START = bytes(32)
"""The hash before the first row."""
NONE_LENGTH = b"\xff" * 8
"""Length that stands for None."""

INSERT_RECORD = "INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)"
INSERT_LINE = "INSERT INTO lines VALUES (?,?)"
SET_FIRST = "UPDATE runs SET first=coalesce(first, ?) WHERE model=? AND config=? RETURNING run, first"
COLUMNS = "seq, id, sha256, idx, model, config, path, ts, decision, best, line, records.spectrum, first"
"""What :func:`unpacked_row` reads."""
TABLES = "records LEFT JOIN runs USING (run) LEFT JOIN lines USING (seq)"
WITH_SPECTRA = f"{TABLES} LEFT JOIN spectra USING (seq) LEFT JOIN axes USING (axis)"
DAMAGE = (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, struct.error)
"""Errors of reading values of another type, length or range than ours."""
STATE_BYTES = 16
ID_CHARACTERS = 32
"""Of the id of a record (:data:`raman_edge.records.ID_CHARACTERS`, whose module takes longer to load)."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLE = Path(__file__).with_name("sample.jsonl")
"""Records that prime the compression. It can never change: a line packed with it cannot be read with another."""
MOST_LINE = 2**24
"""Bytes; a longer line is refused."""
PHRASES = (
    b'},{"at":', b'},"reference":', b',"reference":', b',"delta":-', b',"delta":', b',"height":0.', b',"height":1.0',
    b',"reference_height":0.', b',"reference_height":1.0', b'],"missing":[', b'],"extra":[', b']}},{"label":"', b'","score":0.',
    b',"similarity":0.', b',"peaks":{"matched":[', b'{"at":',
)  # fmt: skip
"""Frequent parts of a record, in the order of their replacement by one byte; JSON has no bytes below 32. It never changes."""
SHORT = tuple((phrase, bytes([number])) for number, phrase in enumerate(PHRASES, start=1))

Stored = tuple[int, bytes | str, bytes | str | None, int, str, str, str, int | str, str, str | None, bytes | None, bytes | None, str | None]
"""A row of :data:`COLUMNS`."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One result to be written."""

    record: Record
    spectrum: Spectrum | None
    """None for a fault."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of a verification."""

    rows: int
    """Rows that are as they were written, from the first on."""
    spectra: int
    """Rows among them whose spectrum is there, and is the one that was written."""
    head: str
    """The chain's hash after these rows, hexadecimal; noted elsewhere, it covers them for ever."""
    noted: int | None
    """``seq`` of the row whose hash is the head that was noted elsewhere; None where it is not there, or none was given."""
    wrong: str | None
    """The first thing that is wrong; None where nothing is."""
    pruned: int = 0
    """Rows whose spectrum ``prune`` removed, or that were written without; the chain says so."""


@dataclass(frozen=True, slots=True)
class ChainedFacts:
    """All that a row of the journal holds, as the chain covers it."""

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
    """A change of the journal itself, at its place between the rows."""

    after: int
    """``seq`` of the row before it; 0 is before the first."""
    number: int
    """Which of the events after that row, from 0."""
    ts: str
    """UTC, ISO 8601."""
    kind: str
    """See :mod:`raman_edge.journal.rows`."""
    facts: str
    """JSON."""


# The chain


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
        parts += [NONE_LENGTH] if value is None else [len(value).to_bytes(8, "little"), value]
    return hashlib.sha256(b"".join(parts)).digest()


# Columns


def columns(facts: ChainedFacts, run: int, head: bytes) -> tuple[object, ...]:
    """Return a row of the table ``records``."""
    sha256 = None if facts.sha256 is None else packed(facts.sha256)
    named = (facts.path, moment(facts.ts), facts.decision, facts.best, facts.spectrum, head)
    return (facts.seq, packed(facts.id), sha256, facts.index, run, *named)


def line(facts: ChainedFacts, first: str) -> tuple[int, bytes]:
    """Return a row of the table ``lines``; ``first`` is the first line of the same model and configuration."""
    return facts.seq, pack(facts.line, primer(first, (facts.path, facts.sha256, facts.id, facts.ts, facts.best)))


def unpacked_row(row: Stored) -> ChainedFacts:
    """Return what a row of :data:`COLUMNS` holds; an error of :data:`DAMAGE` where its line is gone or cannot be read."""
    seq, name, sha256, index, model, config, path, ts, decision, best, squeezed, spectrum, first = row
    if squeezed is None or first is None:
        raise ValueError("its line of JSON, or the line that it was packed with, is gone")
    name, sha256 = unpacked(name), None if sha256 is None else unpacked(sha256)
    ts = ts if isinstance(ts, str) else written(ts)
    text = unpack(squeezed, primer(first, (path, sha256, name, ts, best)))
    return ChainedFacts(seq, name, sha256, index, model, config, path, ts, decision, best, text, spectrum)


def facts_of(stored: Stored) -> ChainedFacts:
    """Return what a row holds; :class:`RowDamaged` where it cannot be read."""
    try:
        return unpacked_row(stored)
    except DAMAGE as error:
        raise RowDamaged(stored[0], error) from error


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
    """Return a time with a time zone as milliseconds since 1970."""
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


# Lines, packed


def pack(text: str, seen: bytes) -> bytes:
    """Return a line of JSON, packed; what :func:`primer` gave as ``seen`` costs next to nothing a second time."""
    squeezed = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zdict=seen)
    return squeezed.compress(_shortened(text.encode())) + squeezed.flush()


def unpack(data: bytes, seen: bytes) -> str:
    """Return the line that was packed with the same ``seen``; :class:`ValueError` for anything else."""
    squeezed = zlib.decompressobj(-15, zdict=seen)
    try:
        text = squeezed.decompress(data, MOST_LINE)
    except zlib.error as error:
        raise ValueError(f"no packed line: {error}") from error
    if not squeezed.eof or squeezed.unused_data:
        raise ValueError(f"no packed line: it ends {'early' if not squeezed.eof else 'late'}")
    for phrase, short in reversed(SHORT):
        text = text.replace(short, phrase)
    return text.decode()


def primer(first: str, columns: tuple[str | None, ...]) -> bytes:
    """Return what primes the compression of a line: the samples, the ``first`` line of the run, the row's columns."""
    return b"".join((_samples(first), *(column.encode() for column in columns if column)))


def _shortened(text: bytes) -> bytes:
    for phrase, short in SHORT:
        text = text.replace(phrase, short)
    return text


@lru_cache(maxsize=8)
def _samples(first: str) -> bytes:
    return _shortened((sample() + first).encode())


@cache
def sample() -> str:
    """Return the lines that prime every compression, read once."""
    return SAMPLE.read_text(encoding="utf-8")  # as text: a checkout on Windows may end its lines otherwise


MOST_EVENTS = 1_000_000
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


def add_event(connection: sqlite3.Connection, facts: Facts) -> bytes:
    """Add an event at the end of the chain, within a transaction, and return the chain's new head."""
    seq, before = chain_head(connection)
    (number,) = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM events WHERE after = ?", (seq,)).fetchone()
    ts = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = Event(seq, number, ts, str(facts.__struct_config__.tag), msgspec.json.encode(facts).decode())
    link = link_event(before, event)
    connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?)", (event.after, event.number, event.ts, event.kind, event.facts, link))
    return link


def chain_head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the ``seq`` of the newest row, 0 where there is none, and the hash at the end of the chain."""
    newest = connection.execute("SELECT seq, chain FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    seq, link = newest or (0, START)
    later = connection.execute("SELECT chain FROM events WHERE after = ? ORDER BY number DESC LIMIT 1", (seq,)).fetchone()
    return seq, later[0] if later else link


def keeps_spectra(connection: sqlite3.Connection) -> bool:
    """Return whether rows have their spectra beside them, by the newest event about it."""
    query = "SELECT facts FROM events WHERE kind = 'spectra' ORDER BY after DESC, number DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return found is None or msgspec.json.decode(found[0], type=SpectraKept).kept


def stored_events(connection: sqlite3.Connection) -> list[StoredEvent]:
    """Return all events in their order; :class:`ValueError` where there are too many."""
    found: list[StoredEvent] = connection.execute(f"SELECT * FROM events ORDER BY after, number LIMIT {MOST_EVENTS + 1}").fetchall()  # noqa: S608 - a number
    if len(found) > MOST_EVENTS:
        raise ValueError(f"it has more than {MOST_EVENTS} events")
    return found


def read_event(row: StoredEvent) -> tuple[Event, Facts]:
    """Return a stored event and its facts; :class:`ValueError` where it is not one."""
    event = Event(*row[:-1])
    try:
        facts = msgspec.json.decode(event.facts, type=Facts)
    except (msgspec.MsgspecError, TypeError) as error:
        raise ValueError(str(error)) from error
    if facts.__struct_config__.tag != event.kind:
        raise ValueError(f"its kind is {event.kind!r}, its facts are of the kind {facts.__struct_config__.tag!r}")
    return event, facts
