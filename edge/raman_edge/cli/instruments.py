"""``raman-edge instruments``: spectrometers as profiles of facts: what is known, connected and remembered."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, is_terminal, say, write, write_json, write_text
from raman_edge.errors import ConfigError
from raman_edge.instruments import ports
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.profile import CERTAINTIES
from raman_edge.service import remembered
from raman_edge.settings import toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.cli.parser import Parser
    from raman_edge.instruments.ports import PortInfo
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.service.remembered import RememberedInstrument

WORDS = {True: "yes", False: "no"}
NOT_FOUND = 1
PROFILE = "the name of a known profile, or a file"
TITLES = ("PORT", "STATE", "USB", "WHAT", "PROFILE")
WSL = "this is WSL: usbipd attaches a USB device of Windows (`usbipd list`, `usbipd attach --wsl --busid …`)"
NOTHING = (
    "no serial port and no Ocean instrument was found: does the cable carry data, has the instrument power, does `dmesg` show it? "
    "A virtual machine or a container must be given the device"
)
ROW = 16
"""Bytes on one line."""
ACTIONS = {
    "list": ("raman_edge.cli.instruments:list", "list the known profiles, and how well each was tested"),
    "ports": ("raman_edge.cli.instruments:ports", "list serial ports and Ocean instruments on USB, and who uses them"),
    "probe": ("raman_edge.cli.instrument_probe:probe", "find out what is on a port: bytes in both directions, and its identity"),
    "new": ("raman_edge.cli.instrument_probe:new", "write a profile from what an instrument sends"),
    "show": ("raman_edge.cli.instruments:show", "show the remembered instruments, one of them, or the file of a profile"),
    "simulate": ("raman_edge.cli.instrument_runs:simulate", "simulate an instrument on a pseudo-terminal or a TCP port"),
    "record": ("raman_edge.cli.instrument_runs:record", "record raw exposures for `replay`, `identify` or `calibrate`"),
    "replay": ("raman_edge.cli.instrument_runs:replay", "identify a recording as if it were measured now"),
    "validate": ("raman_edge.cli.instruments:validate", "check profiles: every mistake with its line"),
    "explain": ("raman_edge.cli.instruments:explain", "show the bytes that a profile sends, and what it expects back"),
    "forget": ("raman_edge.cli.instruments:forget", "forget a remembered instrument"),
    "rename": ("raman_edge.cli.instruments:rename", "give a remembered instrument another name"),
}


def add_arguments(parser: Parser) -> None:
    """Add the command's actions."""
    parser.description = (
        "Spectrometers: what is connected, the profiles that describe them, simulated ones to try everything with, and recordings of raw "
        "exposures."
    )
    parser.examples = (
        ("raman-edge instruments ports", "what is connected"),
        ("raman-edge instruments list", "which instruments are known"),
        ("raman-edge instruments simulate ocean-usb2000", "an instrument to try everything with"),
    )
    parser.add_commands("ACTION", ACTIONS)


