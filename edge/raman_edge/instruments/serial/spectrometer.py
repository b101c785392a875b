"""A spectrometer on a serial line: opened, measured with, lost and reconnected."""

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
from raman_edge.instruments.serial import connect
from raman_edge.instruments.serial.acquire import LISTEN_S, AcquireExchange
from raman_edge.instruments.serial.laser import IDLE_S, LaserInterlock, LightControl, armed, limited
from raman_edge.instruments.serial.port import REAL, Clock, SerialPort
from raman_edge.instruments.serial.transport import SLICE_S, ReplyProblem, Transport
from raman_edge.instruments.spectrometer import Exposure, LinkStateMachine, LinkStatus
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from raman_edge.instruments.codecs.stream import RawFrame
    from raman_edge.instruments.profiles.profile import Profile, Serial
    from raman_edge.instruments.spectrometer import InstrumentInfo, State

BREATH_S = 1.0
"""Longest call of :meth:`SerialSpectrometer.expose` without a result, s."""
FIRST_S, LONGEST_S = 0.25, 5.0
"""Shortest and longest wait before the link is opened again, s; doubled after each failure."""
LONG_S = 2.0
"""Waiting at the end for an exposure longer than this is noted, s."""
STEP_DOWN = 3
"""Broken spectra in a row after which the next slower rate is tried."""
SILENT = 3
"""Missing spectra in a row after which the device counts as lost."""
HOPELESS = 6
"""Problems of any kind in a row after which the link is opened again."""
YIELD_S = 0.002
"""How often a thread that gave way checks whether it may continue, s."""


