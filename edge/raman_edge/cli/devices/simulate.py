"""``raman-edge devices simulate PROFILE``: an instrument that is not there, on a pseudo-terminal or a TCP port."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.errors import RamanEdgeError
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.simulator.simulated import Simulated

LOOK_S = 0.2
"""Between two looks whether it still runs, s."""
MOST_PORT = 65_535


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "simulate",
        help="an instrument that is not there, for trying everything without one",
        description=(
            "Simulate an instrument from its page, byte by byte, paced as its line is: a material under its laser, dark, noise, and "
            "faults on demand. While it runs, standard input takes a line each: unplug, replug [SERIAL], material NAME, laser on|off, "
            "fault KIND, quit."
        ),
        epilog=(
            "A fault is KIND[@N][:OPTION[,OPTION]]: drop, flip, duplicate, truncate, silence, late, repeat, nak, busy, stale or unplug; "
            "with the next spectrum, the N-th (@N), every N-th (:every=N) or by chance (:p=0.01). on=set_integration strikes that request, "
            "for=2 says how many seconds, serial=X which instrument is plugged in after unplug."
        ),
        allow_abbrev=False,
    )
    one.add_argument("profile", metavar="PROFILE", help="the name of a profile that ships, or a file of your own")
    one.add_argument(
        "--material", metavar="NAME", help="a standard, a mineral of the library, A+B, none, or a file of a spectrum; default: the page's"
    )
    where = one.add_mutually_exclusive_group()
    where.add_argument("--link", type=Path, metavar="PATH", help="a link to the pseudo-terminal; default: one in a temporary folder")
    where.add_argument("--tcp", type=_address, metavar="[HOST:]PORT", help="a TCP port instead, which has no baud rate; 0 is any free one")
    one.add_argument("--serial-number", metavar="S", help="the instrument's own; default: the page's")
    one.add_argument("--axis-error", type=_wavenumbers, default=0.0, metavar="CM", help="how far its axis is off, cm⁻¹ (default: 0)")
    one.add_argument("--fault", action="append", default=[], metavar="KIND", help="what goes wrong, see below; may be given several times")
    one.add_argument("--seed", type=_seed, default=0, metavar="N", help="the same number gives the same noise and faults (default: 0)")
    one.add_argument("--baud", type=shared.at_least_one, metavar="RATE", help="the rate it wakes at; default: the page's first")
    one.add_argument("--exposure", type=shared.seconds, metavar="S", help="exposure until it is told another, s; default: the page's")
    one.add_argument("--no-pacing", action="store_true", help="as fast as can be: neither line nor exposure take time")
    one.add_argument("--verbose", action="store_true", help="a line for every request and event, on standard error")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Simulate until a signal, or ``quit`` on standard input."""
    from raman_edge.cli.devices import materials  # noqa: PLC0415 - numpy
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415
    from raman_edge.simulator.ports import PtyAt, TcpAt  # noqa: PLC0415
    from raman_edge.simulator.scene import Scene  # noqa: PLC0415
    from raman_edge.simulator.simulated import Simulated  # noqa: PLC0415

    profile = catalogue.load(options.profile)
    scene = Scene(profile, options.material, find=materials.find, axis_error_cm=options.axis_error)
    at = TcpAt(*options.tcp) if options.tcp else PtyAt(options.link)
    simulated = Simulated(profile, scene, faults=options.fault, seed=options.seed, pacing=not options.no_pacing, at=at)
    simulated.device.begin(baud=options.baud, exposure_s=options.exposure, serial=options.serial_number)
    if options.verbose:
        simulated.note = say
    with stopping() as stop, simulated:
        _tell(options, profile, simulated)
        threading.Thread(target=_listen, args=(simulated, stop.event), daemon=True).start()
        while not stop.event.wait(LOOK_S) and simulated.running:
            pass
    return stop.code(0)


def _tell(options: argparse.Namespace, profile: Profile, simulated: Simulated) -> None:
    """Say where it is and how to connect."""
    device = simulated.device
    connect = f"raman-edge serial {shlex.quote(simulated.port)} --profile {shlex.quote(options.profile)}"
    serial, material = device.answers.serial_number, device.scene.material.name
    if options.json or not is_terminal():
        told = {"v": 1, "port": simulated.port, "profile": profile.device.id, "baud": device.baud, "connect": connect}
        write(json.dumps({**told, "serial_number": serial, "material": material}, ensure_ascii=False).encode())
        return
    write_text(f"{profile.device.vendor} {profile.device.model}, simulated, on {simulated.port}")
    write_text(f"  serial number {serial}, {device.baud} baud, {device.exposure_s:g} s, under its laser: {material}")
    write_text(f"  connect:  {connect}")
    write_text("  orders:   unplug, replug [SERIAL], material NAME, laser on|off, fault KIND, quit; Ctrl-C ends")


def _listen(simulated: Simulated, ended: threading.Event) -> None:
    """Carry out what stands on standard input, to its end; a mistake is told, and changes nothing."""
    from raman_edge.simulator import orders  # noqa: PLC0415 - once it runs

    with contextlib.suppress(OSError, ValueError):  # no standard input, or closed
        for line in sys.stdin or ():
            try:
                going_on = orders.carry_out(line, simulated)
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
    """Read an error of the axis, cm⁻¹, small enough to be one."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -200 <= value <= 200:  # noqa: PLR2004 - beyond that it is another instrument
        msg = f"expected wavenumbers in cm⁻¹, -200 to 200, such as 3; got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return value
