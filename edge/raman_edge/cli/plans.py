"""How a command measures: options, the plan that they make, and the calibration of the instrument that is there."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from raman_edge.cli import options as shared
from raman_edge.cli.instrument_options import AUTO
from raman_edge.cli.output import say
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from raman_edge.acquisition.darks import Dark
    from raman_edge.acquisition.plan import Mode, Plan
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.instruments.recording_file import PlanLine
    from raman_edge.instruments.spectrometer import InstrumentInfo

NONE = "none"
POLICIES: dict[str, Literal["none", "take", "auto"]] = {"none": "none", "take": "take", "auto": "auto"}
MODES: dict[str, Mode] = {"none": "continuous", "key": "trigger", "gate": "gate"}


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add exposure, average, dark, count and axis."""
    add_exposure(parser)
    parser.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after so many spectra")
    parser.add_argument("--interval", type=shared.seconds, metavar="S", help="from one spectrum to the next, s; else as fast as it goes")
    add_axis(parser)


def add_exposure(parser: argparse._ActionsContainer, *, averages: int = 1) -> None:
    """Add what a single spectrum is made of; it is the mean of ``averages`` exposures unless the user says otherwise."""
    parser.add_argument(
        "--exposure",
        type=exposure,
        metavar="S|auto",
        help="of a single exposure, s; auto searches the one that brings the highest line to 70-85 %% of saturation; "
        "default: as the instrument is",
    )
    parser.add_argument("--longest", type=shared.seconds, metavar="S", help="longest exposure that auto may choose, s (default: 10)")
    parser.add_argument(
        "--average",
        type=shared.at_least_one,
        default=averages,
        metavar="N",
        help=f"exposures that a spectrum is the mean of (default: {averages}); from 3 on cosmic spikes are found between them",
    )
    parser.add_argument(
        "--dark",
        default=NONE,
        metavar="take|auto|FILE|none",
        help="what is subtracted: a dark spectrum taken before the first answer and at every change of the exposure; the same, and again "
        "every ten minutes; one kept by --save-dark; or the instrument's dark pixels, where it has any (the default)",
    )
    parser.add_argument("--save-dark", type=Path, metavar="FILE", help="keep the dark that is taken")


def add_axis(parser: argparse.ArgumentParser) -> None:
    """Add what makes the axis."""
    parser.add_argument("--laser", type=shared.laser_nm, metavar="NM", help="the laser's wavelength, nm, instead of what the page says")
    parser.add_argument(
        "--calibration",
        metavar="FILE|SERIAL|none",
        help="what makes the axis, made by `raman-edge calibrate`; default: that of the instrument's serial number, if there is one",
    )


def exposure(text: str) -> float | str:
    """Read seconds, or ``auto``."""
    if text == AUTO:
        return AUTO
    try:
        return shared.seconds(text)
    except argparse.ArgumentTypeError as error:
        msg = f"{error}, or {AUTO}"
        raise argparse.ArgumentTypeError(msg) from error


def plan(options: argparse.Namespace, calibration: Calibration | None = None, *, kind: str = "serial") -> Plan:
    """Return the plan that the options make; :class:`ConfigError` where they contradict each other."""
    return replace(
        _exposing(options),
        calibration=calibration,
        mode=MODES[options.trigger],
        count=options.count,
        interval_s=options.interval or 0.0,
        kind=kind,
    )


def planned(options: argparse.Namespace) -> PlanLine:
    """Return what a recording should remember of the plan."""
    from raman_edge.instruments.recording_file import PlanLine  # noqa: PLC0415 - numpy

    auto, gate = options.exposure == AUTO, getattr(options, "trigger", NONE) == "gate"
    return PlanLine(
        averages=options.average,
        auto_exposure=auto,
        longest_s=options.longest,
        gate=gate,
        dark=POLICIES.get(options.dark, "none"),
        laser_nm=options.laser,
    )


def again(options: argparse.Namespace, planned: PlanLine, calibration: Calibration | None) -> Plan:
    """Return the plan of a recording that is played again: as it was measured, but for what the options say."""
    from raman_edge.acquisition.plan import LONGEST_S, Plan  # noqa: PLC0415 - numpy

    return Plan(
        auto_exposure=planned.auto_exposure,
        longest_s=planned.longest_s or LONGEST_S,
        averages=options.average or planned.averages,
        dark=planned.dark if options.dark == NONE else _dark(options.dark),
        laser_nm=options.laser or planned.laser_nm,
        calibration=calibration,
        mode="gate" if planned.gate else "continuous",
        count=options.count,
    )


def standard(options: argparse.Namespace) -> Plan:
    """Return the plan for one spectrum of a standard, as whoever calibrates wants it."""
    return replace(_exposing(options), pixels=True, count=1)


def recording(options: argparse.Namespace) -> Plan:
    """Return the plan for a recording, of which nothing is made yet."""
    return replace(_exposing(options), pixels=True, count=options.count)


def _exposing(options: argparse.Namespace) -> Plan:
    from raman_edge.acquisition.plan import LONGEST_S, Plan  # noqa: PLC0415 - numpy

    auto = options.exposure == AUTO
    return Plan(
        exposure_s=None if auto else options.exposure,
        auto_exposure=auto,
        longest_s=options.longest or LONGEST_S,
        averages=options.average,
        dark=_dark(options.dark),
        save_dark=options.save_dark,
        laser_nm=options.laser,
    )


def calibration_of(options: argparse.Namespace, instrument: InstrumentInfo | None, now: datetime | None = None) -> Calibration | None:
    """Return the calibration that is named, else that of the instrument's serial number and model; None where there is neither.

    One that is too old at ``now`` (None is not to ask), or of another instrument, is refused: :class:`raman_edge.errors.CalibrationError`.
    """
    if options.calibration == NONE:
        return None
    from raman_edge.calibration import store  # noqa: PLC0415 - msgspec

    serial = None if instrument is None else instrument.serial_number
    model = None if instrument is None else instrument.model
    found = store.for_instrument(options.calibration, serial, model, now)
    if found is None and serial is not None and (path := store.path_of(serial)).is_file():
        say(f"the calibration {str(path)!r} is of {store.read(path).model!r} with the same serial number and is not used for {model!r}")
    if found is not None and serial is not None and found.model is None:
        say(f"the calibration of {found.instrument!r} names no vendor and model: calibrate again to bind it to {model!r}")
    return found


def _dark(text: str) -> Literal["none", "take", "auto"] | Dark:
    if text in POLICIES:
        return POLICIES[text]
    from raman_edge.acquisition import darks  # noqa: PLC0415 - numpy

    path = Path(text)
    if not path.is_file():
        msg = f"--dark {text!r}: there is no such file, and it is neither take, auto nor none"
        raise ConfigError(msg)
    return darks.read(path)
