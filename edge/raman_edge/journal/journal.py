"""An open journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raman_edge.journal import reading, writing
from raman_edge.journal.database import Database
from raman_edge.journal.memory import JournalMemory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.journal.reading import Row
    from raman_edge.record import Record
    from raman_edge.spectrum import Spectrum


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written of one answer."""

    record: Record
    spectrum: Spectrum | None
    """None for a fault."""


def default_path() -> Path:
    """Return where the user's journal lies: one for all folders, their paths are absolute in it."""
    import platformdirs  # noqa: PLC0415 - not needed where a path is given

    return Path(platformdirs.user_state_dir("raman-edge")) / "journal.sqlite3"


class Journal:
    """An open journal; made by :meth:`open`, closed by ``with``.

    One thread at a time; several processes and threads use one file, each with its own
    ``Journal``, and readers never wait for the writer. Whatever fails with
    :class:`raman_edge.errors.JournalUnavailable` may be called again later: nothing was
    written, the marks that wait still wait, and the file is opened anew.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Journal:
        """Open or create the journal at ``path``, bringing an older one up to date.

        Raises :class:`JournalUnavailable`: cannot be opened or written now. :class:`JournalError`:
        damaged, no journal, from a newer raman-edge.
        """
        database = Database(path, create=create)
        with database.using("opened"):
            return cls(database)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._database.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; marks that were not flushed are lost, which costs a second look at their files."""
        self._database.close()

    def write(self, entries: Sequence[Entry], *, model: str, config: str) -> tuple[bool, ...]:
        """Commit the entries and all pending marks at once; True for each that is new, False where the journal held it.

        ``model`` and ``config`` are what :meth:`memory` is given; faults are kept for this version of raman-edge only.
        """
        rows = [writing.facts_of(entry.record, model, config) for entry in entries]
        with self._database.transaction() as connection:
            writer = writing.Writer(connection)
            return tuple(writer.add(row) for row in rows)

    def memory(self, model: str, config: str) -> JournalMemory:
        """Return what is remembered of the files answered with this model (its digest) and configuration."""
        return JournalMemory(self._database, model, config)

    def records(self, limit: int | None = None) -> Iterator[str]:
        """Give the records as their lines of JSON, newest first; ``limit`` of them at most."""
        with self._database.using("read") as connection:
            yield from reading.newest_first(connection, limit)

    def after(self, seq: int, limit: int) -> tuple[Row, ...]:
        """Return the first ``limit`` rows written after the row ``seq``, oldest first; 0 is before the first."""
        with self._database.using("read") as connection:
            return reading.after(connection, seq, limit)

    def newest(self) -> int:
        """Return the ``seq`` of the newest row, 0 where there is none."""
        with self._database.using("read") as connection:
            newest: int = connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0]
            return newest

    def cursor(self, sink: str) -> int | None:
        """Return the ``seq`` up to which ``sink`` has taken the rows; None for one that never had a place."""
        with self._database.using("read") as connection:
            found = connection.execute("SELECT seq FROM cursors WHERE sink=?", (sink,)).fetchone()
            return int(found[0]) if found else None

    def advance(self, sink: str, seq: int) -> None:
        """Note that ``sink`` has taken the rows up to ``seq``; it never goes back."""
        forward = "INSERT INTO cursors VALUES (?,?) ON CONFLICT (sink) DO UPDATE SET seq = max(seq, excluded.seq)"
        with self._database.transaction() as connection:
            connection.execute(forward, (sink, seq))
