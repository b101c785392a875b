"""``raman-edge calibrate FILE --standard NAME``: the wavenumber axis of one instrument, by a standard of known lines; what is saved."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.calibration import store
from raman_edge.calibration.calibration import serial_of
from raman_edge.calibration.standards import find
from raman_edge.cli import calibration_text, instrument_options
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.cli.parser import LASER
from raman_edge.errors import CalibrationError
from raman_edge.service.calibrate import (
    MAX_DAYS,
    check_calibration,
    fit_calibration,
    measure_standard,
    read_standard,
    save_calibration,
)
from raman_edge.service.signals import stopping
from raman_edge.wording import quoted

if TYPE_CHECKING:
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.calibration.making import StandardSpectrum
    from raman_edge.calibration.store import StoredCalibration
    from raman_edge.cli.parser import Parser
    from raman_edge.service.calibrate import SavedCalibration

OFF = 1
HOURS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
AVERAGES = 10
"""Exposures of a standard that is measured now."""
STILL_GOOD = 2.0
"""Mean deviation, cm⁻¹, beyond which ``--check`` ends with 1: tables of standards agree within one."""
ID = 12
"""Characters of an id that are shown to a person."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Find a standard's lines in a file of it, fit the instrument's axis to them in wavelength, show how well, and keep the calibration "
        "by the instrument's serial number, vendor and model. A fit that may be wrong is refused with the reason, and nothing is kept: the "
        "standard's strong lines have to be there, the spectrum's strong lines have to be the standard's, more of them have to agree than "
        "chance gives, and no other standard may fit better. The file may have an axis of pixels. By a Raman standard alone the laser "
        "stays as given, and the fit takes up its error; by a lamp the axis does not depend on the laser, and --laser-file measures the "
        "laser. Wavelengths are those in vacuum. A calibration that is replaced or removed is kept: --list shows it, --restore brings it "
        "back."
    )
    parser.examples = (
        ("raman-edge calibrate ps.csv --standard polystyrene --instrument SN42", "fit, show residuals, keep it for SN42"),
        ("raman-edge calibrate ps.csv --standard polystyrene --instrument SN42 --check", "how far it is off today"),
        ("raman-edge calibrate neon.csv --standard neon --instrument SN42", "with a lamp: the axis does not depend on the laser"),
        ("raman-edge calibrate --list", "calibrations in use, and replaced ones with their dates"),
        ("raman-edge calibrate --restore SN42", "use again what SN42's calibration replaced"),
    )
    parser.exits = {
        1: "with --check: the axis is off",
        65: "the standard's lines are not found, or the fit may be wrong: nothing is kept",
        **LASER,
        78: "unknown standard or calibration",
    }
    parser.add_argument("file", metavar="FILE", nargs="?", help="a spectrum of the standard, or several, or - for standard input")
    parser.add_argument("--port", metavar="PORT", help="measure it now, with the instrument on this port, instead of reading a file")
    parser.add_argument(
        "--standard",
        metavar="NAME|FILE",
        help="its material: polystyrene, paracetamol, silicon, neon, argon, mercury-argon …, or a text file of lines in nm or cm-1",
    )
    parser.add_argument(
        "--instrument",
        metavar="SERIAL",
        help="its serial number, or a name; default: the one in the file or of the instrument",
    )
    parser.add_argument("--laser-file", metavar="FILE", help="a Raman standard's file, besides a lamp's: its lines give the laser")
    parser.add_argument("--laser-standard", metavar="NAME", help="what the laser's file is of")
    parser.add_argument(
        "--expires", type=days, default=30.0, metavar="30d", help="how long it is valid: hours, days or weeks (default: 30d)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to save it; default: by serial number in your data folder")
    parser.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="CALIBRATION",
        help="write nothing: how far off the standard is today, by the one in use or this",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list", nargs="?", const="", metavar="SERIAL", help="show what is kept, of all instruments or of this one")
    instead.add_argument(
        "--restore", metavar="SERIAL|ID", help="use an instrument's last replaced calibration again, or the one with this id"
    )
    instead.add_argument(
        "--remove",
        metavar="SERIAL|ID",
        help="use an instrument's calibration no longer (--restore brings it back); an earlier one is deleted by its id",
    )
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_json(parser)
    measuring = parser.add_argument_group("with --port")
    instrument_options.add_line(measuring)
    instrument_options.add_exposure(measuring, averages=AVERAGES)
    parser.set_defaults(usage_error=parser.error, known_name=None)


