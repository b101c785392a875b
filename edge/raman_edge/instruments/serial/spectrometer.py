"""A spectrometer on a serial line: what is asked of it, what came of it, and the way back after it was lost."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from raman_edge.errors import LaserNotOff, SourceBusy, SourceError, SourceLost, SourceUnavailable
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.serial import identity, rates
from raman_edge.instruments.serial.acquire import LISTEN_S, AcquireExchange
from raman_edge.instruments.serial.connect import candidates, opened, pause, tuned, wished
from raman_edge.instruments.serial.interlock import IDLE_S, LaserInterlock
from raman_edge.instruments.serial.laser import LightControl, armed, limited
from raman_edge.instruments.serial.port import REAL, Clock, SerialPort
from raman_edge.instruments.serial.replies import ReplyProblem
from raman_edge.instruments.serial.transport import SLICE_S, Transport
from raman_edge.instruments.spectrometer import Exposure, LinkStatus
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from raman_edge.instruments.codecs.events import RawFrame
    from raman_edge.instruments.profiles.profile import Profile, Serial
    from raman_edge.instruments.spectrometer import InstrumentInfo, State

BREATH_S = 1.0
"""How long :meth:`SerialSpectrometer.expose` waits before it gives a sign of life, s."""
FIRST_S, LONGEST_S = 0.25, 5.0
"""Wait before the link is opened again, s; doubled after each failure."""
STEP_DOWN = 3
"""Broken spectra in a row after which a slower rate is tried."""
SILENT = 3
"""Spectra in a row that did not come, after which the device is taken for lost."""
HOPELESS = 6
"""Failures of any kind in a row after which everything is set up anew."""
YIELD_S = 0.002
"""How often an exposure that has given way looks whether it may go on, s."""


def unguarded(_: SerialSpectrometer) -> AbstractContextManager[object]:
    """Leave the signals of this process alone."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Environment:
    """What a link takes from outside: time, and chance for the jitter of its waits."""

    clock: Clock = REAL
    chance: Callable[[], float] = random.random
    """0 to 1, evenly."""
    plug: Callable[[str, Serial, Clock], SerialPort] = SerialPort
    """Makes the port, such as one that remembers what is said over it."""
    guard: Callable[[SerialSpectrometer], AbstractContextManager[object]] = unguarded
    """Entered while a device is open whose laser this link controls: what else has to see that it is off, such as a handler of signals."""
    idle_s: float = IDLE_S
    """How long no exposure may be asked for before the laser goes off, s."""


