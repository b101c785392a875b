"""At which rate a device listens, and how it is brought to another one.

Ocean (SAD500 manual): the command, its acknowledgement at the old rate, more than 50 ms, the same command at the new rate, its
acknowledgement there; "if a deviation occurs at any step, the previous baud rate is utilized". Others change at once, and
show by an answer at the new rate that they did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import fields, requests
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.instruments.serial.replies import ReplyProblem

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from raman_edge.instruments.profiles.profile import Command, Profile
    from raman_edge.instruments.serial.transport import Transport

ROUNDS = 2
"""How often every rate is tried: what was sent at a wrong one may stand in the device's way at the right one."""


def checked(profile: Profile, baud: int | None, *, save: bool = False) -> None:
    """Raise :class:`ConfigError` where the device cannot be brought to a rate that the user asks for, or cannot keep it."""
    if save and (baud is None or profile.commands.save_baud is None):
        why = "say which baud rate" if profile.commands.save_baud is not None else f"{profile.device.id} has no command for it"
        msg = f"a rate cannot be kept over a loss of power: {why}"
        raise ConfigError(msg)
    if baud is not None and profile.commands.set_baud is not None and baud not in profile.serial.baud:
        msg = f"got {baud} baud, {profile.device.id} takes {', '.join(map(str, profile.serial.baud))}"
        raise ConfigError(msg)


def can_ask(profile: Profile) -> bool:
    """Whether there is a request whose answer proves that this device listens."""
    return profile.match.probe is not None or _question(profile) is not None


def answers(wire: Transport) -> bool:
    """Whether the device answers at the port's rate, as its profile says it would."""
    profile = wire.profile
    if profile.match.probe is not None:
        sent = fields.request(profile.match.probe.send, {})
        return wire.answers_with(sent, literal(profile.match.probe.expect))
    question = _question(profile)
    if question is None:
        return False
    command, data = question
    said = wire.once(command, data)
    if isinstance(said, ReplyProblem):
        wire.quiet()
        return False
    # A bare number is any few bytes; twice the same is none of chance.
    return command.ack or command.message is not None or wire.once(command, data) == said


def _question(profile: Profile) -> tuple[Command, bytes] | None:
    """Return a command whose answer can be told from noise, with its bytes; None where there is none."""
    identify = profile.commands.identify
    if identify is not None:
        return identify, requests.request(profile, "identify")
    known = zip(profile.commands.prepare, requests.prepared(profile), strict=True)
    return next(((command, data) for command, data in known if command.ack), None)


def find(wire: Transport, rates: Iterable[int]) -> Generator[None, None, bool]:
    """Leave the port at the rate at which the device answers, the first that does; False where it does at none."""
    tried = tuple(dict.fromkeys(rates))
    for turn in range(ROUNDS):
        for rate in tried:
            wire.port.set_baud(rate)
            yield
            if turn:
                _woken(wire)
            if answers(wire):
                return True
    return False


def _woken(wire: Transport) -> None:
    """Send what the device is prepared with, whatever mode it was left in."""
    for data in requests.prepared(wire.profile):
        wire.send(data)
        wire.quiet(wire.drain_s / 2)


def switch(wire: Transport, rate: int) -> Generator[None, None, bool]:
    """Bring device and port to another rate; False where that failed and the port is back at the old one."""
    old = wire.port.baud
    if old is None or old == rate:
        return old == rate
    if (yield from _switched(wire, rate)):
        return True
    wire.port.set_baud(old)
    wire.quiet()
    return False


def _switched(wire: Transport, rate: int) -> Generator[None, None, bool]:
    profile, facts = wire.profile, wire.profile.serial.switch
    command = profile.commands.set_baud
    if command is None or facts is None:
        return False
    data = requests.request(profile, "set_baud", RequestValues(baud=rate))
    said = wire.once(command, data)
    if isinstance(said, ReplyProblem):
        return False
    wire.clock.sleep(facts.settle_ms / 1000 + wire.transfer_s(len(data)))
    wire.port.set_baud(rate)
    yield
    wire.drop()  # an acknowledgement that was cut by the change
    if facts.confirm and isinstance(wire.once(command, data), ReplyProblem):
        return False
    yield
    return answers(wire)


def settled(wire: Transport, rate: int) -> Generator[None, None, bool]:
    """Bring device and port to another rate, or at least to one where it answers; False where it does at none."""
    old = wire.port.baud
    if (yield from switch(wire, rate)) or old is None or answers(wire):
        return True
    return (yield from find(wire, (old, rate, *wire.profile.serial.baud)))


def slower(wire: Transport) -> int | None:
    """Return the next slower rate that the device can be brought to, at least the one it wakes up with; None where there is none."""
    profile, now = wire.profile, wire.port.baud
    if now is None or profile.commands.set_baud is None:
        return None
    return max((rate for rate in profile.serial.baud if profile.serial.baud[0] <= rate < now), default=None)
