"""``raman-edge serial PORT``: acquire from a spectrometer and identify, live."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from raman_edge.cli import dialogue, instrument_options, journal_options, opening
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.parser import LASER, STOPS
from raman_edge.errors import CalibrationError, SourceUnavailable
from raman_edge.instruments.recording import Recorder
from raman_edge.service import first_contact
from raman_edge.service.measure import MeasureRun, PreviewRun, Trigger, summary
from raman_edge.service.remembered import RememberedInstrument
from raman_edge.service.signals import stopping
from raman_edge.wording import quoted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from raman_edge.acquisition.plan import Plan
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.cli.parser import Parser
    from raman_edge.instruments.spectrometer import InstrumentInfo, Spectrometer
    from raman_edge.service.first_contact import Contact, ContactOptions
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.measure import MeasureSettings
    from raman_edge.service.signals import Stop

WEAK = "the laser is not armed, so this program leaves it off; where the signal is weak, --arm-laser lets it switch it on for each exposure"


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Measure with a spectrometer, identify every spectrum, and keep all of it in the journal: live on a terminal, as JSON lines in a "
        "pipe. Without options it finds the port and the instrument: by what is remembered, by its USB numbers, by listening, then by "
        "requests that are harmless to every known instrument. On a terminal it asks once for what it cannot know, and remembers the "
        "answers; the key c calibrates. In a pipe it asks nothing: exit code 78 names the missing option. After a cable is pulled the run "
        "waits for the instrument; another instrument in its place is refused; the laser is on only for an exposure."
    )
    parser.examples = (
        ("raman-edge serial", "find the instrument, measure and identify, live, until q"),
        ("raman-edge serial /dev/ttyUSB0", "on this port"),
        ("raman-edge serial COM3 --profile ocean-sts --laser 785 --count 9 --json", "nine spectra for a script: nothing is asked"),
    )
    parser.exits = {
        69: "no such port, or the instrument is not on it",
        **LASER,
        75: "another program has the port",
        78: "something cannot be known without a person: the message has the command line",
        **STOPS,
    }
    instrument_options.add_instrument(parser, optional=True)
    parser.add_argument("--name", metavar="NAME", help="name of a new instrument; default: its serial number, else its model")
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
    journal_options.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Find the instrument, and measure until stopped or until ``--count`` spectra are there."""
    can_ask = dialogue.can_ask(options)
    wanted = first_contact.ContactOptions(
        port=options.port,
        profile=options.profile,
        laser=options.laser,
        arm_laser=options.arm_laser,
        name=options.name,
        baud=options.baud,
        has_calibration=options.calibration not in {None, instrument_options.NONE},
    )
    instrument_options.measure_settings(options).plan()  # mistakes are reported before anything is opened
    with dialogue.Waiting() as waiting:
        waiting.step("opening the model and its library")
        identifier = opening.open_identifier(options)
    contact, others = _meet(wanted, can_ask=can_ask), list[RememberedInstrument]()
    while True:
        options.port, options.profile, options.laser = contact.port, contact.profile, contact.laser
        options.arm_laser, options.baud = contact.arm_laser, contact.baud
        if contact.arm_laser and wanted.arm_laser is None:
            say("the laser may be switched on for each exposure, as you allowed; --no-arm-laser leaves it off")
        with stopping() as stop:
            segment = _Segment(options, contact, identifier, stop, can_ask=can_ask)
            segment.run()
        if segment.is_other:
            say(
                f"{contact.known.name if contact.known else 'the instrument'!r} is no longer on {contact.port}: another instrument is there"
            )
            others += [] if contact.known is None else [contact.known]
            contact = _meet(wanted, can_ask=can_ask, other_than=others)
        elif segment.wants_calibration and stop.signal is None:
            dialogue.calibrate(instrument_options.link_settings(options), instrument_options.measure_settings(options), segment.name)
        else:
            return stop.code(0)


def _meet(wanted: ContactOptions, *, can_ask: bool, other_than: Sequence[RememberedInstrument] = ()) -> Contact:
    with dialogue.Waiting() as waiting:
        questions = dialogue.TerminalQuestions(waiting.pause) if can_ask else None
        return first_contact.meet(wanted, questions, waiting.note, other_than=other_than)


