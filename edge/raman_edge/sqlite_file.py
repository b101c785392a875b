"""The sqlite files of raman-edge: opened with limits, checked before use, created, and their errors explained.

A file may come from another person. It holds our tables and indices and nothing else: a view or a trigger is a program that
could run for ever, make gigabytes out of nothing, or drop what is written. The means are those of
https://www.sqlite.org/security.html, the limits those of https://www.sqlite.org/limits.html.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from raman_edge import atomic_write
from raman_edge.bounded_read import without_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.errors import RamanEdgeError

LONG_PATHS = "&vfs=win32-longpath"
"""What of sqlite takes paths of more than 1040 bytes, on Windows (https://www.sqlite.org/vfs.html)."""
BUSY_S = 10.0
"""How long a statement waits for another process's write, s."""
STEPS_AT_ONCE = 20_000
"""Steps of sqlite's virtual machine between two checks of the budget."""
STEPS = 200_000_000
"""Steps that any file may take, some seconds. Ten thousand spectra take some millions."""
STEPS_PER_BYTE = 20
"""Steps more for each byte of the file: a row of 100 bytes, the smallest, takes about 100 where all of it is read."""
LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 64,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 10_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 2_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
"""Far above what our statements need; an ON DELETE CASCADE counts as a trigger of depth 1."""
MOST_ITEMS = 100
"""Tables and indices that are read of a file's schema."""
ADDED_BY_SQLITE = {
    "sqlite_sequence": "CREATE TABLE sqlite_sequence(name,seq)",
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}
"""Tables that sqlite creates itself, for AUTOINCREMENT and for ANALYZE."""
COMMENT = re.compile(r"--[^\n]*")
MOST_NAME = 60
"""Characters of a name in a message."""
MOST_MESSAGE = 300
"""Characters of sqlite's own message in ours."""
PASSING = {
    sqlite3.SQLITE_FULL: "Make room on the disk: {safe}",
    sqlite3.SQLITE_IOERR: "Make room on the disk or check it: {safe}",
    sqlite3.SQLITE_BUSY: "Another program holds it: close that one, or {elsewhere}",
    sqlite3.SQLITE_LOCKED: "Another program holds it: close that one, or {elsewhere}",
    sqlite3.SQLITE_PROTOCOL: "Another program holds it: close that one, or {elsewhere}",
    sqlite3.SQLITE_READONLY: "It is write-protected: {elsewhere}",
    sqlite3.SQLITE_CANTOPEN: "Check the path and its permissions, or {elsewhere}",
    sqlite3.SQLITE_PERM: "Check the path and its permissions, or {elsewhere}",
    sqlite3.SQLITE_NOMEM: "There is no memory left: close other programs",
}
"""Primary result code (sqlite.org/rescode.html) → advice, for what the next attempt may find gone."""
DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH)
"""Result codes of a damaged file; a statement that exceeds the budget is interrupted."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of sqlite file that raman-edge makes, and the errors that it raises."""

    noun: str
    """What messages call it."""
    application: int
    """``application_id`` of our files; another program's database is refused, not filled."""
    schema: int
    """``user_version``; an older or a newer file is refused."""
    script: str
    """The statements that create the tables."""
    longest_row: int
    """Bytes."""
    elsewhere: str
    """How to use another file, as the end of a sentence."""
    safe: str
    """What a full disk has not lost."""
    damaged: str
    """What to do with a damaged file."""
    unusable: type[RamanEdgeError]
    unavailable: type[RamanEdgeError]
    """For what may have passed at the next attempt."""
    broken: type[RamanEdgeError]
    """For a damaged file."""


class DamagedFile(ValueError):
    """A file that holds what raman-edge does not write."""


class SchemaItem(NamedTuple):
    """A table, an index, a view or a trigger."""

    kind: str
    name: str
    table: str
    sql: str
    """The statement that creates it, without comments, with single blanks."""


class QueryBudget:
    """Steps of sqlite's virtual machine that a file may still take; a statement that needs more is interrupted."""

    def __init__(self) -> None:
        self._left = STEPS

    def refill(self, size: int) -> None:
        """Start again with what a file of ``size`` bytes may take."""
        self._left = STEPS + STEPS_PER_BYTE * size

    def __call__(self) -> bool:
        """Take a share; whether nothing is left."""
        self._left -= STEPS_AT_ONCE
        return self._left < 0


