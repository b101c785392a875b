"""The journal: every result exactly once, also after a crash.

One sqlite file in write-ahead mode; every record is committed and synced before it is shown.
There is one record for each (content, place in the file, model, configuration); writing
it again changes nothing. The journal also remembers which contents were identified and in
which files they were, so that a restart neither loses nor repeats work. These marks are
written with the next record: a mark lost in a crash costs one more reading of a file, never a
second record. Every row carries a hash over the row before it and over all that it holds,
so that a change shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import platformdirs

from raman_edge.journal import query, rows
from raman_edge.journal.database import Database
from raman_edge.journal.memory import JournalMemory, Signature
from raman_edge.journal.query import ALL, Filters, JournalRow, StoredResult
from raman_edge.journal.rows import JournalEntry, Verification

if TYPE_CHECKING:
    import os
    from array import array
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from raman_edge.journal.chain import Prepared

__all__ = ["Filters", "Journal", "JournalEntry", "JournalMemory", "JournalRow", "Signature", "StoredResult", "Verification", "default_path"]


def default_path() -> Path:
    """Return the path of the user's journal: one for all folders, whose paths are absolute in it."""
    return Path(platformdirs.user_state_dir("raman-edge")) / "journal.sqlite3"


class Journal:
    """An open journal; made by :meth:`open`, closed by ``with``.

    One thread at a time; several processes and threads use one file, each with its own
    ``Journal``, and readers never wait for the writer. A call that fails with
    :class:`raman_edge.errors.JournalUnavailable` may be repeated later with the same entries: each
    is written once, pending marks are kept, and the file is opened anew.
    """

    def __init__(self, database: Database, *, spectra: bool) -> None:
        self._database = database
        self._spectra = spectra

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = True, spectra: bool = True) -> Journal:
        """Open or create the journal at ``path``.

        Parameters
        ----------
        path : path
            One sqlite file, with two more beside it while it is open.
        create : bool
            Whether a missing file is created.
        spectra : bool
            Whether spectra are kept; else only their digests are, and ``journal recheck`` cannot identify them again.

        Returns
        -------
        Journal
            Closed by ``with``.

        Raises
        ------
        JournalUnavailable
            It cannot be opened or written now.
        JournalError
            It is damaged, another program's database, or of another schema.
        """
        database = Database(Path(path), create=create)
        with database.using("opened"):
            return cls(database, spectra=spectra)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._database.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; marks that were not flushed are lost, and their files are read again."""
        self._database.close()

    def write(self, entries: Sequence[JournalEntry], *, model: str, config: str) -> tuple[bool, ...]:
        """Commit the entries and all pending marks at once; True for each that is new, False where the journal held it.

        ``model`` and ``config`` are what :meth:`memory` is given; faults are kept for this version of raman-edge only.
        """
        return self._add(entries, model, config)

    def add(self, prepared: Sequence[Prepared]) -> tuple[bool, ...]:
        """Commit rows of :func:`raman_edge.journal.chain.prepare`, as :meth:`write` does."""
        return self._add(prepared)

    def _add(self, entries: Sequence[JournalEntry | Prepared], model: str = "", config: str = "") -> tuple[bool, ...]:
        from raman_edge.journal import chain  # noqa: PLC0415 - numpy, which a list of records does without

        prepared = [chain.prepare(one, model, config) if isinstance(one, JournalEntry) else one for one in entries]
        with self._database.transaction() as connection:
            writer = chain.JournalWriter(connection, with_spectra=self._spectra)
            return tuple(writer.add(row) for row in prepared)

    def memory(self, model: str, config: str) -> JournalMemory:
        """Return the memory of files identified with this model (its digest) and configuration."""
        return JournalMemory(self._database, model, config)

    def records(self, limit: int | None = None, filters: Filters = ALL, *, oldest: bool = False) -> Iterator[str]:
        """Give records as they were written.

        Parameters
        ----------
        limit : int, optional
            Most records; all where there is none.
        filters : Filters
            Which records.
        oldest : bool
            The oldest first; else the newest.

        Yields
        ------
        str
            A line of JSON (docs/outputs.md).

        Raises
        ------
        JournalError
            The journal cannot be read, or a row is damaged.
        """
        with self._database.using("read") as connection:
            chosen = query.numbers(connection, filters, limit, oldest=oldest)
        yield from self._lines(chosen)

    def current(self, limit: int | None = None, filters: Filters = ALL) -> tuple[Iterator[str], int]:
        """Return the records that no later one replaces, as :meth:`records` gives them, and how many replaced ones are left out.

        A record is replaced where its file was identified again after it had grown (:mod:`raman_edge.journal.query`).
        """
        with self._database.using("read") as connection:
            chosen, hidden = query.current(connection, filters, limit)
        return self._lines(chosen), hidden

    def _lines(self, chosen: array[int]) -> Iterator[str]:
        with self._database.using("read") as connection:
            for row in query.selected(connection, chosen):
                yield row.line

    def results(self, limit: int | None = None, filters: Filters = ALL) -> Iterator[StoredResult]:
        """Give the records with model, chain and spectrum, newest first; ``limit`` of them at most."""
        from raman_edge.journal import chain  # noqa: PLC0415 - as above

        with self._database.using("read") as connection:
            yield from chain.stored_results(connection, query.numbers(connection, filters, limit))

    def verify(self, head: str | None = None, progress: Callable[[int, int], None] = lambda _done, _of: None) -> Verification:
        """Read everything again and compare it with the hash chain.

        Parameters
        ----------
        head : str, optional
            A hash that was noted earlier, 64 hexadecimal digits: it must still be in the chain.
        progress : callable
            Gets the number of rows that have been read, and of all rows, now and then.

        Returns
        -------
        Verification
            ``wrong`` is None where everything is as it was written, else the first difference.

        Raises
        ------
        JournalError
            The journal cannot be read.
        """
        from raman_edge.journal import chain  # noqa: PLC0415 - as above

        with self._database.using("read") as connection:
            return chain.verify(connection, head, progress)

    def prune(self, before: datetime) -> int:
        """Remove the spectra of old records.

        The records, their digests and the chain stay, and the chain gets an event about it. The file does not become
        smaller; its free pages are used again.

        Parameters
        ----------
        before : datetime
            Spectra of records before that time are removed.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        JournalError
            The journal cannot be written.
        """
        with self._database.transaction() as connection:
            taken = connection.execute(
                "DELETE FROM spectra WHERE seq IN (SELECT seq FROM records WHERE ts < ?)", (rows.milliseconds(before),)
            ).rowcount
            connection.execute("DELETE FROM axes WHERE axis NOT IN (SELECT axis FROM spectra)")
            if taken:
                rows.add_event(connection, rows.Pruned(rows.milliseconds(before), taken))
            return taken

    def count(self, filters: Filters = ALL) -> int:
        """Return how many records are selected."""
        with self._database.using("read") as connection:
            return query.count(connection, filters)

    def after(self, seq: int, limit: int) -> tuple[JournalRow, ...]:
        """Return the first ``limit`` rows written after the row ``seq``, oldest first; 0 is before the first."""
        with self._database.using("read") as connection:
            return query.after(connection, seq, limit)

    def newest(self) -> int:
        """Return the ``seq`` of the newest row, 0 where there is none."""
        with self._database.using("read") as connection:
            newest: int = connection.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0]
            return newest

    def cursor(self, sink: str) -> int | None:
        """Return the ``seq`` up to which ``sink`` has confirmed the rows; None for an unknown one."""
        with self._database.using("read") as connection:
            found = connection.execute("SELECT seq FROM cursors WHERE sink=?", (sink,)).fetchone()
            return int(found[0]) if found else None

    def advance(self, sink: str, seq: int) -> None:
        """Note that ``sink`` has confirmed the rows up to ``seq``; a cursor never goes back."""
        forward = "INSERT INTO cursors VALUES (?,?) ON CONFLICT (sink) DO UPDATE SET seq = max(seq, excluded.seq)"
        with self._database.transaction() as connection:
            connection.execute(forward, (sink, seq))
