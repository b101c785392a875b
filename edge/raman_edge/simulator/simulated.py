"""A simulated device that is plugged in and answers, in its own thread, during a block.

::

    with Simulated(catalogue.load("ocean-sts"), pacing=False) as simulated:
        serial.Serial(simulated.port, 9600)
        simulated.unplug()
        simulated.replug("OTHER")
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from raman_edge.errors import ConfigError
from raman_edge.simulator.device import SimulatedDevice
from raman_edge.simulator.faults import REPLUG_S, serial_number
from raman_edge.simulator.line import ArrivedBytes, SimulatedLine, heard
from raman_edge.simulator.ports import default_port
from raman_edge.simulator.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.simulator.faults import InjectedFault
    from raman_edge.simulator.materials import LightSource
    from raman_edge.simulator.ports import Endpoint, EndpointFactory

ABSENT_S = 0.01
"""Between two checks for a host, s."""
REST_S = 1.0
"""Longest sleep, s."""
FULL_S = 0.05
"""Longest wait for room at the host, s."""


class Simulated:
    """One simulated instrument. Any thread may call its methods, which take effect before they return."""

    def __init__(
        self,
        profile: Profile,
        scene: Scene | None = None,
        *,
        faults: Iterable[str] = (),
        seed: int = 0,
        pacing: bool = True,
        at: EndpointFactory | None = None,
    ) -> None:
        """Put a device in front of a ``scene``, by default the profile's.

        ``faults`` are written as in :mod:`raman_edge.simulator.faults`; ``pacing`` False simulates neither transfer nor
        exposure times; ``at`` is :class:`raman_edge.simulator.ports.PtyAt` or :class:`raman_edge.simulator.ports.TcpAt`, by
        default a pseudo-terminal, on Windows a free TCP port. Raises :class:`raman_edge.errors.ConfigError` for an unknown
        fault or material.
        """
        self.device = SimulatedDevice(profile, scene or Scene(profile), seed, faults=faults, pacing=pacing, note=self._say)
        self.note: Callable[[str], None] = lambda _: None
        """Gets a line for every request and event, from the thread of the device."""
        self._at = at or default_port()
        self._line = SimulatedLine(profile.serial.bits_per_byte, pacing=pacing)
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="simulated instrument", daemon=True)
        self._ending = False
        self._port: Endpoint | None = None
        self._blocked = self._there = False
        self._replug: tuple[float, InjectedFault] | None = None
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        try:
            self._plug()
        except BaseException:
            self._at.clear()
            raise
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending = True
        self._wake()
        self._thread.join()
        if self._port is not None:
            self._port.close()
        self._at.clear()
        self._wake_in.close()
        self._wake_out.close()
        if self._failure is not None and not any(exc):
            raise self._failure

    @property
    def port(self) -> str:
        """The address that a host opens: a path, or ``socket://HOST:PORT``; the same after a replug."""
        return self._at.port

    @property
    def running(self) -> bool:
        """Whether it still answers; False after an unexpected error."""
        return self._thread.is_alive()

    @property
    def frames(self) -> int:
        """Spectra sent so far, including damaged ones."""
        return self.device.frames

    def unplug(self) -> None:
        """Pull the cable; the device loses its power."""
        with self._lock:
            self._pull(None)
        self._wake()

    def replug(self, serial: str | None = None) -> None:
        """Unplug if necessary and plug in: the same instrument, or one with another serial number."""
        with self._lock:
            number = None if serial is None else serial_number(serial)
            self._pull(None)
            self.device.answers.serial_number = number or self.device.answers.serial_number
            self._plug()
        self._wake()

    def material(self, material: str | LightSource) -> None:
        """Put another sample under the laser; :class:`raman_edge.errors.ConfigError` for an unknown name."""
        with self._lock:
            self.device.scene.put(material)
            self._say(f"under the laser: {self.device.scene.material.name}")

    def laser(self, *, on: bool) -> None:
        """Switch a laser that the device does not control."""
        with self._lock:
            self.device.scene.switch(on=on)
            self._say(f"the laser is {'on' if on else 'off'}")

    def fault(self, kind: str) -> None:
        """Inject a fault: ``flip`` into the next spectrum, or as :mod:`raman_edge.simulator.faults` describes."""
        with self._lock:
            self.device.fault(kind)

    def _say(self, text: str) -> None:
        self.note(text)

    def _plug(self) -> None:
        self.device.power_cycle()
        self._port = self._at.plug(self.device.baud)
        self._there, self._replug = False, None
        self._say(f"plugged in: {self.device.answers.serial_number}")

    def _pull(self, fault: InjectedFault | None) -> None:
        """Pull the cable; a fault plugs it in again after a while."""
        if self._port is not None:
            self._port.close()
            self._port = None
            self._say("unplugged")
        self._line.clear()
        self._replug = None
        if fault is not None:
            away_s = REPLUG_S if fault.seconds is None else fault.seconds
            self._replug = (time.monotonic() + away_s, fault)

    def _run(self) -> None:
        try:
            while not self._ending:
                with self._lock:
                    rest = self._step(time.monotonic())
                    port = self._port if self._there else None
                self._sleep(rest, port)
        except Exception as error:  # noqa: BLE001 - raised again at the end of the block
            self._failure = error

    def _step(self, now: float) -> float:
        """Do what is due, and return how long nothing will be, s."""
        self.device.watch(now)
        if self._port is None:
            return self._away(now)
        data = self._port.read()
        if data is None:
            if self._there:
                self._say("the host has gone")
                self._line.clear()
            self._there = False
            return ABSENT_S
        if not self._there:
            self._there = True
            self._say("a host is there")
            self.device.joined(now)
        if data:
            rate = self.device.rate.at(now)
            self.device.receive(heard(data, self._port.rate or rate, rate), now)
        if not self._blocked:
            for sent in self.device.advance(now):
                self._line.put(sent)
        self._write(self._port, now)
        if self._blocked or self._port is None:
            return FULL_S if self._blocked else 0.0
        coming = [at_s for at_s in (self.device.next_s, self._line.next_s) if at_s is not None]
        return max(0.0, min([at_s - now for at_s in coming] + [REST_S]))

    def _away(self, now: float) -> float:
        if self._replug is None:
            return REST_S
        at_s, fault = self._replug
        if now < at_s:
            return at_s - now
        self.replug(fault.serial)
        return 0.0

    def _write(self, port: Endpoint, now: float) -> None:
        """Deliver the bytes that have arrived; those without room stay."""
        self._blocked = False
        while (piece := self._line.take(now)) is not None:
            data = heard(piece.data, piece.baud, port.rate)
            # Bytes that are put back are garbled already, or never will be.
            taken = port.write(data) if data else 0
            if taken < len(data):
                self._line.put_back(ArrivedBytes(piece.at_s, data[taken:], port.rate or piece.baud, piece.unplugs))
                self._blocked = True
                return
            if piece.unplugs is not None:
                self._pull(piece.unplugs)
                return

    def _sleep(self, rest: float, port: Endpoint | None) -> None:
        """Wait until the host sends, has room, or another thread wakes this one."""
        readers: list[Endpoint | socket.socket] = [self._wake_out, *([port] if port else [])]
        try:
            woken, _, _ = select.select(readers, [port] if port and self._blocked else [], [], rest)
        except (OSError, ValueError):  # the port was closed meanwhile
            return
        if self._wake_out in woken:
            with contextlib.suppress(OSError):
                self._wake_out.recv(64)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_in.send(b"!")


