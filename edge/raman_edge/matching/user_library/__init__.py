"""The user's own library: materials taught in the field, kept as they were measured.

One sqlite file. An entry is a spectrum as it was read, its name, and where it comes from;
the embeddings beside it are made from it, one for each model that has asked, so that what
was taught outlives the model it was taught to. Why sqlite: docs/decisions/0008.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from raman_edge import __version__
from raman_edge.errors import LibraryError, SpectrumError
from raman_edge.matching.library import Library, Reference
from raman_edge.matching.user_library.database import MAX_BYTES, MOST_ENTRIES, connect, explained, transaction
from raman_edge.matching.user_library.entry import UserReference, checked_name, storable
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from raman_edge.model.model import Model

NORM_WITHIN = 1e-3
"""How far the length of an embedding may be from 1."""
MOST_NOTE = 2000
"""Characters of a note."""

ENTRY = "name, kind, path, sha256, idx, learned, version, network, note"
INSERT = f"INSERT INTO entries ({ENTRY}, shift, counts) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING RETURNING seq"  # noqa: S608 - names of columns
REMEMBERED = """
SELECT name, path, idx, seq, embedding, peaks, iif(embedding IS NULL, shift, NULL), iif(embedding IS NULL, counts, NULL)
FROM entries LEFT JOIN embeddings ON entry = seq AND model = ? ORDER BY seq
"""


class StoredReference(msgspec.Struct, frozen=True, array_like=True):
    """A row of :data:`REMEMBERED`: an entry with its embedding by the model, else with its spectrum."""

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
        """What the reference is called."""
        return f"{self.path}#{self.index + 1}" if self.index else self.path


class UserLibrary:
    """An open library of the user's own; made by :meth:`open`, closed by ``with``. One thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool) -> UserLibrary:
        """Open the library at ``path``, or create it.

        Raises :class:`LibraryError`: cannot be opened, no library of ours, too large, from a newer raman-edge. The file is
        left as it is then.
        """
        return cls(connect(path, create=create), path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def entries(self) -> tuple[UserReference, ...]:
        """Return what was taught, in the order it was taught."""
        with explained(self.path, "read"):
            return tuple(_entry(row) for row in self._connection.execute(f"SELECT {ENTRY} FROM entries ORDER BY seq"))  # noqa: S608

    def learn(self, name: str, taught: Sequence[tuple[Spectrum, Reference]], model: Model, note: str = "") -> tuple[bool, ...]:
        """Store spectra with what :func:`raman_edge.matching.library.Library.make_reference` made of them, all or none.

        Return for each whether it is new: the same spectrum of the same file under the same name is stored once.
        Raises :class:`LibraryError`: not a name, no room, cannot be written.
        """
        name = checked_name(name)
        if len(note) > MOST_NOTE:
            msg = f"a note is at most {MOST_NOTE} characters, got {len(note)}"
            raise LibraryError(msg)
        said = (datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), __version__, model.card.network, storable(note))
        with self._transaction():
            new = tuple(self._insert(name, spectrum, made, said, model.sha256) for spectrum, made in taught)
            (count,) = self._connection.execute("SELECT count(*) FROM entries").fetchone()
            if count > MOST_ENTRIES:
                msg = (
                    f"your library would hold {count} references; {MOST_ENTRIES} is the most. "
                    "Nothing was learned: forget some, or use another library with --user-library"
                )
                raise LibraryError(msg)
        return new

    def forget(self, name: str) -> tuple[UserReference, ...]:
        """Remove every reference of ``name`` and return what they were; empty where there is none."""
        with self._transaction():
            removed = tuple(
                _entry(row)
                for row in self._connection.execute(f"SELECT {ENTRY} FROM entries WHERE name = ? ORDER BY seq", (name,))  # noqa: S608
            )
            self._connection.execute("DELETE FROM entries WHERE name = ?", (name,))
        return removed

    def references(self, model: Model) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
        """Return every entry as a reference for ``model``, and why some cannot be.

        Embeddings that another model made are made again here, and remembered.
        """
        found: list[Reference] = []
        made: dict[int, Reference] = {}
        left_out: list[str] = []
        for row in self._rows(model):
            if row.embedding is not None:
                found.append(self._remembered(row, model))
                continue
            try:
                made[row.seq] = Library.make_reference(self._spectrum(row), row.name, row.specimen, model)
            except SpectrumError as error:
                left_out.append(f"{row.name!r} from {row.path!r} is left out, this model cannot use it: {error}")
        # A file that cannot be written still serves; its embeddings are then made at every start.
        with suppress(LibraryError):
            self._remember(made, model)
        return (*found, *made.values()), tuple(left_out)

    def _rows(self, model: Model) -> list[StoredReference]:
        with explained(self.path, "read"):
            rows: list[StoredReference] = []
            room = MAX_BYTES
            for stored in self._connection.execute(REMEMBERED, (model.sha256,)):
                row = msgspec.convert(stored, StoredReference)
                checked_name(row.name)
                room -= sum(len(part or b"") for part in (row.embedding, row.peaks, row.shift, row.counts))
                if room < 0:
                    raise ValueError(f"its rows hold more than {MAX_BYTES / 2**20:.0f} MiB")
                rows.append(row)
            return rows

    def _insert(self, name: str, spectrum: Spectrum, made: Reference, said: tuple[str, str, str, str], model: str) -> bool:
        origin, axis = spectrum.origin, spectrum.axis
        shift, counts = axis.shift.astype("<f8").tobytes(), spectrum.counts.astype("<f8").tobytes()
        measured = hashlib.sha256(shift + counts).hexdigest()
        # The same file on a calibrated axis is another reference: its bytes alone do not name it.
        sha256 = origin.sha256 if origin.sha256 and spectrum.calibrated is None else measured
        path = storable(os.path.abspath(origin.path) if origin.kind == "file" else origin.path)  # noqa: PTH100 - Path would swallow a name such as "a/."
        row = (name, origin.kind, path, sha256, origin.index, *said, shift, counts)
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
        # Another process may have embedded the entry meanwhile, or forgotten it.
        insert = "INSERT OR IGNORE INTO embeddings SELECT seq, ?, ?, ? FROM entries WHERE seq = ?"
        self._connection.execute(insert, (model, made.embedding.astype("<f4").tobytes(), table, seq))

    def _spectrum(self, row: StoredReference) -> Spectrum:
        """Return the entry's spectrum, as it was read."""
        with explained(self.path, "read"):
            shift, counts = (_floats(packed, "<f8") for packed in (row.shift, row.counts))
            try:
                return Spectrum(Axis(shift), counts, Origin("own", row.path, index=row.index))
            except SpectrumError as error:
                raise ValueError(str(error)) from error

    def _remembered(self, row: StoredReference, model: Model) -> Reference:
        """Return an entry with its embedding by ``model``."""
        with explained(self.path, "read"):
            embedding, table = _floats(row.embedding, "<f4"), _floats(row.peaks, "<f8")
            length = float(np.linalg.norm(embedding.astype(np.float64)))
            if embedding.size != model.card.embedding or abs(length - 1) > NORM_WITHIN:
                msg = (
                    f"{row.name!r} has an embedding of {embedding.size} numbers, {model.card.embedding} expected, "
                    f"and of length {length:.3g}, 1 expected"
                )
                raise ValueError(msg)
            return Reference(row.name, row.specimen, embedding.astype(np.float32), Peaks(*table.reshape(3, -1)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self.path, "written"), transaction(self._connection):
            yield


def _entry(row: Sequence[object]) -> UserReference:
    return msgspec.convert(row, UserReference)


def _floats(packed: bytes | None, kind: str) -> NDArray[np.floating]:
    """Return packed numbers; :class:`ValueError` where they are none."""
    numbers: NDArray[np.floating] = np.frombuffer(packed or b"", kind)
    if not np.isfinite(numbers).all():
        msg = "it holds numbers that are not finite"
        raise ValueError(msg)
    return numbers
