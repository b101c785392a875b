"""The journal: what was seen and what was said of it, exactly once, whatever crashes.

One sqlite file in write-ahead mode, every record committed and synced before it is shown.
A record stands once for each (content, place in the file, model, configuration); writing
it again changes nothing. Beside the records the journal remembers which contents were
answered and which files they lay in, so that a restart neither loses nor repeats work.
What was answered is written with the next record: a mark lost in a crash costs one more
look at a file, never a second record.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raman_edge import record as records
from raman_edge.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.record import Record

APPLICATION = 0x52454A31
"""``application_id`` of our files: "REJ1"; another program's database is refused, not filled."""
BUSY_S = 10.0
"""How long a write waits for another process's write, s."""
Signature = tuple[int, int, int, int, int]
"""Device, inode, size, modification and change time (ns) of a file."""

SCHEMA_1 = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of writing
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT,                            -- of the content; NULL where nothing was read
    idx INTEGER NOT NULL,                   -- which spectrum of the file
    model TEXT NOT NULL,                    -- sha256 of the model file
    config TEXT NOT NULL,
    path TEXT NOT NULL,
    ts TEXT NOT NULL,
    event TEXT NOT NULL,
    decision TEXT,                          -- NULL for a fault
    best TEXT,                              -- NULL where nothing was named
    record TEXT NOT NULL,                   -- the line of JSON as it went out
    UNIQUE (sha256, idx, model, config)
);
CREATE TABLE contents (
    sha256 TEXT NOT NULL, model TEXT NOT NULL, config TEXT NOT NULL,
    PRIMARY KEY (sha256, model, config)
) WITHOUT ROWID;
CREATE TABLE seen (
    path BLOB NOT NULL, model TEXT NOT NULL, config TEXT NOT NULL,
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    sha256 TEXT,                            -- NULL where the file was answered without being read
    PRIMARY KEY (path, model, config)
) WITHOUT ROWID;
"""
MIGRATIONS = (SCHEMA_1,)
"""``MIGRATIONS[n]`` takes a journal from schema n to n + 1; schema 0 is an empty file."""
SCHEMA = len(MIGRATIONS)

INSERT = "INSERT INTO records (id, sha256, idx, model, config, path, ts, event, decision, best, record) VALUES (?,?,?,?,?,?,?,?,?,?,?)"


def default_path() -> Path:
    """Return where the user's journal lies: one for all folders, their paths are absolute in it."""
    import platformdirs  # noqa: PLC0415 - not needed where a path is given

    return Path(platformdirs.user_state_dir("raman-edge")) / "journal.sqlite3"