def unguarded(_: SerialSpectrometer) -> AbstractContextManager[object]:
    """Leave the signals of this process alone."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Environment:
    """What a link takes from outside; tests replace it."""

    clock: Clock = REAL
    chance: Callable[[], float] = random.random
    """Uniform in 0..1, for the jitter of waits."""
    plug: Callable[[str, Serial, Clock], SerialPort] = SerialPort
    """Makes the port, such as one that logs its traffic."""
    guard: Callable[[SerialSpectrometer], AbstractContextManager[object]] = unguarded
    """Entered while a device is open whose laser this link controls, such as a signal handler that switches it off."""
    idle_s: float = IDLE_S
    """Time without a request for an exposure after which the laser goes off, s."""


class SerialSpectrometer:
    """A :class:`raman_edge.instruments.spectrometer.Spectrometer` over a serial port, or what stands for one."""

    def __init__(  # noqa: PLR0913 - the options of a measurement, all by name
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
        """Describe the link; ``with`` opens it.

        ``where`` is a port, ``socket://HOST:PORT``, or ``usb:VID:PID[:SERIAL]``; ``exposure_s`` None is the profile's
        default; ``baud`` requests another rate of the device, ``save_baud`` to keep it over a loss of power;
        ``laser`` arms the laser, which is on only for an exposure with the sample's light; ``keep_laser_on`` leaves it on between
        exposures; ``stop`` ends every wait.
        Raises :class:`ConfigError` for what the device cannot do.
        """
        connect.check_rate(profile, baud, save=save_baud)
        profile = limited(profile, exposure_s, averages) if armed(profile, laser=laser, keep_on=keep_laser_on) else profile
        self._profile, self._where, self._environment = profile, where, world or Environment()
        self._averages, self._baud, self._save = averages, baud, save_baud
        self._stop = stop or threading.Event()
        self._wire = Transport(profile, where, clock=self._environment.clock, plug=self._environment.plug)
        self._lights = LightControl(self._wire, armed=laser, keep_on=keep_laser_on)
        self._exchange = AcquireExchange(self._wire, self._lights, requests.wanted(profile, exposure_s, averages))
        self._link = LinkStateMachine()
        self._instrument: InstrumentInfo | None = None
        self._rate: int | None = None
        self._opening: Generator[None, None, None] | None = None
        self._waiting: deque[Exposure | Fault] = deque()
        self._failures: list[str] = []
        self._left_on = False
        """Whether the instrument was lost while its laser was on."""
        self._interlock = LaserInterlock(self._wire, self._lights, self._exchange, self._environment.idle_s)
        self._guards = ExitStack()
        self._wire.hurried = lambda: self._stop.is_set() or self._interlock.claimed

    def __enter__(self) -> Self:
        """Open it and identify the device; :class:`SourceUnavailable` or :class:`SourceBusy` where that is impossible now.

        :class:`LaserNotOff` where the device does not confirm that its laser is off.
        """
        self._opening = self._connect()
        self._interlock.begin()
        try:
            if self._lights.laser is not None:
                self._guards.enter_context(self._environment.guard(self))
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
        """Switch everything off and close the port.

        A KeyboardInterrupt after ``stop`` was set is a second one: an exposure is no longer waited for.
        Raises :class:`LaserNotOff`, whatever else ended the block, where the laser was on and may still be on.
        """
        is_second = len(exc) > 1 and isinstance(exc[1], KeyboardInterrupt) and self._stop.is_set()
        if why := self._leave("", hurry=is_second):
            raise LaserNotOff(why)

    @property
    def status(self) -> LinkStatus:
        """State, settings and counters of the link; any thread may read it."""
        instrument = self._instrument
        return LinkStatus(
            state=self._link.state,
            port=self._where,
            profile=self._profile.device.id,
            baud=self._wire.port.baud,
            serial_number=None if instrument is None else instrument.serial_number,
            exposure_s=self._exchange.exposure_s,
            averages=self._averages,
            laser=self._lights.laser,
            counters=self._wire.counters,
            why=self._link.why,
        )

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Return the facts of the instrument; None before it was reached."""
        return self._instrument

    @property
    def ended(self) -> bool:
        """False: a lost instrument may come back."""
        return False

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next frame on; :class:`ConfigError` where the device cannot."""
        wanted = requests.wanted(self._profile, seconds, self._averages)
        with self._interlock.lock:
            self._exchange.want(wanted)
            self._forget()

    def light(self, *, on: bool) -> bool:
        """Let the sample's light in, or keep it out; False where the device cannot, and a person must."""
        with self._interlock.lock:
            self._forget()
            self._exchange.light(on=on)
            try:
                if self._wire.port.is_open:
                    self._lights.cut()
            except SourceLost as error:
                self._gone(error)
        return self._lights.able

    def rest(self, seconds: float = math.inf) -> bool:
        """Switch the laser off for a wait of ``seconds`` (s), until the next :meth:`expose`; False where it stays as it is.

        It stays on during a wait that is no longer than its settling time, and with ``keep_laser_on``.
        """
        if not self._lights.rests or seconds <= self._interlock.idle_s:
            return False
        with self._interlock.alone():
            if not self._exchange.exposing:  # a running exposure goes on; the interlock acts at its end
                self._darken()
        return True

    def make_safe(self, note: Callable[[str], None] | None = None, *, hurry: bool = False) -> str:
        """Stop exposing and switch the laser off for good; return why it may still be on, "" where it is off or not on this link.

        A device that does not listen while it exposes is waited for, with a ``note``, until a signal or with ``hurry`` not at all;
        no signal interrupts the rest.
        """
        self._interlock.hurry |= hurry
        if self._interlock.unsafe is None:
            self._interlock.shielded(lambda: self._off_for_good(note))
        return self._interlock.unsafe or ""

    @contextmanager
    def suspended(self) -> Iterator[str]:
        """Expose nothing, with the laser off, during the block; gives why it may still be on, "" where it is off.

        The next :meth:`expose` switches it on again.
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
        """Return the next exposure or a fault; None after about a second without either, and once ``stop`` is set.

        Raises :class:`raman_edge.errors.SourceError` where another instrument was plugged in.
        """
        until = self._environment.clock.now() + BREATH_S
        while not self._waiting and not self._stop.is_set() and (left := until - self._environment.clock.now()) > 0:
            if self._interlock.claimed:
                self._environment.clock.sleep(YIELD_S)
                continue
            with self._interlock.lock:
                if self._interlock.unsafe is None:
                    self._step(min(SLICE_S, left))
                    continue
            self._environment.clock.sleep(YIELD_S)
            break
        return self._waiting.popleft() if self._waiting else None

    def _step(self, timeout_s: float) -> None:
        """Continue for about so long; this thread holds the line."""
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
        """Continue the running measurement, or begin one."""
        result = self._exchange.step(timeout_s)
        self._link.enter("ready" if self._exchange.idle else "acquiring")
        if isinstance(result, ReplyProblem):
            self._on_problem(result)
        elif result is not None:
            self._on_frame(result)

    def _on_frame(self, frame: RawFrame) -> None:
        self._failures.clear()
        if why := self._exchange.around:
            self._wire.count("bad")
            self._fault(why)
        if self._exchange.stale():
            self._wire.count("stale")
        elif self._instrument is not None:
            self._wire.count("frames")
            self._waiting.append(self._exchange.exposure(frame, self._instrument, datetime.now(UTC)))

    def _on_problem(self, problem: ReplyProblem) -> None:
        """Laser off, report the problem, then a slower rate or a new connection where that helps; the next frame is requested anyway."""
        refused = self._lights.off()
        self._failures.append(problem.kind)
        if not self._exchange.repeating:
            self._fault(problem.why)
        if refused is not None and self._lights.laser:
            self._still_on(refused)
            return
        if self._failures[-SILENT:] == ["silent"] * SILENT or len(self._failures) >= HOPELESS:
            self._lose("faulted", problem.why)
        elif self._failures[-STEP_DOWN:] == ["bad"] * STEP_DOWN and connect.slower_rate(self._wire) is not None:
            self._opening = self._step_down()

    def _step_down(self) -> Generator[None, None, None]:
        old, slower = self._wire.port.baud, connect.slower_rate(self._wire)
        if slower is None:
            return
        self._exchange.halt()
        if not (yield from connect.settle_rate(self._wire, slower)):
            self._lose("faulted", f"no answer after the change from {old} to {slower} baud")
            return
        self._baud = self._wire.port.baud
        self._fault(f"{STEP_DOWN} broken spectra in a row at {old} baud: {self._baud} baud from now on")

    def _open_on(self) -> None:
        """Continue opening, or what else comes before the next measurement."""
        opening = self._opening
        try:
            if opening is not None:
                next(opening)
        except StopIteration:
            self._opening = None if self._opening is opening else self._opening

    def _connect(self) -> Generator[None, None, None]:
        """Open, find the rate, prepare, identify; an error has the reason."""
        wire, tried = self._wire, connect.candidates(self._wire, self._baud, self._rate)
        self._link.enter("opening")
        self._left_on = self._left_on or bool(self._lights.laser)
        yield from connect.open_line(wire, tried[0])
        self._link.enter("probing")
        yield from connect.tune(wire, self._exchange.listen, tried)
        if (refused := self._lights.off()) is not None:
            self._lights.laser = True
            raise LaserNotOff(self._interlock.warning(f"it did not confirm {refused.why}"))
        yield
        note = yield from connect.change_rate(wire, self._baud, save=self._save)
        self._rate = wire.port.baud
        if isinstance(answer := wire.prepare(), ReplyProblem):
            raise self._unexpected(answer)
        yield
        found = yield from connect.identify(wire)
        if isinstance(found, ReplyProblem):
            raise self._unexpected(found)
        if self._instrument is not None:
            self._recognise(self._instrument, found)
        self._instrument, self._left_on = found, False
        self._exchange.renew()
        self._failures.clear()
        self._link.enter("ready")
        if note:
            self._fault(note)

    def _recognise(self, before: InstrumentInfo, found: InstrumentInfo) -> None:
        """Raise :class:`SourceError` where it is another instrument; the laser of the first one stays as it was when it was lost."""
        try:
            connect.require_same(self._where, before, found)
        except SourceError:
            if self._left_on:
                number = before.serial_number or "the instrument"
                self._interlock.unsafe = self._interlock.warning(
                    f"{number} was lost with its laser on, and another instrument is there now"
                )
            raise

    def _unexpected(self, problem: ReplyProblem) -> SourceUnavailable:
        expected = f"the answers of {self._profile.device.id}"
        return SourceUnavailable(kind="unexpected answer", place=self._where, got=problem.why, expected=expected, advice=connect.CHECK)

    def _reconnect(self) -> Generator[None, None, None]:
        """Try again at growing intervals; the jitter keeps several links from trying at the same moment."""
        wait = FIRST_S
        while True:
            yield from connect.pause(self._wire, wait * (1 + self._environment.chance()) / 2)
            try:
                yield from self._connect()
            except (SourceUnavailable, SourceLost, LaserNotOff) as error:
                there = self._wire.port.is_open or isinstance(error, SourceBusy)
                self._wire.port.close()
                self._link.enter("faulted" if there else "absent", str(error))
                wait = min(2 * wait, LONGEST_S)
                continue
            self._wire.count("reconnects")
            return

    def _lose(self, state: State, why: str) -> None:
        self._wire.port.close()
        self._exchange.renew()
        self._link.enter(state, why)
        self._opening = self._reconnect()

    def _forget(self) -> None:
        """Drop waiting spectra: they have the previous settings."""
        self._waiting = deque(one for one in self._waiting if isinstance(one, Fault))

    def _fault(self, why: str) -> None:
        self._waiting.append(Fault(Origin("serial", self._where), why))

    def _leave(self, why: str, *, hurry: bool = False) -> str:
        """Laser off, stream and measurement ended, port closed; return why the laser may still be on, "" where it is off."""
        try:
            return self.make_safe(hurry=hurry)
        finally:
            self._interlock.end()
            self._guards.close()
            self._wire.port.close()
            self._link.enter("absent", why)

    def _darken(self) -> None:
        """Take the light away until the next exposure; this thread holds the line."""
        self._interlock.used()
        self._lights.resting = True
        if not self._lights.laser or self._opening is not None or not self._wire.port.is_open:
            return
        try:
            self._exchange.interrupt()
            if (problem := self._lights.rest() and self._lights.off()) is not None:
                self._still_on(problem)
        except SourceLost as error:
            self._gone(error)

    def _still_on(self, problem: ReplyProblem) -> None:
        """Report that the laser did not go off, and open the line again, which begins with laser_off."""
        why = self._interlock.warning(f"it did not confirm {problem.why}")
        self._fault(why)
        self._lose("faulted", why)

    def _gone(self, error: SourceLost) -> None:
        """Report that the line is lost, and that its laser may be on."""
        on = "; its laser may still be on, until it is switched off when the line is back" if self._lights.laser else ""
        self._fault(f"{error}{on}")
        self._lose("absent", str(error))

    def _off_for_good(self, note: Callable[[str], None] | None) -> str:
        """Carry out :meth:`make_safe`, in a thread that gets no signals."""
        with self._interlock.alone():
            longest_s = (self._exchange.exposure_s or 0.0) * self._averages
            if note and self._lights.laser and self._exchange.unabortable and longest_s > LONG_S and not self._interlock.hurry:
                note(f"waiting for the exposure of {longest_s:g} s to end, and for its laser to go off; Ctrl-C waits no longer")
            self._interlock.unsafe = ""  # nothing is exposed from here on
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
    """Open a port, identify the device, close it. Raises :class:`SourceUnavailable` where no device answers by the profile.

    Where the profile has no question, a spectrum is the answer.
    """
    stop, clock = stop or threading.Event(), (world or Environment()).clock
    with SerialSpectrometer(profile, where, exposure_s=exposure_s, baud=baud, stop=stop, world=world) as device:
        until = clock.now() + LISTEN_S + (device.status.exposure_s or 0.0)
        while not connect.can_ask(profile) and not stop.is_set() and device.status.counters.frames == 0:
            got = device.expose()
            if isinstance(got, Fault) or clock.now() > until:
                why = got.why if isinstance(got, Fault) else "no spectrum"
                expected = f"a spectrum of {profile.device.id}"
                raise SourceUnavailable(kind="unexpected answer", place=where, got=why, expected=expected, advice=connect.CHECK)
        if device.instrument is None or stop.is_set():
            raise SourceUnavailable(kind="stopped before the device was identified", place=where)
        return device.instrument
