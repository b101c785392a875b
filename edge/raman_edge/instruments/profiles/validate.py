"""What the tables of a profile say of each other and cannot all be true: every such mistake, with its key."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import frame_checks, request_checks
from raman_edge.instruments.profiles.profile import Profile, Query, Static
from raman_edge.instruments.profiles.requests import commands
from raman_edge.settings import toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.instruments.profiles.commands import Command
    from raman_edge.settings.errors import KeyPath
    from raman_edge.settings.toml import TomlDocument

Found = tuple["KeyPath", str]
"""Where, and what is to be told."""

PAIRS = (
    ("laser_on", "laser_off", "a laser that is switched on has to be switched off on every fault"),
    ("laser_watchdog", "laser_on", "a watchdog guards a laser that is switched on"),
    ("shutter_close", "shutter_open", "a shutter that is closed has to be opened again"),
    ("start", "stop", "a stream that is started has to be stopped"),
    ("save_baud", "set_baud", "only a rate that was changed can be kept"),
)
"""Command, the one it needs, and why."""
QUESTIONS = ("identify", "serial_number", "coefficient", "saturation")
"""Commands that are asked for their answer."""
MEASUREMENTS = ("acquire", "repeat", "start")
"""Commands that are answered with a frame."""
SHORTEST_NM, LONGEST_NM = 150.0, 3000.0
"""What a grating spectrometer can see."""


def load(path: Path) -> Profile:
    """Read a profile; :class:`ConfigError` with a line for every mistake: file, line, key, got, expected."""
    return convert(toml.read(path))


def convert(document: TomlDocument) -> Profile:
    """Return a document as a profile; :class:`ConfigError` with a line for every mistake."""
    profile = toml.convert(document, Profile)
    found = [(document.lines.get(_known(document, path), 0), path, said) for path, said in check(profile)]
    if found:
        found.sort(key=lambda mistake: mistake[0])
        raise ConfigError(*(f"{document.place(path)}: {named(path)}: {said}" for _, path, said in found))
    return profile


def check(profile: Profile) -> Iterator[Found]:
    """Give every mistake between the tables."""
    yield from _provenance(profile)
    yield from _commands(profile)
    yield from _wavelength(profile)
    yield from _dark(profile)
    yield from frame_checks.check(profile)
    yield from request_checks.check(profile)


def named(path: KeyPath) -> str:
    """Return a key as a person writes it: ``commands.acquire.send[1]``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _known(document: TomlDocument, path: KeyPath) -> KeyPath:
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _provenance(profile: Profile) -> Iterator[Found]:
    facts = profile.provenance
    if facts.hardware_tested and facts.tested_by is None:
        yield ("provenance", "hardware_tested"), "is true, and nobody is named: say in tested_by who tried it, when, on which firmware"
    if facts.tested_by is not None and not facts.hardware_tested:
        yield ("provenance", "tested_by"), "names somebody, and hardware_tested is false: set it to true, or leave tested_by out"


def _commands(profile: Profile) -> Iterator[Found]:
    have = {path[1] for path, _ in commands(profile)}
    for name, needed, why in PAIRS:
        if name in have and needed not in have:
            yield ("commands", name), f"stands without commands.{needed}: {why}"
    if "laser_on" in have and profile.laser is None:
        yield ("commands", "laser_on"), "stands without a [laser] table: say its wavelength_nm"
    if "laser_watchdog" in have and (profile.laser is None or profile.laser.watchdog_s is None):
        yield ("commands", "laser_watchdog"), "stands without laser.watchdog_s: say after how many seconds it switches the laser off"
    for path, command in commands(profile):
        yield from _command(profile, path, command)


def _command(profile: Profile, path: KeyPath, command: Command) -> Iterator[Found]:
    if path[1] in QUESTIONS and command.reply == "none":
        yield (*path, "reply"), 'is "none", and this command is asked for its answer: say "line", "u16be" …'
    if path[1] in MEASUREMENTS and command.reply != "none":
        yield (*path, "reply"), f'is "{command.reply}", and a spectrum is told in [frame]: leave it out'
    if command.ack and not profile.answers.ack:
        yield (*path, "ack"), "is true, and answers.ack is empty: say which bytes the device acknowledges with"
    if command.reply != "line" and command.after:
        yield (*path, "after"), f'belongs to reply = "line", and reply is "{command.reply}"'
    if command.message is None and not command.send:
        yield (*path, "send"), "is empty: say what goes over the wire"
    if (command.message is not None) != _speaks_obp(profile):
        yield (*path, "message"), 'belongs to frame.name = "obp", there every command has one, and elsewhere none'


def _speaks_obp(profile: Profile) -> bool:
    return getattr(profile.frame, "name", "") == "obp"


def _wavelength(profile: Profile) -> Iterator[Found]:
    axis = profile.wavelength
    if isinstance(axis, Query) and profile.commands.coefficient is None:
        yield ("wavelength", "source"), 'is "query", and there is no commands.coefficient to ask with'
    if not isinstance(axis, Query) and profile.commands.coefficient is not None:
        yield ("commands", "coefficient"), 'is asked by nobody: say wavelength.source = "query", or leave it out'
    if isinstance(axis, Static):
        yield from _polynomial(profile, axis)


def _polynomial(profile: Profile, axis: Static) -> Iterator[Found]:
    path = ("wavelength", "coefficients")
    if profile.n_pixels is None:
        yield path, "stand without frame.count: say how many pixels there are"
        return
    first, last = profile.sensor.active or (0, profile.n_pixels - 1)
    if last >= profile.n_pixels:
        return  # which is told of sensor.active
    nm = [_at(axis.coefficients, pixel + axis.first_pixel) for pixel in range(first, last + 1)]
    steps = [after - before for before, after in pairwise(nm)]
    turn = next((at for at, step in enumerate(steps) if not step * steps[0] > 0), None)
    if turn is not None:
        yield path, f"give an axis that turns back at pixel {first + turn + 1} ({nm[turn]:g} nm, then {nm[turn + 1]:g}): check their order"
    elif not SHORTEST_NM <= min(nm) <= max(nm) <= LONGEST_NM:
        yield path, f"give {min(nm):g} to {max(nm):g} nm, expected {SHORTEST_NM:g} to {LONGEST_NM:g} nm: are they in nm?"


def _at(coefficients: tuple[float, ...], pixel: int) -> float:
    value = 0.0
    for factor in reversed(coefficients):
        value = value * pixel + factor
    return value


def _dark(profile: Profile) -> Iterator[Found]:
    if profile.dark.method == "laser" and profile.laser is not None and profile.laser.keep_warm:
        yield ("dark", "method"), 'is "laser", and laser.keep_warm is true: a dark would let it cool; say "shutter" or "ask"'
    needed = {"laser": "laser_off", "shutter": "shutter_close"}.get(profile.dark.method)
    if needed and getattr(profile.commands, needed) is None:
        yield ("dark", "method"), f'is "{profile.dark.method}", and there is no commands.{needed}'
