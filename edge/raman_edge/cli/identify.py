"""``raman-edge identify FILE…``: identify files once, for scripts. No journal is kept; ``watch`` keeps one."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import raman_edge
from raman_edge import records
from raman_edge.atomic_write import system_path
from raman_edge.cli import opening
from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, new_file, say, write
from raman_edge.errors import OutputError
from raman_edge.service.identifier import identify_files, open_calibration
from raman_edge.spectrum import LEFT_OUT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from raman_edge.cli.answers import Answers
    from raman_edge.cli.parser import Parser
    from raman_edge.identification import Identification

SOME_FAILED, ALL_FAILED = 1, 65
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
        opening.open_identifier(options),
        files,
        laser=options.laser,
        axis=options.axis,
        calibration=calibration,
        standard_input=sys.stdin.buffer if sys.stdin else None,
    )
    show = _Lines() if as_json(options) else _answers(files, each_in_full=options.details)
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
        file_path = system_path(copy)
        file_path.parent.mkdir(parents=True, exist_ok=True)
        if file_path.exists() and file_path.read_bytes() != content:
            raise OutputError(kind="exists already", place=repr(str(copy)), advice="Give another folder with --example")
        with new_file(copy, "--example") as file:
            file.write(content)
    except OSError as error:
        cause, advice = error.strerror or str(error), "Give another folder with --example"
        raise OutputError(kind="cannot be written", place=repr(str(copy)), cause=cause, advice=advice) from error
    return str(copy)


def _answers(files: Sequence[str], *, each_in_full: bool) -> Answers:
    from raman_edge.cli.answers import Answers  # noqa: PLC0415 - rich, which JSON lines do without

    return Answers(files, each_in_full=each_in_full)


class _Lines:
    """JSON, a line a spectrum."""

    def add(self, result: Identification) -> None:
        """Write one result."""
        write(records.encode(result.record))

    def end(self, tally: Counter[str]) -> None:
        """Write nothing more: a script counts."""
