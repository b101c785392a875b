"""``raman-edge calibrate FILE --standard NAME``: the wavenumber axis of one instrument, by a standard of known lines; what is kept."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import instrument_options, plans
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.cli.parser import LASER
from raman_edge.errors import CalibrationError, SpectrumError

if TYPE_CHECKING:
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.calibration.making import StandardSpectrum
    from raman_edge.calibration.standards import Standard
    from raman_edge.cli.parser import Parser
    from raman_edge.formats.shift import AxisOption

BAD_DATA, OFF = 65, 1
HOURS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
LONGEST_DAYS = 3650.0
AVERAGES = 10
"""Exposures of a standard that is measured now."""
MOST_MOVED = 30.0
"""cm⁻¹: an instrument that drifts further between two calibrations has been changed, or one of them is wrong."""
STILL_GOOD = 2.0
"""Mean deviation, cm⁻¹, beyond which ``--check`` ends with 1: tables of standards agree within one."""


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
        help="what it is of: polystyrene, paracetamol, silicon, neon, argon, mercury-argon …, or a text file of lines in nm or cm-1",
    )
    parser.add_argument(
        "--instrument",
        metavar="SERIAL",
        help="its serial number, or what you call it; default: the one that file or port tell",
    )
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
    plans.add_exposure(measuring, averages=AVERAGES)
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
    """Calibrate, check, or list, restore and remove what is kept: 65 where a fit may be wrong, 1 where a checked axis is off."""
    if any(asked is not None for asked in (options.list, options.restore, options.remove)):
        if options.file is not None or options.port is not None or options.standard is not None:
            options.usage_error("--list, --restore and --remove stand without FILE, --port and --standard")
        from raman_edge.cli import calibrations_kept  # noqa: PLC0415 - numpy

        return calibrations_kept.run(options)
    if options.standard is None:
        options.usage_error("--standard says what the spectrum is of, such as --standard polystyrene")
    if (options.laser_file is None) != (options.laser_standard is None):
        options.usage_error("--laser-file and --laser-standard stand together")
    if (options.file is None) == (options.port is None):
        options.usage_error("give the FILE of a standard, or --port to measure one now")
    named = options.instrument
    if named is not None and not (named.strip() and named.isprintable()):
        options.usage_error(f"--instrument: expected a serial number or a name that prints, got {named!r}")
    from raman_edge.calibration.standards import find  # noqa: PLC0415 - msgspec

    standard = find(options.standard)
    first = _measured_now(options, standard) if options.port else _measured(options.file, options.standard, options.laser, options.axis)
    return _make(options, first) if options.check is None else _check(options, first)


def _make(options: argparse.Namespace, first: StandardSpectrum) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from raman_edge.calibration import making, store  # noqa: PLC0415 - numpy
    from raman_edge.cli import calibration_shown  # noqa: PLC0415

    second = _measured(options.laser_file, options.laser_standard, options.laser, options.axis) if options.laser_file else None
    instrument = _instrument(options, first)
    made = first.spectrum.taken_at or datetime.now(UTC)
    calibration = making.make(first, instrument=instrument, laser_nm=options.laser, made=made, days=options.expires, laser=second)
    path = options.out or store.place_for(instrument, calibration.model)
    moved = _moved(calibration, path)
    kept = store.write(calibration, path)
    if options.json or not is_terminal():
        write(calibration_shown.encoded(calibration, str(path), kept, moved))
    else:
        for line in calibration_shown.words(calibration, first, str(path)):
            write_text(line)
    if kept is not None:
        say(_kept(calibration, kept, moved, own_path=options.out is not None))
    for line in calibration_shown.warnings(calibration, first, datetime.now(UTC)):
        say(line)
    return 0


def _kept(calibration: Calibration, kept: Path, moved: float | None, *, own_path: bool) -> str:
    """Return what became of the calibration that was replaced."""
    from raman_edge.calibration import store  # noqa: PLC0415 - numpy

    try:
        before = f"the calibration of {store.read(kept).made:%Y-%m-%d %H:%M} UTC is kept"
    except CalibrationError:
        before = "the file that was there, no calibration of this version, is kept"
    back = f"as {str(kept)!r}" if own_path else f"`raman-edge calibrate --restore {shlex.quote(calibration.instrument)}` brings it back"
    by = "" if moved is None else f"; the axis moves by {moved:.1f} cm⁻¹ at most"
    return f"{before}, {back}{by}"


def _moved(calibration: Calibration, path: Path) -> float | None:
    """Return how far the axis moves against the calibration that is replaced, cm⁻¹; None where there is none, or one of another axis.

    Raises :class:`SpectrumError` where it moves so far that one of the two has to be wrong.
    """
    from raman_edge.calibration import store  # noqa: PLC0415 - numpy

    try:
        before = store.read(path) if path.is_file() else None
    except CalibrationError:
        return None
    if before is None or before.instrument != calibration.instrument:
        return None
    moved = calibration.moved(before)
    if moved is not None and moved > MOST_MOVED:
        msg = (
            f"the axis would move by {moved:.0f} cm⁻¹ against the calibration of {before.made:%Y-%m-%d %H:%M} UTC by "
            f"{' and '.join(before.standards)} with a laser of {before.laser_nm:g} nm; expected at most {MOST_MOVED:g}: check standard and "
            "laser; "
            f"if the instrument was changed, run `raman-edge calibrate --remove {shlex.quote(before.instrument)}` and calibrate again; "
            "a second laser is a second instrument: give it its own name with --instrument"
        )
        raise SpectrumError(msg)
    return moved


def _check(options: argparse.Namespace, first: StandardSpectrum) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from raman_edge.calibration import making, store  # noqa: PLC0415 - numpy
    from raman_edge.calibration.calibration import model_of  # noqa: PLC0415
    from raman_edge.cli import calibration_shown  # noqa: PLC0415

    instrument = _instrument(options, first)
    model = model_of(first.spectrum)
    calibration = store.find(options.check) if options.check else store.of_device(instrument, model) or store.find(instrument)
    calibration.require_instrument(instrument, model)
    today = making.deviation(calibration, first, datetime.now(UTC))
    good = abs(today.mean) <= STILL_GOOD
    if options.json or not is_terminal():
        write(calibration_shown.checked(calibration, today, good=good))
    else:
        for line in calibration_shown.deviation(calibration, today, good=good):
            write_text(line)
    return 0 if good else OFF


def _instrument(options: argparse.Namespace, first: StandardSpectrum) -> str:
    """Return what the calibration is kept by: what the user says, else what the instrument itself says."""
    from raman_edge.calibration.calibration import serial_of  # noqa: PLC0415 - numpy

    told: str | None = options.instrument or serial_of(first.spectrum)
    if told is None:
        options.usage_error("the spectrum has no serial number: give --instrument SERIAL, or a name of your own")
    return str(told)


def _measured_now(options: argparse.Namespace, standard: Standard) -> StandardSpectrum:
    """Measure the standard with the instrument on a port."""
    from raman_edge.acquisition.acquisition import Acquisition  # noqa: PLC0415 - numpy
    from raman_edge.calibration.making import StandardSpectrum  # noqa: PLC0415
    from raman_edge.cli.signals import stopping  # noqa: PLC0415
    from raman_edge.spectrum import Spectrum  # noqa: PLC0415

    with stopping() as stop:
        plan = plans.standard(options)
        with instrument_options.spectrometer(options, stop.event) as spectrometer:
            for event in Acquisition(spectrometer, plan, stop=stop.event, note=say):
                if isinstance(event, Spectrum):
                    return StandardSpectrum(event, standard)
                if event is not None:
                    say(event.why)
    raise KeyboardInterrupt(stop.signal)


def _measured(path: str, standard: str, laser_nm: float | None, axis: AxisOption | None) -> StandardSpectrum:
    """Read the spectrum of a standard that a file holds; where it holds several, as a recording does, their mean."""
    import sys  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    from raman_edge.calibration.calibration import serial_of  # noqa: PLC0415 - numpy
    from raman_edge.calibration.making import StandardSpectrum  # noqa: PLC0415
    from raman_edge.calibration.standards import find  # noqa: PLC0415
    from raman_edge.sources.files import FileSource  # noqa: PLC0415
    from raman_edge.spectrum import OTHER_METHOD, Fault  # noqa: PLC0415

    known = find(standard)
    spectra = []
    for event in FileSource([path], sys.stdin.buffer if sys.stdin else None, laser_nm, pixels=True, axis=axis):
        if isinstance(event, Fault):
            msg = f"{path!r}: {event.why}"
            raise SpectrumError(msg)
        spectra.append(event)
    if not spectra:
        msg = f"{path!r} holds no spectrum; expected one of {known.title}"
        raise SpectrumError(msg)
    last = spectra[-1]
    if not all(one.axis.same_as(last.axis) for one in spectra):
        msg = f"{path!r} holds {len(spectra)} spectra on different axes; expected {known.title} alone, on one axis: export it by itself"
        raise SpectrumError(msg)
    if len(serials := {serial_of(one) for one in spectra}) > 1:
        msg = f"{path!r} holds spectra of {len(serials)} instruments; expected one: calibrate each by a file of its own"
        raise SpectrumError(msg)
    if other := last.meta.get(OTHER_METHOD):
        msg = f"{path!r} says that it holds no Raman spectrum but {other}; expected one of {known.title}"
        raise SpectrumError(msg)
    if len(spectra) > 1:
        say(f"{path!r} holds {len(spectra)} spectra: calibrating by their mean, as of {known.title} alone")
        last = replace(last, counts=np.mean([one.counts for one in spectra], axis=0))
    return StandardSpectrum(last, known)
