"""Requests read back: the bytes of the host as the command of the page that makes them, and what it asks for.

A request counts as understood only where the page, asked for the same, makes the very same bytes.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import expressions, fields, requests
from raman_edge.instruments.profiles.commands import Command
from raman_edge.instruments.profiles.fields import BinaryField, DecimalField
from raman_edge.instruments.profiles.frame import NUMPY, size_of
from raman_edge.instruments.profiles.requests import RequestValues

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from raman_edge.instruments.profiles.expressions import Expression
    from raman_edge.instruments.profiles.fields import Field
    from raman_edge.instruments.profiles.profile import Profile

    Number = BinaryField | DecimalField

DIGITS, ANY = (b"[-0-9.]", b"[-0-9.]*"), b"[\\s\\S]"
"""A number as text, and any byte, as patterns of one step each."""
LONGEST = 1024
"""Bytes without a request that are given up together."""
REMEMBERED = 64
"""Requests that are not read anew: a host says the same again and again."""
UNKNOWN = 2
"""OBP: error of a message type that the device does not know."""
BAD_CHECKSUM, BAD_PAYLOAD = 3, 6


NOTHING = Command()
"""What goes with a request that nobody understands."""


@dataclass(frozen=True, slots=True)
class HostRequest:
    """One request of the host."""

    name: str
    """Of the command; ``probe`` for the page's question, "" for what nobody understands."""
    data: bytes
    """As it came."""
    command: Command = NOTHING
    told: Mapping[str, int] = field(default_factory=dict, hash=False)
    """``integration``, ``averages``, ``index``, ``baud``: those that the request holds."""
    kind: int = 0
    """OBP: message type."""
    regarding: int = 0
    """OBP: given back in the answer."""
    wants_ack: bool = False
    """OBP: whether an acknowledgement was asked for."""
    md5: bool = False
    """OBP: whether it came with its MD5; the answer does too."""
    error: int = 0
    """OBP: why it is refused; 0 is understood."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How the bytes of one command look."""

    name: str
    command: Command
    whole: re.Pattern[bytes]
    """Matches it, with a group a number."""
    begun: re.Pattern[bytes]
    """Matches any beginning of it."""
    numbers: tuple[Number, ...]
    """What the groups are, in their order."""


def patterns(profile: Profile) -> tuple[Pattern, ...]:
    """Return how each command of a page looks, and the question that finds it."""
    found = [_pattern(str(path[1]), command) for path, command in requests.commands(profile)]
    probe = profile.match.probe
    return (*found, _pattern("probe", Command(send=probe.send))) if probe else tuple(found)


def _pattern(name: str, command: Command) -> Pattern:
    whole, steps = b"", list[bytes]()
    numbers: list[Number] = []
    for one in (one for text in command.send for one in fields.parse(text)):
        parts = _steps(one)
        steps += parts
        if isinstance(one, BinaryField | DecimalField) and one.names():
            numbers.append(one)
            whole += b"(" + b"".join(parts) + b")"
        else:
            whole += b"".join(parts)
    begun = b""
    for step in reversed(steps):
        begun = b"(?:" + step + begun + b")?"
    return Pattern(name, command, re.compile(whole), re.compile(begun), tuple(numbers))


def _steps(one: Field) -> list[bytes]:
    """Return what the bytes of a field may be, one pattern after the other."""
    if isinstance(one, fields.ChecksumField):
        return [ANY] * fields.CHECKS[one.kind][0]
    if not one.names():
        return [re.escape(bytes((byte,))) for byte in one.encoded({}, b"")]
    return [ANY] * size_of(one.dtype) if isinstance(one, BinaryField) else list(DIGITS)


