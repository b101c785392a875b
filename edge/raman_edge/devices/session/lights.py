"""The laser and the shutter of a device: on only where the user armed it, off on every fault and at every end."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from raman_edge.devices import requests
from raman_edge.devices.requests import UNITS
from raman_edge.devices.session.answers import Trouble
from raman_edge.errors import ConfigError, RamanEdgeError

if TYPE_CHECKING:
    from raman_edge.devices.profile import Profile
    from raman_edge.devices.session.wire import Wire

NEARLY = 0.9
"""Of the time after which a laser's watchdog strikes: from then on it may have."""


class Lights:
    """What lets the sample's light in; ``lit`` is what is wanted, :meth:`apply` makes it so."""

    def __init__(self, wire: Wire, *, armed: bool) -> None:
        self._wire, self._commands, self._method = wire, wire.profile.commands, wire.profile.dark.method
        self._armed = armed
        facts = wire.profile.laser
        self._watchdog_s = math.inf if facts is None or facts.watchdog_s is None else facts.watchdog_s
        self.lit = True
        """Whether the sample's light is wanted."""
        self.laser: bool | None = None if self._commands.laser_off is None else False
        """Whether the laser is on, as far as was told; None where this link does not control it."""
        self._shut = False
        self._unheard = False
        """Whether an answer is on its way that nobody waited for."""

    @property
    def able(self) -> bool:
        """Whether this link can keep the sample's light out."""
        return self._armed if self._method == "laser" else self._method == "shutter"

    @property
    def settled(self) -> bool:
        """Whether everything is as it is wanted."""
        return self.laser in (None, self._laser_wanted) and not self._lapsed and self._shut == self._shut_wanted

    @property
    def _lapsed(self) -> bool:
        """Whether the device may have switched its laser off by itself, because nothing was asked of it for so long."""
        return bool(self.laser) and self._wire.idle_s > NEARLY * self._watchdog_s

    @property
    def _laser_wanted(self) -> bool:
        return self._armed and (self.lit or self._method != "laser")

    @property
    def _shut_wanted(self) -> bool:
        return self._method == "shutter" and not self.lit

    def apply(self) -> Trouble | None:
        """Tell the device what is wanted; what it refused where it did. Raises :class:`SourceLost`."""
        if self._shut != self._shut_wanted:
            said = self._wire.ask("shutter_close" if self._shut_wanted else "shutter_open")
            if isinstance(said, Trouble):
                return said
            self._shut = self._shut_wanted
        if self.laser is not None and (self.laser != self._laser_wanted or self._lapsed):
            return self._switch(on=self._laser_wanted)
        return None

    def off(self) -> Trouble | None:
        """Switch the laser off, whatever it is thought to be. Raises :class:`SourceLost`."""
        return None if self.laser is None else self._switch(on=False)

    def cut(self) -> None:
        """Have the laser off at once, while a spectrum is on its way: the answer is left to :meth:`apply`. Raises :class:`SourceLost`."""
        if self.laser and not self._laser_wanted:
            self._wire.port.write(requests.request(self._wire.profile, "laser_off"))
            self._unheard = True

    def leave(self) -> None:
        """Laser off and shutter open, as far as the line still carries it."""
        with suppress(RamanEdgeError):
            self.off()
        if self._shut:
            with suppress(RamanEdgeError):
                self._wire.ask("shutter_open")
                self._shut = False

    def _switch(self, *, on: bool) -> Trouble | None:
        if self._unheard:
            self._wire.quiet()
            self._unheard = False
        self.laser = self.laser or on  # until it says otherwise, a laser that was told anything may be on
        said = self._wire.ask("laser_on" if on else "laser_off")
        if isinstance(said, Trouble):
            return said
        self.laser = on
        return None


def armed(profile: Profile, *, laser: bool) -> bool:
    """Return ``laser``; :class:`ConfigError` where it cannot be armed because the device has none to switch."""
    if laser and profile.commands.laser_on is None:
        msg = f"{profile.device.id} has no command that switches a laser on: leave the laser to whatever controls it"
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