class SerialSpectrometer:
    """A :class:`raman_edge.instruments.spectrometer.Spectrometer` over a serial port, or what stands for one."""

    def __init__(  # noqa: PLR0913 - what a user can say of a measurement, each by name
        self,
        profile: Profile,
        where: str,
        *,
        exposure_s: float | None = None,
        averages: int = 1,
        baud: int | None = None,
        save_baud: bool = False,
        laser: bool = False,
        keep_laser_on: bool = False,
        stop: threading.Event | None = None,
        world: Environment | None = None,
    ) -> None:
        """Describe the link; nothing is opened before ``with``.

        ``where`` is a port, ``socket://HOST:PORT``, or ``usb:VID:PID[:SERIAL]``; ``exposure_s`` None is the profile's
        default; ``baud`` asks the device to change its rate, ``save_baud`` to keep it over a loss of power;
        ``laser`` arms the laser, which is on only for an exposure with the sample's light; ``keep_laser_on`` leaves it on between
        exposures; ``stop`` ends every wait.
        Raises :class:`ConfigError` for what the device cannot do.
        """
        rates.checked(profile, baud, save=save_baud)
        profile = limited(profile, exposure_s, averages) if armed(profile, laser=laser, keep_on=keep_laser_on) else profile
        self._profile, self._where, self._world = profile, where, world or Environment()
        self._averages, self._baud, self._save = averages, baud, save_baud
        self._stop = stop or threading.Event()
        self._wire = Transport(profile, where, clock=self._world.clock, plug=self._world.plug)
        self._lights = LightControl(self._wire, armed=laser, keep_on=keep_laser_on)
        self._asking = AcquireExchange(self._wire, self._lights, requests.wanted(profile, exposure_s, averages))
        self._state: State = "absent"
        self._why = ""
        self._instrument: InstrumentInfo | None = None
        self._rate: int | None = None
        self._opening: Generator[None, None, None] | None = None
        self._waiting: deque[Exposure | Fault] = deque()
        self._failures: list[str] = []
        self._left_on = False
        """Whether the instrument was lost with its laser on."""
        self._interlock = LaserInterlock(self._wire, self._lights, self._asking, self._world.idle_s)
        self._guards = ExitStack()
        self._wire.hurried = lambda: self._stop.is_set() or self._interlock.claimed

    def __enter__(self) -> Self:
        """Open it and ask who it is; :class:`SourceUnavailable` or :class:`SourceBusy` where that cannot be done now.

        :class:`LaserNotOff` where the device is there and does not switch its laser off.
        """
        self._opening = self._connect()
        self._interlock.begin()
        try:
            if self._lights.laser is not None:
                self._guards.enter_context(self._world.guard(self))
            while self._opening is not None and not self._stop.is_set():
                self._open_on()
        except SourceLost as error:
            self._leave(str(error))
            raise SourceUnavailable(str(error)) from error
        except BaseException as error:
            self._leave(str(error))
            raise
        if self._lights.armed:
            self._guards.enter_context(self._interlock.watched(self._darken, self._gone))
        return self

    def __exit__(self, *exc: object) -> None:
        """Switch off what was switched on, and close the port.

        Raises :class:`LaserNotOff`, whatever else ended the block, where the laser was switched on and may still be.
        """
        if why := self._leave(""):
            raise LaserNotOff(why)

    @property
    def status(self) -> LinkStatus:
        """How the link does; may be read by any thread."""
        instrument = self._instrument
        return LinkStatus(
            state=self._state,
            port=self._where,
            profile=self._profile.device.id,
            baud=self._wire.port.baud,
            serial_number=None if instrument is None else instrument.serial_number,
            exposure_s=self._asking.exposure_s,
            averages=self._averages,
            laser=self._lights.laser,
            counters=self._wire.tally.counters,
            why=self._why,
        )

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Return what is known of it; None before it was reached."""
        return self._instrument

    @property
    def ended(self) -> bool:
        """Never: an instrument that is gone may come again."""
        return False

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next frame on; :class:`ConfigError` where the device cannot."""
        wanted = requests.wanted(self._profile, seconds, self._averages)
        with self._interlock.lock:
            self._asking.want(wanted)
            self._forget()

    def light(self, *, on: bool) -> bool:
        """Let the sample's light in, or keep it out; False where the device cannot, and a person has to."""
        with self._interlock.lock:
            self._forget()
            self._asking.light(on=on)
            try:
                if self._wire.port.is_open:
                    self._lights.cut()
            except SourceLost as error:
                self._gone(error)
        return self._lights.able

    def rest(self, seconds: float = math.inf) -> bool:
        """Switch the laser off for a wait of ``seconds`` (s), until the next :meth:`expose`; False where it stays as it is.

        A wait that is no longer than the laser needs to settle leaves it on, and so does ``keep_laser_on``.
        """
        if not self._lights.rests or seconds <= self._interlock.idle_s:
            return False
        with self._interlock.alone():
            if not self._asking.exposing:  # an exposure that runs is let run; the interlock comes by when it is over
                self._darken()
        return True

    def make_safe(self) -> str:
        """Expose no more and switch the laser off for good; return why it may still be on, "" where it is off or not this link's.

        A device that hears nothing while it exposes is waited for, until a second signal. No signal interrupts the rest.
        """
        if self._interlock.unsafe is None:
            self._interlock.shielded(self._off_for_good)
        return self._interlock.unsafe or ""

    @contextmanager
    def suspended(self) -> Iterator[str]:
        """Expose nothing, with the laser off, while the block runs; gives why it may still be on, "" where it is off.

        The laser is on again with the next :meth:`expose`.
        """
        with self._interlock.alone():
            why = self._interlock.unsafe or ""
            if self._lights.laser and self._interlock.unsafe is None:
                why = self._off(self._stop.is_set)
                self._lights.resting = True
                if why and self._stop.is_set():
                    why = "the run ends, and switches its laser off"
                elif why:
                    self._fault(why)
                    self._lose("faulted", why)
            yield why

    def expose(self) -> Exposure | Fault | None:
        """Return the next exposure, what broke instead, or None as a sign of life after about a second, or when told to stop.

        Raises :class:`raman_edge.errors.SourceError` where another instrument has been plugged in.
        """
        until = self._world.clock.now() + BREATH_S
        while not self._waiting and not self._stop.is_set() and (left := until - self._world.clock.now()) > 0:
            if self._interlock.claimed:
                self._world.clock.sleep(YIELD_S)
                continue
            with self._interlock.lock:
                if self._interlock.unsafe is None:
                    self._step(min(SLICE_S, left))
                    continue
            self._world.clock.sleep(YIELD_S)
            break
        return self._waiting.popleft() if self._waiting else None

    def _step(self, timeout_s: float) -> None:
        """Go on with what is under way for about so long; the line is this thread's."""
        self._lights.wake()
        try:
            if self._opening is not None:
                self._open_on()
            else:
                self._measure_on(timeout_s)
        except SourceLost as error:
            self._gone(error)
        finally:
            self._interlock.used()

    def _measure_on(self, timeout_s: float) -> None:
        """Go on with the measurement that is running, or begin one."""
        result = self._asking.step(timeout_s)
        self._state = "ready" if self._asking.idle else "acquiring"
        if isinstance(result, ReplyProblem):
            self._troubled(result)
        elif result is not None:
            self._measured(result)

    def _measured(self, frame: RawFrame) -> None:
        self._failures.clear()
        if why := self._asking.around:
            self._wire.tally.add("bad")
            self._fault(why)
        if self._asking.stale():
            self._wire.tally.add("stale")
        elif self._instrument is not None:
            self._wire.tally.add("frames")
            self._waiting.append(self._asking.exposure(frame, self._instrument, datetime.now(UTC)))

    def _troubled(self, trouble: ReplyProblem) -> None:
        """Laser off, say it, and do what helps: a slower rate, or everything anew. The next frame is asked for in any case."""
        refused = self._lights.off()
        self._failures.append(trouble.kind)
        if not self._asking.repeating:
            self._fault(trouble.why)
        if refused is not None and self._lights.laser:
            self._still_on(refused)
            return
        if self._failures[-SILENT:] == ["silent"] * SILENT or len(self._failures) >= HOPELESS:
            self._lose("faulted", trouble.why)
        elif self._failures[-STEP_DOWN:] == ["bad"] * STEP_DOWN and rates.slower(self._wire) is not None:
            self._opening = self._step_down()

    def _step_down(self) -> Generator[None, None, None]:
        old, slower = self._wire.port.baud, rates.slower(self._wire)
        if slower is None:
            return
        self._asking.halt()
        if not (yield from rates.settled(self._wire, slower)):
            self._lose("faulted", f"it answers no more after it was told to change from {old} to {slower} baud")
            return
        self._baud = self._wire.port.baud
        self._fault(f"{STEP_DOWN} broken spectra in a row at {old} baud: {self._baud} baud from now on")

    def _open_on(self) -> None:
        """Go on with opening, or with whatever stands before the next measurement."""
        opening = self._opening
        try:
            if opening is not None:
                next(opening)
        except StopIteration:
            self._opening = None if self._opening is opening else self._opening

    def _connect(self) -> Generator[None, None, None]:
        """Open, find the rate, prepare, ask who it is; what it raises says why not."""
        wire, tried = self._wire, candidates(self._wire, self._baud, self._rate)
        self._state, self._left_on = "opening", self._left_on or bool(self._lights.laser)
        yield from opened(wire, tried[0])
        self._state = "probing"
        yield from tuned(wire, self._asking, tried)
        if (refused := self._lights.off()) is not None:
            self._lights.laser = True
            raise LaserNotOff(self._interlock.warning(f"it did not confirm {refused.why}"))
        yield
        note = yield from wished(wire, self._baud, save=self._save)
        self._rate = wire.port.baud
        yield from self._introduced(wire.prepare())
        found = yield from identity.read(wire)
        if isinstance(found, ReplyProblem):
            raise self._mute(found)
        if self._instrument is not None:
            self._recognise(self._instrument, found)
        self._instrument, self._left_on = found, False
        self._asking.renew()
        self._failures.clear()
        self._state, self._why = "ready", ""
        if note:
            self._fault(note)

    def _recognise(self, before: InstrumentInfo, found: InstrumentInfo) -> None:
        """Raise :class:`SourceError` where it is another instrument; the laser of the one before stays as it was when it was lost."""
        try:
            identity.same(self._where, before, found)
        except SourceError:
            if self._left_on:
                number = before.serial_number or "the instrument"
                self._interlock.unsafe = self._interlock.warning(
                    f"{number} was lost with its laser on, and another instrument is there now"
                )
            raise

    def _introduced(self, said: bytes | ReplyProblem | None) -> Generator[None, None, None]:
        if isinstance(said, ReplyProblem):
            raise self._mute(said)
        yield

    def _mute(self, trouble: ReplyProblem) -> SourceUnavailable:
        name = self._profile.device.id
        return SourceUnavailable(f"{self._where} does not answer as {name} would ({trouble.why}): is it on, and is this its profile?")

    def _reconnect(self) -> Generator[None, None, None]:
        """Try again and again, at growing intervals; the jitter keeps several links from trying at the same moment."""
        wait = FIRST_S
        while True:
            yield from pause(self._wire, wait * (1 + self._world.chance()) / 2)
            try:
                yield from self._connect()
            except (SourceUnavailable, SourceLost, LaserNotOff) as error:
                there = self._wire.port.is_open or isinstance(error, SourceBusy)
                self._wire.port.close()
                self._state, self._why = "faulted" if there else "absent", str(error)
                wait = min(2 * wait, LONGEST_S)
                continue
            self._wire.tally.add("reconnects")
            return

    def _lose(self, state: State, why: str) -> None:
        self._wire.port.close()
        self._asking.renew()
        self._state, self._why = state, why
        self._opening = self._reconnect()

    def _forget(self) -> None:
        """Spectra that have come and were not taken have the settings before."""
        self._waiting = deque(said for said in self._waiting if isinstance(said, Fault))

    def _fault(self, why: str) -> None:
        self._waiting.append(Fault(Origin("serial", self._where), why))

    def _leave(self, why: str) -> str:
        """Laser off, stream and measurement ended, port closed; return why the laser may still be on, "" where it is not."""
        try:
            return self.make_safe()
        finally:
            self._interlock.end()
            self._guards.close()
            self._wire.port.close()
            self._state, self._why = "absent", why

    def _darken(self) -> None:
        """Take the light away until the next exposure; the line is this thread's."""
        self._interlock.used()
        self._lights.resting = True
        if not self._lights.laser or self._opening is not None or not self._wire.port.is_open:
            return
        try:
            self._asking.interrupt()
            if (trouble := self._lights.rest() and self._lights.off()) is not None:
                self._still_on(trouble)
        except SourceLost as error:
            self._gone(error)

    def _still_on(self, trouble: ReplyProblem) -> None:
        """Say that the laser did not go off, and open the line anew, which begins with its laser off."""
        why = self._interlock.warning(f"it did not confirm {trouble.why}")
        self._fault(why)
        self._lose("faulted", why)

    def _gone(self, error: SourceLost) -> None:
        """Take note that the line is lost, and that the laser may be on beyond it."""
        on = "; its laser may still be on, until it is switched off when the line is back" if self._lights.laser else ""
        self._fault(f"{error}{on}")
        self._lose("absent", str(error))

    def _off_for_good(self) -> str:
        """Do what :meth:`make_safe` says; the thread that does it gets no signals."""
        with self._interlock.alone():
            self._interlock.unsafe = ""  # from here on nothing is exposed
            self._opening = None
            self._interlock.unsafe = self._off(lambda: self._interlock.hurry)
            self._lights.open_shutter()
            return self._interlock.unsafe

    def _off(self, impatient: Callable[[], bool]) -> str:
        return self._interlock.off(impatient, self._rate or self._profile.serial.baud[0])


def ask(
    profile: Profile,
    where: str,
    *,
    exposure_s: float | None = None,
    baud: int | None = None,
    stop: threading.Event | None = None,
    world: Environment | None = None,
) -> InstrumentInfo:
    """Open a port, ask who is there, close it. Raises :class:`SourceUnavailable` where nobody is who answers as the profile says.

    Where the profile knows no question, a spectrum is the answer that is waited for.
    """
    stop, clock = stop or threading.Event(), (world or Environment()).clock
    with SerialSpectrometer(profile, where, exposure_s=exposure_s, baud=baud, stop=stop, world=world) as device:
        until = clock.now() + LISTEN_S + (device.status.exposure_s or 0.0)
        while not rates.can_ask(profile) and not stop.is_set() and device.status.counters.frames == 0:
            said = device.expose()
            if isinstance(said, Fault) or clock.now() > until:
                why = said.why if isinstance(said, Fault) else "no spectrum came"
                msg = f"{where} is open, and nothing shows that it is a {profile.device.id} ({why}): is it on, and is this its profile?"
                raise SourceUnavailable(msg)
        if device.instrument is None or stop.is_set():
            msg = f"{where} was not asked to the end: stopped before"
            raise SourceUnavailable(msg)
        return device.instrument
