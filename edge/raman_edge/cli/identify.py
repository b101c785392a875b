"""``raman-edge identify FILE…``: identify files once, for scripts. No journal is kept; ``watch`` keeps one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write
from raman_edge.service.identifier import identify_files, open_calibration
from raman_edge.spectrum import LEFT_OUT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from raman_edge.cli.parser import Parser
    from raman_edge.identification import Identification

SOME_FAILED, ALL_FAILED = 1, 65


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = "Identify the spectra in files, once; nothing is kept. The format is recognised by content, not by name."
    parser.examples = (
        ("raman-edge identify quartz.csv", "answer, candidates, peaks and quality of one file"),
        ("raman-edge identify --json *.txt > answers.jsonl", "one JSON object a spectrum, for a script"),
        ("raman-edge identify --calibration SN42 --laser 785 pixels.csv", "a file with an axis of pixels, by a calibration"),
    )
    parser.exits = {1: "some files hold no spectrum", 65: "none holds one"}
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, a folder (the files in it, not below), or - for standard input")
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Identify every file; 1 where some could not be identified, 65 where none could."""
    calibration = open_calibration(options.calibration)
    results = identify_files(
        shared.open_identifier(options),
        options.files,
        laser=options.laser,
        axis=options.axis,
        calibration=calibration,
        standard_input=sys.stdin.buffer if sys.stdin else None,
    )
    show = _write_line if options.json or not is_terminal() else _describer()
    identified = failed = 0
    for result in results:
        show(result)
        spectrum = result.spectrum
        if spectrum is not None and spectrum.origin.index == 0 and (left := spectrum.meta.get(LEFT_OUT)):
            say(f"{spectrum.origin.path}: not read: {left}")
        identified, failed = identified + (result.decision != "fault"), failed + (result.decision == "fault")
    if not failed:
        return 0
    return SOME_FAILED if identified else ALL_FAILED


def _write_line(result: Identification) -> None:
    write(records.encode(result.record))


def _describer() -> Callable[[Identification], None]:
    """Return a function that prints a result for a person."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal

    from raman_edge.terminal.summary import describe  # noqa: PLC0415 - rich
    from raman_edge.terminal.terminal import needs_ascii  # noqa: PLC0415 - rich

    console = Console(highlight=False)
    ascii_only = needs_ascii(console)
    return lambda result: console.print(describe(result.event, ascii_only=ascii_only), soft_wrap=True)
