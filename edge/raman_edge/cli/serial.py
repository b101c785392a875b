"""``raman-edge serial PORT``: acquire from a spectrometer and identify, live."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import forward, instrument_options, plans
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.parser import LASER, STOPS
from raman_edge.cli.signals import stopping

if TYPE_CHECKING:
    import argparse
    from threading import Event

    from raman_edge.cli.parser import Parser
    from raman_edge.instruments.spectrometer import Spectrometer


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Measure with a spectrometer, name every spectrum, and keep all of it in the journal: live on a terminal, as JSON lines in a pipe. "
        "A cable that is pulled is waited for; another instrument in its place is refused; the laser is on only for an exposure."
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
    plans.add_plan(parser)
    parser.add_argument(
        "--trigger",
        choices=tuple(plans.MODES),
        default="none",
        help="when to measure: always (none, the default), at every Enter (key; in a pipe at every line of standard input), "
        "or while something steady is in the beam (gate; an armed laser looks into an empty beam once a second)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="keep all raw exposures in a new file, for `raman-edge instruments replay`"
    )
    forward.add_to(parser)
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_own(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measure until told to stop, or ``--count`` spectra are there."""
    said = ""
    with stopping() as stop:
        spectrometer = named(options, stop.event)
        from raman_edge.cli.naming import Naming  # noqa: PLC0415 - numpy and onnxruntime, once the arguments are known to be good

        naming = Naming.opened(options)
        from raman_edge.cli.measuring import Measuring, summary  # noqa: PLC0415

        plans.plan(options)  # what is wrong with it is said before anything is opened
        try:
            with shared.opened_journal(options) as journal, spectrometer:
                calibration = plans.calibration_of(options, spectrometer.instrument, datetime.now(UTC))
                plan = plans.plan(options, calibration)
                tally = Measuring(options, naming, journal, stop, spectrometer, plan).run()
                said = summary(tally, journal, spectrometer)
        finally:
            if said:
                say(said)
    return stop.code(0)


def named(options: argparse.Namespace, stop: Event) -> Spectrometer:
    """Return the spectrometer that the options name, recorded where they say so; not yet open."""
    spectrometer = instrument_options.spectrometer(options, stop)
    if options.record is None:
        return spectrometer
    from raman_edge.instruments.recording import Recorder  # noqa: PLC0415

    return Recorder(spectrometer, options.record, plans.planned(options))
