"""Which answers a later one replaces: those to the beginning of a file that was answered again when more of it was there.

Nothing is taken out of the journal. The record of the later answer names the earlier content in ``source.grown_from``;
a fault of a file that could not be read, or was empty, is replaced by any later answer to a content under its path.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import msgspec

from raman_edge.journal import reading, row_codec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from raman_edge.journal.reading import Filters

FEW = 250
"""Paths that are asked for by name; for more of them all later rows are gone through."""


class _Source(msgspec.Struct):
    kind: str
    grown_from: str | None = None


class _Record(msgspec.Struct):
    source: _Source


def current(connection: sqlite3.Connection, filters: Filters, limit: int | None) -> tuple[array[int], int]:
    """Return the newest ``limit`` rows that no later answer replaces, newest first, and how many replaced ones lie between them."""
    take = limit
    while True:
        chosen = reading.numbers(connection, filters, take)
        hidden = replaced(connection, chosen)
        kept = array("q", (seq for seq in chosen if seq not in hidden))
        if take is None or len(kept) >= (limit or 0) or len(chosen) < take:
            kept = kept[:limit]
            last = kept[-1] if limit is not None and len(kept) == limit else 0
            return kept, sum(seq > last for seq in hidden)
        take *= 2


def replaced(connection: sqlite3.Connection, chosen: array[int]) -> set[int]:
    """Return those of the rows ``chosen`` that a later answer replaces."""
    if not chosen:
        return set()
    wanted, found = set(chosen), set()
    for rows, sha256, later in _followed(_later(connection, chosen)):
        rows_here = wanted.intersection(rows)
        if not rows_here:
            continue
        if sha256 is None:
            found |= {seq for seq in rows_here if (said := _source(connection, seq)) and said.kind == "file"}
        elif (said := _source(connection, later)) and said.grown_from == row_codec.unpacked(sha256):
            found |= rows_here
    return found


Content = bytes | str | None


def _later(connection: sqlite3.Connection, chosen: array[int]) -> Iterable[tuple[int, str, Content]]:
    """Return number, path and content of the rows from the first one ``chosen`` on, of the same paths at least."""
    query, values = "SELECT seq, path, sha256 FROM records WHERE seq >= ?", [min(chosen)]
    if len(chosen) > FEW:
        return connection.execute(f"{query} ORDER BY seq", values)
    places = ",".join("?" * len(chosen))
    of_these = f"path IN (SELECT path FROM records WHERE seq IN ({places}))"  # noqa: S608 - question marks
    return connection.execute(f"{query} AND {of_these} ORDER BY seq", [*values, *chosen])


def _followed(rows: Iterable[tuple[int, str, Content]]) -> Iterator[tuple[list[int], Content, int]]:
    """Give the rows of one content of a file, that content, and the first row of the content that follows under the same path."""
    last: dict[str, tuple[Content, list[int]]] = {}
    for seq, path, sha256 in rows:
        before = last.get(path)
        if before is None or before[0] != sha256:
            if before is not None and sha256 is not None:
                yield before[1], before[0], seq
            last[path] = (sha256, [seq])
        else:
            before[1].append(seq)


def _source(connection: sqlite3.Connection, seq: int) -> _Source | None:
    """Return where a record is from; None for one that is not read here."""
    for row in reading.rows(connection, array("q", [seq])):
        try:
            return msgspec.json.decode(row.line, type=_Record).source
        except msgspec.MsgspecError:
            return None
    return None
