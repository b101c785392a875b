"""From a port to a device that answers: opening, boot, baud rate, the rate that the user wants, identity.

A change of the rate (Ocean, SAD500 manual): the command, its acknowledgement at the old rate, more than 50 ms, the same command at
the new rate, its acknowledgement there; "if a deviation occurs at any step, the previous baud rate is utilized". Other
devices change at once, and prove it by an answer at the new rate. Answers have no checksum, so an identity must come twice in a row.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from raman_edge.errors import ConfigError, SourceError, SourceUnavailable
from raman_edge.instruments.profiles import fields, requests
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.profile import ProbeCommand, Query, Static
from raman_edge.instruments.profiles.requests import DEFAULT, RequestValues
from raman_edge.instruments.profiles.validate import LONGEST_NM, SHORTEST_NM
from raman_edge.instruments.serial.transport import SLICE_S, TEXTS, ReplyProblem, number
from raman_edge.instruments.spectrometer import InstrumentInfo, plausible_nonlinearity

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from raman_edge.instruments.profiles.profile import Command, Profile
    from raman_edge.instruments.serial.transport import Transport

ROUNDS = 2
"""How often every rate is tried: bytes sent at a wrong rate may disturb the device at the right one."""
CHECK = "Is it on, and is this its profile?"
OPTIONAL = ("nonlinearity", "nonlinearity_count")
"""Commands whose answer an instrument may lack."""
ASKED = 5
"""Most repeats of an identity command until two answers in a row agree."""


def pause(wire: Transport, seconds: float) -> Generator[None, None, None]:
    """Wait in slices, so that the wait can be stopped."""
    until = wire.clock.now() + seconds
    while (left := until - wire.clock.now()) > 0:
        wire.clock.sleep(min(SLICE_S, left))
        yield


def open_line(wire: Transport, rate: int) -> Generator[None, None, None]:
    """Open the port, wait for the boot, and end a stream that an earlier program may have left on."""
    wire.port.open(rate)
    yield from pause(wire, wire.profile.serial.boot_ms / 1000)
    if wire.profile.streams:
        return
    wire.drop()
    if wire.port.read(SLICE_S):
        if wire.profile.commands.stop is not None:
            wire.send(requests.request(wire.profile, "stop"))
        wire.quiet()
    yield


def candidates(wire: Transport, baud: int | None, last: int | None) -> tuple[int, ...]:
    """Return the rates at which the device may listen, the likeliest first, and none before one at which its request is a command."""
    profile = wire.profile
    if baud is not None and profile.commands.set_baud is None:
        return (baud,)
    likely = tuple(rate for rate in (last, baud) if rate is not None)
    sent = requests.probe(profile) or (question[1] if (question := _question(profile)) else b"")
    found = tuple(dict.fromkeys((*likely, *requests.in_safe_order(profile, sent, profile.serial.baud))))
    return found if wire.port.paced else found[:1]


def tune(
    wire: Transport, listen: Callable[[tuple[int, ...]], Generator[None, None, bool]], tried: tuple[int, ...]
) -> Generator[None, None, None]:
    """Leave the port at the rate at which the device answers, or is heard by ``listen``; :class:`SourceUnavailable` where there is none."""
    if can_ask(wire.profile):
        found = yield from find_rate(wire, tried)
    else:
        found = len(tried) == 1 or (yield from listen(tried))
    if not found:
        expected = f"the answers of {wire.profile.device.id}" + (
            f" at {', '.join(map(str, sorted(tried)))} baud" if wire.port.paced else ""
        )
        raise SourceUnavailable(kind="no answer", place=wire.port.where, expected=expected, advice=CHECK)


def change_rate(wire: Transport, baud: int | None, *, save: bool) -> Generator[None, None, str]:
    """Change to the rate that the user wants; return why that failed, "" where it did not. Raises :class:`SourceUnavailable`."""
    old = wire.port.baud
    if baud is None or old is None or baud == old or wire.profile.commands.set_baud is None:
        return ""
    if not (yield from settle_rate(wire, baud)):
        kind, advice = f"no answer after the change from {old} to {baud} baud", "Switch the device off and on"
        raise SourceUnavailable(kind=kind, place=wire.port.where, advice=advice)
    if wire.port.baud != baud:
        return f"the rate did not change from {old} to {baud} baud and stays at {wire.port.baud}"
    if save and isinstance(answer := wire.ask("save_baud"), ReplyProblem):
        return f"{baud} baud is not saved: {answer.why}"
    return ""


def check_rate(profile: Profile, baud: int | None, *, save: bool = False) -> None:
    """Raise :class:`ConfigError` where the device cannot change to a rate, or cannot save it."""
    if save and (baud is None or profile.commands.save_baud is None):
        advice = "Name the baud rate" if profile.commands.save_baud is not None else "The device has no command for it"
        raise ConfigError(kind="baud rate cannot be saved", place=profile.device.id, advice=advice)
    if baud is not None and profile.commands.set_baud is not None and baud not in profile.serial.baud:
        expected = f"one of {', '.join(map(str, profile.serial.baud))}"
        raise ConfigError(kind="unknown baud rate", place=profile.device.id, got=str(baud), expected=expected)


def can_ask(profile: Profile) -> bool:
    """Whether some request has an answer that proves that this device listens."""
    return profile.match.probe is not None or _question(profile) is not None


def answers(wire: Transport) -> bool:
    """Whether the device answers at the port's rate by its profile."""
    profile = wire.profile
    if isinstance(profile.match.probe, ProbeCommand):
        sent = fields.request(profile.match.probe.send, {})
        return wire.answers_with(sent, literal(profile.match.probe.expect))
    question = _question(profile)
    if question is None:
        return False
    command, data = question
    answer = wire.once(command, data)
    if isinstance(answer, ReplyProblem):
        wire.quiet()
        return False
    # A bare number is any few bytes; twice the same is no coincidence.
    return command.ack or command.message is not None or wire.once(command, data) == answer


