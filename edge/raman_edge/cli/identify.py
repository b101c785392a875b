"""``raman-edge identify FILE…``: name files once, for scripts. Nothing is remembered; ``watch`` keeps the journal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.cli.parser import Parser
    from raman_edge.identification import Identification
    from raman_edge.spectrum import Fault, Spectrum

SOME_FAILED, ALL_FAILED = 1, 65


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Identify the spectra in files, once; nothing is kept. The format is recognised by content, not by the file's name."
    )
    parser.examples = (
        ("raman-edge identify quartz.csv", "answer, candidates, peaks and quality of one file"),
        ("raman-edge identify --json *.txt > answers.jsonl", "one JSON object a spectrum, for a script"),
        ("raman-edge identify --calibration SN42 --laser 785 pixels.csv", "a file with an axis of pixels, by a calibration"),
    )
    parser.exits = {1: "some files hold no spectrum", 65: "none holds one"}
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, a folder (the files in it, not below), or - for standard input")
    shared.add_model(parser)
    shared.add_own(parser)
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Identify every file; 1 where some could not be, 65 where none could."""
    calibration = shared.opened_calibration(options)
    model, library = shared.opened(options)
    from raman_edge.api import Identifier  # noqa: PLC0415 - loaded by now

    identifier = Identifier.of(model, library)
    show = _line if options.json or not is_terminal() else _report()
    means = identifier.means(laser=options.laser, calibration=calibration, axis=options.axis)
    answered = failed = 0
    for result in identifier.identify_each(_spectra(options, calibration), means=means):
        show(result)
        _tell_left_out(result)
        answered, failed = answered + (result.decision != "fault"), failed + (result.decision == "fault")
    if not failed:
        return 0
    return SOME_FAILED if answered else ALL_FAILED


def _spectra(options: argparse.Namespace, calibration: Calibration | None) -> Iterable[Spectrum | Fault]:
    from raman_edge.calibration.calibration import applied  # noqa: PLC0415 - after the arguments are known to be good
    from raman_edge.sources.files import FileSource  # noqa: PLC0415 - with it

    standard_input = sys.stdin.buffer if sys.stdin else None
    given = FileSource(options.files, standard_input, options.laser, axis=options.axis, pixels=calibration is not None)
    return applied(given, calibration) if calibration is not None else given


def _line(result: Identification) -> None:
    """Print a result as one line of JSON."""
    from raman_edge import records  # noqa: PLC0415 - loaded by now

    write(records.encode(result.record))


def _tell_left_out(result: Identification) -> None:
    """Name on standard error what of a file is not read on purpose, once a file."""
    from raman_edge.spectrum import LEFT_OUT  # noqa: PLC0415 - loaded by now

    spectrum = result.spectrum
    if spectrum is not None and spectrum.origin.index == 0 and (left := spectrum.meta.get(LEFT_OUT)):
        say(f"{spectrum.origin.path}: not read: {left}")


def _report() -> Callable[[Identification], None]:
    """Return what prints a result for a person."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal

    from raman_edge.terminal.summary import describe  # noqa: PLC0415
    from raman_edge.terminal.terminal import needs_ascii  # noqa: PLC0415

    console = Console(highlight=False)
    ascii_only = needs_ascii(console)
    return lambda result: console.print(describe(result.event, ascii_only=ascii_only), soft_wrap=True)
