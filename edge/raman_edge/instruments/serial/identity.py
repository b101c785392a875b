"""Who is at the other end: what the device tells of itself, asked until it says the same twice, as answers have no checksum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from raman_edge.errors import SourceError, SourceUnavailable
from raman_edge.instruments.profiles.profile import Query, Static
from raman_edge.instruments.profiles.requests import DEFAULT, RequestValues
from raman_edge.instruments.serial.replies import ReplyProblem, number
from raman_edge.instruments.spectrometer import InstrumentInfo

if TYPE_CHECKING:
    from collections.abc import Generator

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.transport import Transport

ASKED = 5
"""How often a question is asked at most until two answers in a row agree."""


def read(wire: Transport) -> Generator[None, None, InstrumentInfo | ReplyProblem]:
    """Ask the device what the profile says it can tell; what it refuses to tell is unknown."""
    profile = wire.profile
    told: dict[str, str | None] = {}
    for name in ("identify", "serial_number"):
        yield
        said = agreed(wire, name)
        if isinstance(said, ReplyProblem) and said.kind != "refused":
            return said
        told[name] = None if said is None or isinstance(said, ReplyProblem) else _text(profile, name, said)
    yield
    saturation = _number(wire, "saturation")
    if isinstance(saturation, ReplyProblem):
        return saturation
    coefficients = yield from _coefficients(wire)
    if isinstance(coefficients, ReplyProblem):
        return coefficients
    return described(profile, told["identify"] or "", told["serial_number"] or None, saturation or None, coefficients)


def described(
    profile: Profile, identity: str, serial_number: str | None, saturation: float | None, coefficients: tuple[float, ...] | None
) -> InstrumentInfo:
    """Return what the profile and the device say together."""
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
        laser_nm=None if profile.laser is None else profile.laser.wavelength_nm,
        dark=profile.dark,
    )


def same(where: str, before: InstrumentInfo, now: InstrumentInfo) -> None:
    """Raise :class:`SourceError` where another instrument than before is connected: its axis and its calibration are others.

    :class:`SourceUnavailable` where it does not tell now which one it is: it is asked again.
    """
    if before.serial_number == now.serial_number:
        return
    if now.serial_number is None:
        msg = f"{where} does not tell its serial number now, expected {before.serial_number}"
        raise SourceUnavailable(msg)
    msg = (
        f"{where} is another instrument than before: serial number {now.serial_number}, expected {before.serial_number}; "
        f"plug {before.serial_number} in again, or start anew with the calibration of {now.serial_number}"
    )
    raise SourceError(msg)


def agreed(wire: Transport, name: str, asked: RequestValues = DEFAULT) -> bytes | ReplyProblem | None:
    """Return what two answers in a row say; None where the device has no such command."""
    if getattr(wire.profile.commands, name) is None:
        return None
    before = wire.ask(name, asked)
    for _ in range(ASKED - 1):
        said = wire.ask(name, asked)
        if isinstance(said, ReplyProblem) or said == before:
            return said
        before = said
    return ReplyProblem("bad", f"{name}: {ASKED} answers that all differ from the one before")


def _text(profile: Profile, name: str, said: bytes) -> str:
    reply = getattr(profile.commands, name).reply
    if reply == "line":
        return said.decode("ascii", "backslashreplace")
    value = number(said, reply)
    return "" if value is None else f"{value:.15g}"


def _number(wire: Transport, name: str, asked: RequestValues = DEFAULT) -> float | ReplyProblem | None:
    """Return an answer as a number; None where the device has no such command, refuses, or says no number."""
    said = agreed(wire, name, asked)
    if isinstance(said, ReplyProblem):
        return None if said.kind == "refused" else said
    return None if said is None else number(said, getattr(wire.profile.commands, name).reply)


def _coefficients(wire: Transport) -> Generator[None, None, tuple[float, ...] | ReplyProblem | None]:
    """Return the polynomial that the device tells; None where it has none, or only a part of one."""
    axis = wire.profile.wavelength
    found: list[float] = []
    for index in range(axis.coefficients if isinstance(axis, Query) else 0):
        yield
        value = _number(wire, "coefficient", RequestValues(index=axis.first_index + index) if isinstance(axis, Query) else DEFAULT)
        if isinstance(value, ReplyProblem):
            return value
        if value is None:
            return None
        found.append(value)
    return tuple(found) if any(found[1:]) else None  # an EEPROM that was never written is zeros
