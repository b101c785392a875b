"""The laser and the shutter of a device: on only where the user armed it, and only for an exposure."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from raman_edge.errors import ConfigError, RamanEdgeError
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import UNITS
from raman_edge.instruments.serial import rates
from raman_edge.instruments.serial.replies import ReplyProblem
from raman_edge.instruments.serial.transport import TRIES

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.transport import Transport

NEARLY = 0.9
"""Of the time after which a laser's watchdog strikes: from then on it may have."""


class LightControl:
    """What lets the sample's light in; ``lit`` and ``resting`` are what is wanted, :meth:`apply` makes it so."""

    def __init__(self, wire: Transport, *, armed: bool, keep_on: bool = False) -> None:
        """``armed`` allows the laser at all; ``keep_on`` leaves it on between exposures."""
        self._wire, self._commands, self._method = wire, wire.profile.commands, wire.profile.dark.method
        self.armed, self._keep_on = armed, keep_on
        facts = wire.profile.laser
        self._watchdog_s = math.inf if facts is None or facts.watchdog_s is None else facts.watchdog_s
        self._keep_warm = facts is not None and facts.keep_warm and self._commands.shutter_close is not None
        self.lit = True
        """Whether the sample's light is wanted."""
        self.resting = False
        """Whether no exposure is asked for: the laser is off, or behind its shutter where it has to stay warm."""
        self.laser: bool | None = None if self._commands.laser_off is None else False
        """Whether the laser is on, as far as is known; None where this link does not control it."""
        self._shut = False
        self._unheard = False
        """Whether an answer is on its way that is not waited for."""

    @property
    def able(self) -> bool:
        """Whether this link can keep the sample's light out."""
        return self.armed if self._method == "laser" else self._method == "shutter"

    @property
    def rests(self) -> bool:
        """Whether the light is taken away between exposures."""
        return self.armed and not self._keep_on

    @property
    def settle_s(self) -> float:
        """How long the laser needs after it was switched on, s."""
        return 0.0 if self._commands.laser_on is None else self._commands.laser_on.settle_ms / 1000

    @property
    def settled(self) -> bool:
        """Whether everything is as it is wanted."""
        return self.laser in (None, self._laser_wanted) and not self._lapsed and self._shut == self._shut_wanted

    @property
    def hungry(self) -> bool:
        """Whether the device's watchdog needs a request soon, to leave a laser on that is kept on."""
        return (self._keep_on or self._keep_warm) and bool(self.laser) and self._wire.idle_s > self._watchdog_s / 2

    @property
    def _lapsed(self) -> bool:
        """Whether the device may have switched its laser off by itself, because nothing was asked of it for so long."""
        return bool(self.laser) and self._wire.idle_s > NEARLY * self._watchdog_s

    @property
    def _away(self) -> bool:
        """Whether the light is taken away because no exposure runs."""
        return self.resting and not self._keep_on

    @property
    def _laser_wanted(self) -> bool:
        return self.armed and (self.lit or self._method != "laser") and (self._keep_warm or not self._away)

    @property
    def _shut_wanted(self) -> bool:
        return (self._method == "shutter" and not self.lit) or (self._keep_warm and self._away and bool(self.laser))

    def apply(self) -> ReplyProblem | None:
        """Tell the device what is wanted; what it refused where it did. Raises :class:`SourceLost`."""
        if self._shut != self._shut_wanted:
            said = self._wire.ask("shutter_close" if self._shut_wanted else "shutter_open")
            if isinstance(said, ReplyProblem):
                return said
            self._shut = self._shut_wanted
        if self.laser is not None and (self.laser != self._laser_wanted or self._lapsed):
            return self._switch(on=self._laser_wanted)
        return None

    def rest(self) -> ReplyProblem | None:
        """Take the light away until :meth:`wake`; what the device refused where it did. Raises :class:`SourceLost`."""
        self.resting = True
        return self.apply() if self.laser and self._away else None

    def wake(self) -> None:
        """Want the light again, for an exposure."""
        self.resting = False

    def feed(self) -> ReplyProblem | None:
        """Have the device's watchdog leave the laser on for longer. Raises :class:`SourceLost`."""
        return self._switch(on=True) if self.laser else None

    def off(self, *, surely: bool = False) -> ReplyProblem | None:
        """Switch the laser off, whatever it is thought to be. Raises :class:`SourceLost`.

        ``surely`` asks for more proof than one answer: a question where the page has no answer to ``laser_off``, and the same
        once more where answers of this device came late, so that one to an earlier request is not taken for it.
        """
        if self.laser is None:
            return None
        before = self.laser
        trouble = self._switch(on=False)
        if trouble is None and surely and before:
            trouble = self._proven()
            self.laser = trouble is not None
        return trouble

    def _proven(self) -> ReplyProblem | None:
        """Return why a laser that was switched off may still be on."""
        command = self._commands.laser_off
        if command is not None and not command.ack and command.reply == "none":
            if rates.can_ask(self._wire.profile) and not any(rates.answers(self._wire) for _ in range(TRIES)):
                return ReplyProblem("silent", "laser_off: sent, and no question after it is answered")
        elif self._wire.tally.counters.timeouts:
            self._wire.quiet()
            said = self._wire.ask("laser_off")
            return said if isinstance(said, ReplyProblem) else None
        return None

    def cut(self, *, always: bool = False) -> None:
        """Have the laser off at once, while a spectrum is on its way: the answer is left to the next switch. Raises :class:`SourceLost`.

        ``always`` does so whatever is wanted.
        """
        if self.laser and (always or not self._laser_wanted):
            self._wire.port.write(requests.request(self._wire.profile, "laser_off"))
            self._unheard = True

    def open_shutter(self) -> None:
        """Leave the shutter open, as far as the line still carries it."""
        if self._shut:
            with suppress(RamanEdgeError):
                self._wire.ask("shutter_open")
                self._shut = False

    def _switch(self, *, on: bool) -> ReplyProblem | None:
        if self._unheard:
            self._wire.quiet()
            self._unheard = False
        if on and self._commands.laser_watchdog is not None and isinstance(said := self._wire.ask("laser_watchdog"), ReplyProblem):
            return said  # without its watchdog it is not switched on
        self.laser = self.laser or on  # until it says otherwise, a laser that was told anything may be on
        said = self._wire.ask("laser_on" if on else "laser_off")
        if isinstance(said, ReplyProblem):
            return said
        self.laser = on
        return None


