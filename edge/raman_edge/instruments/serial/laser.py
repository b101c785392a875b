"""The laser and the shutter of a device: on only where the user armed the laser, and only for an exposure; off at every end."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import msgspec

from raman_edge.errors import ConfigError, RamanEdgeError, SourceLost
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import UNITS
from raman_edge.instruments.serial import connect
from raman_edge.instruments.serial.transport import TRIES, ReplyProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.transport import Transport

NEARLY = 0.9
"""Share of the watchdog's time after which the laser may be off."""
IDLE_S = 0.25
"""Time without a request for an exposure after which the laser goes off, s; longer where it settles more slowly."""
LOOK_S = 0.05
"""How often the interlock checks for that, s."""
ATTEMPTS = 2
"""How often a line that is lost at the end is opened again to switch the laser off."""


class LightControl:
    """Laser and shutter; ``lit`` and ``resting`` are the wanted state, and :meth:`apply` brings it about."""

    def __init__(self, wire: Transport, *, armed: bool, keep_on: bool = False) -> None:
        """``armed`` permits the laser; ``keep_on`` leaves it on between exposures."""
        self._wire, self._commands, self._method = wire, wire.profile.commands, wire.profile.dark.method
        self.armed, self._keep_on = armed, keep_on
        facts = wire.profile.laser
        self._watchdog_s = math.inf if facts is None or facts.watchdog_s is None else facts.watchdog_s
        self._keep_warm = facts is not None and facts.keep_warm and self._commands.shutter_close is not None
        self.lit = True
        """Whether the sample's light is wanted."""
        self.resting = False
        """Whether no exposure is requested: the laser is off, or behind its shutter where it must stay warm."""
        self.laser: bool | None = None if self._commands.laser_off is None else False
        """Whether the laser may be on; None where this link does not control it."""
        self._shut = False
        self._unheard = False
        """Whether an answer is on its way that nothing waits for."""

    @property
    def able(self) -> bool:
        """Whether this link can keep the sample's light out."""
        return self.armed if self._method == "laser" else self._method == "shutter"

    @property
    def rests(self) -> bool:
        """Whether the light is off between exposures."""
        return self.armed and not self._keep_on

    @property
    def settle_s(self) -> float:
        """Settling time of the laser, s."""
        return 0.0 if self._commands.laser_on is None else self._commands.laser_on.settle_ms / 1000

    @property
    def settled(self) -> bool:
        """Whether the wanted state is reached."""
        return self.laser in (None, self._laser_wanted) and not self._lapsed and self._shut == self._shut_wanted

    @property
    def hungry(self) -> bool:
        """Whether the watchdog needs a request soon, so that a laser that is kept on stays on."""
        return (self._keep_on or self._keep_warm) and bool(self.laser) and self._wire.idle_s > self._watchdog_s / 2

    @property
    def _lapsed(self) -> bool:
        """Whether the watchdog may have switched the laser off, after so long without a request."""
        return bool(self.laser) and self._wire.idle_s > NEARLY * self._watchdog_s

    @property
    def _away(self) -> bool:
        """Whether the light is off because no exposure runs."""
        return self.resting and not self._keep_on

    @property
    def _laser_wanted(self) -> bool:
        return self.armed and (self.lit or self._method != "laser") and (self._keep_warm or not self._away)

    @property
    def _shut_wanted(self) -> bool:
        return (self._method == "shutter" and not self.lit) or (self._keep_warm and self._away and bool(self.laser))

    def apply(self) -> ReplyProblem | None:
        """Bring the wanted state about; return the problem, if any. Raises :class:`SourceLost`."""
        if self._shut != self._shut_wanted:
            answer = self._wire.ask("shutter_close" if self._shut_wanted else "shutter_open")
            if isinstance(answer, ReplyProblem):
                return answer
            self._shut = self._shut_wanted
        if self.laser is not None and (self.laser != self._laser_wanted or self._lapsed):
            return self._switch(on=self._laser_wanted)
        return None

    def rest(self) -> ReplyProblem | None:
        """Take the light away until :meth:`wake`; return the problem, if any. Raises :class:`SourceLost`."""
        self.resting = True
        return self.apply() if self.laser and self._away else None

    def wake(self) -> None:
        """Want the light again, for an exposure."""
        self.resting = False

    def feed(self) -> ReplyProblem | None:
        """Restart the watchdog, so that it leaves the laser on. Raises :class:`SourceLost`."""
        return self._switch(on=True) if self.laser else None

    def off(self, *, surely: bool = False) -> ReplyProblem | None:
        """Switch the laser off, whatever its state seems to be; return the problem, if any. Raises :class:`SourceLost`.

        ``surely`` needs more proof than one answer: a question where the profile has no answer to ``laser_off``, and the same
        command again where this device answered late, so that a late answer to an earlier request does not count.
        """
        if self.laser is None:
            return None
        before = self.laser
        problem = self._switch(on=False)
        if problem is None and surely and before:
            problem = self._proven()
            self.laser = problem is not None
        return problem

    def _proven(self) -> ReplyProblem | None:
        """Return why the laser may still be on; None where it is off."""
        command = self._commands.laser_off
        if command is not None and not command.ack and command.reply == "none":
            if connect.can_ask(self._wire.profile) and not any(connect.answers(self._wire) for _ in range(TRIES)):
                return ReplyProblem("silent", "laser_off: sent, and no later question is answered")
        elif self._wire.counters.timeouts:
            self._wire.quiet()
            answer = self._wire.ask("laser_off")
            return answer if isinstance(answer, ReplyProblem) else None
        return None

    def cut(self, *, always: bool = False) -> None:
        """Switch the laser off at once, while a spectrum is on its way; the next switch drops the answer. Raises :class:`SourceLost`.

        ``always`` does so even where the laser is wanted.
        """
        if self.laser and (always or not self._laser_wanted):
            self._wire.port.write(requests.request(self._wire.profile, "laser_off"))
            self._unheard = True

    def open_shutter(self) -> None:
        """Leave the shutter open, if the line still works."""
        if self._shut:
            with suppress(RamanEdgeError):
                self._wire.ask("shutter_open")
                self._shut = False

    def _switch(self, *, on: bool) -> ReplyProblem | None:
        if self._unheard:
            self._wire.quiet()
            self._unheard = False
        if on and self._commands.laser_watchdog is not None and isinstance(answer := self._wire.ask("laser_watchdog"), ReplyProblem):
            return answer  # no laser without its watchdog
        self.laser = self.laser or on  # until it confirms an off, it may be on
        answer = self._wire.ask("laser_on" if on else "laser_off")
        if isinstance(answer, ReplyProblem):
            return answer
        self.laser = on
        return None