def address(path: Path, how: str) -> str:
    """Return the URI by which sqlite opens the file; :class:`OSError` for a name that Windows cannot have."""
    atomic_write.require_name(path)
    place = atomic_write.system_path(path.absolute())
    if str(place).startswith(atomic_write.VERBATIM):
        how += LONG_PATHS
    return f"file:{quote(os.fsencode(place))}?{how}"


def connect(
    where: str, *, longest: int, timeout: float | None = None, budget: QueryBudget | None = None, check_same_thread: bool = True
) -> sqlite3.Connection:
    """Open the file at the URI ``where`` with every limit set; ``longest`` is the longest row, bytes; ``timeout`` in s.

    Nothing of the file has been read then: :func:`prepare` or :func:`check` comes next. Statements commit by themselves.
    """
    wait_s = BUSY_S if timeout is None else timeout
    connection = sqlite3.connect(where, uri=True, timeout=wait_s, isolation_level=None, check_same_thread=check_same_thread)
    try:
        for limit, most in LIMITS.items():
            connection.setlimit(limit, most)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
        connection.set_progress_handler(budget or QueryBudget(), STEPS_AT_ONCE)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection, kind: FileKind, path: Path) -> bool:
    """Whether the file holds the tables of its kind; False for an empty one, an error for anything else."""
    with _snapshot(connection):  # another process may be creating the same file
        return _is_filled(connection, kind, path)


def create(connection: sqlite3.Connection, kind: FileKind, path: Path) -> None:
    """Create the tables in an empty file, in one transaction; nothing where another process was faster."""
    with transaction(connection):
        if _is_filled(connection, kind, path):
            return
        for statement in kind.script.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {kind.application}")
        connection.execute(f"PRAGMA user_version = {kind.schema}")


def require_tables(connection: sqlite3.Connection, kind: FileKind, path: Path) -> None:
    """Refuse a file that does not hold exactly the tables of its kind.

    Only the list of what the file holds is read: no view of it runs.
    """
    found = frozenset(_items(connection))
    expected = _expected(kind.script)
    if found == expected:
        return
    ours = {item.name for item in expected}
    if foreign := sorted(item for item in found if item.name not in ours):
        got, wanted = f"the {_named(foreign[0])}", "only what raman-edge creates"
    elif changed := sorted(found - expected):
        got, wanted = f"another {_named(changed[0])}", "the one that raman-edge creates"
    else:
        got, wanted = f"no {_named(min(expected - found))}", "the one that raman-edge creates"
    advice = f"Another program changed it: put back a copy, or {kind.elsewhere}"
    raise kind.broken(kind="foreign tables", place=f"{kind.noun} {str(path)!r}", got=got, expected=wanted, advice=advice)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write what the block writes, all or nothing, after what another process writes now."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # sqlite may have rolled back already; the first error is the one to report
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explained(kind: FileKind, path: Path, what: str) -> Iterator[None]:
    """Turn errors of sqlite, of the file system and of damaged rows into an error of the file's kind."""
    place = f"{kind.noun} {str(path)!r}"
    try:
        yield
    except OSError as error:
        why, advice = error.strerror or str(error), f"Check the path and its permissions, or {kind.elsewhere}"
        raise kind.unavailable(kind=f"cannot be {what}", place=place, cause=why, advice=advice) from error
    except DamagedFile as error:
        raise kind.broken(kind="damaged", place=place, cause=str(error), advice=kind.damaged) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if isinstance(code, int) else sqlite3.SQLITE_ERROR
        got = " ".join(str(error).split())[:MOST_MESSAGE]
        if primary in PASSING:
            advice = PASSING[primary].format(safe=kind.safe, elsewhere=kind.elsewhere)
            raise kind.unavailable(kind=f"cannot be {what}", place=place, cause=got, advice=advice) from error
        if primary in DAMAGES:
            raise kind.broken(kind="damaged", place=place, cause=got, advice=kind.damaged) from error
        advice = f"It is no {kind.noun}: {kind.elsewhere}" if primary == sqlite3.SQLITE_NOTADB else f"Check it, or {kind.elsewhere}"
        raise kind.unusable(kind=f"cannot be {what}", place=place, cause=got, advice=advice) from error


def schema_version(connection: sqlite3.Connection) -> int:
    """Return a number that changes whenever any process creates or drops a table, an index, a view or a trigger."""
    version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return version


def count(connection: sqlite3.Connection, rows: str, most: int, values: tuple[object, ...] = ()) -> int:
    """Return how many ``rows`` (a table, with a condition perhaps) there are, at most ``most`` + 1.

    sqlite counts a whole table in one step, which the budget cannot interrupt; it steps through these.
    """
    number: int = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {most + 1})", values).fetchone()[0]  # noqa: S608 - our names
    return number