class RequestReader:
    """Bytes of the host in, requests out; what is no request comes out without a name."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._patterns = patterns(profile)
        self._messages = any(pattern.command.message is not None for pattern in self._patterns)
        self._ends = _ends(self._patterns)
        self._known: dict[tuple[bytes, bool], HostRequest] = {}
        self.kept = bytearray()
        """Bytes that may become a request."""

    def next(self, *, streaming: bool) -> HostRequest | None:
        """Take the next request out of :attr:`kept`, None where it takes more bytes; ``streaming`` tells a stop from what looks like it."""
        if not self.kept:
            return None
        if self._messages:
            return self._message()
        data = bytes(self.kept)
        found = [(pattern, match) for pattern in self._patterns if (match := pattern.whole.match(data)) and match.end()]
        if found:
            longest = max(match.end() for _, match in found)
            return self._asked([one for one in found if one[1].end() == longest], bytes(self.kept[:longest]), streaming=streaming)
        if len(data) > LONGEST:
            self.kept.clear()
            return HostRequest("", data)
        if any(pattern.begun.fullmatch(data) for pattern in self._patterns):
            return None
        return self._unknown(data)

    def _asked(self, found: list[tuple[Pattern, re.Match[bytes]]], data: bytes, *, streaming: bool) -> HostRequest:
        del self.kept[: len(data)]
        if (data, streaming) not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            asked = [self._read(pattern, match.groups(), data) for pattern, match in found]
            sound = [one for one in asked if one.name] or asked
            stops = [one for one in sound if one.name == "stop"]
            self._known[data, streaming] = stops[0] if stops and streaming else sound[0]
        return self._known[data, streaming]

    def _read(self, pattern: Pattern, texts: tuple[bytes, ...], data: bytes) -> HostRequest:
        """Return what a request asks for; without a name where the page would not have written it so."""
        told: dict[str, Fraction] = {}
        try:
            for number, text in zip(pattern.numbers, texts, strict=True):
                told |= _solved(number.expression, _value(number, text), self._profile)
            wanted = _wanted(self._profile, told)
            if pattern.name != "probe" and _again(self._profile, pattern, wanted) != data:
                return HostRequest("", data)
        except (ConfigError, ValueError):
            return HostRequest("", data)
        values = {name: round(told[name]) for name in told if name != "baud_code"}
        if wanted.baud is not None:
            values["baud"] = wanted.baud
        return HostRequest(pattern.name, data, pattern.command, values)

    def _unknown(self, data: bytes) -> HostRequest | None:
        """Take what nobody understands: a line where requests are lines, else a byte."""
        end = next((place + 1 for place, byte in enumerate(data) if byte in self._ends), 0) if self._ends else 1
        if not end:
            return None
        del self.kept[:end]
        return HostRequest("", data[:end])

    def _message(self) -> HostRequest | None:
        """Take the next OBP message; bytes that are none are dropped."""
        from raman_edge.instruments.codecs import obp  # noqa: PLC0415 - for the few that speak it

        start = self.kept.find(obp.SYNC)
        del self.kept[: start if start >= 0 else max(0, len(self.kept) - 1)]
        if len(self.kept) < obp.HEADER.size:
            return None
        _, _, flags, _, kind, regarding, _, check, now, immediate, left = obp.HEADER.unpack_from(self.kept)
        length = obp.HEADER.size + left
        if not obp.CLOSING <= left <= obp.REPLY_MOST or now > obp.IMMEDIATE:
            del self.kept[: len(obp.SYNC)]
            return self._message()
        if len(self.kept) < length:
            return None
        data = bytes(self.kept[:length])
        del self.kept[:length]
        body = immediate[:now] if now else data[obp.HEADER.size : -obp.CLOSING]
        asked = self._by_kind(kind, body, data)
        whole = data == obp.Message(kind, body, flags, 0, regarding, struct.unpack_from("<H", data, 2)[0], check == obp.MD5).to_bytes()
        error = asked.error if whole else BAD_CHECKSUM
        name = "" if error else asked.name
        wants = bool(flags & obp.Flag.ACK_WANTED)
        return HostRequest(name, data, asked.command, asked.told, kind, regarding, wants, check == obp.MD5, error)

    def _by_kind(self, kind: int, body: bytes, data: bytes) -> HostRequest:
        known = [pattern for pattern in self._patterns if pattern.command.message == kind]
        for pattern in known:
            if match := pattern.whole.fullmatch(body):
                told: dict[str, Fraction] = {}
                for number, text in zip(pattern.numbers, match.groups(), strict=True):
                    told |= _solved(number.expression, _value(number, text), self._profile)
                return HostRequest(pattern.name, data, pattern.command, {name: round(value) for name, value in told.items()})
        return HostRequest("", data, error=BAD_PAYLOAD if known else UNKNOWN)


def _ends(patterns: tuple[Pattern, ...]) -> bytes:
    """Return the byte that ends every request; nothing where they end with different ones."""
    last = {fields.parse(pattern.command.send[-1])[-1].encoded({}, b"") for pattern in patterns if _text(pattern)}
    found = {text[-1:] for text in last}
    return found.pop() if len(found) == 1 and len(patterns) and all(map(_text, patterns)) else b""


def _text(pattern: Pattern) -> bool:
    """Whether a request is a text with an end of its own."""
    return bool(pattern.command.send) and pattern.command.send[-1].startswith("ascii:") and pattern.command.send[-1][-1:] in "\r\n%;"


def _again(profile: Profile, pattern: Pattern, wanted: RequestValues) -> bytes:
    values = requests.values(profile, pattern.name, wanted)
    return requests.sent(profile, pattern.command, values, pattern.name)


def _wanted(profile: Profile, told: Mapping[str, Fraction]) -> RequestValues:
    """Return what the numbers of a request ask for; ValueError where the device knows no such rate."""
    integration = round(told["integration"]) if "integration" in told else None
    baud = round(told["baud"]) if "baud" in told else None
    if "baud_code" in told:
        codes = profile.serial.switch.codes if profile.serial.switch else {}
        rates = [int(rate) for rate, code in codes.items() if code == told["baud_code"]]
        if not rates:
            raise ValueError(told["baud_code"])
        baud = rates[0]
    return RequestValues(integration, round(told.get("averages", Fraction(1))), round(told.get("index", Fraction(0))), baud)


def _value(number: Number, text: bytes) -> Fraction:
    """Return the number that its bytes stand for; ValueError where they stand for none."""
    if isinstance(number, DecimalField):
        return Fraction(text.decode("ascii"))
    order: Literal["little", "big"] = "little" if number.dtype.endswith("le") else "big"
    if number.dtype.startswith("f"):
        return Fraction(struct.unpack(NUMPY[number.dtype][0] + "f", text)[0])
    return Fraction(int.from_bytes(text, order, signed=number.dtype.startswith("i")))


def _solved(expression: Expression, value: Fraction, profile: Profile) -> dict[str, Fraction]:
    """Return what the one name in an expression is where the whole is ``value``; nothing where it stands in it twice."""
    if isinstance(expression, expressions.ExpressionName):
        formula = profile.values.get(expression.name)
        return _solved(expressions.parse(formula), value, profile) if formula else {expression.name: value}
    if not isinstance(expression, expressions.Operation) or bool(expression.left.names()) == bool(expression.right.names()):
        return {}
    if expression.right.names():
        return _solved(expression.right, _from_right(expression.left.value({}), expression.sign, value), profile)
    return _solved(expression.left, _from_left(expression.right.value({}), expression.sign, value), profile)


def _from_left(right: Fraction, sign: str, value: Fraction) -> Fraction:
    if sign in "+-":
        return value - right if sign == "+" else value + right
    return value / right if sign == "*" else value * right


def _from_right(left: Fraction, sign: str, value: Fraction) -> Fraction:
    if sign in "+-":
        return value - left if sign == "+" else left - value
    return value / left if sign == "*" else left / value
