"""``raman-edge instruments ports | probe``: what is connected, and what it answers."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, say, write_json, write_text
from raman_edge.errors import SourceUnavailable
from raman_edge.instruments import ports
from raman_edge.instruments.profiles import catalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from raman_edge.cli.parser import Actions
    from raman_edge.instruments.ports import PortInfo
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.probe import ListenResult, ProbeReport, ProbeResult, Traffic
    from raman_edge.instruments.spectrometer import InstrumentInfo

    Show = Callable[[dict[str, object], Iterable[str]], None]
    """Takes a record for a program, and the same as lines for a person; writes one of them."""

SILENT = SourceUnavailable.exit_code
TITLES = ("PORT", "STATE", "USB", "WHAT", "PROFILE")
WSL = "this is WSL: usbipd attaches a USB device of Windows (`usbipd list`, `usbipd attach --wsl --busid …`)"
NOTHING = (
    "no serial port and no Ocean instrument was found: does the cable carry data, has the instrument power, does `dmesg` show it? "
    "A virtual machine or a container must be given the device"
)
ROW = 16
"""Bytes on one line."""
ROWS = 4
"""Lines that are shown of one message."""
SHOWN = 200
"""Characters that are shown of unrequested data."""


def byte_rows(data: bytes) -> Iterator[str]:
    """Give bytes in rows: hexadecimal, and what is printable of them."""
    for at in range(0, len(data), ROW):
        row = data[at : at + ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - printable ASCII
        yield f"{row.hex(' '):{3 * ROW - 1}}  {text:{ROW}}"


# ports


def add_ports(actions: Actions) -> None:
    """Add ``ports``."""
    one = actions.add_parser(
        "ports",
        help="list serial ports and Ocean instruments on USB, and who uses them",
        description="List the serial ports of this machine and Ocean instruments on USB. No port is opened: opening restarts many boards. "
        "A port that a process of another user has open is listed as free.",
        examples=(
            ("raman-edge instruments ports", "what is connected, which profile fits, who has it open"),
            ("raman-edge instruments ports --json", "for a script"),
        ),
    )
    shared.add_json(one)
    one.set_defaults(run=_ports)


def _ports(options: argparse.Namespace) -> int:
    """Print a port a line; none is no error."""
    found = [*ports.serial(_profiles()), *ports.ocean()]
    if as_json(options):
        for port in found:
            facts = asdict(port)
            write_json({"v": 1, **{key: value for key, value in facts.items() if key != "use"}, **port.use._asdict()})
    else:
        _show_ports(found)
    for line in advice(found, Path("/proc/version")):
        say(line)
    return 0


def _profiles() -> list[Profile]:
    return catalogue.load_all(say)


def advice(found: Sequence[PortInfo], version: Path) -> Iterator[str]:
    """Give what to do about ports that are missing, or closed to this user."""
    if not found:
        yield f"{NOTHING}; {WSL}" if _is_wsl(version) else NOTHING
    denied = [port for port in found if port.use.access == "denied"]
    serial = [port for port in denied if not port.address.startswith(ports.OCEAN)]
    if serial:
        group = serial[0].use.group or "dialout"
        yield (
            f"{', '.join(port.device for port in serial)}: permission denied; run `sudo usermod -aG {group} $USER` and log in again "
            "(a service: SupplementaryGroups=, as in docs/running/serial.conf)"
        )
    if len(denied) > len(serial):
        yield "Ocean instrument: permission denied; copy docs/running/70-raman-edge.rules to /etc/udev/rules.d, which opens it to dialout"
    if any(port.address.startswith(ports.OCEAN) for port in found) and find_spec("seabreeze") is None:
        yield "Ocean instruments on USB need the extra usb: pip install 'raman-edge[usb]'"


def _is_wsl(version: Path) -> bool:
    try:
        return "microsoft" in version.read_text("utf-8").lower()
    except OSError:
        return False


def _show_ports(found: Sequence[PortInfo]) -> None:
    """Print columns; the persistent name stands below the one that changes."""
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


# probe


def add_probe(actions: Actions) -> None:
    """Add ``probe``."""
    one = actions.add_parser(
        "probe",
        help="find out what is on a port: bytes in both directions, and its identity",
        description="Listen first. To a silent device, send only requests that change nothing in any known instrument. With --everything, "
        "send the requests of all profiles until one is answered; with --profile, all that this profile sends when it connects.",
        examples=(
            ("raman-edge instruments probe /dev/ttyUSB0", "listen, then send only what is harmless to every known instrument"),
            ("raman-edge instruments probe /dev/ttyUSB0 --everything", "send the other requests, too: they may disturb another device"),
            ("raman-edge instruments probe /dev/ttyUSB0 --profile ocean-usb2000", "send everything that this profile sends at connection"),
        ),
        exits={0: "something answered", SILENT: "nothing answered", 75: "another program has the port"},
    )
    one.add_argument("port", metavar="PORT", help="a serial port, socket://HOST:PORT, usb:VID:PID[:SERIAL], or ocean:[SERIAL]")
    one.add_argument(
        "--profile", metavar="NAME", help="a known profile, or a file; default: listen, then send the harmless requests of all profiles"
    )
    one.add_argument(
        "--everything",
        action="store_true",
        help="also send requests that another device could take for a command, such as a request for one spectrum",
    )
    shared.add_json(one)
    one.set_defaults(run=_probe)


def _probe(options: argparse.Namespace) -> int:
    """Listen or ask, and print what came."""
    show = _show_json if as_json(options) else _show_text
    if options.port.startswith(ports.OCEAN):
        from raman_edge.instruments.ocean_usb import OceanSpectrometer  # noqa: PLC0415 - slow to import; `ports` does without

        with OceanSpectrometer(options.port) as spectrometer:
            if spectrometer.instrument is not None:
                show(*_instrument(spectrometer.instrument))
        return 0
    if options.profile is not None:
        return _by_profile(options.port, options.profile, show)
    return _unknown(options.port, show, everything=options.everything)


def _by_profile(where: str, name: str, show: Show) -> int:
    """Connect as a measurement does, and show every byte of it, also where it fails."""
    from raman_edge.instruments.serial import ask, probe, spectrometer  # noqa: PLC0415 - slow to import; `ports` does without

    profile = catalogue.load(name)
    log: list[Traffic] = []
    try:
        instrument = ask(profile, where, world=spectrometer.Environment(plug=partial(probe.LoggingPort, log)))
    finally:
        for traffic in log:
            show(*_traffic(traffic))
    show(*_instrument(instrument))
    return 0


def _unknown(where: str, show: Show, *, everything: bool) -> int:
    """Listen, and send requests if the device is silent; print what was found and what to do next."""
    from raman_edge.instruments.serial import probe  # noqa: PLC0415 - slow to import; `ports` does without

    profiles = _profiles()
    report = probe.find(
        where,
        profiles,
        usb=ports.named_by_usb(where, profiles),
        everything=everything,
        show=lambda fact: show(*(_probed(fact) if isinstance(fact, probe.ProbeResult) else _listened(fact))),
    )
    show(*_candidates(report))
    for line in _next_steps(where, report):
        say(line)
    return SILENT if report.silent else 0


def _candidates(report: ProbeReport) -> tuple[dict[str, object], list[str]]:
    fact: dict[str, object] = {
        "event": "candidates",
        "candidates": [asdict(candidate) for candidate in report.candidates],
        "withheld": [
            {"profiles": list(question.profiles), "sent": question.sent.hex(" "), "why": question.withheld} for question in report.withheld
        ],
    }
    return fact, [f"{candidate.profile}: {candidate.reason}" for candidate in report.found]


def _next_steps(where: str, report: ProbeReport) -> Iterator[str]:
    if report.found:
        first, *others = report.found
        if report.silent:
            yield "nothing was received, and nothing was sent: its USB numbers are those of a known instrument"
        also = f"; if its spectra stay broken, {', then '.join(other.profile for other in others)}" if others else ""
        yield f"Next: raman-edge instruments probe {where} --profile {first.profile}{also}"
        return
    if report.heard.data:
        yield f"it sends data, and no known profile reads it; raman-edge instruments new NAME --port {where} writes one from them"
        return
    if report.silent:
        yield "nothing was received: is it on, are TX and RX connected the right way round?"
    else:
        yield "something answered, but not as an instrument with a profile does"
    if report.withheld:
        yield f"{len(report.withheld)} requests were not sent, because another device could take them for a command:"
        for question in report.withheld:
            yield f"  {', '.join(question.profiles)}: {question.withheld}"
        yield f"if none of that matters here: raman-edge instruments probe {where} --everything"
    yield "if you know the instrument: --profile NAME, with a name of `raman-edge instruments list`, or `raman-edge instruments new`"


def _show_json(fact: dict[str, object], _lines: Iterable[str]) -> None:
    write_json({"v": 1, **fact})


def _show_text(_fact: dict[str, object], lines: Iterable[str]) -> None:
    for line in lines:
        write_text(line)


def _listened(heard: ListenResult) -> tuple[dict[str, object], list[str]]:
    fact: dict[str, object] = {
        "event": "listened",
        "baud": heard.baud,
        "bytes": len(heard.data),
        "readable": round(heard.readable, 3),
        "text": heard.data.decode("ascii", "backslashreplace")[:SHOWN],
        "readings": [{"profile": one.profile, "spectra": one.spectra, "values": one.values} for one in heard.readings],
    }
    if not heard.data:
        return fact, ["it sends nothing without a request"]
    title = f"without a request, {_rate(heard.baud)}: {len(heard.data)} bytes, {100 * heard.readable:.0f} % of them text"
    spectra = (f"{one.spectra} spectra of {one.values} values, read with {one.profile}" for one in heard.readings)
    return fact, [title, *_rows("<", heard.data), *spectra]


def _probed(result: ProbeResult) -> tuple[dict[str, object], list[str]]:
    question = result.question
    fact: dict[str, object] = {
        "event": "probed",
        "profiles": list(question.profiles),
        "baud": result.baud,
        "sent": question.sent.hex(" "),
        "expected": question.expected.hex(" "),
        "got": result.got.hex(" "),
        "answered": result.answered,
    }
    meaning = "no answer" if not result.got else "the expected answer" if result.answered else "another answer"
    title = f"request of {' or '.join(question.profiles)}, {_rate(result.baud)}: {meaning}"
    return fact, [title, *((*_rows(">", question.sent), *_rows("<", result.got)) if result.got else ())]


def _traffic(traffic: Traffic) -> tuple[dict[str, object], list[str]]:
    fact: dict[str, object] = {"event": "traffic", "sent": traffic.sent, "baud": traffic.baud, "hex": traffic.data.hex(" ")}
    return fact, list(_rows(">" if traffic.sent else "<", traffic.data, _rate(traffic.baud)))


def _instrument(found: InstrumentInfo) -> tuple[dict[str, object], list[str]]:
    exposure, factors = found.integration, found.coefficients
    axis = "none; it needs a calibration"
    if factors is not None:
        axis = f"nm = {' '.join(f'{factor:+.6g} p^{power}' for power, factor in enumerate(factors))}"
    facts = {
        "profile": found.profile,
        "model": found.model,
        "identity": found.identity or "not reported",
        "serial number": found.serial_number or "not reported",
        "saturation": "unknown" if found.sensor.saturation is None else f"{found.sensor.saturation:g} counts",
        "exposure": "fixed" if exposure is None else f"{exposure.min} to {exposure.max} {exposure.unit}",
        "axis": axis,
    }
    return {"event": "instrument", **msgspec.to_builtins(found)}, [f"{name:15}{value}" for name, value in facts.items()]


def _rate(baud: int | None) -> str:
    return "over the network" if baud is None else f"{baud} baud"


def _rows(mark: str, data: bytes, note: str = "") -> Iterator[str]:
    """Give the first bytes of a message, with its direction and ``note`` on the first line."""
    for number, row in enumerate(byte_rows(data[: ROW * ROWS])):
        yield f"  {' ' if number else mark} {row}  {'' if number else note}".rstrip()
    if len(data) > ROW * ROWS:
        yield f"    … {len(data)} bytes in all"
