"""Records in a file: lines of JSON, or a table."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raman_edge import record as records
from raman_edge.errors import ConfigError
from raman_edge.sinks.grown import GrownFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.journal import Row
    from raman_edge.record import Record

COLUMNS = (
    "id",  # the same for the same content, model and configuration: drop what you have seen
    "ts",  # when it was said, UTC, ISO 8601
    "path",  # the file
    "sha256",  # of its bytes; empty where it could not be read
    "index",  # which spectrum of the file, from 0
    "event",  # result or fault
    "decision",  # match, ambiguous, unknown or rejected; empty for a fault
    "label",  # the material; empty where none is named (unknown, rejected, fault), as are the next two
    "score",  # its probability, 0..1
    "similarity",  # cosine to its best reference, -1..1
    "known",  # probability that the material is in the library at all, 0..1
    "one_of_90",  # names among which the truth is in 90 of 100 cases, with "; " between them
    "snr",  # signal to noise
    "saturated",  # true or false; empty is unknown
    "coverage",  # share of the model's axis that was measured, 0..1
    "model",  # name and digest of the network
    "why",  # doubts, or why there is no answer, with "; " between them
)
"""The table's columns; a text that begins as a formula does has a ' before it, what does not print is escaped."""
FORMULA = re.compile(r"[=+\-@]")
"""How a cell begins that a spreadsheet would calculate (OWASP, CSV Injection); tabs and returns are escaped before."""
NAMED = {"match", "ambiguous"}


class _File:
    """What both share: where the file lies and how lines come to it."""

    remembers = True

    def __init__(self, kind: str, path: Path, ours: Callable[[bytes], bool], header: bytes = b"") -> None:
        self.path = path
        self.name = f"{kind}:{path}"
        self._file = GrownFile(path, ours, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """The file is open only while it is written."""

    def send(self, rows: Sequence[Row]) -> None:
        """Append a line for each row and sync them; SinkError where that fails."""
        if rows:
            self._file.append(b"".join(self.line(row) for row in rows))

    def line(self, row: Row) -> bytes:
        """Return the line of a row."""
        raise NotImplementedError


class JsonLines(_File):
    """The record as it is, one a line."""

    def __init__(self, path: Path) -> None:
        super().__init__("jsonl", path, ours=lambda half: half.startswith(b"{") or not half.strip(b"\0"))

    def line(self, row: Row) -> bytes:
        """Return the record's JSON."""
        return f"{row.line}\n".encode()


class Table(_File):
    """Comma-separated values (RFC 4180), UTF-8, the names of the columns in the first line."""

    def __init__(self, path: Path) -> None:
        header = _encoded(COLUMNS)
        begins = re.compile(rb"[0-9a-f]{32},|[0-9a-f]{1,32}$|\0+$")
        super().__init__("csv", path, lambda half: bool(begins.match(half)) or header.startswith(half), header)

    def line(self, row: Row) -> bytes:
        """Return the record's cells."""
        return _encoded(_cells(records.decode(row.line)))


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


def _cells(said: Record) -> tuple[str, ...]:
    source = said.source
    begin = (said.id, said.ts, _text(source.path), source.sha256 or "", str(source.index))
    if isinstance(said, records.FaultRecord):
        return (*begin, "fault", *[""] * (len(COLUMNS) - len(begin) - 2), _text(said.why))
    best = said.matches[0] if said.matches and said.decision in NAMED else None
    quality = said.quality
    return (
        *begin,
        "result",
        said.decision,
        _text(best.label) if best else "",
        f"{best.score:.4f}" if best else "",
        f"{best.similarity:.4f}" if best else "",
        f"{said.known:.4f}",
        _text("; ".join(said.one_of.p90)),
        f"{quality.snr:.1f}",
        {None: "", True: "true", False: "false"}[quality.saturated],
        f"{quality.coverage:.3f}",
        _text(said.model.id),
        _text("; ".join(said.why)),
    )


def _text(text: str) -> str:
    """Return ``text`` on one line and without what a spreadsheet would obey."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"'{shown}" if FORMULA.match(shown) else shown


def _encoded(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()
