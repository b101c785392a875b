"""Options of commands that measure: the instrument, how a spectrum is made, the axis."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.instruments import ports
from raman_edge.instruments.profiles import catalogue
from raman_edge.service import first_contact
from raman_edge.service.measure import AUTO, LinkSettings, MeasureSettings, calibration_for
from raman_edge.service.signals import guarding

if TYPE_CHECKING:
    from datetime import datetime

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.instruments.spectrometer import InstrumentInfo

NONE = "none"
PORT = """/dev/ttyUSB0, /dev/serial/by-id/…, COM3, usb:VID:PID[:SERIAL], socket://HOST:PORT; ocean: or ocean:SERIAL for an Ocean
instrument on USB (extra usb). `raman-edge instruments ports` lists what is here"""

guard = partial(guarding, note=say)
"""Keeps the laser off when the process is suspended or ends."""


def add_instrument(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the port, which is ``optional`` where one can be found, and how to talk to the instrument on it."""
    about = " ".join(PORT.split())
    if optional:
        parser.add_argument("port", metavar="PORT", nargs="?", help=f"{about}; default: the only one where an instrument may be")
    else:
        parser.add_argument("port", metavar="PORT", help=about)
    add_line(parser)


def add_line(parser: argparse._ActionsContainer) -> None:
    """Add how to talk to the instrument on a port."""
    parser.add_argument(
        "--profile",
        metavar="NAME|FILE",
        help="the instrument's profile: one that ships (`raman-edge instruments list`) or your own file; "
        "default: as remembered, else what `raman-edge serial` finds out",
    )
    parser.add_argument("--baud", type=shared.at_least_one, metavar="RATE", help="have the instrument change to this rate")
    parser.add_argument("--save-baud", action="store_true", help="and keep it over a loss of power")
    parser.add_argument(
        "--arm-laser",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let this program switch the laser on: only for an exposure, off at every wait, fault and end; default: as you answered "
        "`raman-edge serial`, else no",
    )
    parser.add_argument(
        "--keep-laser-on",
        action="store_true",
        help="and leave it on between exposures, for one that takes long to settle; it is off when suspended, at every fault and end",
    )


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add exposure, average, dark, count and axis."""
    add_exposure(parser)
    parser.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after N spectra")
    parser.add_argument(
        "--interval", type=shared.seconds, metavar="S", help="from one spectrum to the next, s; default: as fast as possible"
    )
    add_axis(parser)


def add_exposure(parser: argparse._ActionsContainer, *, averages: int = 1) -> None:
    """Add what a single spectrum is made of; it is the mean of ``averages`` exposures by default."""
    parser.add_argument(
        "--exposure",
        type=exposure,
        metavar="S|auto",
        help="of a single exposure, s; auto searches the one that brings the highest line to 70-85 %% of saturation; "
        "default: as the instrument is set",
    )
    parser.add_argument("--max-exposure", type=shared.seconds, metavar="S", help="longest exposure that auto may choose, s (default: 10)")
    parser.add_argument(
        "--average",
        type=shared.at_least_one,
        default=averages,
        metavar="N",
        help=f"exposures that a spectrum is the mean of (default: {averages}); from 3 on cosmic spikes are removed",
    )
    parser.add_argument(
        "--dark",
        default=NONE,
        metavar="take|auto|FILE|none",
        help="what is subtracted: a dark spectrum taken before the first result and at every change of the exposure; the same, and again "
        "every ten minutes; one kept by --save-dark; or the instrument's dark pixels, where it has any (the default)",
    )
    parser.add_argument("--save-dark", type=Path, metavar="FILE", help="keep the dark that is taken")


def add_axis(parser: argparse.ArgumentParser) -> None:
    """Add what makes the axis."""
    parser.add_argument(
        "--laser", type=shared.laser_nm, metavar="NM", help="laser wavelength, nm; default: as remembered or as the profile says"
    )
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


def link_settings(options: argparse.Namespace) -> LinkSettings:
    """Return how to reach the instrument of the options."""
    return LinkSettings(
        port=options.port,
        profile=options.profile,
        exposure_s=measure_settings(options).exposure_s,
        baud=options.baud,
        save_baud=options.save_baud,
        arm_laser=bool(options.arm_laser),
        keep_laser_on=options.keep_laser_on,
    )


def measure_settings(options: argparse.Namespace) -> MeasureSettings:
    """Return how the options make a spectrum."""
    return MeasureSettings(
        exposure=options.exposure,
        max_exposure=options.max_exposure,
        average=options.average,
        dark=options.dark,
        save_dark=options.save_dark,
        laser=options.laser,
        trigger=getattr(options, "trigger", "continuous"),
        count=getattr(options, "count", None),
        interval=getattr(options, "interval", None),
    )


def calibration(
    options: argparse.Namespace, instrument: InstrumentInfo | None, now: datetime | None = None, name: str | None = None
) -> Calibration | None:
    """Return the calibration of the options, else that of the instrument; None for ``--calibration none`` and where there is none."""
    return calibration_for(False if options.calibration == NONE else options.calibration, instrument, now, say, name)


def fill_in(options: argparse.Namespace) -> str | None:
    """Fill in profile, laser and permission of its laser, where they are not given, by what is remembered; return the instrument's name."""
    first_contact.require_present(options.port, [*ports.serial(map(catalogue.load, catalogue.profiles())), *ports.ocean()])
    known = first_contact.known_on(first_contact.place_now(options.port), options.profile)
    if known is None:
        return None
    options.profile = options.profile or first_contact.profile_name(known)
    options.laser = options.laser if options.laser is not None else known.laser_nm
    options.arm_laser = options.arm_laser if options.arm_laser is not None else known.arm_laser
    options.baud = options.baud if options.baud is not None else known.baud
    return known.name