class _Segment:
    """From opening the instrument to the end of the command, or to a calibration that a person wants."""

    def __init__(self, options: argparse.Namespace, contact: Contact, identifier: Identifier, stop: Stop, *, can_ask: bool) -> None:
        self._options, self._contact, self._identifier, self._stop = options, contact, identifier, stop
        self._as_lines = shared.writes_lines(options, options.output)
        self._can_calibrate = can_ask and not self._as_lines and options.record is None
        self.is_other = False
        """Whether another instrument than the remembered one is on the port."""
        self.wants_calibration = False
        self.name = ""
        """What a calibration of the instrument is kept by."""

    def run(self) -> None:
        """Measure, or show pixels where there is no axis yet."""
        options, measured = self._options, instrument_options.measure_settings(self._options)
        spectrometer = instrument_options.link_settings(options).open(self._stop.event, instrument_options.guard)
        source = spectrometer if options.record is None else Recorder(spectrometer, options.record, measured.recorded())
        with ExitStack() as opened:
            with dialogue.Waiting() as waiting:
                waiting.step(f"connecting to {options.port}")
                try:
                    opened.enter_context(source)
                except SourceUnavailable:
                    if (before := self._contact.known) is not None:
                        forget = f"raman-edge instruments forget {quoted(before.name)}"
                        waiting.note(f"{before.name!r} was expected; where another instrument is there now, run `{forget}`")
                    raise
            found = source.instrument
            if found is None:  # stopped while it was opened
                return
            if self._contact.is_other(found):
                self.is_other = True
                return
            self._contact = self._contact.with_memory(found)
            options.laser = self._contact.laser
            measured = replace(measured, laser=options.laser)
            known = first_contact.remember(self._contact, found, say)
            self.name = found.serial_number or known
            calibration = self._calibration(found, known)
            if calibration is None and found.coefficients is None:
                self._preview(source, measured)
            else:
                first_contact.require_laser(self._contact, found, calibration)
                self._identify(source, measured.plan(calibration))

    def _calibration(self, found: InstrumentInfo, known: str) -> Calibration | None:
        """Return the calibration in use; a person may go on without the instrument's own where that does not hold any more."""
        try:
            return instrument_options.calibration(self._options, found, datetime.now(UTC), known)
        except CalibrationError as error:
            if not self._can_calibrate or self._options.calibration is not None:
                raise
            say(f"{error}; it is not used, and the key c calibrates again")
            return None

    def _preview(self, source: Spectrometer, measured: MeasureSettings) -> None:
        """Show spectra by pixel until a person calibrates or leaves."""
        if not self._can_calibrate:
            raise first_contact.uncalibrated(self._contact)
        open_display = opening.open_display(as_lines=False)
        run = PreviewRun(
            source,
            replace(measured, count=None).plan(pixels=True),
            self._stop.event,
            lambda name, controls: open_display(name, self._identifier, controls),
            note=self._weak_advice(source),
        )
        self.wants_calibration = run.run()

    def _identify(self, source: Spectrometer, plan: Plan) -> None:
        """Identify what is measured, and print the numbers of the run at its end."""
        line = ""
        try:
            with journal_options.open_journal(self._options) as journal:
                run = MeasureRun(
                    self._identifier,
                    journal,
                    self._stop,
                    source,
                    plan,
                    open_display=opening.open_display(as_lines=self._as_lines),
                    outputs=self._options.output,
                    stdout=self._as_lines,
                    triggers=sys.stdin or (),
                    can_calibrate=self._can_calibrate,
                    weak_advice=self._weak_advice(source),
                )
                line = summary(run.run(), journal, source)
                self.wants_calibration = run.wants_calibration
        finally:
            if line:
                say(line)

    def _weak_advice(self, source: Spectrometer) -> str:
        """Return what to do where the signal is weak, if the laser could be switched on and may not be."""
        return "" if source.status.laser is None or self._contact.arm_laser else WEAK