class Exposing(Protocol):
    """What the interlock needs of the exchange that measures."""

    @property
    def idle(self) -> bool:
        """Whether no spectrum is on its way."""

    @property
    def exposing(self) -> bool:
        """Whether the device exposes a requested spectrum, in time."""

    def halt(self) -> None:
        """End what is on its way, as far as the device can be reached. Raises :class:`SourceLost`."""

    def finish(self, impatient: Callable[[], bool]) -> None:
        """Wait until the device listens again. Raises :class:`SourceLost`."""


class LaserInterlock:
    """One thread at a time uses the line, and switching the laser off comes before everything else."""

    def __init__(self, wire: Transport, lights: LightControl, exchange: Exposing, idle_s: float) -> None:
        self._wire, self._lights, self._exchange, self._idle_s = wire, lights, exchange, idle_s
        self.lock = threading.RLock()
        """Held by the thread that uses the line."""
        self._claims: list[None] = []
        self._used_at = time.monotonic()
        self._over = threading.Event()
        self.hurry = False
        """Whether a running exposure is no longer waited for."""
        self.unsafe: str | None = None
        """Why the laser may be on after the end; "" where it is off, None before the end."""

    @property
    def claimed(self) -> bool:
        """Whether a thread needs the line for something that must not wait for an exposure."""
        return bool(self._claims)

    @property
    def idle_s(self) -> float:
        """Time without a request for an exposure after which the laser goes off, s."""
        return max(self._idle_s, self._lights.settle_s)

    def begin(self) -> None:
        """Forget the end of the last run."""
        self.unsafe, self.hurry = None, False
        self._over.clear()

    def end(self) -> None:
        """End what :meth:`watched` began."""
        self._over.set()

    def used(self) -> None:
        """Note that the line was used for an exposure, or that the light was taken away."""
        self._used_at = time.monotonic()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the line exclusively: a thread that waits for an exposure gives way within a slice."""
        self._claims.append(None)
        try:
            with self.lock:
                yield
        finally:
            self._claims.pop()

    @contextmanager
    def watched(self, darken: Callable[[], None], gone: Callable[[SourceLost], None]) -> Iterator[None]:
        """Call ``darken`` while no exposure is requested, whatever other threads do; ``gone`` where the line is lost."""
        watch = threading.Thread(target=self._watch, args=(darken, gone), name="laser", daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._over.set()
            watch.join()

    def _watch(self, darken: Callable[[], None], gone: Callable[[SourceLost], None]) -> None:
        lights = self._lights
        while not self._over.wait(LOOK_S):
            if not lights.laser or self.unsafe is not None or not self.lock.acquire(blocking=False):
                continue
            try:
                is_idle = time.monotonic() - self._used_at > self.idle_s and not self._exchange.exposing
                if is_idle and lights.rests and not lights.resting:
                    darken()
                elif lights.hungry and self._exchange.idle and self._wire.port.is_open:
                    lights.feed()
            except SourceLost as error:
                gone(error)
            finally:
                self.lock.release()

    def off(self, impatient: Callable[[], bool], rate: int) -> str:
        """Abort the measurement and switch the laser off; return why it may still be on, "" where it is off.

        A lost line is opened again at ``rate`` baud. ``impatient`` ends the wait for a device that does not listen while it exposes.
        """
        why = ""
        for _ in range(ATTEMPTS):
            try:
                problem = self._off(impatient, rate)
            except Exception as error:  # noqa: BLE001 - whatever it is, the laser may be on
                why = str(error) or type(error).__name__
            else:
                why = "" if problem is None else f"it did not confirm {problem.why}"
            if not self._lights.laser:
                return ""
            if self._wire.port.is_open:
                break
        return self.warning(why)

    def _off(self, impatient: Callable[[], bool], rate: int) -> ReplyProblem | None:
        if not self._lights.laser:
            self._exchange.halt()
        else:
            if not self._wire.port.is_open:
                self._wire.port.open(rate)
            elif not self._exchange.idle:
                self._lights.cut(always=True)
            self._exchange.finish(impatient)
        return self._lights.off(surely=True)

    def shielded(self, work: Callable[[], str]) -> str:
        """Return what ``work`` returns. A KeyboardInterrupt waits for it, and sets :attr:`hurry`.

        It is raised afterwards where ``work`` returned "".
        """
        if threading.current_thread() is not threading.main_thread():
            return work()
        found: list[str] = []
        interrupted: KeyboardInterrupt | None = None
        worker: threading.Thread | None = None
        while not found:
            try:
                if worker is None or not worker.is_alive():
                    worker = threading.Thread(target=lambda: found.append(work()), name="laser off")
                    worker.start()
                worker.join()
            except KeyboardInterrupt as error:
                self.hurry, interrupted = True, error
            except RuntimeError:  # at the exit of the interpreter no thread can be started
                found.append(work())
        if interrupted is not None and not found[0]:
            raise interrupted
        return found[0]

    def warning(self, why: str) -> str:
        """Return the warning that the laser may still be on."""
        profile = self._wire.profile
        watchdog_s = None if profile.laser is None else profile.laser.watchdog_s
        itself = "" if watchdog_s is None else f", or wait {watchdog_s:g} s until its watchdog does"
        at = f"{profile.device.id} on {self._wire.port.where}"
        return f"LASER MAY STILL BE ON: {at}: {why}; switch the laser off at its key or its power supply{itself}"


def armed(profile: Profile, *, laser: bool, keep_on: bool = False) -> bool:
    """Return ``laser``; :class:`ConfigError` where it cannot be armed this way."""
    if keep_on and not laser:
        raise ConfigError(kind="laser not armed", got="--keep-laser-on", advice="Arm it with --arm-laser, or leave --keep-laser-on out")
    if laser and profile.commands.laser_on is None:
        advice = "Switch the laser with whatever controls it"
        raise ConfigError(kind="no command that switches a laser on", place=profile.device.id, advice=advice)
    warm = profile.laser is not None and profile.laser.keep_warm
    if laser and warm and profile.commands.shutter_close is None and not keep_on:
        advice = "It would shine between measurements: give --keep-laser-on where that is safe, or a profile with shutter_close"
        raise ConfigError(kind="laser.keep_warm without a shutter", place=profile.device.id, advice=advice)
    return laser


def limited(profile: Profile, exposure_s: float | None, averages: int) -> Profile:
    """Return a profile whose longest exposure ends before the laser's watchdog would switch it off.

    ``exposure_s`` None is the profile's default. Raises :class:`ConfigError` where it is too long.
    """
    times, watchdog_s = profile.integration, None if profile.laser is None else profile.laser.watchdog_s
    if times is None or watchdog_s is None:
        return profile
    scale, longest_s = UNITS[times.unit], watchdog_s / averages
    asked_s = times.default / scale if exposure_s is None else exposure_s
    if asked_s > longest_s:
        got, expected = f"{asked_s * averages:g} s", f"at most {watchdog_s:g} s, after which the watchdog switches the laser off"
        advice = "Give a shorter exposure, and average on this side"
        raise ConfigError(kind="exposure too long for the laser", place=profile.device.id, got=got, expected=expected, advice=advice)
    most = min(times.max, int(longest_s * scale))
    return msgspec.structs.replace(profile, integration=msgspec.structs.replace(times, max=most))
