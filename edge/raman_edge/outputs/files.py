"""Records in a file that only grows, by complete lines: JSON lines, or a table, whose rows `journal export` writes too."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from raman_edge import atomic_write, records
from raman_edge.errors import ConfigError, JournalDamaged, RecordsDamaged, SinkError
from raman_edge.wording import NAMED, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import FileIO

    from raman_edge.journal import JournalRow
    from raman_edge.records import Record

LONGEST_LINE = 1 << 20
"""Bytes at the end of a file in which the last newline is searched: no record is longer."""


class LineForm(NamedTuple):
    """Form of the lines of a file."""

    ours: Callable[[bytes], bool]
    """Whether a last line without newline is the beginning of one of ours."""
    whole: Callable[[bytes], bool]
    """Whether a last line lacks its newline alone."""
    newline: bytes = b"\n"
    header: bytes = b""
    """First line of a file, with its newline."""


def _begins_object(line: bytes) -> bool:
    return line.startswith(b"{") or not line


def _is_object(line: bytes) -> bool:
    """Whether ``line`` is a whole JSON object."""
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


JSON_LINES = LineForm(ours=_begins_object, whole=_is_object)
"""A JSON object a line."""


class AppendOnlyFile:
    """Appends lines to a file, which is opened for each batch: a rotated or deleted file is created again.

    A last line without its newline is kept where it is complete: an editor, a copy or a script removed the newline. It is
    cut off where a crash tore it: then it is the beginning of a new line, or of an incomplete one of ours.
    A foreign line gets a newline. Two processes may append to one file: each locks it meanwhile.
    """

    def __init__(self, path: Path, form: LineForm) -> None:
        self._path, self._form = path, form

    def append(self, lines: Sequence[bytes]) -> None:
        """Append ``lines`` and return when they are on the disk; SinkError, and no half line, where that fails."""
        try:
            with self._opened() as file:
                end = self._mended(file, lines)
                _grow(file, end, b"".join(lines if end else (self._form.header, *lines)))
            if not end:
                _sync_name(self._path)
        except OSError as error:
            why, advice = error.strerror or str(error), "Make room on the disk, or correct the path or its permissions"
            raise SinkError(kind="cannot be written", place=f"file {str(self._path)!r}", cause=why, advice=advice) from error

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        atomic_write.require_name(self._path)
        with atomic_write.system_path(self._path).open("a+b", buffering=0) as file, atomic_write.locked(file):
            yield file

    def _mended(self, file: FileIO, lines: Sequence[bytes]) -> int:
        """Repair the last line and return the end of the file; 0 is an empty file."""
        end = file.seek(0, os.SEEK_END)
        self._check_header(file, end)
        file.seek(max(0, end - LONGEST_LINE))
        last = file.read(LONGEST_LINE).rpartition(b"\n")[2]
        if not last:
            return end
        begin = end - len(last)
        beginning_unknown = len(last) == LONGEST_LINE and begin > 0
        kept = last if beginning_unknown else last.rstrip(b"\0")  # zeros: blocks that a power failure left unwritten
        if not beginning_unknown and self._is_torn(kept, lines):
            return file.truncate(begin)
        end = file.truncate(begin + len(kept))
        newline = self._form.newline
        return end + file.write(b"\n" if kept.endswith(b"\r") else newline)

    def _is_torn(self, last: bytes, lines: Sequence[bytes]) -> bool:
        """Whether a last line without newline is part of a record: of a new one, or of an incomplete one."""
        comes_now = any(line.startswith(last) for line in lines)
        return comes_now or (self._form.ours(last) and not self._form.whole(last))

    def _check_header(self, file: FileIO, end: int) -> None:
        """Refuse a file that does not begin with our header, or with the part of it that a crash left."""
        file.seek(0)
        header = self._form.header
        first = file.read(len(header))
        if first != header and not (len(first) == end and header.startswith(first.rstrip(b"\0"))):
            raise SinkError(
                kind="other columns",
                place=f"file {str(self._path)!r}",
                got=repr(first[:60]),
                expected=repr(header[:60]),
                advice="Move it away, or give another name",
            )


def _grow(file: FileIO, end: int, lines: bytes) -> None:
    """Append and sync; on failure truncate to the old end."""
    rest = memoryview(lines)
    try:
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            file.truncate(end)
        raise
    if os.name == "posix" and os.fstat(file.fileno()).st_nlink == 0:
        raise OSError(errno.ESTALE, "it was deleted while it was written")


def _sync_name(path: Path) -> None:
    """Make a new file's name survive a power cut, where the system can."""
    if os.name != "posix":
        return
    folder = os.open(atomic_write.system_path(path.parent), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


COLUMNS = (
    "id",  # the same for the same content, model and configuration
    "ts",  # time of the result, UTC, ISO 8601
    "path",  # the file
    "sha256",  # of its bytes; empty where it could not be read
    "index",  # which spectrum of the file, from 0
    "event",  # result or fault
    "decision",  # match, group, possible, ambiguous, unknown or rejected; empty for a fault
    "group",  # the group that all names that are left belong to; empty where they share none, and where one or none is left
    "label",  # the material, the likeliest where several are named; empty where none is (unknown, rejected, fault), as are the next two
    "score",  # its probability if it is in the library, 0..1; empty where the model's were not measured
    "formula",  # of the material; empty where it is not known
    "similarity",  # cosine to its best reference, -1..1
    "known",  # probability that the material is in the library at all, 0..1; empty where that was not measured
    "one_of_90",  # names among which the truth is in 90 of 100 cases if it is in the library, with "; " between them; empty like score
    "snr",  # signal to noise
    "saturated",  # true or false; empty is unknown
    "coverage",  # share of the model's axis that was measured, 0..1
    "model",  # name and digest of the network
    "cause",  # probable cause of an unknown one: saturated, weak, fluorescence, shifted axis, mixture, organic, not in library
    "why",  # reasons: doubts, or why no material is named, with "; " between them
)
"""The table's columns; a text that begins as a formula does has a ' before it, what does not print is escaped."""
FORMULA = re.compile(r"[=+\-@]")
"""How a cell begins that a spreadsheet would calculate (OWASP, CSV Injection); tabs and returns are escaped before."""

QUOTED = re.compile(rb'"[^"]*"')
"""Text between quotes in a table; a doubled quote inside of it begins and ends another one."""


class _File(ABC):
    """A file of records."""

    remembers = True

    def __init__(self, kind: str, path: Path, form: LineForm) -> None:
        self.path = path
        self.name = f"{kind}:{path}"
        self._file = AppendOnlyFile(path, form)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:  # noqa: B027 - complete
        """The file is open only during a write."""

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Append a line for each row and sync them; SinkError where that fails, RecordsDamaged for rows that are not records."""
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

    @abstractmethod
    def line(self, row: JournalRow) -> bytes:
        """Return the line of a row."""


class JsonLines(_File):
    """One record a line, as the journal has it."""

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
    """Whether ``line`` has all columns; a cut in the last one does not show."""
    bare = QUOTED.sub(b"", line)
    return b'"' not in bare and bare.count(b",") == len(COLUMNS) - 1


def file_of(spec: str) -> Path:
    """Return the absolute path of a sink ``KIND:FILE``; :class:`ConfigError` where no file can lie there."""
    kind, _, name = spec.partition(":")
    path = Path(os.path.abspath(name))  # noqa: PTH100 - resolve() would follow a link that is rotated
    if not name or "\0" in name:
        raise ConfigError(kind="no file name", place=f"output {spec!r}", expected=f"{kind}:FILE")
    there = atomic_write.system_path(path)
    if there.exists() and not there.is_file():
        expected = "a file to append to; the output `stdout` writes to a pipe"
        raise ConfigError(kind="a folder or a device", place=f"output {spec!r}", expected=expected)
    return path


def cells(record: Record) -> tuple[str, ...]:
    """Return the cells of a record, in the order of :data:`COLUMNS`."""
    source = record.source
    begin = (record.id, record.ts, _text(source.path), source.sha256 or "", str(source.index))
    if isinstance(record, records.FaultRecord):
        return (*begin, "fault", *[""] * (len(COLUMNS) - len(begin) - 2), _text(record.why))
    best = record.matches[0] if record.matches and record.decision in NAMED else None
    quality = record.quality
    return (
        *begin,
        "result",
        record.decision,
        _text(record.group or ""),
        _text(best.label) if best else "",
        f"{best.score:.4f}" if best and best.score is not None else "",
        _text(best.formula) if best else "",
        f"{best.similarity:.4f}" if best else "",
        "" if record.known is None else f"{record.known:.4f}",
        _text("; ".join(record.one_of.p90)) if best and record.one_of else "",
        f"{quality.snr:.1f}",
        {None: "", True: "true", False: "false"}[quality.saturated],
        f"{quality.coverage:.3f}",
        _text(record.model.id),
        record.cause.kind if record.cause else "",
        _text("; ".join(record.why)),
    )


def _text(text: str) -> str:
    """Return ``text`` on one line and without formulas."""
    shown = printable(text)
    return f"'{shown}" if FORMULA.match(shown) else shown


def encoded(row: Sequence[str]) -> bytes:
    """Return a row as bytes, with its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(row)
    return line.getvalue().encode()
