"""``raman-edge devices probe PORT``: what a device says of itself, with every byte that went over the line."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.errors import SourceUnavailable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.probe import ListenResult, ProbeResult, Traffic
    from raman_edge.instruments.spectrometer import InstrumentInfo

    Tell = Callable[[dict[str, object], Iterable[str]], None]
    """Takes a record for a program, and the same for a person; one of them is written."""

SILENT = SourceUnavailable.exit_code
ROW = 16
"""Bytes on one line."""
ROWS = 4
"""Lines that are shown of one message."""
SHOWN = 200
"""Characters that are shown of what came by itself."""


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "probe",
        help="what a device at a port answers: bytes both ways, and who it says it is",
        description="Listens first, and sends only the questions that profiles call safe (match.probe); with --profile, everything that "
        "the profile asks at an opening. 0 where something answered, 69 where nothing did, 75 where another program has the port.",
        allow_abbrev=False,
    )
    one.add_argument("port", metavar="PORT", help="a serial port, socket://HOST:PORT, usb:VID:PID[:SERIAL], or ocean:[SERIAL]")
    one.add_argument(
        "--profile", metavar="NAME", help="a profile that ships, or a file of your own; default: listen, then those with a question"
    )
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Listen or ask, and tell what came."""
    from raman_edge.instruments import ports  # noqa: PLC0415 - with the command

    tell = _as_json if options.json or not is_terminal() else _as_text
    if options.port.startswith(ports.OCEAN):
        return _driven(options.port, tell)
    if options.profile is not None:
        return _by_profile(options.port, options.profile, tell)
    return _unknown(options.port, tell)


def _driven(where: str, tell: Tell) -> int:
    from raman_edge.instruments.ocean_usb import OceanSpectrometer  # noqa: PLC0415 - with numpy

    with OceanSpectrometer(where) as spectrometer:
        if spectrometer.instrument is not None:
            tell(*_instrument(spectrometer.instrument))
    return 0


def _by_profile(where: str, name: str, tell: Tell) -> int:
    """Ask as a session does, and show every byte of it, also where it fails."""
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - with numpy
    from raman_edge.instruments.serial import ask  # noqa: PLC0415
    from raman_edge.instruments.serial.probe import LoggingPort  # noqa: PLC0415
    from raman_edge.instruments.serial.spectrometer import Environment  # noqa: PLC0415

    profile = catalogue.load(name)
    heard: list[Traffic] = []
    try:
        instrument = ask(profile, where, world=Environment(plug=partial(LoggingPort, heard)))
    finally:
        for spoken in heard:
            tell(*_spoken(spoken))
    tell(*_instrument(instrument))
    return 0


def _unknown(where: str, tell: Tell) -> int:
    """Listen; ask where it is silent; say what to try next."""
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - with numpy
    from raman_edge.instruments.serial import probe  # noqa: PLC0415 - with numpy

    profiles = [catalogue.load(name) for name in catalogue.profiles()]
    heard = probe.listen(where, profiles)
    tell(*_heard(heard))
    found = tuple(reading.profile for reading in heard.readings)
    answered = bool(heard.data)
    for question in () if answered else probe.questions(profiles):
        for asked in () if found else probe.ask(where, question):
            tell(*_asked(asked))
            answered = answered or bool(asked.got)
            found = asked.question.profiles if asked.answered else ()
    say(_advice(where, found or _by_usb(where, profiles), answered=answered))
    return 0 if answered else SILENT


def _by_usb(where: str, profiles: list[Profile]) -> tuple[str, ...]:
    """Return the profiles that name the USB device of a port."""
    from raman_edge.instruments import ports  # noqa: PLC0415 - with the command

    here = os.path.realpath(where)
    return next((port.profiles for port in ports.serial(profiles) if os.path.realpath(port.device) == here), ())


