"""``raman-edge instruments probe | new``: what an instrument answers, and a profile from what it sends."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.atomic_write import system_path, windows_refusal
from raman_edge.bounded_read import bounded
from raman_edge.cli import options as shared
from raman_edge.cli.instruments import ROW, byte_rows
from raman_edge.cli.output import as_json, say, shown_on, write_json, write_text
from raman_edge.errors import ConfigError, FormatError, SourceUnavailable
from raman_edge.instruments import codecs, ports
from raman_edge.instruments.ocean_usb import OceanSpectrometer
from raman_edge.instruments.profiles import catalogue, draft, validate
from raman_edge.instruments.serial import ask, probe, spectrometer
from raman_edge.settings import toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from raman_edge.cli.parser import Parser
    from raman_edge.instruments.serial.probe import ListenResult, ProbeReport, ProbeResult, Traffic
    from raman_edge.instruments.spectrometer import InstrumentInfo

    Show = Callable[[dict[str, object], Iterable[str]], None]
    """Takes a record for a program, and the same as lines for a person; writes one of them."""

SILENT = SourceUnavailable.exit_code
DEFAULT_BAUD = 115_200
MOST_CAPTURE = 2**24
"""Bytes of the largest file of raw bytes."""
ROWS = 4
"""Lines that are shown of one message."""
SHOWN = 200
"""Characters that are shown of unrequested data."""


# probe


def add_probe(parser: Parser) -> None:
    """Add the arguments of ``probe``."""
    parser.describe(
        description="Listen first. To a silent device, send only requests that change nothing in any known instrument. With --everything, "
        "send the requests of all profiles until one is answered; with --profile, all that this profile sends when it connects.",
        examples=(
            ("raman-edge instruments probe /dev/ttyUSB0", "listen, then send only what is harmless to every known instrument"),
            ("raman-edge instruments probe /dev/ttyUSB0 --everything", "send the other requests, too: they may disturb another device"),
            ("raman-edge instruments probe /dev/ttyUSB0 --profile ocean-usb2000", "send everything that this profile sends at connection"),
        ),
        exits={0: "something answered", SILENT: "nothing answered", 75: "another program has the port"},
    )
    parser.add_argument("port", metavar="PORT", help="a serial port, socket://HOST:PORT, usb:VID:PID[:SERIAL], or ocean:[SERIAL]")
    parser.add_argument(
        "--profile", metavar="NAME", help="a known profile, or a file; default: listen, then send the harmless requests of all profiles"
    )
    parser.add_argument(
        "--everything",
        action="store_true",
        help="also send requests that another device could take for a command, such as a request for one spectrum",
    )
    shared.add_json(parser)


def run_probe(options: argparse.Namespace) -> int:
    """Listen or ask, and print what came."""
    show = _show_json if as_json(options) else _show_text
    if options.port.startswith(ports.OCEAN):
        with OceanSpectrometer(options.port) as spectrometer:
            if spectrometer.instrument is not None:
                show(*_instrument(spectrometer.instrument))
        return 0
    if options.profile is not None:
        return _by_profile(options.port, options.profile, show)
    return _unknown(options.port, show, everything=options.everything)


def _by_profile(where: str, name: str, show: Show) -> int:
    """Connect as a measurement does, and show every byte of it, also where it fails."""
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
    profiles = catalogue.load_all(say)
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


# new


def add_new(parser: Parser) -> None:
    """Add the arguments of ``new``."""
    parser.describe(
        description="Look at the bytes of an instrument, say what is seen, and write a profile to your own folder, where every command "
        "finds it by its name. On a terminal, what is not given is asked for. Nothing is sent but --request. No profile is overwritten.",
        examples=(
            ("raman-edge instruments new mine --port /dev/ttyUSB0", "listen, and describe what comes"),
            (
                "raman-edge instruments new mine --port /dev/ttyUSB0 --request 'GO\\r'",
                "send GO and CR, and describe the answer",
            ),
            ("raman-edge instruments new mine --capture raw.bin --baud 115200", "describe bytes that were recorded before"),
        ),
        exits={SILENT: "nothing was received", 65: "no spectra were recognised"},
    )
    parser.add_argument("name", metavar="NAME", help="of the profile: small letters, digits and hyphens")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", metavar="PORT", help="the port of the instrument")
    where.add_argument("--capture", type=Path, metavar="FILE", help="raw bytes of the instrument, as they came")
    parser.add_argument("--request", metavar="TEXT", help="what to send for one spectrum, with \\r, \\n and \\xHH; default: listen only")
    parser.add_argument(
        "--baud", type=shared.at_least_one, metavar="RATE", help="its rate; default: the rate of readable text, else 115200"
    )
    parser.add_argument("--vendor", metavar="TEXT", help="who made it")
    parser.add_argument("--model", metavar="TEXT", help="what it is called")
    parser.add_argument("--laser", type=shared.laser_nm, metavar="NM", help="the wavelength of its laser, nm")
    shared.add_json(parser)


def run_new(options: argparse.Namespace) -> int:
    """Look, ask on a terminal, and write."""
    path = catalogue.own_folder() / f"{options.name}{catalogue.SUFFIX}"
    if why := windows_refusal(path.name):
        expected = "a name that a file can have everywhere"
        raise ConfigError(kind="not a name of a profile", place="NAME", got=f"{options.name!r}: {why}", expected=expected)
    if options.name in catalogue.profiles():
        advice = "Choose another name, or move the file away"
        raise ConfigError(kind="profile exists already", place=str(catalogue.find(options.name)), advice=advice)
    can_ask = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    if options.port is None and options.capture is None:
        if not can_ask:
            raise ConfigError(kind="nothing to look at", expected="--port PORT or --capture FILE")
        options.port = _prompt("Which port is it on?", next((port.address for port in ports.serial(())), "/dev/ttyUSB0"))
    request = draft.request_bytes(options.request or "")
    data, baud = _seen(options, request)
    if not data and can_ask and not request and options.port is not None:
        say("it sends nothing by itself")
        request = draft.request_bytes(_prompt("What has to be sent for one spectrum (\\r is carriage return; empty ends)?", ""))
        data, baud = _seen(options, request) if request else (data, baud)
    if not data:
        say("nothing was received; if the instrument waits for a request, name it: --request TEXT")
        return SILENT
    sight = draft.look(data, answer=bool(request))
    if sight is None:
        start = "; ".join(row.rstrip() for row in islice(byte_rows(data), 3))
        raise FormatError(
            kind="no spectra recognised", got=f"{len(data)} bytes: {start}", advice="docs/instruments.md shows how to write it"
        )
    say(f"I see {sight.described()}, at {baud} baud")
    vendor = options.vendor or (_prompt("Who made it?", "unknown") if can_ask else "unknown")
    model = options.model or (_prompt("What is it called?", options.name) if can_ask else options.name)
    laser = options.laser or (_laser() if can_ask else None)
    facts = draft.DraftFacts(options.name, baud, vendor, model, laser, draft.template(request))
    text = draft.page(facts, sight)
    profile = validate.convert(toml.parse(text.encode(), str(path)))
    frames = [event for event in codecs.of(profile.frame, streaming=profile.streams).feed(data) if isinstance(event, codecs.RawFrame)]
    system_path(path.parent).mkdir(parents=True, exist_ok=True)
    with system_path(path).open("x", encoding="utf-8") as file:
        file.write(text)
    if as_json(options):
        write_json({"v": 1, "profile": options.name, "file": str(path), "values": sight.values, "spectra": len(frames), "baud": baud})
    else:
        write_text(f"{path}: {len(frames)} spectra of {sight.values} values read with it")
    say(f"Next: raman-edge serial {options.port or 'PORT'} --profile {options.name}")
    return 0


def _seen(options: argparse.Namespace, request: bytes) -> tuple[bytes, int]:
    """Return bytes of the instrument and their rate."""
    if options.capture is not None:
        return bounded(options.capture, MOST_CAPTURE, FormatError), options.baud or DEFAULT_BAUD
    if request:
        return probe.answer_to(options.port, request, options.baud or DEFAULT_BAUD), options.baud or DEFAULT_BAUD
    heard = probe.listen(
        options.port, (), rates=(options.baud,) if options.baud else probe.RATES, recognise=lambda data: draft.look(data) is not None
    )
    return heard.data, heard.baud or DEFAULT_BAUD


def _prompt(question: str, default: str) -> str:
    """Ask on the terminal; Enter is the default."""
    print(shown_on(sys.stderr, f"{question} [{default}] "), end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip() or default


def _laser() -> float | None:
    """Ask for the wavelength of the laser until it is one, or nothing."""
    while text := _prompt("Which wavelength has its laser, in nm (empty: none, or unknown)?", ""):
        try:
            return shared.laser_nm(text)
        except argparse.ArgumentTypeError as error:
            say(str(error))
    return None
