"""Commands of a profile as the bytes that go over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.obp import Message
from raman_edge.instruments.profiles import expressions, fields
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.profiles.profile import CERTAINTIES, Query, Static

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raman_edge.instruments.profiles.expressions import Values
    from raman_edge.instruments.profiles.profile import Command, Profile


UNITS = {"us": 1_000_000, "ms": 1_000, "s": 1}
"""``integration.unit`` → units in a second."""
ALWAYS = ("averages", "pixels")
OBP_KIND_END = 12
"""Bytes of a message of the Ocean Binary Protocol up to and including its kind."""
INTEGRATION = "integration"
OWN = {"coefficient": ("index",), "nonlinearity": ("index",), "set_baud": ("baud", "baud_code")}
"""Command → names that only its expressions may use."""
QUESTIONS = ("identify", "serial_number", "coefficient", "nonlinearity", "nonlinearity_count", "saturation")
"""Commands that are sent for their answer, and change nothing."""
BUILT_IN = frozenset((*ALWAYS, INTEGRATION, *OWN["coefficient"], *OWN["set_baud"]))


@dataclass(frozen=True, slots=True)
class RequestValues:
    """The settings that a request holds."""

    integration: int | None = None
    """In whole ``integration.unit``s; None is the profile's default."""
    averages: int = 1
    """Spectra that the device adds or averages."""
    index: int = 0
    """Of a coefficient, by the device's own numbers."""
    baud: int | None = None
    """The new rate; None is the first of the profile."""


DEFAULT = RequestValues()


def wanted(profile: Profile, exposure_s: float | None = None, averages: int = 1) -> RequestValues:
    """Return the settings for an exposure in s (None is the default); :class:`ConfigError` where the device cannot do it."""
    most = 1 if profile.integration is None else profile.integration.averages_max
    if not 1 <= averages <= most:
        advice = "Average on this side"
        raise ConfigError(kind="averages out of range", place=profile.device.id, got=str(averages), expected=f"1 to {most}", advice=advice)
    return RequestValues(None if exposure_s is None else units(profile, exposure_s), averages)


def units(profile: Profile, exposure_s: float) -> int:
    """Return an exposure in the nearest whole unit of the profile; :class:`ConfigError` where the device cannot do it."""
    facts = profile.integration
    if facts is None:
        raise ConfigError(kind="exposure cannot be set", place=profile.device.id, advice="Leave the exposure out")
    scale = UNITS[facts.unit]
    low, high = facts.min / scale, facts.max / scale
    count = round(exposure_s * scale) if low / 2 <= exposure_s <= 2 * high else 0
    if not facts.min <= count <= facts.max:
        place, got, expected = profile.device.id, f"{exposure_s:g} s", f"{low:g} to {high:g} s"
        raise ConfigError(kind="exposure out of range", place=place, got=got, expected=expected)
    return count


def commands(profile: Profile) -> Iterator[tuple[tuple[str | int, ...], Command]]:
    """Give the commands of the device, each with its key in the profile."""
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


def values(profile: Profile, name: str, settings: RequestValues = DEFAULT) -> Values:
    """Return the values of a command's names; :class:`ConfigError` where one cannot be computed."""
    found = {"averages": Fraction(settings.averages), "pixels": Fraction(profile.n_pixels or 0)}
    if profile.integration is not None:
        found[INTEGRATION] = Fraction(settings.integration or profile.integration.default)
    for key, formula in profile.values.items():
        found[key] = expressions.parse(formula).value(found)
    if name in ("coefficient", "nonlinearity"):
        found["index"] = Fraction(settings.index)
    if name == "set_baud":
        baud = settings.baud or profile.serial.baud[0]
        switch = profile.serial.switch
        found |= {"baud": Fraction(baud), "baud_code": Fraction(switch.codes.get(str(baud), 0) if switch else 0)}
    return found


def request(profile: Profile, name: str, settings: RequestValues = DEFAULT) -> bytes:
    """Return the bytes of a command; :class:`ConfigError` where the device has none of that name, or a value does not fit."""
    command: Command | None = getattr(profile.commands, name)
    if command is None:
        raise ConfigError(kind="no such command", place=profile.device.id, got=name)
    return sent(profile, command, values(profile, name, settings), f"commands.{name}")


def prepared(profile: Profile) -> tuple[bytes, ...]:
    """Return the requests after every opening, in order."""
    found = values(profile, "prepare")
    return tuple(sent(profile, command, found, f"commands.prepare[{at}]") for at, command in enumerate(profile.commands.prepare))


def probe(profile: Profile) -> bytes | None:
    """Return the request for an unknown device; None where the profile has none."""
    probe = profile.match.probe
    if probe is None:
        return None
    return request(profile, "identify") if isinstance(probe, str) else fields.request(probe.send, {})


def changing(profile: Profile) -> tuple[tuple[str, bytes], ...]:
    """Return the beginnings of all requests that change something in the device, each with its key in the profile.

    A beginning ends at the first number of the request; b"" is a request that begins with a number.
    """
    found = [(f"match.disturbed_by[{at}]", literal(text)) for at, text in enumerate(profile.match.disturbed_by)]
    for path, command in commands(profile):
        if path[1] not in QUESTIONS:
            found.append((".".join(map(str, path[1:])), _constant(command)))
    return tuple(found)


def disturbs(profile: Profile, data: bytes) -> str:
    """Return which request of this device ``data`` of another one holds or leaves begun, by its key; "" where it holds none.

    It holds one where the constant bytes at the beginning of the request stand anywhere in it: how a firmware goes on after bytes that it
    does not know is unknown, and so is what it takes for a number.
    """
    for key, begin in changing(profile):
        if begin in data or any(data.endswith(begin[:count]) for count in range(1, len(begin))):
            return key
    return ""