def _question(profile: Profile) -> tuple[Command, bytes] | None:
    """Return a command whose answer differs from noise, and its bytes; None where there is none."""
    identify = profile.commands.identify
    if identify is not None:
        return identify, requests.request(profile, "identify")
    known = zip(profile.commands.prepare, requests.prepared(profile), strict=True)
    return next(((command, data) for command, data in known if command.ack), None)


def find_rate(wire: Transport, rates: Iterable[int]) -> Generator[None, None, bool]:
    """Leave the port at the first rate at which the device answers; False where it answers at none."""
    tried = tuple(dict.fromkeys(rates))
    for turn in range(ROUNDS):
        for rate in tried:
            wire.port.set_baud(rate)
            yield
            if turn:  # whatever mode it was left in
                for data in requests.prepared(wire.profile):
                    wire.send(data)
                    wire.quiet(wire.drain_s / 2)
            if answers(wire):
                return True
    return False


def switch_rate(wire: Transport, rate: int) -> Generator[None, None, bool]:
    """Change the rate of device and port; False where that fails, and the port is back at the old rate."""
    old = wire.port.baud
    if old is None or old == rate:
        return old == rate
    if (yield from _switch_rate(wire, rate)):
        return True
    wire.port.set_baud(old)
    wire.quiet()
    return False


def _switch_rate(wire: Transport, rate: int) -> Generator[None, None, bool]:
    profile, facts = wire.profile, wire.profile.serial.switch
    command = profile.commands.set_baud
    if command is None or facts is None:
        return False
    data = requests.request(profile, "set_baud", RequestValues(baud=rate))
    answer = wire.once(command, data)
    if isinstance(answer, ReplyProblem):
        return False
    wire.clock.sleep(facts.settle_ms / 1000 + wire.transfer_s(len(data)))
    wire.port.set_baud(rate)
    yield
    wire.drop()  # an acknowledgement that was cut by the change
    if facts.confirm and isinstance(wire.once(command, data), ReplyProblem):
        return False
    yield
    return answers(wire)


def settle_rate(wire: Transport, rate: int) -> Generator[None, None, bool]:
    """Change the rate of device and port, or leave them at any rate where it answers; False where it answers at none."""
    old = wire.port.baud
    if (yield from switch_rate(wire, rate)) or old is None or answers(wire):
        return True
    return (yield from find_rate(wire, (old, rate, *wire.profile.serial.baud)))