class Journal:
    """An open journal; made by :meth:`open`, closed by ``with``. One thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._pending: list[tuple[str, tuple[object, ...]]] = []
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Journal:
        """Open or create the journal at ``path``, bringing an older one up to date.

        Raises :class:`JournalError`: cannot be opened or written, no journal, from a newer raman-edge.
        """
        with _explained(path, "opened"):
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                msg = f"there is no journal at {str(path)!r}: `raman-edge watch` makes one; --journal names another"
                raise JournalError(msg)
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
            try:
                _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(connection, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; marks that were not flushed are lost, which costs a second look at their files."""
        self._connection.close()

    def record(self, record: Record, *, model: str, config: str) -> bool:
        """Commit ``record`` and all pending marks; False where the journal held it already."""
        source = record.source
        result = record if isinstance(record, records.Result) else None
        best = result.matches[0].label if result and result.matches and result.decision in {"match", "ambiguous"} else None
        row = (record.id, source.sha256, source.index, model, config, source.path, record.ts)
        said = ("result" if result else "fault", result.decision if result else None, best, records.encode(record).decode())
        with self._transaction():
            return self._connection.execute(f"{INSERT} ON CONFLICT DO NOTHING", row + said).rowcount == 1

    def records(self, limit: int | None = None) -> Iterator[str]:
        """Give the records as their lines of JSON, newest first; ``limit`` of them at most."""
        with _explained(self.path, "read"):
            newest = "SELECT record FROM records ORDER BY seq DESC LIMIT ?"
            for (line,) in self._connection.execute(newest, (-1 if limit is None else limit,)):
                yield line

    def memory(self, model: str, config: str) -> JournalMemory:
        """Return what is remembered of the files answered with this model (its digest) and configuration."""
        return JournalMemory(self, model, config)

    @property
    def pending(self) -> bool:
        """Whether statements wait to be written."""
        return bool(self._pending)

    def flush(self) -> None:
        """Commit the pending marks."""
        if self._pending:
            with self._transaction():
                pass

    def defer(self, statement: str, values: tuple[object, ...]) -> None:
        """Have a statement written with the next record, or by :meth:`flush`."""
        self._pending.append((statement, values))

    def holds(self, query: str, values: tuple[object, ...]) -> bool:
        """Whether ``query`` finds anything."""
        with _explained(self.path, "read"):
            return self._connection.execute(query, values).fetchone() is not None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write the pending statements and what the block writes, all or nothing."""
        with _explained(self.path, "written"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in self._pending:
                    self._connection.execute(statement, values)
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._pending.clear()


@dataclass(slots=True)
class JournalMemory:
    """What the journal remembers of files, for one model and configuration."""

    journal: Journal
    model: str
    config: str
    _recent: set[str] = field(default_factory=set)
    """Contents whose marks may not be written yet."""

    def seen(self, path: str, signature: Signature) -> bool:
        """Whether the file at the absolute ``path`` was answered in this very state."""
        query = "SELECT 1 FROM seen WHERE path=? AND model=? AND config=? AND dev=? AND ino=? AND size=? AND mtime_ns=? AND ctime_ns=?"
        return self.journal.holds(query, (os.fsencode(path), self.model, self.config, *map(_signed, signature)))

    def known(self, sha256: str) -> bool:
        """Whether every spectrum of this content was answered, under whatever name."""
        query = "SELECT 1 FROM contents WHERE sha256=? AND model=? AND config=?"
        return sha256 in self._recent or self.journal.holds(query, (sha256, self.model, self.config))

    def mark(self, path: str, signature: Signature, sha256: str | None) -> None:
        """Note that the file was answered; None stands for a content that was not read."""
        if not self.journal.pending:
            self._recent.clear()
        if sha256 is not None:
            self._recent.add(sha256)
            self.journal.defer("INSERT OR IGNORE INTO contents VALUES (?,?,?)", (sha256, self.model, self.config))
        row = (os.fsencode(path), self.model, self.config, *map(_signed, signature), sha256)
        self.journal.defer("INSERT OR REPLACE INTO seen VALUES (?,?,?,?,?,?,?,?,?)", row)

    def flush(self) -> None:
        """Make every mark durable."""
        self.journal.flush()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the connection up, refuse what is not ours, migrate what is older."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        msg = f"{str(path)!r} is the database of another program; give another place with --journal"
        raise JournalError(msg)
    if version > SCHEMA:
        msg = (
            f"journal {str(path)!r} has schema {version}, this raman-edge writes {SCHEMA}: update it, or give another place with --journal"
        )
        raise JournalError(msg)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if version < SCHEMA:
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date in one transaction, also where two processes start at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for script in MIGRATIONS[version:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Turn what sqlite and the file system say into one clear error."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        msg = f"journal {str(path)!r} cannot be {what}: {why}. {_advice(error)}"
        raise JournalError(msg) from error


def _advice(error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    advice = {
        sqlite3.SQLITE_FULL: "The disk is full: make room and start again; nothing is lost, what was not journaled is read again",
        sqlite3.SQLITE_IOERR: "The disk failed or is full: make room or check it, and start again; nothing is lost",
        sqlite3.SQLITE_BUSY: "Another program holds it: close that one, or give another journal with --journal",
        sqlite3.SQLITE_NOTADB: "It is no journal: give another place with --journal",
        sqlite3.SQLITE_CORRUPT: "It is damaged: move it away and start again, everything in the folder is answered anew",
    }
    return advice.get(primary or 0, "Give a place that can be written with --journal, or in RAMAN_EDGE_JOURNAL")


def _signed(value: int) -> int:
    """Fold a 64-bit number into sqlite's signed ones: inodes and times may be larger."""
    return (value + 2**63) % 2**64 - 2**63