def armed(profile: Profile, *, laser: bool, keep_on: bool = False) -> bool:
    """Return ``laser``; :class:`ConfigError` where it cannot be armed, or not like this."""
    if keep_on and not laser:
        msg = "the laser is to be kept on, and it is not armed: arm it too (--arm-laser), or leave --keep-laser-on out"
        raise ConfigError(msg)
    if laser and profile.commands.laser_on is None:
        msg = f"{profile.device.id} has no command that switches a laser on: leave the laser to whatever controls it"
        raise ConfigError(msg)
    warm = profile.laser is not None and profile.laser.keep_warm
    if laser and warm and profile.commands.shutter_close is None and not keep_on:
        msg = (
            f"the laser of {profile.device.id} has to stay warm (laser.keep_warm) and has no shutter: it would shine while nothing is "
            "measured; give --keep-laser-on where that is safe, or a page with shutter_close and shutter_open"
        )
        raise ConfigError(msg)
    return laser


def limited(profile: Profile, exposure_s: float | None, averages: int) -> Profile:
    """Return a profile whose armed laser no exposure outlasts: its own watchdog would switch it off in the middle.

    ``exposure_s`` None is the profile's default. Raises :class:`ConfigError` where that one is too long already.
    """
    times, watchdog_s = profile.integration, None if profile.laser is None else profile.laser.watchdog_s
    if times is None or watchdog_s is None:
        return profile
    scale, longest_s = UNITS[times.unit], watchdog_s / averages
    asked_s = times.default / scale if exposure_s is None else exposure_s
    if asked_s > longest_s:
        msg = (
            f"got an exposure of {asked_s * averages:g} s, and {profile.device.id} switches its laser off by itself after "
            f"{watchdog_s:g} s without a request: give a shorter exposure, and average on this side"
        )
        raise ConfigError(msg)
    most = min(times.max, int(longest_s * scale))
    return msgspec.structs.replace(profile, integration=msgspec.structs.replace(times, max=most))