def slower_rate(wire: Transport) -> int | None:
    """Return the next slower rate of the device, not below its power-up rate; None where there is none."""
    profile, now = wire.profile, wire.port.baud
    if now is None or profile.commands.set_baud is None:
        return None
    return max((rate for rate in profile.serial.baud if profile.serial.baud[0] <= rate < now), default=None)


def identify(wire: Transport) -> Generator[None, None, InstrumentInfo | ReplyProblem]:
    """Ask the device for its identity, serial number, saturation and polynomial; what it refuses is unknown."""
    profile = wire.profile
    found: dict[str, str | None] = {}
    for name in ("identify", "serial_number"):
        yield
        answer = agreed(wire, name)
        if isinstance(answer, ReplyProblem) and answer.kind != "refused":
            return answer
        found[name] = None if answer is None or isinstance(answer, ReplyProblem) else _text(profile, name, answer)
    yield
    saturation = _number(wire, "saturation")
    if isinstance(saturation, ReplyProblem):
        return saturation
    coefficients = yield from _coefficients(wire)
    if isinstance(coefficients, ReplyProblem):
        return coefficients
    linear = yield from _nonlinearity(wire)
    if isinstance(linear, ReplyProblem):
        return linear
    return described(profile, found["identify"] or "", found["serial_number"] or None, saturation or None, coefficients, linear)


def described(
    profile: Profile,
    identity: str,
    serial_number: str | None,
    saturation: float | None,
    coefficients: tuple[float, ...] | None,
    nonlinearity: tuple[float, ...] = (),
) -> InstrumentInfo:
    """Return what the profile and the device together give."""
    axis = profile.wavelength
    sensor = profile.sensor if saturation is None else msgspec.structs.replace(profile.sensor, saturation=saturation)
    return InstrumentInfo(
        profile=profile.device.id,
        model=f"{profile.device.vendor} {profile.device.model}",
        identity=identity,
        serial_number=serial_number,
        sensor=sensor,
        integration=profile.integration,
        coefficients=axis.coefficients if isinstance(axis, Static) else coefficients,
        first_pixel=axis.first_pixel if isinstance(axis, Static | Query) else 0,
        nonlinearity=nonlinearity,
        laser_nm=None if profile.laser is None else profile.laser.wavelength_nm,
        dark=profile.dark,
    )


def require_same(where: str, before: InstrumentInfo, now: InstrumentInfo) -> None:
    """Raise :class:`SourceError` where another instrument than before is connected: its axis and its calibration differ.

    :class:`SourceUnavailable` where it gives no serial number now, and the request is repeated.
    """
    if before.serial_number == now.serial_number:
        return
    if now.serial_number is None:
        raise SourceUnavailable(kind="no serial number", place=where, expected=before.serial_number or "one")
    was, found = f"serial number {before.serial_number}", f"serial number {now.serial_number}"
    advice = f"Plug {before.serial_number} in again, or start again with the calibration of {now.serial_number}"
    raise SourceError(kind="another instrument", place=where, got=found, expected=was, advice=advice)


def agreed(wire: Transport, name: str, settings: RequestValues = DEFAULT) -> bytes | ReplyProblem | None:
    """Return the answer that comes twice in a row; None where the device has no such command."""
    command = getattr(wire.profile.commands, name)
    if command is None:
        return None
    if command.reply == "text" or name in OPTIONAL:
        return _agreed_optional(wire, command, requests.request(wire.profile, name, settings))
    before = wire.ask(name, settings)
    for _ in range(ASKED - 1):
        answer = wire.ask(name, settings)
        if isinstance(answer, ReplyProblem) or answer == before:
            return answer
        before = answer
    return ReplyProblem("bad", f"{name}: {ASKED} answers, each different from the one before")


