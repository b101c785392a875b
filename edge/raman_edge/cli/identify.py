"""``raman-edge identify FILE…``: name files once, for scripts. Nothing is remembered; ``watch`` keeps the journal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.library import Library
    from raman_edge.model import Model
    from raman_edge.pipeline import Reading
    from raman_edge.spectrum import Fault

SOME_FAILED, ALL_FAILED = 1, 65


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, a folder (the files in it, not below), or - for standard input")
    shared.add_model(parser)
    shared.add_own(parser)
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Answer every file; 1 where some could not be, 65 where none could."""
    calibration = shared.opened_calibration(options)
    model, library = shared.opened(options)
    show = _lines(model, library, options, calibration) if options.json or not is_terminal() else _report()
    answered = failed = 0
    for event, good in _events(options, model, library, calibration):
        show(event)
        _tell_left_out(event)
        answered, failed = answered + good, failed + (not good)
    if not failed:
        return 0
    return SOME_FAILED if answered else ALL_FAILED


def _events(
    options: argparse.Namespace, model: Model, library: Library, calibration: Calibration | None
) -> Iterator[tuple[Reading | Fault, bool]]:
    """Give every answer, and whether it is one."""
    from raman_edge.calibration.calibration import applied  # noqa: PLC0415
    from raman_edge.pipeline import readings  # noqa: PLC0415 - after the arguments are known to be good
    from raman_edge.sources.given import GivenFiles  # noqa: PLC0415
    from raman_edge.spectrum import Fault  # noqa: PLC0415

    given = GivenFiles(
        options.files, sys.stdin.buffer if sys.stdin else None, options.laser, axis=options.axis, pixels=calibration is not None
    )
    with given as source:
        events = applied(source, calibration) if calibration is not None else source
        for event in readings(events, model, library):
            yield event, not isinstance(event, Fault)


def _lines(
    model: Model, library: Library, options: argparse.Namespace, calibration: Calibration | None
) -> Callable[[Reading | Fault], None]:
    """Return what prints an answer as one line of JSON."""
    from raman_edge import record  # noqa: PLC0415

    means = record.means(model, library, options.laser, calibration.id if calibration else None, options.axis)
    return lambda event: write(record.encode(record.of(event, means)))


def _tell_left_out(event: Reading | Fault) -> None:
    """Name on standard error what of a file is not read on purpose, once a file."""
    from raman_edge.pipeline import Reading  # noqa: PLC0415
    from raman_edge.spectrum import LEFT_OUT  # noqa: PLC0415

    if isinstance(event, Reading) and event.spectrum.origin.index == 0 and (left := event.spectrum.meta.get(LEFT_OUT)):
        say(f"{event.spectrum.origin.path}: not read: {left}")


def _report() -> Callable[[Reading | Fault], None]:
    """Return what prints an answer for a person."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal

    from raman_edge.ui.report import describe  # noqa: PLC0415
    from raman_edge.ui.terminal import needs_ascii  # noqa: PLC0415

    console = Console(highlight=False)
    ascii_only = needs_ascii(console)
    return lambda event: console.print(describe(event, ascii_only=ascii_only), soft_wrap=True)
