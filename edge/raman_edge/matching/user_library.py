"""The user's own library: materials added in the field, kept as they were measured.

One sqlite file. An entry is a spectrum as it was read, its name, and its source; the embeddings beside it are computed
from it, one for each model that has used it, so that an entry outlives the model it was added with. Why sqlite:
docs/decisions/0008.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from raman_edge import __version__, atomic_write, sqlite_file
from raman_edge.errors import LibraryError, SpectrumError
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library, Reference
from raman_edge.peaks import Peaks
from raman_edge.sources.files import fault
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum
from raman_edge.wording import USER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from raman_edge.matching.identify import Reading
    from raman_edge.matching.ranking import Verdict
    from raman_edge.model.model import Model
    from raman_edge.quality import Quality

ALIKE = 0.98
"""A spectrum cannot tell two labels apart whose references have a larger cosine than this."""
MOST_ALIKE = 5
"""Confusable labels that are listed, the nearest ones."""
MAX_BYTES = 512 * 2**20
"""A larger file is refused."""
MOST_ENTRIES = 10_000
"""As many references as the embedded library has: a search then takes twice as long."""
MOST_NAME, MOST_NOTE = 200, 2000
"""Characters."""
NORM_WITHIN = 1e-3
"""How far the length of an embedding may be from 1."""

APPLICATION = 0x52454F31
""""REO1"."""
SCHEMA = 1
SCRIPT = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: another process may still embed a removed one
    name TEXT NOT NULL,
    kind TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL, idx INTEGER NOT NULL,  -- source
    learned TEXT NOT NULL,                   -- UTC, ISO 8601
    version TEXT NOT NULL,                   -- of raman-edge
    network TEXT NOT NULL,                   -- digest of the network it was added with
    note TEXT NOT NULL,
    shift BLOB NOT NULL, counts BLOB NOT NULL,  -- as they were read, float64, little-endian
    UNIQUE (name, sha256, idx)
);
CREATE TABLE embeddings (
    entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
    model TEXT NOT NULL,                     -- sha256 of the model file
    embedding BLOB NOT NULL,                 -- float32, little-endian
    peaks BLOB NOT NULL,                     -- positions, heights, widths; float64, little-endian
    PRIMARY KEY (entry, model)
) WITHOUT ROWID;
"""
USER_LIBRARY = sqlite_file.FileKind(
    noun="user library",
    application=APPLICATION,
    schema=SCHEMA,
    script=SCRIPT,
    longest_row=64 * 2**20,  # a spectrum of four million points
    elsewhere="give another place with --user-library, or in RAMAN_EDGE_USER_LIBRARY",
    safe="what was added before is safe",
    damaged="Move it away, or put back a copy; --no-user-library does without it",
    unusable=LibraryError,
    unavailable=LibraryError,
    broken=LibraryError,
)
ENTRY = "name, kind, path, sha256, idx, learned, version, network, note"
INSERT = f"INSERT INTO entries ({ENTRY}, shift, counts) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING RETURNING seq"  # noqa: S608 - names of columns
WITH_EMBEDDINGS = """
SELECT name, path, idx, seq, embedding, peaks, iif(embedding IS NULL, shift, NULL), iif(embedding IS NULL, counts, NULL)
FROM entries LEFT JOIN embeddings ON entry = seq AND model = ? ORDER BY seq
"""


