"""Records in a file: lines of JSON, or a table."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raman_edge import records
from raman_edge.errors import ConfigError, JournalDamaged, RecordsDamaged
from raman_edge.outputs.append_only import JSON_LINES, AppendOnlyFile, LineForm
from raman_edge.outputs.table import COLUMNS, cells, encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal import JournalRow


QUOTED = re.compile(rb'"[^"]*"')
"""Text between quotes in a table; a doubled quote inside of it begins and ends another one."""


class _File:
    """What both share: where the file lies and how lines come to it."""

    remembers = True

    def __init__(self, kind: str, path: Path, form: LineForm) -> None:
        self.path = path
        self.name = f"{kind}:{path}"
        self._file = AppendOnlyFile(path, form)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """The file is open only while it is written."""

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Append a line for each row and sync them; SinkError where that fails, RecordsDamaged for rows that are no records."""
        lines, refused = [], []
        for row in rows:
            try:
                lines.append(self.line(row))
            except JournalDamaged as error:
                refused.append(f"row {row.seq} is left out: {error}")
        if lines:
            self._file.append(lines)
        if refused:
            raise RecordsDamaged(*refused)

    def line(self, row: JournalRow) -> bytes:
        """Return the line of a row."""
        raise NotImplementedError


class JsonLines(_File):
    """The record as it is, one a line."""

    def __init__(self, path: Path) -> None:
        super().__init__("jsonl", path, JSON_LINES)

    def line(self, row: JournalRow) -> bytes:
        """Return the record's JSON."""
        return f"{row.line}\n".encode()


class CsvFile(_File):
    """Comma-separated values (RFC 4180), UTF-8, the names of the columns in the first line."""

    def __init__(self, path: Path) -> None:
        header = encoded(COLUMNS)
        begins = re.compile(rb"[0-9a-f]{32},|[0-9a-f]{0,32}$")
        form = LineForm(lambda last: bool(begins.match(last)) or header.startswith(last), _is_row, b"\r\n", header)
        super().__init__("csv", path, form)

    def line(self, row: JournalRow) -> bytes:
        """Return the record's cells."""
        return encoded(cells(records.decode(row.line)))


def _is_row(line: bytes) -> bool:
    """Whether ``line`` has all columns; where the last one is cut, nothing shows it."""
    bare = QUOTED.sub(b"", line)
    return b'"' not in bare and bare.count(b",") == len(COLUMNS) - 1


def file_of(spec: str) -> Path:
    """Return the absolute path of a sink ``KIND:FILE``; :class:`ConfigError` where no file can lie there."""
    kind, _, name = spec.partition(":")
    path = Path(os.path.abspath(name))  # noqa: PTH100 - resolve() would follow a link that is rotated
    if not name or "\0" in name:
        msg = f"an output {spec!r} names no file: expected {kind}:FILE"
        raise ConfigError(msg)
    if path.exists() and not path.is_file():
        msg = f"an output {spec!r} is a folder or a device: expected a file to append to; `stdout` writes to a pipe"
        raise ConfigError(msg)
    return path
