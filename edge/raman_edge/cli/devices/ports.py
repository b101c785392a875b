"""``raman-edge devices ports``: where instruments are plugged in, what is on them, and whether they can be used."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from raman_edge.instruments.ports import PortInfo

TITLES = ("PORT", "STATE", "USB", "WHAT", "PROFILE")
WSL = "this is WSL: usbipd attaches a USB device of Windows to it (`usbipd list`, `usbipd attach --wsl --busid …`)"
NOTHING = (
    "no serial port and no Ocean instrument is here: does the cable carry data, has the instrument power, does `dmesg` say that it came? "
    "A virtual machine or a container has to be given the device"
)


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "ports",
        help="the serial ports of this machine, and Ocean instruments on USB: what is on them, who has them open",
        description="Looks and opens nothing: opening a port restarts many boards. A port that a process of another user has open "
        "is told as free.",
        allow_abbrev=False,
    )
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print a port a line; none is no mistake."""
    from raman_edge.instruments import ports  # noqa: PLC0415 - msgspec
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - msgspec

    profiles = [catalogue.load(name) for name in catalogue.profiles()]
    found = [*ports.serial(profiles), *ports.ocean()]
    if options.json or not is_terminal():
        for port in found:
            write(json.dumps({"v": 1, **_fact(port)}, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    else:
        _show(found)
    for line in advice(found, Path("/proc/version")):
        say(line)
    return 0


def advice(found: Sequence[PortInfo], version: Path) -> Iterator[str]:
    """Give what to do about ports that are not there, or not for this user."""
    if not found:
        yield f"{NOTHING}; {WSL}" if _is_wsl(version) else NOTHING
    denied = [port for port in found if port.use.access == "denied"]
    serial = [port for port in denied if not port.address.startswith("ocean:")]
    if serial:
        group = serial[0].use.group or "dialout"
        yield (
            f"{', '.join(port.device for port in serial)}: not for this user; `sudo usermod -aG {group} $USER`, and log in again "
            "(a service: SupplementaryGroups=, as in docs/running/serial.conf)"
        )
    if len(denied) > len(serial):
        yield "an Ocean instrument is not for this user: docs/running/70-raman-edge.rules, copied to /etc/udev/rules.d, gives it to dialout"
    if any(port.address.startswith("ocean:") for port in found) and not _has_seabreeze():
        yield "Ocean instruments on USB take the extra usb: pip install 'raman-edge[usb]'"


def _is_wsl(version: Path) -> bool:
    try:
        return "microsoft" in version.read_text("utf-8").lower()
    except OSError:
        return False


def _has_seabreeze() -> bool:
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("seabreeze") is not None


def _fact(port: PortInfo) -> dict[str, object]:
    facts = asdict(port)
    return {**{key: value for key, value in facts.items() if key != "use"}, **port.use._asdict()}


def _show(found: Sequence[PortInfo]) -> None:
    """Print columns; a name that lasts stands below the one that changes."""
    if not found:
        return
    rows = [TITLES, *(_row(port) for port in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    below = [None, *(port.address if port.address != port.device else None for port in found)]
    for row, address in zip(rows, below, strict=True):
        write_text("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())
        if address is not None:
            write_text(f"  {address}")


def _row(port: PortInfo) -> tuple[str, ...]:
    usb = "" if port.vid is None else f"{port.vid:04x}:{port.pid:04x} {port.serial_number or ''}".rstrip()
    state = f"busy: {port.use.holder}" if port.use.access == "busy" else port.use.access
    return (port.device, state, usb or "-", port.what or "-", ", ".join(port.profiles) or "-")
