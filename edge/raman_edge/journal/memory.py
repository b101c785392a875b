"""What the journal remembers of files: which states and contents were identified."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import raman_edge
from raman_edge.journal.rows import STATE_BYTES, packed, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal.database import Database

Signature = tuple[int, int, int, int, int]
"""Device, inode, size, modification and change time (ns) of a file."""
CONTENT = struct.Struct("<Q32s")
"""Size (bytes) and digest of a content, stored after the file's state where the content was read."""
AT_ONCE = 250
"""Files in one query; sqlite takes 999 values at least."""
THIS_RUN = "run IN (SELECT run FROM runs WHERE model=? AND config IN (?,?))"
ADD_RUN = "INSERT OR IGNORE INTO runs (model, config) VALUES (?,?)"
ADD_CONTENT = "INSERT OR IGNORE INTO contents SELECT ?, run FROM runs WHERE model=? AND config=?"
ADD_SEEN = "INSERT OR REPLACE INTO seen (path, state, run) SELECT ?, ?, run FROM runs WHERE model=? AND config=?"


def failed_config(config: str) -> str:
    """Return the configuration of failures: the readers of a later version try them again."""
    return f"{config}+{raman_edge.__version__}"


@dataclass(slots=True)
class JournalMemory:
    """Memory of files, for one model and configuration."""

    database: Database
    model: str
    config: str
    _recent: set[str] = field(default_factory=set)
    """Contents whose marks may not be written yet."""
    _runs_added: set[tuple[str, str]] = field(default_factory=set)
    """Runs that the journal has, or will have with the next transaction."""

    def seen(self, path: str, signature: Signature) -> bool:
        """Whether the file at the absolute ``path`` was identified in this state."""
        return self.seen_each([(path, signature)])[0]

    def seen_each(self, files: Sequence[tuple[str, Signature]]) -> list[bool]:
        """Return :meth:`seen` of each file; five times as fast for many."""
        found: list[bool] = []
        for first in range(0, len(files), AT_ONCE):
            part = [(os.fsencode(path), state(signature)) for path, signature in files[first : first + AT_ONCE]]
            answered = self._answered([path for path, _ in part])
            found += [one in answered for one in part]
        return found

    def known(self, sha256: str) -> bool:
        """Whether every spectrum of this content was identified, under any name."""
        query = f"SELECT 1 FROM contents WHERE sha256=? AND {THIS_RUN}"  # noqa: S608 - our own text
        # Marks that were dropped, because the journal was replaced, count for nothing.
        return (self.database.pending and sha256 in self._recent) or self._holds(query, (packed(sha256),))

    def failed(self, sha256: str) -> bool:
        """Whether this content was read, and gave faults only."""
        good = "SELECT 1 FROM contents WHERE sha256=? AND run IN (SELECT run FROM runs WHERE model=? AND config=?)"
        query = f"SELECT 1 FROM contents WHERE sha256=? AND {THIS_RUN}"  # noqa: S608 - our own text
        with self.database.using("read") as connection:
            answered = connection.execute(good, (packed(sha256), self.model, self.config)).fetchone()
        return answered is None and self._holds(query, (packed(sha256),))

    def earlier(self, path: str) -> list[tuple[int, str]]:
        """Return size (bytes) and digest of the last contents at the absolute ``path``: of a spectrum, of a fault."""
        query = f"SELECT state FROM seen WHERE path=? AND length(state) > {STATE_BYTES} AND {THIS_RUN}"  # noqa: S608 - our own text
        with self.database.using("read") as connection:
            states = connection.execute(query, (os.fsencode(path), *self._runs())).fetchall()
        found = (CONTENT.unpack(state[STATE_BYTES:]) for (state,) in states if len(state) == STATE_BYTES + CONTENT.size)
        return [(size, digest.hex()) for size, digest in found]

    def mark(self, path: str, signature: Signature, sha256: str | None, *, failed: bool = False, recorded: bool = True) -> None:
        """Note that the file is done; None stands for a content that was not read, and one that is not ``recorded`` has no record.

        A later version of raman-edge tries what ``failed`` again.
        """
        run = (self.model, failed_config(self.config) if failed else self.config)
        if not self.database.pending:
            self._recent.clear()
        if run not in self._runs_added:
            self.database.defer(ADD_RUN, run)
            self._runs_added.add(run)
        if sha256 is not None and recorded:
            self._recent.add(sha256)
            self.database.defer(ADD_CONTENT, (packed(sha256), *run))
        self.database.defer(ADD_SEEN, (os.fsencode(path), state(signature) + _content(signature[2], sha256), *run))

    def flush(self) -> None:
        """Make every mark durable."""
        if self.database.pending:
            with self.database.transaction():
                pass

    def has_looked_into(self, folder: str) -> bool:
        """Whether any file below the absolute path ``folder`` was identified, by any model."""
        below = os.path.join(os.fsencode(folder), b"")  # noqa: PTH118 - a path of any bytes
        query = "SELECT 1 FROM seen WHERE path > ? AND path < ? LIMIT 1"
        with self.database.using("read") as connection:
            return connection.execute(query, (below, below[:-1] + bytes([below[-1] + 1]))).fetchone() is not None

    def _answered(self, paths: Sequence[bytes]) -> set[tuple[bytes, bytes]]:
        """Return the states in which the files at ``paths`` were identified."""
        places = ",".join("?" * len(paths))
        query = f"SELECT path, substr(state, 1, {STATE_BYTES}) FROM seen WHERE path IN ({places}) AND {THIS_RUN}"  # noqa: S608 - our own text
        with self.database.using("read") as connection:
            return set(connection.execute(query, (*paths, *self._runs())).fetchall())

    def _holds(self, query: str, values: tuple[object, ...]) -> bool:
        with self.database.using("read") as connection:
            return connection.execute(query, (*values, *self._runs())).fetchone() is not None

    def _runs(self) -> tuple[str, str, str]:
        return self.model, self.config, failed_config(self.config)


def _content(size: int, sha256: str | None) -> bytes:
    """Return size and digest of a content as they are stored; nothing for one that was not read."""
    digest = packed(sha256) if sha256 else ""
    return CONTENT.pack(size, digest) if isinstance(digest, bytes) and len(digest) == CONTENT.size - 8 else b""