ORDERS = {
    "unplug": "pull the cable; the device loses its power",
    "replug": "[SERIAL] plug in, the same instrument or another",
    "material": "NAME put another sample under the laser; A+B is a mixture, none is nothing",
    "laser": "on | off",
    "fault": "KIND[@N][:OPTION,…] inject a fault, by default into the next spectrum",
    "quit": "end",
}
"""Order → its arguments and its effect."""


def carry_out(line: str, simulated: Simulated) -> bool:
    """Carry out a line; a blank one does nothing. Return whether to continue; :class:`ConfigError` for a wrong order."""
    order, _, rest = line.strip().partition(" ")
    argument = rest.strip()
    if order not in {"", *ORDERS}:
        raise ConfigError(kind="unknown order", got=repr(line.strip()[:80]), expected=f"one of {', '.join(ORDERS)}")
    if order in {"unplug", "quit"} and argument:
        raise ConfigError(kind="unexpected argument", place=order, got=repr(argument[:80]))
    if order in {"material", "fault"} and not argument:
        raise ConfigError(kind="missing argument", place=order, expected=f"{order} {ORDERS[order].partition(' ')[0]}")
    if order == "unplug":
        simulated.unplug()
    elif order == "replug":
        simulated.replug(argument or None)
    elif order == "material":
        simulated.material(argument)
    elif order == "laser":
        simulated.laser(on=_switch(argument))
    elif order == "fault":
        simulated.fault(argument)
    return order != "quit"


def _switch(argument: str) -> bool:
    if argument not in {"on", "off"}:
        raise ConfigError(kind="wrong argument", place="laser", got=repr(argument[:80]), expected="on or off")
    return argument == "on"
