"""Which instrument a command measures with: options, and the spectrometer that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from threading import Event

    from raman_edge.instruments.spectrometer import Spectrometer

AUTO = "auto"
"""Exposure that is searched."""


PORT = """/dev/ttyUSB0, /dev/serial/by-id/…, COM3, usb:VID:PID[:SERIAL], socket://HOST:PORT; ocean: or ocean:SERIAL for an Ocean
instrument on USB (extra usb). `raman-edge instruments ports` lists what is here"""


def add_instrument(parser: argparse.ArgumentParser) -> None:
    """Add the port, and how to talk to what is on it."""
    parser.add_argument("port", metavar="PORT", help=" ".join(PORT.split()))
    add_line(parser)


def add_line(parser: argparse._ActionsContainer) -> None:
    """Add how to talk to what is on a port."""
    parser.add_argument(
        "--profile",
        metavar="NAME|FILE",
        help="the instrument's page of facts: one that ships (`raman-edge instruments list`) or a file of your own; "
        "default: the one that names the USB device on that port",
    )
    parser.add_argument("--baud", type=shared.at_least_one, metavar="RATE", help="have the instrument change to this rate")
    parser.add_argument("--save-baud", action="store_true", help="and keep it over a loss of power")
    parser.add_argument(
        "--arm-laser",
        action="store_true",
        help="let this program switch the laser on: only for an exposure, off at every wait, fault and end",
    )
    parser.add_argument(
        "--keep-laser-on",
        action="store_true",
        help="and leave it on between exposures, for one that takes long to settle; it is off when suspended, at every fault and end",
    )


def spectrometer(options: argparse.Namespace, stop: Event) -> Spectrometer:
    """Return what the options name, not yet open; :class:`ConfigError` for what it cannot do."""
    from raman_edge.instruments import ports  # noqa: PLC0415 - with msgspec

    exposure_s = None if options.exposure in {None, AUTO} else options.exposure
    if options.port.startswith(ports.OCEAN):
        _refuse_line_options(options)
        from raman_edge.instruments.usb import OceanSpectrometer  # noqa: PLC0415 - the extra

        return OceanSpectrometer(options.port, exposure_s, stop=stop)
    from raman_edge.cli.signals import guarding  # noqa: PLC0415 - with an instrument
    from raman_edge.instruments.serial import SerialSpectrometer  # noqa: PLC0415 - pyserial
    from raman_edge.instruments.serial.spectrometer import Environment  # noqa: PLC0415

    return SerialSpectrometer(
        ports.profile_of(options.port, options.profile),
        options.port,
        exposure_s=exposure_s,
        baud=options.baud,
        save_baud=options.save_baud,
        laser=options.arm_laser,
        keep_laser_on=options.keep_laser_on,
        stop=stop,
        world=Environment(guard=guarding),
    )


def _refuse_line_options(options: argparse.Namespace) -> None:
    given = [name for name in ("profile", "baud", "save_baud", "arm_laser", "keep_laser_on") if getattr(options, name)]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        msg = f"{options.port!r} is an Ocean instrument on USB, which its driver knows: {flags} is for serial ports, leave it out"
        raise ConfigError(msg)
