"""Requests read back: the command of a profile that makes the bytes of a host, and the settings in them.

Every command is a pattern of constant bytes and numbers. A request is understood only where the profile, with the settings
read from it, makes the very same bytes.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs import obp
from raman_edge.instruments.profiles import expressions, fields, requests
from raman_edge.instruments.profiles.fields import CHECKSUMS, NUMPY, size_of
from raman_edge.instruments.profiles.profile import Command, Nonlinearity, ProbeCommand, Query
from raman_edge.instruments.profiles.requests import RequestValues

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raman_edge.instruments.profiles.fields import Field
    from raman_edge.instruments.profiles.profile import Profile

MOST_TRIED = 4096
"""Settings that are tried, one by one, for a request that computes several numbers from one of them."""
DIGITS, ANY = (b"[-0-9.]", b"[-0-9.]*"), b"[\\s\\S]"
"""Patterns of a decimal number and of any byte, one for each step of a partial match."""
LONGEST = 1024
"""Bytes without a request that are dropped together."""
REMEMBERED = 64
"""Requests kept parsed: a host repeats itself."""
OTHER = "other"
"""Name of a command that changes something and is not in the profile."""
BAD_CHECKSUM, BAD_PAYLOAD, UNKNOWN = 3, 6, 2
"""OBP: errors of a message."""
NO_COMMAND = Command()
"""Of a request that is not understood."""


@dataclass(frozen=True, slots=True)
class HostRequest:
    """One request of the host."""

    name: str
    """Of the command; ``probe`` for the profile's probe, ``other`` for one of ``match.disturbed_by``, "" where it is not understood."""
    data: bytes
    """As it came."""
    command: Command = NO_COMMAND
    values: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Those of ``integration``, ``averages``, ``index`` and ``baud`` that the request holds."""
    kind: int = 0
    """OBP: message type."""
    regarding: int = 0
    """OBP: repeated in the answer."""
    wants_ack: bool = False
    """OBP: whether an acknowledgement is requested."""
    md5: bool = False
    """OBP: whether it has an MD5; the answer has one, too."""
    error: int = 0
    """OBP: why it is refused; 0 is accepted."""


@dataclass(frozen=True, slots=True)
class RequestPattern:
    """The form of one command's bytes."""

    name: str
    command: Command
    whole: re.Pattern[bytes]
    """Matches a request, with a group for each number."""
    begun: re.Pattern[bytes]
    """Matches any beginning of a request."""
    numbers: tuple[Field, ...]
    """The fields of the groups."""


def patterns(profile: Profile) -> tuple[RequestPattern, ...]:
    """Return the pattern of each command of a profile, of its probe, and of the commands that it only names."""
    named = [(str(path[1]), command) for path, command in requests.commands(profile)]
    if isinstance(profile.match.probe, ProbeCommand):
        named.append(("probe", Command(send=profile.match.probe.send)))
    named += [(OTHER, Command(send=(text,), ack=bool(profile.answers.ack))) for text in profile.match.disturbed_by]
    return tuple(_pattern(name, command) for name, command in named)


def _pattern(name: str, command: Command) -> RequestPattern:
    whole, begun, steps = b"", b"", list[bytes]()
    numbers: list[Field] = []
    for one in (one for text in command.send for one in fields.parse(text)):
        if one.kind in CHECKSUMS:
            parts = [ANY] * CHECKSUMS[one.kind][0]
        elif not one.names():
            parts = [re.escape(bytes((byte,))) for byte in one.encoded({}, b"")]
        else:
            parts = list(DIGITS) if one.kind == "text" else [ANY] * size_of(one.kind)
            numbers.append(one)
        steps += parts
        whole += b"(" * bool(one.names()) + b"".join(parts) + b")" * bool(one.names())
    for step in reversed(steps):
        begun = b"(?:" + step + begun + b")?"
    return RequestPattern(name, command, re.compile(whole), re.compile(begun), tuple(numbers))