def byte_rows(data: bytes) -> Iterator[str]:
    """Give bytes in rows: hexadecimal, and what is printable of them."""
    for at in range(0, len(data), ROW):
        row = data[at : at + ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - printable ASCII
        yield f"{row.hex(' '):{3 * ROW - 1}}  {text:{ROW}}"


# list


def add_list(parser: Parser) -> None:
    """Add the arguments of ``list``."""
    parser.describe(
        description="List the profiles that ship and those in your own folder, and how well each was tested.",
        examples=(
            ("raman-edge instruments list", "every profile, with what was tested"),
            ("raman-edge instruments list ocean", "those with a word in name, vendor or model"),
        ),
        exits={NOT_FOUND: "no profile has these words"},
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="only profiles with every word in their name, vendor or model")
    shared.add_json(parser)


def run_list(options: argparse.Namespace) -> int:
    """Print a profile a line; 1 where the words fit none."""
    files = catalogue.profiles()
    profiles = [profile for profile in catalogue.load_all(say) if _fits(profile, options.words)]
    if not profiles:
        say(f"no profile has {' and '.join(options.words)} in its name, vendor or model; the profiles are {', '.join(files)}")
        return NOT_FOUND
    for profile in profiles:
        device, provenance = profile.device, profile.provenance
        if as_json(options):
            write_json(_facts(profile, files[device.id]))
            continue
        tested = "tested on hardware" if provenance.hardware_tested else "not tested on hardware"
        pixels = "any number of pixels" if profile.n_pixels is None else f"{profile.n_pixels} pixels"
        own = ", your own" if catalogue.is_own(files[device.id]) else ""
        write_text(f"{device.id}  {device.vendor} {device.model}{own}")
        write_text(f"  {pixels}, {profile.serial.baud[0]} baud")
        write_text(f"  {CERTAINTIES[provenance.certainty]}; {tested}")
    if not as_json(options):
        write_text("")
        write_text("raman-edge instruments explain NAME shows what a profile sends, show NAME all of it")
    return 0


def _fits(profile: Profile, words: Sequence[str]) -> bool:
    device = profile.device
    text = f"{device.id} {device.vendor} {device.model}".lower()
    return all(word.lower() in text for word in words)


def _facts(profile: Profile, file: Path) -> dict[str, object]:
    device, provenance = profile.device, profile.provenance
    return {
        "v": 1,
        "profile": device.id,
        "vendor": device.vendor,
        "model": device.model,
        "baud": list(profile.serial.baud),
        "pixels": profile.n_pixels,
        "certainty": provenance.certainty,
        "hardware_tested": provenance.hardware_tested,
        "unchecked": list(provenance.unchecked),
        "sources": list(provenance.sources),
        "file": str(file),
        "own": catalogue.is_own(file),
    }


# ports


def add_ports(parser: Parser) -> None:
    """Add the arguments of ``ports``."""
    parser.describe(
        description="List the serial ports of this machine and Ocean instruments on USB. No port is opened: opening restarts many boards. "
        "A port that a process of another user has open is listed as free.",
        examples=(
            ("raman-edge instruments ports", "what is connected, which profile fits, who has it open"),
            ("raman-edge instruments ports --json", "for a script"),
        ),
    )
    shared.add_json(parser)


def run_ports(options: argparse.Namespace) -> int:
    """Print a port a line; none is no error."""
    found = [*ports.serial(catalogue.load_all(say)), *ports.ocean()]
    if as_json(options):
        for port in found:
            facts = asdict(port)
            write_json({"v": 1, **{key: value for key, value in facts.items() if key != "use"}, **port.use._asdict()})
    else:
        _show_ports(found)
    for line in advice(found, Path("/proc/version")):
        say(line)
    return 0


def advice(found: Sequence[PortInfo], version: Path) -> Iterator[str]:
    """Give what to do about ports that are missing, or closed to this user."""
    if not found:
        yield f"{NOTHING}; {WSL}" if _is_wsl(version) else NOTHING
    denied = [port for port in found if port.use.access == "denied"]
    serial = [port for port in denied if not port.address.startswith(ports.OCEAN)]
    if serial:
        group = serial[0].use.group
        if group in {"", "root"}:  # joining root's group is no remedy: a udev rule opens the port to another one
            yield 'a udev rule opens ports to a group: SUBSYSTEM=="tty", GROUP="dialout", MODE="0660" in /etc/udev/rules.d/60-tty.rules'
            group = "dialout"
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


# show, forget, rename, validate, explain


def add_show(parser: Parser) -> None:
    """Add the arguments of ``show``."""
    parser.describe(
        description="Without a name, list the instruments that `raman-edge serial` remembers. With the name or the serial number of one, "
        "show what is remembered of it. With the name of a profile, print its TOML file, to copy and change.",
        examples=(
            ("raman-edge instruments show", "the remembered instruments"),
            ("raman-edge instruments show ocean-usb2000", "the profile of an instrument"),
            ("raman-edge instruments show generic-csv-stream > mine.toml", "a start for your own"),
        ),
    )
    parser.add_argument("profile", metavar="NAME", nargs="?", help="a remembered instrument, a profile that ships, or your own file")
    shared.add_json(parser)


def run_show(options: argparse.Namespace) -> int:
    """Print what is remembered, or the file of a profile: to a pipe or a file byte for byte."""
    known = remembered.load()
    if options.profile is None:
        if not known:
            say(f"no instrument is remembered in {str(remembered.path())!r}; `raman-edge serial` adds one")
        for one in known:
            _show_remembered(one, options)
        return 0
    mine = [one for one in known if options.profile in {one.name, one.serial_number}]
    for one in mine:
        _show_remembered(one, options)
    if mine:
        return 0
    path = catalogue.find(options.profile)
    toml.read(path)  # raises where the file cannot be read
    text = path.read_text("utf-8")
    if not is_terminal():
        write(text.removesuffix("\n").encode())
        return 0
    for line in text.splitlines():
        write_text(line)
    return 0


def _show_remembered(one: RememberedInstrument, options: argparse.Namespace) -> None:
    facts = {key: value for key, value in msgspec.structs.asdict(one).items() if value not in {None, ""}}
    if as_json(options):
        write_json({"v": 1, **facts, "last_used": str(one.last_used) if one.last_used else None})
        return
    write_text(one.name)
    for key, value in facts.items():
        if key != "name":
            write_text(f"  {key.replace('_', ' '):14} {WORDS.get(value, value) if isinstance(value, bool) else value}")


def add_forget(parser: Parser) -> None:
    """Add the arguments of ``forget``."""
    parser.describe(
        description="Forget what `raman-edge serial` remembers of an instrument; the next contact asks again. Its calibration stays: "
        "`raman-edge calibrate --remove` removes that.",
        examples=(
            ("raman-edge instruments forget 'Raman bench'", "by its name, as `instruments show` lists it"),
            ("raman-edge instruments forget SN42", "by its serial number"),
        ),
        exits={ConfigError.exit_code: "no such instrument"},
    )
    parser.add_argument("name", metavar="NAME", help="its name or serial number")


def run_forget(options: argparse.Namespace) -> int:
    """Forget an instrument."""
    gone = remembered.forget(options.name)
    say(f"{gone.name!r} is forgotten")
    return 0


def add_rename(parser: Parser) -> None:
    """Add the arguments of ``rename``."""
    parser.describe(
        description="Give a remembered instrument another name. A calibration that is kept by the old name, as of an instrument without a "
        "serial number, is kept by the new one from then on.",
        examples=(
            ("raman-edge instruments rename 'Ocean Optics USB2000' 'Raman bench'", "by its name"),
            ("raman-edge instruments rename SN42 'Raman bench'", "by its serial number"),
        ),
        exits={ConfigError.exit_code: "no such instrument, or another one has that name"},
    )
    parser.add_argument("name", metavar="NAME", help="its name or serial number")
    parser.add_argument("to", metavar="NEW", help="the new name")


def run_rename(options: argparse.Namespace) -> int:
    """Rename an instrument, and its calibration where that is kept by the name."""
    from raman_edge.service import calibrate  # noqa: PLC0415 - 60 modules that a list of profiles does without

    before = remembered.named(options.name)
    after = remembered.rename(options.name, options.to)
    if before.serial_number is None:
        calibrate.rename_calibration(before.name, after.name, before.model)
    say(f"{before.name!r} is now {after.name!r}")
    return 0


def add_validate(parser: Parser) -> None:
    """Add the arguments of ``validate``."""
    parser.describe(
        description="Check your own profiles before you use them: every mistake with its line, what was got and what is expected.",
        examples=(
            ("raman-edge instruments validate mine.toml", "every mistake with its line"),
            ("raman-edge instruments validate ocean-usb2000", "a known profile"),
        ),
        exits={ConfigError.exit_code: "a profile has mistakes"},
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, or the name of a known profile")
    shared.add_json(parser)


def run_validate(options: argparse.Namespace) -> int:
    """Check every file; :data:`ConfigError.exit_code` where one is wrong."""
    wrong = 0
    for name in options.files:
        device, mistakes = _checked(name)
        wrong += bool(mistakes)
        for mistake in mistakes:
            say(mistake)
        if as_json(options):
            write_json({"v": 1, "file": name, "ok": not mistakes, "profile": device, "mistakes": mistakes})
        else:
            write_text(f"{name}: {f'{len(mistakes)} mistake(s)' if mistakes else f'valid, {device}'}")
    return ConfigError.exit_code if wrong else 0


def _checked(name: str) -> tuple[str | None, list[str]]:
    """Return the profile's name, None where it is wrong, and its mistakes."""
    try:
        return catalogue.load(name).device.id, []
    except ConfigError as error:
        return None, [str(line) for line in error.args]


def add_explain(parser: Parser) -> None:
    """Add the arguments of ``explain``."""
    parser.describe(
        description="Show the bytes that a profile sends, and what it expects back, without sending any.",
        examples=(
            ("raman-edge instruments explain ocean-usb2000", "the bytes of every request, and what is expected back"),
            ("raman-edge instruments explain mine.toml --exposure 0.5", "your own, at an exposure of half a second"),
        ),
    )
    parser.add_argument("profile", metavar="PROFILE", help=PROFILE)
    parser.add_argument("--exposure", type=_seconds, metavar="S", help="exposure, s; default: the profile's own")
    parser.add_argument("--average", type=shared.at_least_one, default=1, metavar="N", help="spectra that the device averages (default: 1)")
    shared.add_json(parser)


def run_explain(options: argparse.Namespace) -> int:
    """Print one object, or lines for a person."""
    profile = catalogue.load(options.profile)
    found = requests.explain(profile, requests.wanted(profile, options.exposure, options.average))
    if as_json(options):
        sends = [{"command": name, "hex": data.hex(" ")} for name, data in found.requests]
        write_json({"v": 1, "profile": found.profile, "sends": sends, "expects": found.expects, "trust": found.trust})
        return 0
    write_text(found.profile)
    for name, data in found.requests:
        for number, row in enumerate(byte_rows(data) if data else [" " * (3 * ROW - 1)]):
            write_text(f"  {'' if number else name:17}  {row}".rstrip())
    for title, lines in (("expects", found.expects), ("trust", found.trust)):
        for number, line in enumerate(lines):
            write_text(f"  {'' if number else title:17}  {line}")
    return 0


def _seconds(text: str) -> float:
    """Read an exposure; the profile has its limits."""
    try:
        return float(text)
    except ValueError as error:
        msg = f"expected seconds, such as 0.1, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg) from error
