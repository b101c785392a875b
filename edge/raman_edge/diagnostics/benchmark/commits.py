"""When the records of a journal are committed, as another reader of it sees."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Self

import msgspec

from raman_edge.journal import Journal

if TYPE_CHECKING:
    from raman_edge.journal import JournalRow

LOOK_S = 0.002
"""Between two looks at the journal, s: no record is seen later than this and the look itself."""
MOST = 1000
"""Records read at once."""


class Commits:
    """Looks at a journal that is there, in a thread of its own, until the block ends; then once more."""

    def __init__(self, journal: Path) -> None:
        """Open ``journal``; :class:`raman_edge.errors.JournalError` where that cannot be."""
        self.came: dict[str, float] = {}
        """When the record of a file was first seen (perf_counter, s), by the file's name; only of what comes after the block began."""
        self._journal = Journal.open(journal, create=False)
        self._seen = self._journal.newest()
        self._ended = Event()
        self._thread = Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()
        self._journal.close()

    def _follow(self) -> None:
        while not self._ended.wait(LOOK_S):
            self._look()
        self._look()

    def _look(self) -> None:
        while self._journal.newest() > self._seen:
            now = perf_counter()
            rows = self._journal.after(self._seen, MOST)
            self.came |= {_file_of(row): now for row in rows}
            self._seen = rows[-1].seq


def _file_of(row: JournalRow) -> str:
    path: str = msgspec.json.decode(row.line)["source"]["path"]
    return Path(path).name