def days(text: str) -> float:
    """Read a duration such as ``12h``, ``30d`` or ``8w``, days."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([hdw]?)", text.strip().lower())
    value = float(found[1]) * HOURS[found[2] or "d"] if found else 0.0
    if not 0 < value <= MAX_DAYS:
        msg = f"expected a time of more than 0 and at most {MAX_DAYS:g} days, such as 12h, 30d or 8w; got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value


def run(options: argparse.Namespace) -> int:
    """Calibrate, check, or list, restore and remove what is saved: 65 where a fit may be wrong, 1 where a checked axis is off."""
    if any(named is not None for named in (options.list, options.restore, options.remove)):
        if options.file is not None or options.port is not None or options.standard is not None:
            options.usage_error("--list, --restore and --remove stand without FILE, --port and --standard")
        return _list(options) if options.list is not None else _restore_or_remove(options)
    _check_usage(options)
    first = _measure(options) if options.port else _read(options, options.file, options.standard)
    return _make(options, first) if options.check is None else _check(options, first)


def _check_usage(options: argparse.Namespace) -> None:
    if options.standard is None:
        options.usage_error("--standard says what the spectrum is of, such as --standard polystyrene")
    if (options.laser_file is None) != (options.laser_standard is None):
        options.usage_error("--laser-file and --laser-standard stand together")
    if (options.file is None) == (options.port is None):
        options.usage_error("give the FILE of a standard, or --port to measure one now")
    named = options.instrument
    if named is not None and not (named.strip() and named.isprintable()):
        options.usage_error(f"--instrument: expected a serial number or a name that prints, got {named!r}")


def _read(options: argparse.Namespace, path: str, standard: str) -> StandardSpectrum:
    standard_input = sys.stdin.buffer if sys.stdin else None
    return read_standard(path, standard, laser=options.laser, axis=options.axis, standard_input=standard_input, note=say)


def _measure(options: argparse.Namespace) -> StandardSpectrum:
    standard = find(options.standard)
    options.known_name = instrument_options.fill_in(options)
    if standard.lamp:
        options.arm_laser = options.keep_laser_on = False  # its light needs no laser
    with stopping() as stop:
        plan = replace(instrument_options.measure_settings(options), count=1).plan(pixels=True)
        with instrument_options.link_settings(options).open(stop.event, instrument_options.guard) as spectrometer:
            measured = measure_standard(spectrometer, plan, standard, stop=stop.event, note=say)
    if measured is None:
        raise KeyboardInterrupt(stop.signal)
    return measured


def _make(options: argparse.Namespace, first: StandardSpectrum) -> int:
    second = _read(options, options.laser_file, options.laser_standard) if options.laser_file else None
    made = fit_calibration(first, _instrument(options, first), laser=options.laser, days=options.expires, second=second)
    saved = save_calibration(made, options.out)
    if options.json or not is_terminal():
        write(calibration_text.encoded(made, str(saved.path), saved.replaced, saved.moved))
    else:
        for line in calibration_text.words(made, first, str(saved.path)):
            write_text(line)
    if saved.replaced is not None:
        say(_replaced(made, saved.replaced, saved, is_named=options.out is not None))
    for line in calibration_text.warnings(made, first, datetime.now(UTC)):
        say(line)
    return 0


def _replaced(made: Calibration, replaced: Path, saved: SavedCalibration, *, is_named: bool) -> str:
    """Return what happened to the calibration that was replaced; ``is_named`` where ``--out`` names its file."""
    try:
        before = f"the calibration of {store.read(replaced).made:%Y-%m-%d %H:%M} UTC is kept"
    except CalibrationError:
        before = "the file that was there, no calibration of this version, is kept"
    back = f"as {str(replaced)!r}" if is_named else f"`raman-edge calibrate --restore {quoted(made.instrument)}` brings it back"
    return f"{before}, {back}{'' if saved.moved is None else f'; the axis moves by {saved.moved:.1f} cm⁻¹ at most'}"


def _check(options: argparse.Namespace, first: StandardSpectrum) -> int:
    calibration, today = check_calibration(first, _instrument(options, first), options.check or None)
    good = abs(today.mean) <= STILL_GOOD
    if options.json or not is_terminal():
        write(calibration_text.checked(calibration, today, good=good))
    else:
        for line in calibration_text.deviation(calibration, today, good=good):
            write_text(line)
    return 0 if good else OFF


def _instrument(options: argparse.Namespace, first: StandardSpectrum) -> str:
    """Return the name of the instrument: ``--instrument``, else the serial number in the spectrum."""
    name: str | None = options.instrument or serial_of(first.spectrum) or options.known_name
    if name is None:
        options.usage_error("the spectrum has no serial number: give --instrument SERIAL, or a name")
    return str(name)


def _restore_or_remove(options: argparse.Namespace) -> int:
    event = "restored" if options.restore is not None else "removed"
    one, aside = store.restore(options.restore) if options.restore is not None else store.remove(options.remove)
    if is_terminal() and not options.json:
        write_text(f"{event}: {_line(one)}")
    else:
        write(_encoded(one, event, aside))
    if aside is not None:
        what = "the one that was in use" if event == "restored" else "it"
        say(f"{what} is kept as {str(aside)!r}; `raman-edge calibrate --restore {quoted(one.calibration.instrument)}` brings it back")
    return 0


def _list(options: argparse.Namespace) -> int:
    """Print the saved calibrations; none is no error."""
    instrument, for_a_person = options.list or None, is_terminal() and not options.json
    every = list(store.kept(instrument))
    for one in every:
        if for_a_person:
            write_text(_line(one))
        else:
            write(_encoded(one, "kept", None))
    if not every:
        of = "" if instrument is None else f" of {instrument!r}"
        say(f"no calibration{of} is kept in {str(store.folder())!r}; `raman-edge calibrate FILE --standard NAME` makes one")
    return 0


def _line(one: StoredCalibration) -> str:
    """Return a calibration on a line for a person."""
    made = one.calibration
    model = f" ({made.model})" if made.model else ""
    until = f"{'expired' if made.expires <= datetime.now(UTC) else 'until'} {made.expires:%Y-%m-%d}"
    use = "in use " if one.in_use else "earlier"
    rms = "one line" if made.rms is None else f"{made.rms:.2f} cm⁻¹ rms"
    by = " and ".join(made.standards)
    return (
        f"{use}  {made.made:%Y-%m-%d %H:%M} UTC  {made.id[:ID]}  {made.instrument}{model}: {len(made.lines)} lines of {by}, {rms}, {until}"
    )


def _encoded(one: StoredCalibration, event: str, aside: Path | None) -> bytes:
    """Return a calibration as one line of JSON; ``aside`` is where the file that was in use is kept."""
    made = one.calibration
    return msgspec.json.encode(
        {
            "event": event,
            "id": made.id,
            "path": str(one.path).encode("utf-8", "backslashreplace").decode(),
            "in_use": one.in_use and event != "removed",
            "instrument": made.instrument,
            "serial": made.serial,
            "model": made.model,
            "standards": made.standards,
            "made": made.made,
            "expires": made.expires,
            "unit": made.unit,
            "laser_nm": made.laser_nm,
            "lines": len(made.lines),
            "rms": made.rms,
            "kept_as": None if aside is None else str(aside).encode("utf-8", "backslashreplace").decode(),
        }
    )