@lru_cache(maxsize=1024)
def misread(data: bytes, sender: int, listener: int) -> bytes:
    """Return the bytes that a UART reads at another baud rate than that of the sender; the line is quiet before and after.

    A falling edge begins a byte if the line is still low half a bit later; each bit is what the line is in its middle. A byte whose
    stop bit is low counts, too: some firmware takes it.
    """
    bits = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    step, heard, at = sender / listener, bytearray(), 0.0

    def level(place: float) -> int:
        return bits[int(place)] if place < len(bits) else 1

    while at < len(bits):
        if level(at):
            at = next((place for place in range(int(at) + 1, len(bits)) if not bits[place]), len(bits))
        elif level(at + step / 2):
            at = int(at) + 1
        else:
            heard.append(sum(level(at + (place + 1.5) * step) << place for place in range(8)))
            at += 9.5 * step
    return bytes(heard)


def in_safe_order(profile: Profile, data: bytes, rates: Iterable[int]) -> tuple[int, ...]:
    """Return the rates at which to send ``data`` to this device, each behind those at which the device could misread it as a command.

    So Ocean's ``v`` at 9600 baud is ``x``, which writes a constant to the EEPROM, where the device listens at 19200; once it was sent at
    19200 and nothing answered, the device is not there.
    """
    wanted, order = tuple(rates), list[int]()

    def add(rate: int, above: frozenset[int]) -> None:
        for other in wanted:
            if other not in (*order, *above, rate) and disturbs(profile, misread(data, rate, other)):
                add(other, above | {rate})
        if rate not in order:
            order.append(rate)

    for rate in wanted:
        add(rate, frozenset())
    return tuple(order)


def _constant(command: Command) -> bytes:
    """Return the bytes of a command before its first number."""
    if command.message is not None:
        return Message(command.message).to_bytes()[:OBP_KIND_END]
    data = b""
    for field in (field for text in command.send for field in fields.parse(text)):
        if field.names() or field.kind in fields.CHECKSUMS:
            break
        data += field.encoded({}, data)
    return data


def sent(profile: Profile, command: Command, found: Values, key: str) -> bytes:
    """Return the bytes of a command; :class:`ConfigError` names ``key`` and the field that does not fit."""
    data = b""
    for index, text in enumerate(command.send):
        try:
            for field in fields.parse(text):
                data += field.encoded(found, data)
        except ConfigError as error:
            raise error.at(f"{key}.send[{index}] ({text!r})") from error
    if command.message is None:
        return data
    return Message(command.message, data, md5=getattr(profile.frame, "checksum", False) is True).to_bytes()


CODECS = {"ooi": "Ocean's ASCII/binary set", "obp": "Ocean Binary Protocol", "delta8": "differences of one byte"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A profile for a reader or a test."""

    profile: str
    requests: tuple[tuple[str, bytes], ...]
    """Command and its bytes, in the order of the keys; those after every opening first."""
    expects: tuple[str, ...]
    """Line, answers, frame, axis."""
    trust: tuple[str, ...]
    """Certainty, sources, unchecked facts."""


def explain(profile: Profile, settings: RequestValues) -> Explanation:
    """Explain a profile, with the requests for these settings."""
    named = [(str(path[1]), command) for path, command in commands(profile)]
    made = tuple((name, sent(profile, command, values(profile, name, settings), f"commands.{name}")) for name, command in named)
    return Explanation(profile.device.id, made, tuple(_expected(profile)), tuple(_trust(profile)))


def _expected(profile: Profile) -> Iterator[str]:
    line, rates = profile.serial, ", ".join(map(str, profile.serial.baud))
    yield f"{rates} baud, {line.bytesize}{line.parity}{line.stopbits}"
    answers = {**profile.answers.literals, **{f"frame {name}": data for name, data in profile.frame.answers.items()}}
    if answers:
        yield ", ".join(f"{name} {data.hex(' ')}" for name, data in answers.items())
    yield from _frame(profile)
    if profile.streams:
        yield "spectra come without a request"
    axis = profile.wavelength
    if isinstance(axis, Static):
        yield f"axis: {len(axis.coefficients)} coefficients of this profile"
    elif isinstance(axis, Query):
        yield f"axis: {axis.coefficients} coefficients that the device returns"
    else:
        yield "axis: none; a calibration against a standard is needed"


def _frame(profile: Profile) -> Iterator[str]:
    frame = profile.frame
    pixels = "as many values as the first spectrum has" if frame.count is None else f"{frame.count} values"
    if isinstance(frame, FixedFrame):
        seconds = frame.size * profile.serial.bits_per_byte / profile.serial.baud[0]
        yield f"{pixels} of {frame.dtype}, {frame.size} bytes in all: {seconds:.2f} s at {profile.serial.baud[0]} baud"
    elif isinstance(frame, DelimitedFrame):
        yield f"{pixels} {'as text' if frame.text else f'of {frame.dtype}'} between the lines {frame.start!r} and {frame.end!r}"
    elif isinstance(frame, LinesFrame):
        line = {"row": "a spectrum", "column": "a value", "pairs": "a value and its place on the axis"}[frame.layout]
        yield f"{pixels} as text, {line} a line"
    elif isinstance(frame, NamedFrame):
        yield f"{pixels}, {CODECS[frame.name]}{' as text' if frame.text else ''}"


def _trust(profile: Profile) -> Iterator[str]:
    facts = profile.provenance
    yield f"{CERTAINTIES[facts.certainty]}; {f'tested by {facts.tested_by}' if facts.tested_by else 'not tested on hardware'}"
    yield from (f"source: {source}" for source in facts.sources)
    yield from (f"unchecked: {fact}" for fact in facts.unchecked)
    if profile.device.note:
        yield f"note: {profile.device.note}"
