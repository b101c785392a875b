"""``raman-edge calibrate FILE --standard NAME``: the wavenumber axis of one instrument, by a standard of known lines."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.errors import SpectrumError

if TYPE_CHECKING:
    from raman_edge.calibration.making import Measured

BAD_DATA, OFF = 65, 1
HOURS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
LONGEST_DAYS = 3650.0
STILL_GOOD = 2.0
"""Mean deviation, cm⁻¹, beyond which ``--check`` ends with 1: tables of standards agree within one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Find a standard's lines in a file of it, fit the instrument's axis to them in wavelength, show how well, and keep the calibration "
        "by the instrument's serial number. The file may have an axis of pixels. By a Raman standard alone the laser stays as given, "
        "and the fit takes up its error; by a lamp the axis is told without the laser, and --laser-file tells the laser. "
        "Wavelengths are those in vacuum."
    )
    parser.add_argument("file", metavar="FILE", help="a spectrum of the standard, or - for standard input")
    parser.add_argument("--standard", required=True, metavar="NAME", help="what it is of: polystyrene, paracetamol, silicon, neon …")
    parser.add_argument("--instrument", required=True, metavar="SERIAL", help="the instrument's serial number, or what you call it")
    parser.add_argument("--laser-file", metavar="FILE", help="a Raman standard's file, beside a lamp's: its lines tell the laser")
    parser.add_argument("--laser-standard", metavar="NAME", help="what the laser's file is of")
    parser.add_argument("--expires", type=days, default=30.0, metavar="30d", help="how long it holds: hours, days or weeks (default: 30d)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to keep it; default: by serial number in your data folder")
    parser.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="CALIBRATION",
        help="write nothing: how far off the standard is today, by the one in use or this",
    )
    shared.add_laser(parser)
    shared.add_json(parser)
    parser.set_defaults(usage_error=parser.error)


def days(text: str) -> float:
    """Read a duration such as ``12h``, ``30d`` or ``8w``, days."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([hdw]?)", text.strip().lower())
    value = float(found[1]) * HOURS[found[2] or "d"] if found else 0.0
    if not 0 < value <= LONGEST_DAYS:
        msg = f"expected a time of more than 0 and at most {LONGEST_DAYS:g} days, such as 12h, 30d or 8w; got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value


def run(options: argparse.Namespace) -> int:
    """Calibrate, or check a calibration: 65 where the standard's lines are not found, 1 where a checked axis is off."""
    if (options.laser_file is None) != (options.laser_standard is None):
        options.usage_error("--laser-file and --laser-standard stand together")
    if not options.instrument.strip() or not options.instrument.isprintable():
        options.usage_error(f"--instrument: expected a serial number or a name that prints, got {options.instrument!r}")
    return _make(options) if options.check is None else _check(options)


def _make(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from raman_edge.calibration import making, store  # noqa: PLC0415 - numpy
    from raman_edge.cli import calibration_shown  # noqa: PLC0415

    first = _measured(options.file, options.standard, options.laser)
    second = _measured(options.laser_file, options.laser_standard, options.laser) if options.laser_file else None
    made = first.spectrum.taken_at or datetime.now(UTC)
    calibration = making.make(first, instrument=options.instrument, laser_nm=options.laser, made=made, days=options.expires, laser=second)
    path = options.out or store.path_of(options.instrument)
    store.write(calibration, path)
    if options.json or not is_terminal():
        write(calibration_shown.encoded(calibration, str(path)))
    else:
        for line in calibration_shown.words(calibration, first.spectrum, str(path)):
            write_text(line)
    for line in calibration_shown.warnings(calibration, datetime.now(UTC)):
        say(line)
    return 0


def _check(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from raman_edge.calibration import making, store  # noqa: PLC0415 - numpy
    from raman_edge.cli import calibration_shown  # noqa: PLC0415

    calibration = store.find(options.check or options.instrument)
    calibration.require_instrument(options.instrument)
    today = making.deviation(calibration, _measured(options.file, options.standard, options.laser), datetime.now(UTC))
    good = abs(today.mean) <= STILL_GOOD
    if options.json or not is_terminal():
        write(calibration_shown.checked(calibration, today, good=good))
    else:
        for line in calibration_shown.deviation(calibration, today, good=good):
            write_text(line)
    return 0 if good else OFF


def _measured(path: str, standard: str, laser_nm: float | None) -> Measured:
    """Read the one spectrum of a standard that a file holds."""
    import sys  # noqa: PLC0415

    from raman_edge.calibration.making import Measured  # noqa: PLC0415 - numpy
    from raman_edge.calibration.standards import find  # noqa: PLC0415
    from raman_edge.sources.given import GivenFiles  # noqa: PLC0415
    from raman_edge.spectrum import OTHER_METHOD, Fault  # noqa: PLC0415

    known = find(standard)
    given = list(GivenFiles([path], sys.stdin.buffer if sys.stdin else None, laser_nm, pixels=True))
    if len(given) != 1:
        msg = f"{path!r} holds {len(given)} spectra; expected one, of {known.title}"
        raise SpectrumError(msg)
    (event,) = given
    if isinstance(event, Fault):
        msg = f"{path!r}: {event.why}"
        raise SpectrumError(msg)
    if other := event.meta.get(OTHER_METHOD):
        msg = f"{path!r} says that it holds no Raman spectrum but {other}; expected one of {known.title}"
        raise SpectrumError(msg)
    return Measured(event, known)