def _agreed_optional(wire: Transport, command: Command, data: bytes) -> bytes | ReplyProblem:
    """Return the answer that comes twice in a row; a refusal where there is none.

    Not every instrument of the kind gives it, so its absence is no fault of the line, and silence is not answered with a repeat:
    where the first byte of Ocean's ``?x`` is lost, the rest of it is the beginning of a command that writes the constant.
    """
    before: bytes | ReplyProblem = b""
    for _ in range(ASKED):
        answer = wire.once(command, data, optional=True)
        if not isinstance(answer, ReplyProblem) and answer == before:
            return answer
        if isinstance(answer, ReplyProblem) and answer.kind != "bad":
            return ReplyProblem("refused", answer.why)
        if isinstance(answer, ReplyProblem):
            wire.quiet()
        before = answer
    return ReplyProblem("refused", f"{ASKED} answers, each different from the one before")


def _text(profile: Profile, name: str, answer: bytes) -> str:
    reply = getattr(profile.commands, name).reply
    if reply in TEXTS:
        return answer.decode("ascii", "backslashreplace")
    value = number(answer, reply)
    return "" if value is None else f"{value:.15g}"


def _number(wire: Transport, name: str, settings: RequestValues = DEFAULT) -> float | ReplyProblem | None:
    """Return an answer as a number; None where the device has no such command, refuses it, or gives no number."""
    answer = agreed(wire, name, settings)
    if isinstance(answer, ReplyProblem):
        return None if answer.kind == "refused" else answer
    return None if answer is None else number(answer, getattr(wire.profile.commands, name).reply)


def _coefficients(wire: Transport) -> Generator[None, None, tuple[float, ...] | ReplyProblem | None]:
    """Return the polynomial of the device; None where it has none, only a part of one, or, in an undocumented form, no axis."""
    axis = wire.profile.wavelength
    if not isinstance(axis, Query):
        return None
    found = yield from _polynomial(wire, "coefficient", axis.first_index, axis.coefficients)
    if found is None or isinstance(found, ReplyProblem):
        return found
    command = wire.profile.commands.coefficient
    undocumented = command is not None and command.reply == "text"
    if not any(found[1:]) or (undocumented and not _is_axis(wire.profile, axis, found)):
        return None  # an unwritten EEPROM holds zeros
    return found


def _is_axis(profile: Profile, axis: Query, coefficients: tuple[float, ...]) -> bool:
    """Whether a polynomial gives wavelengths in nm that rise or fall throughout; it cannot be known without the number of pixels."""
    if profile.n_pixels is None:
        return True
    first, last = profile.sensor.active or (0, profile.n_pixels - 1)
    nm = [
        sum(factor * pixel**power for power, factor in enumerate(coefficients))
        for pixel in range(first + axis.first_pixel, last + axis.first_pixel + 1)
    ]
    steps = [after - before for before, after in pairwise(nm)]
    return SHORTEST_NM <= min(nm) <= max(nm) <= LONGEST_NM and all(step * steps[0] > 0 for step in steps)


def _nonlinearity(wire: Transport) -> Generator[None, None, tuple[float, ...] | ReplyProblem]:
    """Return the nonlinearity polynomial of the device; () where it has none, or an implausible one."""
    facts, saturation = wire.profile.nonlinearity, wire.profile.sensor.saturation
    if facts is None:
        return ()
    many: float | None = facts.coefficients
    if wire.profile.commands.nonlinearity_count is not None:
        yield
        answer = _number(wire, "nonlinearity_count")
        if isinstance(answer, ReplyProblem):
            return answer
        many = answer + 1 if answer is not None and facts.count == "degree" else answer
    if many is None or many not in range(1, facts.coefficients + 1):
        return ()
    found = yield from _polynomial(wire, "nonlinearity", facts.first_index, int(many))
    if isinstance(found, ReplyProblem):
        return found
    return plausible_nonlinearity(found or (), saturation or 2.0 ** (wire.profile.sensor.adc_bits or 16))


def _polynomial(wire: Transport, name: str, first: int, many: int) -> Generator[None, None, tuple[float, ...] | ReplyProblem | None]:
    """Return the coefficients that a command requests one by one; None where the device has not all of them."""
    found: list[float] = []
    for index in range(first, first + many):
        yield
        value = _number(wire, name, RequestValues(index=index))
        if isinstance(value, ReplyProblem):
            return value
        if value is None:
            return None
        found.append(value)
    return tuple(found)