class UserReference(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One reference of the user, and its source."""

    name: str
    kind: str
    """``file`` or ``stdin``."""
    path: str
    """Absolute for a file; data, to be escaped before it is shown."""
    sha256: str
    """Digest of the bytes it was read from, lower-case hex; of axis and counts where a calibration made the axis."""
    index: int
    """Which spectrum of the file, from 0."""
    learned: str
    """When it was added; UTC, ISO 8601."""
    version: str
    """The raman-edge that added it."""
    network: str
    """Digest of the network it was added with; another network gets an embedding of its own."""
    note: str


class StoredReference(msgspec.Struct, frozen=True, array_like=True):
    """A row of :data:`WITH_EMBEDDINGS`: an entry with its embedding by the model, else with its spectrum."""

    name: str
    path: str
    index: int
    seq: int
    embedding: bytes | None
    peaks: bytes | None
    shift: bytes | None
    counts: bytes | None

    @property
    def specimen(self) -> str:
        """Name of the reference."""
        return f"{self.path}#{self.index + 1}" if self.index else self.path


@dataclass(frozen=True, slots=True)
class Confusable:
    """Another label that a spectrum cannot be told from."""

    label: str
    similarity: float
    """Cosine to its best reference, -1..1."""


@dataclass(frozen=True, eq=False, slots=True)
class AddedReference:
    """One spectrum that was added."""

    spectrum: Spectrum
    quality: Quality
    new: bool
    """False where the library had this spectrum under this name already."""
    before: Verdict
    now: Verdict
    alike: tuple[Confusable, ...]
    """Other labels that it cannot be told from, the nearest first."""
    enrol_ms: float
    """Its share of the time to embed and store the spectra and to join them to the library."""
    library: Library
    """The library with all spectra that were added together."""

    def is_named(self, name: str) -> bool:
        """Whether it is identified as ``name`` now."""
        return self.now.best is not None and self.now.best.label == name


class UserLibrary:
    """An open library of the user; made by :meth:`open`, closed by ``with``. One thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool) -> UserLibrary:
        """Open the library at ``path``, or create it.

        Raises :class:`LibraryError`: cannot be opened, not a library, too large, another schema. The file is left as it is then.
        """
        with _explained(path, "opened"):
            if create:
                atomic_write.system_path(path.parent).mkdir(parents=True, exist_ok=True)
            file = atomic_write.system_path(path)
            if file.exists() and (size := file.stat().st_size) > MAX_BYTES:
                raise LibraryError(
                    kind="too large", place=_place(path), got=f"{size / 2**20:.0f} MiB", expected=f"at most {MAX_BYTES / 2**20:.0f} MiB"
                )
            where = sqlite_file.address(path, f"mode={'rwc' if create else 'rw'}")
            connection = sqlite_file.connect(where, longest=USER_LIBRARY.longest_row)
            try:
                _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
            return cls(connection, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def entries(self) -> tuple[UserReference, ...]:
        """Return all entries, in the order they were added."""
        with _explained(self.path, "read"):
            return tuple(_entry(row) for row in self._connection.execute(f"SELECT {ENTRY} FROM entries ORDER BY seq"))  # noqa: S608

    def add_reference(
        self, name: str, spectra: Iterable[Spectrum | Fault], model: Model, library: Library, *, note: str = "", force: bool = False
    ) -> tuple[tuple[AddedReference, ...], tuple[Fault, ...]]:
        """Store every good spectrum as a reference of ``name``; faults say why the others are not stored.

        ``library`` is the one that identifies now, with the user's own entries. ``force`` also adds spectra that
        :mod:`raman_edge.quality` rejects. Raises :class:`LibraryError` where nothing can be stored.
        """
        before: list[Reading] = []
        faults: list[Fault] = []
        for spectrum in spectra:
            seen = spectrum if isinstance(spectrum, Fault) else _read(spectrum, model, library, force=force)
            if isinstance(seen, Fault):
                faults.append(seen)
            else:
                before.append(seen)
        return (self._added(name, before, model, library, note) if before else ()), tuple(faults)

    def store(self, name: str, taught: Sequence[tuple[Spectrum, Reference]], model: Model, note: str = "") -> tuple[bool, ...]:
        """Store spectra with the references of :func:`raman_edge.matching.reference.make`, all or none.

        Return for each whether it is new: the same spectrum of the same file under the same name is stored once.
        Raises :class:`LibraryError`: not a name, no room, cannot be written.
        """
        name = checked_name(name)
        if len(note) > MOST_NOTE:
            raise LibraryError(kind="note too long", got=f"{len(note)} characters", expected=f"at most {MOST_NOTE}")
        facts = (datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), __version__, model.card.network, storable(note))
        with self._transaction():
            new = tuple(self._insert(name, spectrum, made, facts, model.sha256) for spectrum, made in taught)
            (count,) = self._connection.execute("SELECT count(*) FROM entries").fetchone()
            if count > MOST_ENTRIES:
                raise LibraryError(
                    kind="full", place=_place(self.path), got=f"{count} references with these", expected=f"at most {MOST_ENTRIES}",
                    advice="Nothing was added: remove some, or give another library with --user-library",
                )  # fmt: skip
        return new

    def remove(self, name: str) -> tuple[UserReference, ...]:
        """Remove every reference of ``name`` and return them; empty where there is none."""
        with self._transaction():
            query = f"SELECT {ENTRY} FROM entries WHERE name = ? ORDER BY seq"  # noqa: S608 - names of columns
            removed = tuple(_entry(row) for row in self._connection.execute(query, (name,)))
            self._connection.execute("DELETE FROM entries WHERE name = ?", (name,))
        return removed

    def references(self, model: Model) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
        """Return every entry as a reference for ``model``, and why some cannot be one.

        An entry without an embedding by this model gets one, which is stored.
        """
        found: list[Reference] = []
        made: dict[int, Reference] = {}
        left_out: list[str] = []
        for row in self._rows(model):
            if row.embedding is not None:
                found.append(self._stored(row, model))
                continue
            try:
                made[row.seq] = Library.make_reference(self._spectrum(row), row.name, row.specimen, model, USER)
            except SpectrumError as error:
                left_out.append(f"{row.name!r} from {row.path!r} is left out, this model cannot use it: {error}")
        # A file that cannot be written still serves; its embeddings are then computed at every start.
        with suppress(LibraryError):
            self._remember(made, model)
        return (*found, *made.values()), tuple(left_out)

    def _added(self, name: str, before: list[Reading], model: Model, library: Library, note: str) -> tuple[AddedReference, ...]:
        """Store the spectra of these readings together, and identify them again."""
        started = perf_counter()
        made = [Library.make_reference(reading.spectrum, name, reading.spectrum.origin.path, model, USER) for reading in before]
        new = self.store(name, [(reading.spectrum, one) for reading, one in zip(before, made, strict=True)], model, note)
        joined = library.joined(one for one, is_new in zip(made, new, strict=True) if is_new)
        share_ms = 1e3 * (perf_counter() - started) / len(before)
        return tuple(
            AddedReference(
                spectrum=reading.spectrum,
                quality=reading.quality,
                new=is_new,
                before=reading.verdict,
                now=identify(reading.spectrum, model, joined).verdict,
                alike=_alike(one, library),
                enrol_ms=share_ms,
                library=joined,
            )
            for reading, one, is_new in zip(before, made, new, strict=True)
        )

    def _rows(self, model: Model) -> list[StoredReference]:
        with _explained(self.path, "read"):
            rows: list[StoredReference] = []
            room = MAX_BYTES
            for stored in self._connection.execute(WITH_EMBEDDINGS, (model.sha256,)):
                row = msgspec.convert(stored, StoredReference)
                checked_name(row.name)
                room -= sum(len(part or b"") for part in (row.embedding, row.peaks, row.shift, row.counts))
                if room < 0:
                    raise ValueError(f"its rows hold more than {MAX_BYTES / 2**20:.0f} MiB")
                rows.append(row)
            return rows

    def _insert(self, name: str, spectrum: Spectrum, made: Reference, facts: tuple[str, str, str, str], model: str) -> bool:
        origin, axis = spectrum.origin, spectrum.axis
        shift, counts = axis.shift.astype("<f8").tobytes(), spectrum.counts.astype("<f8").tobytes()
        measured = hashlib.sha256(shift + counts).hexdigest()
        # The same file on a calibrated axis is another reference: its bytes alone do not name it.
        sha256 = origin.sha256 if origin.sha256 and spectrum.calibrated is None else measured
        path = storable(os.path.abspath(origin.path) if origin.kind == "file" else origin.path)  # noqa: PTH100 - Path would swallow a name such as "a/."
        row = (name, origin.kind, path, sha256, origin.index, *facts, shift, counts)
        new = self._connection.execute(INSERT, row).fetchall()
        for (seq,) in new:
            self._store(seq, made, model)
        return bool(new)

    def _remember(self, made: dict[int, Reference], model: Model) -> None:
        if made:
            with self._transaction():
                for seq, one in made.items():
                    self._store(seq, one, model.sha256)

    def _store(self, seq: int, made: Reference, model: str) -> None:
        table = np.stack([made.peaks.shift, made.peaks.height, made.peaks.width]).astype("<f8").tobytes()
        # Another process may have embedded the entry meanwhile, or removed it.
        insert = "INSERT OR IGNORE INTO embeddings SELECT seq, ?, ?, ? FROM entries WHERE seq = ?"
        self._connection.execute(insert, (model, made.embedding.astype("<f4").tobytes(), table, seq))

    def _spectrum(self, row: StoredReference) -> Spectrum:
        """Return the entry's spectrum, as it was read."""
        with _explained(self.path, "read"):
            shift, counts = (_floats(packed, "<f8") for packed in (row.shift, row.counts))
            try:
                return Spectrum(Axis(shift), counts, Origin("own", row.path, index=row.index))
            except SpectrumError as error:
                raise ValueError(str(error)) from error

    def _stored(self, row: StoredReference, model: Model) -> Reference:
        """Return an entry with its embedding by ``model``."""
        with _explained(self.path, "read"):
            embedding, table = _floats(row.embedding, "<f4"), _floats(row.peaks, "<f8")
            length = float(np.linalg.norm(embedding.astype(np.float64)))
            if embedding.size != model.card.embedding or abs(length - 1) > NORM_WITHIN:
                got = f"{row.name!r} has an embedding of {embedding.size} numbers and of length {length:.3g}"
                raise ValueError(f"{got}, expected {model.card.embedding} numbers and length 1")
            return Reference(row.name, row.specimen, embedding.astype(np.float32), Peaks(*table.reshape(3, -1)), USER)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _explained(self.path, "written"), sqlite_file.transaction(self._connection):
            yield


