"""SQLite files that may come from somebody else: nothing in them runs, and reading them ends.

A file of ours holds our tables and indices and nothing else. A view or a trigger in it is a program: it could run for
ever, make gigabytes out of nothing, or drop what is written. The means are those of https://www.sqlite.org/security.html;
the limits are those of https://www.sqlite.org/limits.html.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

STEPS_AT_ONCE = 20_000
"""Steps of sqlite's virtual machine between two looks at the budget."""
STEPS = 200_000_000
"""Steps that a file may take before it grows with its size: some seconds. Ten thousand spectra take some millions."""
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
"""What none of our statements comes near; an ON DELETE CASCADE counts as a trigger of depth 1."""
MOST_ITEMS = 100
"""Tables and indices that are looked at in a file."""
ADDED_BY_SQLITE = {
    "sqlite_sequence": "CREATE TABLE sqlite_sequence(name,seq)",
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}
"""Tables that sqlite makes itself, for AUTOINCREMENT and for ANALYZE."""
COMMENT = re.compile(r"--[^\n]*")
SHOWN = 60
"""Characters of a name that a message shows."""


class ForeignSchema(ValueError):
    """A file whose tables are not those that we make."""


class SchemaItem(NamedTuple):
    """A table, an index, a view or a trigger."""

    kind: str
    name: str
    table: str
    sql: str
    """The statement that makes it, without comments, with single blanks."""


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


def connect(
    where: str, *, longest: int, timeout: float, budget: QueryBudget | None = None, check_same_thread: bool = True
) -> sqlite3.Connection:
    """Open the file that the URI ``where`` names, with every limit set; ``longest`` is that of a row, bytes.

    Nothing of it has been read then: :func:`require_schema` comes next. Statements commit by themselves.
    """
    connection = sqlite3.connect(where, uri=True, timeout=timeout, isolation_level=None, check_same_thread=check_same_thread)
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


def schema_made_by(steps: Iterable[Callable[[sqlite3.Connection], object]]) -> frozenset[SchemaItem]:
    """Return what stands in a new file after these steps."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for step in steps:
            step(connection)
        return frozenset(_items(connection))
    finally:
        connection.close()


def require_schema(connection: sqlite3.Connection, expected: frozenset[SchemaItem]) -> None:
    """Refuse a file that does not hold exactly what is ``expected``; raises :class:`ForeignSchema`.

    Read is the list of what the file holds, not any of it: a view does not run.
    """
    found = frozenset(_items(connection))
    if found == expected:
        return
    made = {item.name for item in expected}
    if foreign := sorted(item for item in found if item.name not in made):
        raise ForeignSchema(f"it holds the {_named(foreign[0])}, which raman-edge does not make")
    if changed := sorted(found - expected):
        raise ForeignSchema(f"its {_named(changed[0])} is not the one that raman-edge makes")
    raise ForeignSchema(f"it lacks the {_named(min(expected - found))}")


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all that the block reads be of one moment, whatever other processes write meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def schema_version(connection: sqlite3.Connection) -> int:
    """Return a number that changes whenever a table, an index, a view or a trigger is made or dropped, by any process."""
    version: int = connection.execute("PRAGMA schema_version").fetchone()[0]
    return version


def count(connection: sqlite3.Connection, table: str, most: int) -> int:
    """Return how many rows a table has, at most ``most`` + 1; unlike ``count(*)`` of a table, the budget ends it."""
    number: int = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most + 1})").fetchone()[0]  # noqa: S608 - our names
    return number


def _items(connection: sqlite3.Connection) -> list[SchemaItem]:
    """Return what stands in a file, without what sqlite adds."""
    rows = connection.execute(f"SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT {MOST_ITEMS + 1}").fetchall()  # noqa: S608 - a number
    if len(rows) > MOST_ITEMS:
        raise ForeignSchema(f"it has more than {MOST_ITEMS} tables and indices")
    items = [SchemaItem(str(kind), str(name), str(table), _plain(str(sql or ""))) for kind, name, table, sql in rows]
    return [item for item in items if not _is_added(item)]


def _is_added(item: SchemaItem) -> bool:
    """Whether sqlite made it: the index behind UNIQUE or PRIMARY KEY has no statement."""
    index = item.kind == "index" and not item.sql and item.name.startswith("sqlite_autoindex_")
    return index or (item.kind == "table" and item.sql == ADDED_BY_SQLITE.get(item.name))


def _plain(sql: str) -> str:
    """Return a statement without comments; ours have neither quotes nor ``/*``, in which they would mean something else."""
    return " ".join(COMMENT.sub(" ", sql).split())


def _named(item: SchemaItem) -> str:
    return f"{item.kind[:SHOWN]} {item.name[:SHOWN]!r}"
