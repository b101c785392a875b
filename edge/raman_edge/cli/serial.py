"""``raman-edge serial PORT``: acquire from a spectrometer and identify, live."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from raman_edge.cli import instrument_options
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.parser import LASER, STOPS
from raman_edge.instruments.recording import Recorder
from raman_edge.service.measure import MeasureRun, Trigger, summary
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    import argparse

    from raman_edge.cli.parser import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Measure with a spectrometer, identify every spectrum, and keep all of it in the journal: live on a terminal, as JSON lines in a "
        "pipe. After a cable is pulled the run waits for the instrument; another instrument in its place is refused; the laser is on only "
        "for an exposure."
    )
    parser.examples = (
        ("raman-edge instruments ports", "first see what is connected"),
        ("raman-edge serial /dev/ttyUSB0 --profile ocean-usb2000", "measure and identify, live, until Ctrl-C"),
        ("raman-edge serial /dev/ttyUSB0 --exposure auto --dark take --count 10 --json", "ten spectra for a script"),
    )
    parser.exits = {
        69: "no such port, or the instrument is not on it",
        **LASER,
        75: "another program has the port",
        78: "no profile fits what is on the port: give --profile",
        **STOPS,
    }
    instrument_options.add_instrument(parser)
    instrument_options.add_plan(parser)
    parser.add_argument(
        "--trigger",
        choices=get_args(Trigger),
        default="continuous",
        help="when to measure: always (continuous, the default), at every Enter (key; in a pipe at every line of standard input), "
        "or while something steady is in the beam (sample; an armed laser is switched on for an empty beam once a second)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="keep all raw exposures in a new file, for `raman-edge instruments replay`"
    )
    shared.add_output(parser)
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measure until stopped, or until ``--count`` spectra are there."""
    line = ""
    as_lines = shared.writes_lines(options, options.output)
    measured = instrument_options.measure_settings(options)
    with stopping() as stop:
        spectrometer = instrument_options.link_settings(options).open(stop.event, instrument_options.guard)
        source = spectrometer if options.record is None else Recorder(spectrometer, options.record, measured.recorded())
        identifier = shared.open_identifier(options)
        measured.plan()  # mistakes are reported before anything is opened
        try:
            with shared.open_journal(options) as journal, source:
                calibration = instrument_options.calibration(options, source.instrument, datetime.now(UTC))
                tally = MeasureRun(
                    identifier,
                    journal,
                    stop,
                    source,
                    measured.plan(calibration),
                    open_display=shared.open_display(as_lines=as_lines),
                    outputs=options.output,
                    stdout=as_lines,
                    triggers=sys.stdin or (),
                ).run()
                line = summary(tally, journal, source)
        finally:
            if line:
                say(line)
    return stop.code(0)
