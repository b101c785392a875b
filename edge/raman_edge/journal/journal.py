"""An open journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from raman_edge.journal import reading, row_codec
from raman_edge.journal.database import Database
from raman_edge.journal.memory import JournalMemory
from raman_edge.journal.reading import ALL

if TYPE_CHECKING:
    import os
    from array import array
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from raman_edge.journal.entry import JournalEntry
    from raman_edge.journal.finding import Verification
    from raman_edge.journal.query import StoredResult
    from raman_edge.journal.reading import Filters, JournalRow
    from raman_edge.journal.writing import Prepared


def default_path() -> Path:
    """Return where the user's journal lies: one for all folders, their paths are absolute in it."""
    import platformdirs  # noqa: PLC0415 - not needed where a path is given

    return Path(platformdirs.user_state_dir("raman-edge")) / "journal.sqlite3"


class Journal:
    """An open journal; made by :meth:`open`, closed by ``with``.

    One thread at a time; several processes and threads use one file, each with its own
    ``Journal``, and readers never wait for the writer. Whatever fails with
    :class:`raman_edge.errors.JournalUnavailable` may be called again later with the same
    entries: they stand once, the marks that wait still wait, and the file is opened anew.
    """

    def __init__(self, database: Database, *, spectra: bool) -> None:
        self._database = database
        self._spectra = spectra

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True, spectra: bool = True) -> Journal:
        """Open or create the journal at ``path``, bringing an older one up to date.

        Without ``spectra`` it keeps their digests only, and cannot answer them again.

        Raises :class:`JournalUnavailable`: cannot be opened or written now. :class:`JournalError`:
        damaged, no journal, from a newer raman-edge.
        """
        database = Database(Path(path), create=create)
        with database.using("opened"):
            return cls(database, spectra=spectra)

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

    def write(self, entries: Sequence[JournalEntry], *, model: str, config: str) -> tuple[bool, ...]:
        """Commit the entries and all pending marks at once; True for each that is new, False where the journal held it.

        ``model`` and ``config`` are what :meth:`memory` is given; faults are kept for this version of raman-edge only.
        """
        from raman_edge.journal import writing  # noqa: PLC0415 - numpy: who only lists records does not pay for it

        return self.add([writing.prepare(entry, model, config) for entry in entries])

    def add(self, rows: Sequence[Prepared]) -> tuple[bool, ...]:
        """Commit what :func:`raman_edge.journal.writing.prepare` made, as :meth:`write` does."""
        from raman_edge.journal import writing  # noqa: PLC0415 - as above

        with self._database.transaction() as connection:
            writer = writing.JournalWriter(connection, with_spectra=self._spectra)
            return tuple(writer.add(row) for row in rows)

    def memory(self, model: str, config: str) -> JournalMemory:
        """Return what is remembered of the files answered with this model (its digest) and configuration."""
        return JournalMemory(self._database, model, config)

    def records(self, limit: int | None = None, filters: Filters = ALL, *, oldest: bool = False) -> Iterator[str]:
        """Give the records as their lines of JSON, newest or ``oldest`` first; ``limit`` of them at most."""
        with self._database.using("read") as connection:
            chosen = reading.numbers(connection, filters, limit, oldest=oldest)
        yield from self._lines(chosen)

    def current(self, limit: int | None = None, filters: Filters = ALL) -> tuple[Iterator[str], int]:
        """Return the records that no later answer replaces, as :meth:`records` gives them, and how many were left out for that.

        An answer is replaced where its file was answered again when more of it was there (:mod:`raman_edge.journal.replaced`).
        """
        from raman_edge.journal import replaced  # noqa: PLC0415 - msgspec: who only writes does not pay for it

        with self._database.using("read") as connection:
            chosen, hidden = replaced.current(connection, filters, limit)
        return self._lines(chosen), hidden

    def _lines(self, chosen: array[int]) -> Iterator[str]:
        with self._database.using("read") as connection:
            for row in reading.rows(connection, chosen):
                yield row.line

    def held(self, limit: int | None = None, filters: Filters = ALL) -> Iterator[StoredResult]:
        """Give the records with model, chain and spectrum, newest first; ``limit`` of them at most."""
        from raman_edge.journal import query  # noqa: PLC0415 - numpy

        with self._database.using("read") as connection:
            yield from query.held(connection, reading.numbers(connection, filters, limit))

    def verify(self, head: str | None = None, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Verification:
        """Read everything again and say whether it is what was written; ``head`` is a hash noted earlier.

        ``progress`` is told now and then how many rows have been read, and of how many.
        """
        from raman_edge.journal import verify  # noqa: PLC0415 - numpy

        with self._database.using("read") as connection:
            return verify.verify(connection, head, progress)

    def prune(self, before: datetime) -> int:
        """Take the spectra of records before the time ``before`` away, and return how many those were.

        The records, their digests and the chain stay, and the chain gets an event that says so. The file's room is used
        again, not given back.
        """
        from raman_edge.journal import events  # noqa: PLC0415 - as above

        with self._database.transaction() as connection:
            taken = connection.execute(
                "DELETE FROM spectra WHERE seq IN (SELECT seq FROM records WHERE ts < ?)", (row_codec.milliseconds(before),)
            ).rowcount
            connection.execute("DELETE FROM axes WHERE axis NOT IN (SELECT axis FROM spectra)")
            if taken:
                events.add(connection, events.Pruned(row_codec.milliseconds(before), taken))
            return taken

    def count(self, filters: Filters = ALL) -> int:
        """Return how many records there are."""
        with self._database.using("read") as connection:
            return reading.count(connection, filters)

    def after(self, seq: int, limit: int) -> tuple[JournalRow, ...]:
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