def checked_name(text: str) -> str:
    """Return a material's name in Unicode's composed form; :class:`LibraryError` where it is not one."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        got = ascii(text if len(text) <= MOST_NAME else f"{text[:40]}…")
        raise LibraryError(
            kind="not a material's name", got=f"{len(text)} characters: {got}", expected=f"1 to {MOST_NAME} printable characters"
        )
    return name


def storable(text: str) -> str:
    """Return ``text`` as valid UTF-8: bytes of a file name that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _read(spectrum: Spectrum, model: Model, library: Library, *, force: bool) -> Reading | Fault:
    """Identify the spectrum as it is named so far, or return why it cannot be added."""
    try:
        reading = identify(spectrum, model, library)
    except SpectrumError as error:
        return fault(spectrum.origin, str(error))
    if reading.quality.reject_reasons and not force:
        why = f"not added: {'; '.join(reading.quality.reject_reasons)}. --force (in Python force=True) adds it all the same"
        return fault(spectrum.origin, why)
    return reading


def _alike(made: Reference, library: Library) -> tuple[Confusable, ...]:
    """Return the labels other than its own that a reference cannot be told from."""
    similarity = library.search(made.embedding)
    order = (-similarity).argsort(kind="stable")[: MOST_ALIKE + 1]
    near = (Confusable(library.labels[k], round(float(similarity[k]), 4)) for k in order if similarity[k] > ALIKE)
    return tuple(one for one in near if one.label != made.label)[:MOST_ALIKE]


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours, set the connection up, and fill an empty file."""
    is_filled = sqlite_file.check(connection, USER_LIBRARY, path)
    # EXTRA also syncs the folder when the rollback journal goes: an added entry survives a power cut.
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("PRAGMA foreign_keys = ON")
    if not is_filled:
        sqlite_file.create(connection, USER_LIBRARY, path)
    # Pages that belong to several rows, or to each other, would make a small file endless.
    if (damage := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise ValueError(" ".join(str(damage).split()))
    if sqlite_file.count(connection, "entries", MOST_ENTRIES) > MOST_ENTRIES:
        raise LibraryError(
            kind="too many references",
            place=_place(path),
            expected=f"at most {MOST_ENTRIES}",
            advice="Give another place with --user-library",
        )


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Turn errors of sqlite, of the file system and of damaged rows into :class:`LibraryError`."""
    with sqlite_file.explained(USER_LIBRARY, path, what):
        try:
            yield
        except (ValueError, msgspec.MsgspecError) as error:
            raise sqlite_file.DamagedFile(str(error)) from error


def _place(path: Path) -> str:
    return f"{USER_LIBRARY.noun} {str(path)!r}"


def _entry(row: Sequence[object]) -> UserReference:
    return msgspec.convert(row, UserReference)


def _floats(packed: bytes | None, kind: str) -> NDArray[np.floating]:
    """Return packed numbers; :class:`ValueError` where they are not finite."""
    numbers: NDArray[np.floating] = np.frombuffer(packed or b"", kind)
    if not np.isfinite(numbers).all():
        raise ValueError("it holds numbers that are not finite")
    return numbers