def _advice(where: str, found: tuple[str, ...], *, answered: bool) -> str:
    if found:
        told = "next" if answered else "no answer, but by its USB numbers it may be one that is asked otherwise; next"
        return f"{told}: raman-edge devices probe {where} --profile {', or '.join(found)}"
    if answered:
        return f"something is at {where}, and no profile that ships knows it; docs/instruments.md says how to write one"
    return (
        "nothing came, and no question was answered: is it on, are TX and RX the right way round? Most devices say nothing until they "
        f"are asked in their own words: raman-edge devices probe {where} --profile NAME, with a name of `raman-edge devices list`"
    )


def _as_json(fact: dict[str, object], _lines: Iterable[str]) -> None:
    write(json.dumps({"v": 1, **fact}, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def _as_text(_fact: dict[str, object], lines: Iterable[str]) -> None:
    for line in lines:
        write_text(line)


def _heard(heard: ListenResult) -> tuple[dict[str, object], list[str]]:
    text = heard.data.decode("ascii", "backslashreplace")[:SHOWN]
    readings = [{"profile": one.profile, "spectra": one.spectra, "values": one.values} for one in heard.readings]
    fact: dict[str, object] = {
        "event": "heard",
        "baud": heard.baud,
        "bytes": len(heard.data),
        "readable": round(heard.readable, 3),
        "text": text,
        "readings": readings,
    }
    if not heard.data:
        return fact, ["it says nothing by itself"]
    lines = [f"by itself, {_rate(heard.baud)}: {len(heard.data)} bytes, {100 * heard.readable:.0f} % of them text", *_rows("<", heard.data)]
    return fact, [*lines, *(f"{one.spectra} spectra of {one.values} values, read as {one.profile}" for one in heard.readings)]


def _asked(asked: ProbeResult) -> tuple[dict[str, object], list[str]]:
    question = asked.question
    fact: dict[str, object] = {
        "event": "asked",
        "profiles": list(question.profiles),
        "baud": asked.baud,
        "sent": question.sent.hex(" "),
        "expected": question.expected.hex(" "),
        "got": asked.got.hex(" "),
        "answered": asked.answered,
    }
    meaning = "silence" if not asked.got else "as it would answer" if asked.answered else "something else"
    title = f"asked as {' or '.join(question.profiles)}, {_rate(asked.baud)}: {meaning}"
    return fact, [title, *((*_rows(">", question.sent), *_rows("<", asked.got)) if asked.got else ())]


def _spoken(spoken: Traffic) -> tuple[dict[str, object], list[str]]:
    fact: dict[str, object] = {"event": "said", "sent": spoken.sent, "baud": spoken.baud, "hex": spoken.data.hex(" ")}
    return fact, list(_rows(">" if spoken.sent else "<", spoken.data, _rate(spoken.baud)))


def _instrument(told: InstrumentInfo) -> tuple[dict[str, object], list[str]]:
    import msgspec  # noqa: PLC0415 - with the command

    fact: dict[str, object] = {"event": "instrument", **msgspec.to_builtins(told)}
    exposure = told.integration
    factors = told.coefficients
    facts = {
        "profile": told.profile,
        "model": told.model,
        "identity": told.identity or "it tells none",
        "serial number": told.serial_number or "it tells none",
        "saturation": "unknown" if told.sensor.saturation is None else f"{told.sensor.saturation:g} counts",
        "exposure": "it cannot be told one" if exposure is None else f"{exposure.min} to {exposure.max} {exposure.unit}",
        "axis": "none; it takes a calibration"
        if factors is None
        else f"nm = {' '.join(f'{factor:+.6g} p^{at}' for at, factor in enumerate(factors))}",
    }
    return fact, [f"{name:15}{value}" for name, value in facts.items()]


def _rate(baud: int | None) -> str:
    return "over the network" if baud is None else f"{baud} baud"


def _rows(mark: str, data: bytes, note: str = "") -> Iterator[str]:
    """Give bytes as hexadecimal beside what can be read of them."""
    for at in range(0, min(len(data), ROW * ROWS), ROW):
        row = data[at : at + ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - ASCII that can be seen
        yield f"  {mark if not at else ' '} {row.hex(' '):{3 * ROW - 1}}  {text:{ROW}}  {note if not at else ''}".rstrip()
    if len(data) > ROW * ROWS:
        yield f"    … {len(data)} bytes in all"
