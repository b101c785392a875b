"""The way to a device that listens: the port, its boot, the rate at which it answers, the rate that the user wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import SourceUnavailable
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.serial import rates
from raman_edge.instruments.serial.replies import ReplyProblem
from raman_edge.instruments.serial.transport import SLICE_S

if TYPE_CHECKING:
    from collections.abc import Generator

    from raman_edge.instruments.serial.acquire import AcquireExchange
    from raman_edge.instruments.serial.transport import Transport


def pause(wire: Transport, seconds: float) -> Generator[None, None, None]:
    """Wait in slices, so that whoever waits can be told to stop."""
    until = wire.clock.now() + seconds
    while (left := until - wire.clock.now()) > 0:
        wire.clock.sleep(min(SLICE_S, left))
        yield


def opened(wire: Transport, rate: int) -> Generator[None, None, None]:
    """Open the port, let the device boot, and end the stream that an earlier program may have left it in."""
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
    """Return the rates at which the device may be, the likeliest first."""
    profile = wire.profile
    if baud is not None and profile.commands.set_baud is None:
        return (baud,)
    likely = tuple(rate for rate in (last, baud) if rate is not None)
    found = tuple(dict.fromkeys((*likely, *profile.serial.baud)))
    return found if wire.port.paced else found[:1]


def tuned(wire: Transport, asking: AcquireExchange, tried: tuple[int, ...]) -> Generator[None, None, None]:
    """Leave the port at the rate at which the device answers; :class:`SourceUnavailable` where it does at none."""
    if rates.can_ask(wire.profile):
        found = yield from rates.find(wire, tried)
    else:
        found = len(tried) == 1 or (yield from asking.listen(tried))
    if not found:
        at = f" at {', '.join(map(str, tried))} baud" if wire.port.paced else ""
        msg = f"{wire.port.where} is open, and no {wire.profile.device.id} answers{at}: is it on, and is this its profile?"
        raise SourceUnavailable(msg)


def wished(wire: Transport, baud: int | None, *, save: bool) -> Generator[None, None, str]:
    """Bring the device to the rate the user wants; returns why it is not there, "" where it is. Raises :class:`SourceUnavailable`."""
    old = wire.port.baud
    if baud is None or old is None or baud == old or wire.profile.commands.set_baud is None:
        return ""
    if not (yield from rates.settled(wire, baud)):
        msg = f"{wire.port.where} answers no more after it was told to change from {old} to {baud} baud: switch it off and on"
        raise SourceUnavailable(msg)
    if wire.port.baud != baud:
        return f"it did not change from {old} to {baud} baud, and stays at {wire.port.baud}"
    if save and isinstance(said := wire.ask("save_baud"), ReplyProblem):
        return f"it does not keep {baud} baud over a loss of power: {said.why}"
    return ""
