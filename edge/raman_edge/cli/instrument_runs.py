"""``raman-edge instruments simulate | record | replay``: instruments without hardware, and raw exposures in files."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.acquisition.recorded import ReplayedSpectrometer
from raman_edge.cli import instrument_options, journal_options, opening
from raman_edge.cli import options as shared
from raman_edge.cli.instruments import PROFILE
from raman_edge.cli.output import as_json, say, write_json, write_text
from raman_edge.cli.parser import LASER, STOPS
from raman_edge.errors import RamanEdgeError
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.recording import Recorder
from raman_edge.service import measure
from raman_edge.service.signals import stopping
from raman_edge.simulator import ports, samples, scene, simulated
from raman_edge.simulator.simulated import Simulated, carry_out
from raman_edge.spectrum import Fault
from raman_edge.wording import quoted

if TYPE_CHECKING:
    from raman_edge.cli.parser import Parser
    from raman_edge.instruments.profiles.profile import Profile

POLL_S = 0.2
"""How often a simulation checks whether it still runs, s."""
MOST_PORT = 65_535


# record, replay


def add_record(parser: Parser) -> None:
    """Add the arguments of ``record``."""
    parser.describe(
        description="Measure, and write every exposure to a file as it came, including darks and damaged ones, before anything is "
        "computed from it. A run that is killed leaves a shorter recording. An existing file is never overwritten.",
        examples=(
            ("raman-edge instruments record /dev/ttyUSB0 -o run.recording --count 20", "twenty spectra, with all of their exposures"),
            ("raman-edge instruments record ocean: -o run.recording --exposure 0.5", "from Ocean on USB, at an exposure of half a second"),
        ),
        exits={69: "no such port, or the instrument is not on it", 73: "the file exists already, or cannot be written", **LASER, **STOPS},
    )
    instrument_options.add_instrument(parser)
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="FILE", help="the recording, a new file")
    instrument_options.add_exposure(parser)
    parser.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after N spectra; default: when stopped")
    parser.add_argument("--laser", type=shared.laser_nm, metavar="NM", help="the laser's wavelength, nm, instead of the profile's")


def run_record(options: argparse.Namespace) -> int:
    """Record until stopped, or until ``--count`` spectra are there."""
    instrument_options.fill_in(options)
    with stopping() as stop:
        settings = instrument_options.measure_settings(options)
        plan, link = settings.plan(pixels=True), instrument_options.link_settings(options)
        recorder = Recorder(link.open(stop.event, instrument_options.guard), options.out, settings.recorded())
        with recorder as spectrometer:
            for event in Acquisition(spectrometer, plan, stop=stop.event, note=say):
                if isinstance(event, Fault):
                    say(event.why)
            counters = spectrometer.status.counters
            say(f"{counters.frames} exposures, {counters.bad} damaged, {counters.timeouts} late; written to {str(options.out)!r}")
    return stop.code(0)


def add_replay(parser: Parser) -> None:
    """Add the arguments of ``replay``."""
    parser.describe(
        description="Give the exposures of a recording again, in their order and averaged as they were. The spectra keep their ids: a "
        "journal that has them gets none twice, and a new one becomes the same.",
        examples=(
            ("raman-edge instruments replay run.recording", "identify what was recorded, as if the instrument were there"),
            ("raman-edge instruments replay run.recording --average 1 --json", "each exposure separately, for a script"),
        ),
        exits={65: "the file is no recording"},
    )
    parser.add_argument("recording", type=Path, metavar="FILE", help="made by `instruments record` or `serial --record`")
    parser.add_argument("--paced", action="store_true", help="at the pace of the measurement; default: as fast as possible")
    parser.add_argument("--average", type=shared.at_least_one, metavar="N", help="exposures a spectrum; default: as recorded")
    parser.add_argument(
        "--dark", default=instrument_options.NONE, metavar="FILE|none", help="a dark to subtract, besides the recorded ones"
    )
    parser.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after N spectra")
    instrument_options.add_axis(parser)
    shared.add_output(parser)
    journal_options.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_json(parser)


def run_replay(options: argparse.Namespace) -> int:
    """Identify everything that was recorded."""
    as_lines = shared.writes_lines(options, options.output)

    with stopping() as stop, ReplayedSpectrometer(options.recording, paced=options.paced, note=say) as replayed:
        options.laser = options.laser or replayed.plan.laser_nm  # ids are the same only with the same laser
        identifier = opening.open_identifier(options)
        with journal_options.open_journal(options) as journal:
            calibration = instrument_options.calibration(options, replayed.instrument)
            plan = measure.replayed_plan(
                replayed.plan, calibration, average=options.average, dark=options.dark, laser=options.laser, count=options.count
            )
            display = opening.open_display(as_lines=as_lines)
            run = measure.MeasureRun(
                identifier, journal, stop, replayed, plan, open_display=display, outputs=options.output, stdout=as_lines
            )
            tally = run.run()
            result = measure.summary(tally, journal, replayed)
    say(result)
    return stop.code(0)


# simulate


def add_simulate(parser: Parser) -> None:
    """Add the arguments of ``simulate``."""
    parser.describe(
        description=(
            "Simulate an instrument from its profile, byte by byte, at the pace of its line: a material under its laser, dark, noise, and "
            "faults on demand. While it runs, standard input takes one command a line: unplug, replug [SERIAL], material NAME, "
            "laser on|off, fault KIND, quit."
        ),
        epilog=(
            "A fault is KIND[@N][:OPTION[,OPTION]]: drop, flip, duplicate, truncate, silence, late, repeat, nak, busy, stale or unplug; "
            "in the next spectrum, the N-th (@N), every N-th (:every=N) or at random (:p=0.01). on=set_integration applies it to that "
            "request, for=2 sets its seconds, serial=X the instrument that is connected after unplug."
        ),
        examples=(
            ("raman-edge instruments simulate ocean-usb2000", "a port that answers as the instrument does; its name is printed"),
            ("raman-edge instruments simulate ocean-sts --material Calcite --axis-error 2", "a mineral, and a shifted axis"),
            ("raman-edge instruments simulate ocean-usb2000 --fault drop:every=10", "a fault in every tenth spectrum"),
        ),
    )
    parser.add_argument("profile", metavar="PROFILE", help=PROFILE)
    parser.add_argument(
        "--material",
        metavar="NAME",
        help="a standard, a material of the library or a pack, A+B, none, or a file of a spectrum; default: the profile's",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--link", type=Path, metavar="PATH", help="a link to the pseudo-terminal; default: one in a temporary folder")
    where.add_argument(
        "--tcp",
        type=_address,
        metavar="[HOST:]PORT",
        help="a TCP port instead, without a baud rate; 0 is any free one, the default on Windows",
    )
    parser.add_argument("--serial-number", metavar="S", help="the instrument's serial number; default: the profile's")
    parser.add_argument("--axis-error", type=_wavenumbers, default=0.0, metavar="CM", help="shift of its axis, cm⁻¹ (default: 0)")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND", help="a fault, see below; may be repeated")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="the same number gives the same noise and faults (default: 0)")
    parser.add_argument("--baud", type=shared.at_least_one, metavar="RATE", help="its rate at power-on; default: the profile's first")
    parser.add_argument("--exposure", type=shared.seconds, metavar="S", help="its exposure at power-on, s; default: the profile's")
    parser.add_argument("--no-pacing", action="store_true", help="as fast as possible: line and exposure take no time")
    parser.add_argument("--verbose", action="store_true", help="print every request and event on standard error")
    shared.add_json(parser)


def run_simulate(options: argparse.Namespace) -> int:
    """Simulate until a signal, or ``quit`` on standard input."""
    profile = catalogue.load(options.profile)
    world = scene.Scene(profile, options.material, find=samples.find, axis_error_cm=options.axis_error)
    at = ports.TcpAt(*options.tcp) if options.tcp else ports.PtyAt(options.link) if options.link else ports.default_port()
    instrument = simulated.Simulated(profile, world, faults=options.fault, seed=options.seed, pacing=not options.no_pacing, at=at)
    instrument.device.begin(baud=options.baud, exposure_s=options.exposure, serial=options.serial_number)
    if options.verbose:
        instrument.note = say
    with stopping() as stop, instrument:
        _show_simulated(options, profile, instrument)
        threading.Thread(target=_take_orders, args=(instrument, stop.event), daemon=True).start()
        while not stop.event.wait(POLL_S) and instrument.running:
            pass
    return stop.code(0)


def _show_simulated(options: argparse.Namespace, profile: Profile, simulated: Simulated) -> None:
    """Print where it is and how to connect."""
    device = simulated.device
    connect = f"raman-edge serial {quoted(simulated.port)}"
    if as_json(options):  # a script answers no questions
        connect += f" --profile {quoted(options.profile)} --laser {profile.simulator.laser_nm:g}"
    serial, material = device.answers.serial_number, device.scene.material.name
    if as_json(options):
        facts = {"v": 1, "port": simulated.port, "profile": profile.device.id, "baud": device.baud, "connect": connect}
        write_json({**facts, "serial_number": serial, "material": material})
        return
    write_text(f"{profile.device.vendor} {profile.device.model}, simulated, on {simulated.port}")
    write_text(f"  serial number {serial}, {device.baud} baud, {device.exposure_s:g} s, material: {material}")
    write_text(f"  connect:  {connect}")
    write_text("  commands: unplug, replug [SERIAL], material NAME, laser on|off, fault KIND, quit; Ctrl-C ends")


def _take_orders(simulated: Simulated, ended: threading.Event) -> None:
    """Carry out the lines of standard input, to its end; a mistake is printed and changes nothing."""
    with contextlib.suppress(OSError, ValueError):  # no standard input, or closed
        for line in sys.stdin or ():
            try:
                going_on = carry_out(line, simulated)
            except RamanEdgeError as error:
                say(str(error))
                continue
            if not going_on:
                ended.set()
                return


def _address(text: str) -> tuple[str, int]:
    """Read ``PORT`` or ``HOST:PORT``, with an IPv6 address in brackets."""
    host, _, number = text.rpartition(":")
    if not (number.isascii() and number.isdigit() and int(number) <= MOST_PORT):
        msg = f"expected a port from 0 to {MOST_PORT}, or HOST:PORT, such as 7000 or 0.0.0.0:7000; got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return host.strip("[]") or "127.0.0.1", int(number)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**63):
        msg = f"expected a whole number from 0, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _wavenumbers(text: str) -> float:
    """Read the shift of an axis, cm⁻¹."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -200 <= value <= 200:  # noqa: PLR2004 - beyond that it is another instrument
        msg = f"expected wavenumbers in cm⁻¹, -200 to 200, such as 3; got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return value