class RequestReader:
    """Splits bytes of the host into requests; bytes that are none become a request without a name."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._patterns = patterns(profile)
        self._messages = any(pattern.command.message is not None for pattern in self._patterns)
        self._end = _end(self._patterns)
        self._known: dict[tuple[bytes, bool], HostRequest] = {}
        self.kept = bytearray()
        """Bytes that may become a request."""

    def next(self, *, streaming: bool) -> HostRequest | None:
        """Take the next request out of :attr:`kept`; None where more bytes are needed.

        While ``streaming``, bytes that fit a stop and another command are the stop.
        """
        if not self.kept:
            return None
        if self._messages:
            return self._message()
        data = bytes(self.kept)
        found = [(pattern, match) for pattern in self._patterns if (match := pattern.whole.match(data)) and match.end()]
        if found:
            longest = max(match.end() for _, match in found)
            fitting = [(pattern, match.groups()) for pattern, match in found if match.end() == longest]
            return self._understood(fitting, self._taken(longest), streaming=streaming)
        if len(data) > LONGEST:
            return HostRequest("", self._taken(len(data)))
        if any(pattern.begun.fullmatch(data) for pattern in self._patterns):
            return None
        # Not understood: a line where requests are lines, else a byte.
        end = data.find(self._end) + 1 if self._end else 1
        return HostRequest("", self._taken(end)) if end else None

    def _taken(self, count: int) -> bytes:
        data = bytes(self.kept[:count])
        del self.kept[:count]
        return data

    def _understood(self, found: Sequence[tuple[RequestPattern, tuple[bytes, ...]]], data: bytes, *, streaming: bool) -> HostRequest:
        """Return the request that fits best; without a name where the profile would not have made these bytes."""
        if (data, streaming) not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            read = [request for pattern, groups in found if (request := self._read(pattern, groups, data))]
            stops = [request for request in read if request.name == "stop" and streaming]
            plain = [request for request in read if not request.values]  # ?x 14 is the degree, before it is coefficient 14
            self._known[data, streaming] = (stops or plain or read or [HostRequest("", data)])[0]
        return self._known[data, streaming]

    def _read(self, pattern: RequestPattern, groups: tuple[bytes, ...], data: bytes) -> HostRequest | None:
        """Return a request; None where the profile makes other bytes with the settings in it."""
        values = self._values(pattern, groups)
        if pattern.name in ("coefficient", "nonlinearity") and values.get("index") not in self._indices(pattern.name):
            return None
        try:
            settings = requests.values(self._profile, pattern.name, RequestValues(**values))
            if pattern.name not in ("probe", OTHER) and requests.sent(self._profile, pattern.command, settings, pattern.name) != data:
                return None
        except ConfigError:
            return None
        return HostRequest(pattern.name, data, pattern.command, values)

    def _indices(self, name: str) -> range:
        """Return the indices of the coefficients that a command requests."""
        facts = self._profile.wavelength if name == "coefficient" else self._profile.nonlinearity
        if not isinstance(facts, Query | Nonlinearity):
            return range(0)
        return range(facts.first_index, facts.first_index + facts.coefficients)

    def _values(self, pattern: RequestPattern, groups: tuple[bytes, ...]) -> dict[str, int]:
        """Return the settings in the numbers of a request; numbers that are a setting itself come before computed ones."""
        direct: dict[str, int] = {}
        computed: dict[str, list[tuple[Field, bytes, Sequence[int]]]] = {}
        for one, text in zip(pattern.numbers, groups, strict=True):
            name = one.expression.text if one.expression else ""
            value = _number(one, text)
            if value is not None and name in ("integration", "averages", "index"):
                direct.setdefault(name, round(value))
            elif value is not None and (found := self._computed(pattern.name, one, text, value)):
                computed.setdefault(found[0], []).append((one, text, found[1]))
        return {
            name: number for name, parts in computed.items() if (number := self._solved(pattern.name, name, parts)) is not None
        } | direct

    def _solved(self, command: str, name: str, parts: list[tuple[Field, bytes, Sequence[int]]]) -> int | None:
        """Return the setting with which every field is as it came; the field that leaves the fewest is tried first."""
        for number in chain.from_iterable(numbers[:MOST_TRIED] for _, _, numbers in sorted(parts, key=lambda part: len(part[2]))):
            with suppress(ConfigError):
                settings = requests.values(self._profile, command, RequestValues(**{name: number}))
                if all(_encoded(one, one.expression.value(settings)) == text for one, text, _ in parts if one.expression):
                    return number
        return None

    def _computed(self, command: str, one: Field, text: bytes, value: Fraction) -> tuple[str, Sequence[int]] | None:
        """Return the one setting that this field depends on, and its values for which the field is ``text``; None if it takes several."""
        expression = one.expression
        if expression is None or len(names := self._inputs(expression)) != 1:
            return None
        (name,) = names
        facts = self._profile.integration
        if name == "baud":
            numbers: Sequence[int] = self._profile.serial.baud
        elif name == "index":
            numbers = range(256)
        elif facts is not None:
            numbers = range(facts.min, facts.max + 1) if name == "integration" else range(1, facts.averages_max + 1)
        else:
            return None

        def at(number: int) -> Fraction:
            return expression.value(requests.values(self._profile, command, RequestValues(**{name: number})))

        try:
            if not isinstance(numbers, range):
                return name, [number for number in numbers if _encoded(one, at(number)) == text]
            # The arithmetic of one setting rises or falls with it, but for roundings: `_solved` verifies what is found.
            sign = 1 if at(numbers[0]) <= at(numbers[-1]) else -1
            first = bisect_left(numbers, sign * value, key=lambda number: sign * at(number))
            last = bisect_right(numbers, sign * value, key=lambda number: sign * at(number))
            places = range(max(first - 1, 0), min(last + 1, len(numbers)))  # the neighbours: a field may be rounded
            ends = [
                place for place in (places[0], first, last - 1, places[-1]) if place in places and _encoded(one, at(numbers[place])) == text
            ]
        except ConfigError:
            return None
        return name, numbers[min(ends) : max(ends) + 1] if ends else range(0)

    def _inputs(self, expression: expressions.Expression) -> set[str]:
        """Return the settings that an expression depends on, also by way of the profile's own values."""
        found: set[str] = set()
        for name in expression.names() - {"pixels"}:
            formula = self._profile.values.get(name)
            found |= self._inputs(expressions.parse(formula)) if formula else {"baud" if name == "baud_code" else name}
        return found

    def _message(self) -> HostRequest | None:
        """Take the next OBP message; other bytes are dropped."""
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
        data = self._taken(length)
        body = immediate[:now] if now else data[obp.HEADER.size : -obp.CLOSING]
        whole = data == obp.Message(kind, body, flags, 0, regarding, struct.unpack_from("<H", data, 2)[0], check == obp.MD5).to_bytes()
        known = [pattern for pattern in self._patterns if pattern.command.message == kind]
        name, command, values, error = "", NO_COMMAND, dict[str, int](), BAD_PAYLOAD if known else UNKNOWN
        for pattern in known:
            if match := pattern.whole.fullmatch(body):
                name, command, values, error = pattern.name, pattern.command, self._values(pattern, match.groups()), 0
                break
        if not whole:
            name, error = "", BAD_CHECKSUM
        return HostRequest(name, data, command, values, kind, regarding, bool(flags & obp.Flag.ACK_WANTED), check == obp.MD5, error)


def _end(patterns: tuple[RequestPattern, ...]) -> bytes:
    """Return the byte that ends every request; b"" where they do not all end with the same one."""
    last = {pattern.command.send[-1] if pattern.command.send else "" for pattern in patterns if pattern.name != OTHER}
    if not all(text.startswith("ascii:") and text[-1] in "\r\n%;" for text in last):
        return b""
    ends = {text[-1] for text in last}
    return ends.pop().encode("ascii") if len(ends) == 1 else b""


def _encoded(one: Field, value: Fraction) -> bytes:
    return fields.decimal(value, one.digits) if one.kind == "text" else fields.packed(value, one.kind)


def _number(one: Field, text: bytes) -> Fraction | None:
    """Return the number that the bytes of a field stand for; None where they stand for none."""
    try:
        if one.kind == "text":
            return Fraction(text.decode("ascii"))
        if one.kind.startswith("f"):
            return Fraction(struct.unpack(NUMPY[one.kind][0] + "f", text)[0])
    except (ValueError, OverflowError):  # not a number, or not finite
        return None
    return Fraction(int.from_bytes(text, "little" if one.kind.endswith("le") else "big", signed=one.kind.startswith("i")))
