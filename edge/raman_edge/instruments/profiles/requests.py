"""A command of a profile as the bytes that go over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import expressions, fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.instruments.profiles.commands import Command
    from raman_edge.instruments.profiles.expressions import Values
    from raman_edge.instruments.profiles.profile import Profile

UNITS = {"us": 1_000_000, "ms": 1_000, "s": 1}
"""``integration.unit`` → how many of it are a second."""
ALWAYS = ("averages", "pixels")
INTEGRATION = "integration"
OWN = {"coefficient": ("index",), "set_baud": ("baud", "baud_code")}
"""Command → names that it alone knows."""
BUILT_IN = frozenset((*ALWAYS, INTEGRATION, *OWN["coefficient"], *OWN["set_baud"]))


@dataclass(frozen=True, slots=True)
class RequestValues:
    """What a request is to ask for."""

    integration: int | None = None
    """In whole ``integration.unit``s; None is the profile's default."""
    averages: int = 1
    """Spectra that the device adds or averages."""
    index: int = 0
    """Which coefficient, counted as the device does."""
    baud: int | None = None
    """The new rate; None is the first of the profile."""


DEFAULT = RequestValues()


def wanted(profile: Profile, exposure_s: float | None = None, averages: int = 1) -> RequestValues:
    """Return what a request is to ask for, of an exposure in s (None is the default); :class:`ConfigError` where the device cannot."""
    most = 1 if profile.integration is None else profile.integration.averages_max
    if not 1 <= averages <= most:
        msg = f"got {averages} averages, {profile.device.id} takes 1 to {most}: average on this side"
        raise ConfigError(msg)
    return RequestValues(None if exposure_s is None else units(profile, exposure_s), averages)


def units(profile: Profile, exposure_s: float) -> int:
    """Return an exposure in the profile's whole units, the nearest; :class:`ConfigError` where the device cannot do it."""
    facts = profile.integration
    if facts is None:
        msg = f"{profile.device.id} cannot be told its exposure: leave it out"
        raise ConfigError(msg)
    scale = UNITS[facts.unit]
    low, high = facts.min / scale, facts.max / scale
    count = round(exposure_s * scale) if low / 2 <= exposure_s <= 2 * high else 0
    if not facts.min <= count <= facts.max:
        msg = f"got an exposure of {exposure_s:g} s, {profile.device.id} takes {low:g} to {high:g} s"
        raise ConfigError(msg)
    return count


def commands(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], Command]]:
    """Give the commands that the device has, each with its key in the profile."""
    for number, command in enumerate(profile.commands.prepare):
        yield ("commands", "prepare", number), command
    for name in profile.commands.__struct_fields__[1:]:
        command = getattr(profile.commands, name)
        if command is not None:
            yield ("commands", name), command


def known(profile: Profile, name: str) -> frozenset[str]:
    """Return the names that the expressions of a command may use."""
    timed = () if profile.integration is None else (INTEGRATION,)
    return frozenset((*ALWAYS, *timed, *OWN.get(name, ()), *profile.values))


def values(profile: Profile, name: str, asked: RequestValues = DEFAULT) -> Values:
    """Return what the names of a command stand for; :class:`ConfigError` where one of them cannot be worked out."""
    found = {"averages": Fraction(asked.averages), "pixels": Fraction(profile.n_pixels or 0)}
    if profile.integration is not None:
        found[INTEGRATION] = Fraction(asked.integration or profile.integration.default)
    for key, formula in profile.values.items():
        found[key] = expressions.parse(formula).value(found)
    if name == "coefficient":
        found["index"] = Fraction(asked.index)
    if name == "set_baud":
        baud = asked.baud or profile.serial.baud[0]
        switch = profile.serial.switch
        found |= {"baud": Fraction(baud), "baud_code": Fraction(switch.codes.get(str(baud), 0) if switch else 0)}
    return found


def request(profile: Profile, name: str, asked: RequestValues = DEFAULT) -> bytes:
    """Return the bytes of the command called ``name``; :class:`ConfigError` where the device has none, or a value does not fit."""
    command: Command | None = getattr(profile.commands, name)
    if command is None:
        msg = f"{profile.device.id} has no command {name}"
        raise ConfigError(msg)
    return sent(profile, command, values(profile, name, asked), f"commands.{name}")


def prepared(profile: Profile) -> tuple[bytes, ...]:
    """Return the requests after every opening, in their order."""
    meanings = values(profile, "prepare")
    return tuple(sent(profile, command, meanings, f"commands.prepare[{at}]") for at, command in enumerate(profile.commands.prepare))


def sent(profile: Profile, command: Command, meanings: Values, key: str) -> bytes:
    """Return the bytes of a command; :class:`ConfigError` names ``key`` and the field that does not fit."""
    data = b""
    for index, text in enumerate(command.send):
        try:
            for field in fields.parse(text):
                data += field.encoded(meanings, data)
        except ConfigError as error:
            msg = f"{key}.send[{index}] ({text!r}): {error}"
            raise ConfigError(msg) from error
    return data if command.message is None else _obp(command.message, data, md5=getattr(profile.frame, "checksum", False) is True)


def _obp(message: int, data: bytes, *, md5: bool) -> bytes:
    from raman_edge.instruments.codecs.obp import Message  # noqa: PLC0415 - with numpy, for the few that speak it

    return Message(message, data, md5=md5).to_bytes()
