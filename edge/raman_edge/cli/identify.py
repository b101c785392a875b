"""``raman-edge identify FILE…``: identify files once, for scripts. No journal is kept; ``watch`` keeps one."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import raman_edge
from raman_edge import records, wording
from raman_edge.cli import options as shared
from raman_edge.cli.output import ResultTable, as_json, is_terminal, new_file, say, write, write_text
from raman_edge.errors import OutputError
from raman_edge.service.identifier import identify_files, open_calibration
from raman_edge.spectrum import LEFT_OUT
from raman_edge.wording import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from raman_edge.cli.parser import Parser
    from raman_edge.identification import Identification

SOME_FAILED, ALL_FAILED = 1, 65
MOST_REASONS = 5
"""Reasons of faults that are written out below a table."""
EXAMPLE = Path(raman_edge.__file__).parent / "assets" / "quartz.csv"
"""A simulated spectrum; benchmarks/example_spectrum.py makes it."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Identify the spectra in files, once; nothing is kept. The format is recognised by content, not by name. One spectrum gets all "
        "of its answer, several get a line each and a tally; a pipe gets JSON lines."
    )
    parser.examples = (
        ("raman-edge identify --example ./incoming", "the example spectrum, copied to a folder, which `watch` can watch"),
        ("raman-edge identify quartz.csv", "answer, candidates, peaks and quality of one file"),
        ("raman-edge identify *.txt --table | less", "a line each, also in a pipe"),
        ("raman-edge identify --json *.txt > answers.jsonl", "one JSON object a spectrum, for a script"),
        ("raman-edge identify --calibration SN42 --laser 785 pixels.csv", "a file with an axis of pixels, by a calibration"),
    )
    parser.exits = {1: "some files hold no spectrum", 65: "none holds one"}
    parser.add_argument("files", nargs="*", metavar="FILE", help="a file, a folder (the files in it, not below), or - for standard input")
    parser.add_argument(
        "--example",
        nargs="?",
        const="",
        metavar="DIR",
        help="identify the example spectrum that ships with raman-edge; with DIR, copy it into that folder first",
    )
    parser.add_argument("--details", action="store_true", help="all of each answer, also where there are several spectra")
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)
    parser.set_defaults(usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    """Identify every file; 1 where some could not be identified, 65 where none could."""
    if bool(options.files) == (options.example is not None):
        options.usage_error("expected FILE or --example, one of them")
    files = options.files or [_example(options.example)]
    calibration = open_calibration(options.calibration)
    results = identify_files(
        shared.open_identifier(options),
        files,
        laser=options.laser,
        axis=options.axis,
        calibration=calibration,
        standard_input=sys.stdin.buffer if sys.stdin else None,
    )
    show: _Lines | _Answers = _Lines() if as_json(options) else _Answers(files, each_in_full=options.details)
    tally: Counter[str] = Counter()
    for result in results:
        show.add(result)
        spectrum = result.spectrum
        if spectrum is not None and spectrum.origin.index == 0 and (left := spectrum.meta.get(LEFT_OUT)):
            say(f"{spectrum.origin.path}: not read: {left}")
        tally[result.decision] += 1
    show.end(tally)
    if options.example is not None:
        say(f"the spectrum in {files[0]!r} is simulated")
    if not tally["fault"]:
        return 0
    return SOME_FAILED if tally.total() > tally["fault"] else ALL_FAILED


def _example(folder: str) -> str:
    """Return the path of the example spectrum; where a folder is given, of its copy in there, which replaces no other file."""
    if not folder:
        return str(EXAMPLE)
    copy = Path(folder) / EXAMPLE.name
    content = EXAMPLE.read_bytes()
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        if copy.exists() and copy.read_bytes() != content:
            raise OutputError(kind="exists already", place=repr(str(copy)), advice="Give another folder with --example")
        with new_file(copy, "--example") as file:
            file.write(content)
    except OSError as error:
        cause, advice = error.strerror or str(error), "Give another folder with --example"
        raise OutputError(kind="cannot be written", place=repr(str(copy)), cause=cause, advice=advice) from error
    return str(copy)


class _Lines:
    """JSON, a line a spectrum."""

    def add(self, result: Identification) -> None:
        """Write one result."""
        write(records.encode(result.record))

    def end(self, tally: Counter[str]) -> None:
        """Write nothing more: a script counts."""


class _Answers:
    """For a person: all of the answer to one spectrum, a line each and a tally for several."""

    def __init__(self, files: Sequence[str], *, each_in_full: bool) -> None:
        self._files, self._each_in_full = files, each_in_full
        self._first: Identification | None = None
        self._table: ResultTable | None = None
        self._faults: dict[str, list[str]] = {}
        """Reason → files."""

    def add(self, result: Identification) -> None:
        """Write one result; the first one waits until it is known whether there are more."""
        if self._each_in_full:
            _describe(result)
        elif self._first is None:
            self._first = result
        else:
            if self._table is None:
                self._table = ResultTable(_paths(self._files))
                self._row(self._table, self._first)
            self._row(self._table, result)

    def _row(self, table: ResultTable, result: Identification) -> None:
        table.write(records.encode(result.record).decode())
        if result.decision == "fault" and is_terminal():  # there the line is cut
            self._faults.setdefault(result.reasons[0], []).append(result.record.source.path)

    def end(self, tally: Counter[str]) -> None:
        """Write what is left: the only result, or the tally and why files failed."""
        if self._table is None and self._first is not None:
            _describe(self._first)
        elif tally.total() > 1:
            write_text(wording.tally(tally))
        for why, (first, *others) in list(self._faults.items())[:MOST_REASONS]:
            more = f" and {counted(len(others), 'other')}" if others else ""
            say(f"{first}{more}: {why}")
        if len(self._faults) > MOST_REASONS:
            say(f"{counted(len(self._faults) - MOST_REASONS, 'other reason')}: identify such a file alone to see it")


def _paths(files: Sequence[str]) -> list[str]:
    """Return the paths that the files, and those in the folders among them, are shown with."""
    found = []
    for path in files:
        try:
            found += [os.path.join(path, name) for name in os.listdir(path)]  # noqa: PTH118, PTH208 - as the records name them
        except OSError:  # no folder
            found.append(path)
    return found


def _describe(result: Identification) -> None:
    """Write all of one result."""
    from rich.console import Console  # noqa: PLC0415 - not for JSON lines

    from raman_edge.terminal.summary import describe  # noqa: PLC0415 - rich
    from raman_edge.terminal.terminal import needs_ascii  # noqa: PLC0415 - rich

    console = Console(highlight=False)
    console.print(describe(result.event, ascii_only=needs_ascii(console)), soft_wrap=True)