# A file that is only looked at


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What is in an sqlite file."""

    application: int = 0
    schema: int = 0
    write_ahead: bool = False
    tables: int = 0
    rows: tuple[tuple[object, ...], ...] = ()
    """Result of the query."""
    problem: str = ""
    """Why not all of it can be read; empty where it can."""


def look_into(path: Path, query: str) -> DatabaseFacts:
    """Read what a file is, and the result of ``query`` if it has any table; nothing is created, changed or waited for."""
    seen = DatabaseFacts()
    try:
        with open(path, "rb", opener=without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return replace(seen, problem="it is a pipe or a device")
            write_ahead = file.read(19)[18:] == b"\2"  # sqlite.org/fileformat2.html, section 1.3
        budget = QueryBudget()
        budget.refill(atomic_write.system_path(path).stat().st_size)
        with closing(connect(_untouched(path), longest=2**20, timeout=1.0, budget=budget)) as connection:
            application, schema = (connection.execute(f"PRAGMA {fact}").fetchone()[0] for fact in ("application_id", "user_version"))
            tables = count(connection, "sqlite_master", MOST_ITEMS)
            seen = DatabaseFacts(application, schema, write_ahead, tables)
            program = connection.execute("SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') LIMIT 1").fetchone()
            if program:
                return replace(seen, problem=f"it holds the {program[0]} {str(program[1])[:MOST_NAME]!r}, which raman-edge does not create")
            return replace(seen, rows=tuple(connection.execute(query)) if tables else ())
    except (sqlite3.Error, OSError) as error:
        return replace(seen, problem=(error.strerror if isinstance(error, OSError) else None) or str(error))


def _untouched(path: Path) -> str:
    """Return how to open the file without a trace: as immutable, unless its write-ahead log is there and has to be read too.

    A read-only connection creates the log and its index where they are missing; an immutable one does not.
    """
    used = all(atomic_write.system_path(path.with_name(f"{path.name}{end}")).exists() for end in ("-wal", "-shm"))
    return address(path, "mode=ro" if used else "mode=ro&immutable=1")


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let the block read the file as it is at one moment, while other processes may write."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _is_filled(connection: sqlite3.Connection, kind: FileKind, path: Path) -> bool:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    has_tables = count(connection, "sqlite_master", 0) > 0
    if not has_tables and version == 0:
        return False
    place = f"{kind.noun} {str(path)!r}"
    if has_tables and connection.execute("PRAGMA application_id").fetchone()[0] != kind.application:
        raise kind.unusable(kind="another program's database", place=place, advice=kind.elsewhere[:1].upper() + kind.elsewhere[1:])
    if version != kind.schema:
        which = "A newer raman-edge made it: update this one" if version > kind.schema else "An older raman-edge made it: move it away"
        advice = f"{which}, or {kind.elsewhere}"
        raise kind.unusable(kind="unknown schema", place=place, got=str(version), expected=str(kind.schema), advice=advice)
    require_tables(connection, kind, path)
    return True


@lru_cache(maxsize=4)
def _expected(script: str) -> frozenset[SchemaItem]:
    """Return what a new file holds."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(script)
        return frozenset(_items(connection))


def _items(connection: sqlite3.Connection) -> list[SchemaItem]:
    """Return what a file holds, without what sqlite adds."""
    rows = connection.execute(f"SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT {MOST_ITEMS + 1}").fetchall()  # noqa: S608 - a number
    if len(rows) > MOST_ITEMS:
        raise DamagedFile(f"it has more than {MOST_ITEMS} tables and indices")
    items = [SchemaItem(str(kind), str(name), str(table), _plain(str(sql or ""))) for kind, name, table, sql in rows]
    return [item for item in items if not _is_added(item)]


def _is_added(item: SchemaItem) -> bool:
    """Whether sqlite created it: the index behind UNIQUE or PRIMARY KEY has no statement."""
    index = item.kind == "index" and not item.sql and item.name.startswith("sqlite_autoindex_")
    return index or (item.kind == "table" and item.sql == ADDED_BY_SQLITE.get(item.name))


def _plain(sql: str) -> str:
    """Return a statement without comments; ours have neither quotes nor ``/*``, in which they would mean something else."""
    return " ".join(COMMENT.sub(" ", sql).split())


def _named(item: SchemaItem) -> str:
    return f"{item.kind[:MOST_NAME]} {item.name[:MOST_NAME]!r}"
