"""A simulated device without I/O and without a clock: bytes of the host in, timed bytes out.

It understands the requests of its profile and answers by the profile, with frames of the profile's codec.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge.errors import ConfigError
from raman_edge.instruments import codecs
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.frame import NamedFrame
from raman_edge.instruments.profiles.requests import UNITS, units
from raman_edge.simulator import faults as going_wrong
from raman_edge.simulator.line import Rate, SentBytes
from raman_edge.simulator.replies import ReplyWriter, header
from raman_edge.simulator.requests import OTHER, HostRequest, RequestReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.simulator.faults import InjectedFault
    from raman_edge.simulator.scene import Scene

PATIENCE_S = 0.5
"""Silence after which the beginning of a request is forgotten, s."""
LATE_MARGINS, LATE_S = 2, 0.25
"""Delay of a late answer: so many margins of the profile, and so much more, s."""
REPEAT_S = 0.05
"""Delay of a repeated answer, s."""
UNPACED_S = 0.001
"""Between two spectra of a stream without pacing, s."""
WORD = 65_535
AT_ONCE = frozenset(("abort", "stop"))
"""Requests that a device accepts while it measures."""


class SimulatedDevice:
    """One instrument. The caller's clock may have any origin and must not step back."""

    def __init__(
        self,
        profile: Profile,
        scene: Scene,
        seed: int = 0,
        *,
        faults: Iterable[str] = (),
        pacing: bool = True,
        note: Callable[[str], None] | None = None,
    ) -> None:
        """``pacing`` False measures in no time; ``note`` gets a line for every request and event."""
        self.profile, self.scene, self._pacing = profile, scene, pacing
        self._note = note or (lambda _: None)
        self._rng = np.random.default_rng(seed)
        self._faults = going_wrong.Faults((), self._rng)
        self.answers = ReplyWriter(profile, scene.coefficients, scene.saturation)
        self._codec = codecs.of(profile.frame, scene.pixels)
        self._modes = frozenset(requests.prepared(profile))
        """Requests that the form of a frame depends on."""
        self.rate = Rate(profile.serial.baud[0], profile.serial.switch, self._note)
        self.exposure_s = self.first_exposure_s = scene.default_s
        """Of a single exposure, s: now, and at power-up."""
        self.frames = 0
        """Spectra sent, including damaged ones."""
        self.counts: NDArray[np.int64] = np.zeros(scene.pixels, np.int64)
        """Of the last spectrum, before encoding, in the order of the wire, (n,)."""
        self._order = count()
        for text in faults:
            self.fault(text)
        self.power_cycle()

    def begin(self, *, baud: int | None = None, exposure_s: float | None = None, serial: str | None = None) -> None:
        """Power up with another rate, exposure (s) or serial number than the profile's; :class:`ConfigError` where it cannot."""
        if baud is not None and baud not in self.profile.serial.baud:
            rates = ", ".join(map(str, self.profile.serial.baud))
            raise ConfigError(kind="unknown baud rate", place=self.profile.device.id, got=str(baud), expected=f"one of {rates}")
        if exposure_s is not None and self.profile.integration is not None:
            exposure_s = units(self.profile, exposure_s) / UNITS[self.profile.integration.unit]
        self.rate.wakes_at = baud or self.rate.wakes_at
        self.first_exposure_s = exposure_s or self.first_exposure_s
        self.answers.serial_number = self.answers.serial_number if serial is None else going_wrong.serial_number(serial)
        self.power_cycle()

    def power_cycle(self) -> None:
        """Lose and regain power: forget everything but a saved rate."""
        self.rate.wake()
        self.exposure_s = self._before_s = self.first_exposure_s
        self.averages, self._stale = 1, 0
        self.laser, self.shutter = self.profile.commands.laser_on is None, True
        self._guarded = self.profile.commands.laser_watchdog is None
        self.streaming = self.profile.streams
        self._last = b""
        self._prepared: set[bytes] = set()
        self._disturbed: list[bytes] = []
        self._reader = RequestReader(self.profile)
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._waiting: deque[HostRequest] = deque()
        self._out: list[SentBytes] = []
        self._measures_until: float | None = None
        self._heard_s = 0.0

    @property
    def settings(self) -> tuple[object, ...]:
        """Return everything that a request can change: two equal results are a device that nothing was done to."""
        light = (self.laser, self.shutter, self._guarded)
        measurement = (self.exposure_s, self.averages, self.streaming, self.frames, self._measures_until)
        return (*light, *measurement, self.baud, self.rate.wakes_at, self.rate.changing, *sorted(self._prepared), *self._disturbed)

    @property
    def baud(self) -> int:
        """The rate, as of the last call."""
        return self.rate.baud

    def fault(self, text: str) -> None:
        """Add a fault, as :func:`raman_edge.simulator.faults.parse` reads it; :class:`ConfigError` where it is impossible."""
        fault = going_wrong.parse(text)
        name = "acquire" if fault.on == going_wrong.FRAMES else fault.on
        if fault.kind in {"nak", "busy"} and not self.answers.refusal(HostRequest(name, b""), fault.kind):
            place, got = self.profile.device.id, f"the fault {text!r}"
            raise ConfigError(kind=f"no answer {fault.kind}", place=place, got=got, advice="Use silence instead")
        self._faults.add(fault)

    def joined(self, now: float) -> None:
        """A host opens the port: bytes on their way are lost, and a stream starts somewhere inside a spectrum."""
        self._due.clear()
        self._waiting.clear()
        self._measures_until = None
        self._reader.kept.clear()
        if self.streaming:
            data = self._exposed(now, ())
            self._emit(now, data[int(self._rng.integers(len(data))) :])
            self._at(now + self._pause(data), self._tick)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the host; :meth:`advance` returns the answers."""
        if now - self._heard_s > PATIENCE_S:
            self._reader.kept.clear()
        self._heard_s = now
        self.rate.at(now)
        if self.rate.trying:
            self._confirm(data, now)
            return
        self._reader.kept += data
        while (request := self._reader.next(streaming=self.streaming)) is not None:
            self._take(request, now)

    @property
    def next_s(self) -> float | None:
        """When :meth:`advance` is due next, s; None where nothing is due."""
        watchdog_s = self._watchdog_at
        times = (self.rate.next_s, self._due[0][0] if self._due else None, None if watchdog_s is None else watchdog_s + UNPACED_S)
        coming = [at_s for at_s in times if at_s is not None]
        return min(coming, default=None)

    def advance(self, now: float) -> list[SentBytes]:
        """Do what is due, and return the bytes to send, in order."""
        while self._due and self._due[0][0] <= now:
            due, _, action = heapq.heappop(self._due)
            self.rate.at(due)
            action(due)
        self.watch(now)
        self.rate.at(now)
        sent, self._out = self._out, []
        return sent

    def _at(self, at_s: float, action: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (at_s, next(self._order), action))

    def _take(self, request: HostRequest, now: float) -> None:
        """Serve a request, or let it wait for the end of the measurement."""
        if self._measures_until is None or request.name in AT_ONCE:
            self._serve(request, now)
        elif refusal := self.answers.refusal(request, "busy"):
            self._note("busy")
            self._emit(now, refusal)
        else:
            self._waiting.append(request)

    def _serve(self, request: HostRequest, now: float) -> None:
        struck = self._struck(request.name) if request.name else ()
        kinds = {fault.kind for fault in struck}
        if refused := next((kind for kind in ("nak", "busy") if kind in kinds), None):
            self._emit(now, self.answers.refusal(request, refused))
        elif not request.name or not self._possible(request):
            self._note(f"refused: {request.data[:40].hex(' ')}")
            self._emit(now, self.answers.refusal(request, "nak"))
        elif "silence" not in kinds:
            self._note(f"{request.name} {' '.join(f'{name}={value}' for name, value in request.values.items())}".rstrip())
            self._do(request, struck, now)

    def _possible(self, request: HostRequest) -> bool:
        """Whether the device can serve a request."""
        facts, values = self.profile.integration, request.values
        if facts is not None and not facts.min <= values.get("integration", facts.min) <= facts.max:
            return False
        if facts is not None and not 1 <= values.get("averages", 1) <= facts.averages_max:
            return False
        if request.name == "set_baud" and values.get("baud") not in self.profile.serial.baud:
            return False
        if request.name == "repeat" and not self._last:
            return False
        if request.name in ("coefficient", "nonlinearity"):
            return self.answers.coefficient(request.name, values.get("index", 0)) is not None
        return True

    def _do(self, request: HostRequest, struck: tuple[InjectedFault, ...], now: float) -> None:
        self._set(request)
        match request.name:
            case "acquire":
                self._measure(request, struck, now)
            case "start":
                self.streaming = True
                self._emit(now, self.answers.before(request))
                self._at(now + self._lasts(), self._tick)
            case "repeat":
                self._deliver(now, self.answers.before(request) + self.answers.ready + self._last, struck)
            case "set_baud":
                self._set_baud(request, struck, now)
            case _:
                self._deliver(now, self.answers.done(request), struck)

    def _set(self, request: HostRequest) -> None:
        """Apply the exposure, averages and switches of a request."""
        values = request.values
        if "integration" in values and self.profile.integration is not None:
            self._change_exposure(values["integration"] / UNITS[self.profile.integration.unit])
        self.averages = values.get("averages", self.averages)
        if request.name in {"laser_on", "laser_off"}:
            self.laser = request.name == "laser_on"
        elif request.name == "laser_watchdog":
            self._guarded = True
        elif request.name in {"shutter_open", "shutter_close"}:
            self.shutter = request.name == "shutter_open"
        elif request.name == "save_baud":
            self.rate.wakes_at = self.baud
        elif request.name == "prepare":
            self._prepared.add(request.data)
        elif request.name == OTHER:
            self._disturbed.append(request.data)
        elif request.name in AT_ONCE:
            self._stop()

    def _change_exposure(self, exposure_s: float) -> None:
        if exposure_s != self.exposure_s:
            self._before_s, self.exposure_s = self.exposure_s, exposure_s
            self._stale = self.profile.integration.discard_after_change if self.profile.integration else 0

    def _stop(self) -> None:
        """Abort the measurement and any stream."""
        self.streaming = self.profile.streams
        self._measures_until = None
        self._due = [one for one in self._due if self.streaming]
        self._waiting.clear()

    def _measure(self, request: HostRequest, struck: tuple[InjectedFault, ...], now: float) -> None:
        """Begin one spectrum; it is sent at its end."""
        struck += self._struck(going_wrong.FRAMES)
        kinds = {fault.kind for fault in struck}
        if refused := next((kind for kind in ("nak", "busy") if kind in kinds), None):
            self._emit(now, self.answers.refusal(request, refused))
            return
        if "silence" in kinds:
            return
        self._emit(now, self.answers.before(request))
        self._measures_until = now + self._lasts()
        self._at(self._measures_until, lambda due: self._measured(request, struck, due))

    def _measured(self, request: HostRequest, struck: tuple[InjectedFault, ...], due: float) -> None:
        self._measures_until = None
        self._deliver(due, self.answers.ready + self._exposed(due, struck, request), struck)
        while self._waiting and self._measures_until is None:
            self._serve(self._waiting.popleft(), due)

    def _tick(self, due: float) -> None:
        """Send the next spectrum of a stream."""
        if not self.streaming:
            return
        struck = self._struck(going_wrong.FRAMES)
        kinds = {fault.kind for fault in struck}
        data = self._exposed(due, struck)
        if refused := next((kind for kind in ("nak", "busy") if kind in kinds), None):
            self._emit(due, self.answers.refusal(HostRequest("acquire", b""), refused))
        elif "silence" not in kinds:
            self._deliver(due, data, struck)
        self._at(due + self._pause(data), self._tick)

    def _lasts(self) -> float:
        """Return the time of a measurement, s."""
        return self.exposure_s * self.averages if self._pacing else 0.0

    def _pause(self, data: bytes) -> float:
        """Return the time between two spectra of a stream, s; it is no faster than the line."""
        return max(self._lasts(), len(data) * self.profile.serial.bits_per_byte / self.baud) if self._pacing else UNPACED_S

    def _exposed(self, now: float, struck: tuple[InjectedFault, ...], request: HostRequest | None = None) -> bytes:
        """Return the bytes of a new spectrum."""
        stale = self._stale > 0 or any(fault.kind == "stale" for fault in struck)
        self._stale = max(0, self._stale - 1)
        exposure_s = self._before_s if stale else self.exposure_s
        counts = self.scene.expose(exposure_s, self.averages, self._rng, lit=self._lit(now))
        facts = self.profile.integration
        sums = facts is not None and facts.sums
        if self.averages > 1 and not sums:
            counts = np.rint(counts / self.averages).astype(np.int64)
        if self.profile.sensor.reverse:
            counts = counts[::-1]
        self.frames += 1
        fields = header(self.profile, exposure_s, self.averages, self.frames)
        self.counts = self._fitting(counts, fields)
        if request is not None and self.answers.obp:
            fields |= {"type": request.kind, "regarding": request.regarding}
        self._last = self._form().encode(self.counts, fields)
        return self._last

    def _form(self) -> codecs.Codec:
        """Return the codec: Ocean's devices power up without compression and checksum."""
        frame = self.profile.frame
        if self._modes <= self._prepared or not isinstance(frame, NamedFrame) or frame.name != "ooi":
            return self._codec
        return codecs.of(msgspec.structs.replace(frame, compressed=False, checksum=False))

    def _fitting(self, counts: NDArray[np.int64], fields: dict[str, int | str]) -> NDArray[np.int64]:
        """Return counts that the frame can hold: sums of Ocean's devices are sent in double words where the protocol has them."""
        frame = self.profile.frame
        if not isinstance(frame, NamedFrame) or frame.name == "obp" or counts.max() <= WORD:
            return counts
        if "size_flag" in fields and not (frame.compressed or frame.checksum):
            fields["size_flag"] = 1
            return counts
        return np.minimum(counts, WORD)

    def _lit(self, now: float) -> bool:
        """Whether the laser's light reaches the detector."""
        self.watch(now)
        return self.laser and self.shutter

    @property
    def _watchdog_at(self) -> float | None:
        """When the watchdog switches the laser off, unless a request comes, s; None where it does not."""
        facts = self.profile.laser
        if not self.laser or not self._guarded or self.profile.commands.laser_on is None or facts is None or facts.watchdog_s is None:
            return None
        return self._heard_s + facts.watchdog_s

    def watch(self, now: float) -> None:
        """Switch the laser off after too long without a request."""
        if (at_s := self._watchdog_at) is not None and now > at_s:
            self._note("the watchdog has switched the laser off")
            self.laser = False

    def _set_baud(self, request: HostRequest, struck: tuple[InjectedFault, ...], now: float) -> None:
        """Answer at the old rate, then change it."""
        new = request.values["baud"]
        mangled = not request.command.ack and not self.answers.obp and new != self.baud
        self._deliver(now, self.answers.mangled(request) if mangled else self.answers.done(request), struck)
        self.rate.change(request.data, new, now)

    def _confirm(self, data: bytes, now: float) -> None:
        command = self.profile.commands.set_baud
        if (heard := self.rate.hear(data)) and command is not None:
            self._emit(now, self.answers.done(HostRequest("set_baud", heard, command)))

    def _struck(self, target: str) -> tuple[InjectedFault, ...]:
        struck = self._faults.struck(target)
        for fault in struck:
            self._note(f"fault {fault.kind}")
        return struck

    def _deliver(self, due: float, data: bytes, struck: tuple[InjectedFault, ...]) -> None:
        """Send an answer with its faults."""
        for fault in struck:
            if data:
                data = going_wrong.damaged(data, fault.kind, self._rng)
        late = next((fault for fault in struck if fault.kind == "late"), None)
        out = next((fault for fault in struck if fault.kind == "unplug"), None)
        if late is not None:
            margin_s = self.profile.integration.margin_ms / 1e3 if self.profile.integration else 0.5
            due += LATE_MARGINS * margin_s + LATE_S if late.seconds is None else late.seconds
        if out is not None:
            self._emit(due, data[: len(data) // 2], out)
        elif data:
            self._emit(due, data)
            for fault in struck:
                if fault.kind == "repeat":
                    self._emit(due + (REPEAT_S if fault.seconds is None else fault.seconds), data)

    def _emit(self, due: float, data: bytes, unplugs: InjectedFault | None = None) -> None:
        if data or unplugs is not None:
            self._at(due, lambda at_s: self._out.append(SentBytes(at_s, data, self.baud, unplugs)))
