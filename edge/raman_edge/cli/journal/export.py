"""``raman-edge journal export``: records as a table or as lines of JSON, or one spectrum as two columns."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from raman_edge import atomic_write
from raman_edge.cli import options as shared
from raman_edge.cli.journal import filters
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.errors import OutputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from raman_edge.journal import Journal

NO_SPECTRUM = 65
DESCRIPTION = (
    "Write records, the oldest first, or one spectrum. The columns of CSV are those of `watch --output csv:FILE` (docs/outputs.md): UTF-8, "
    "their names in the first line; a text that a spreadsheet would run as a formula (it begins with = + - @) has a ' before it, what "
    "does not print is escaped. JSON lines are the records as they went out, unchanged."
)


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "export",
        help="records as CSV or JSON lines, or one spectrum as two columns",
        description=DESCRIPTION,
        allow_abbrev=False,
    )
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--format", choices=("csv", "jsonl"), help="records as a table, or a JSON object a line")
    what.add_argument("--spectrum", type=filters.beginning, metavar="ID", help="the spectrum of that record, which `identify` reads again")
    one.add_argument("--out", type=Path, metavar="FILE", help="write it there, whole or not at all; default: standard output")
    filters.add(one)
    shared.add_journal(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Write what was asked for; 65 where the spectrum is not kept."""
    with shared.open_journal(options, create=False) as journal:
        lines = _spectrum(journal, options.spectrum) if options.spectrum else _records(journal, options)
        if lines is None:
            say("its spectrum is not in the journal: it was a fault, or the spectrum was taken away or never kept")
            return NO_SPECTRUM
        if options.out and options.out.exists() and options.out.samefile(journal.path):
            raise OutputError(f"{str(options.out)!r} is the journal itself: give another place with --out")
        with _writer(options.out) as put:
            for line in lines:
                put(line)
    return 0


def _records(journal: Journal, options: argparse.Namespace) -> Iterator[str]:
    lines = journal.records(None, filters.of(options), oldest=True)
    return lines if options.format == "jsonl" else _table(lines)


def _table(lines: Iterator[str]) -> Iterator[str]:
    """Give the rows of the table, its columns' names first."""
    from raman_edge import records  # noqa: PLC0415 - JSON lines are passed on without being read
    from raman_edge.outputs import table  # noqa: PLC0415

    rows = chain([table.COLUMNS], (table.cells(records.decode(line)) for line in lines))
    return (table.encoded(row).decode().removesuffix("\r\n") for row in rows)


def _spectrum(journal: Journal, beginning: str) -> Iterator[str] | None:
    held = filters.one(journal, beginning)
    if held.spectrum is None:
        return None
    shifts, counts = held.spectrum.axis.shift.tolist(), held.spectrum.counts.tolist()
    points = (f"{shift!r},{count!r}" for shift, count in zip(shifts, counts, strict=True))
    return iter(("Raman shift (cm-1),Intensity (counts)", *points))


@contextmanager
def _writer(out: Path | None) -> Iterator[Callable[[str], None]]:
    """Give what writes one line: to standard output, or to a file that appears when it is whole."""
    if out is None:
        yield write_text if is_terminal() else lambda line: write(line.encode())
        return
    try:
        with atomic_write.written(out) as file:
            yield partial(_put, file)
    except OSError as error:
        msg = f"{str(out)!r} cannot be written: {error.strerror or error}. Give another place with --out"
        raise OutputError(msg) from error


def _put(file: IO[bytes], line: str) -> None:
    file.write(line.encode() + b"\n")
