"""A link that is lost and found: cables pulled at every phase, other instruments plugged in, ports that are busy, and the end."""

from __future__ import annotations

import contextlib
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from raman_edge.errors import SourceBusy, SourceError, SourceUnavailable
from raman_edge.instruments.serial import SerialSpectrometer, ask, spectrometer
from raman_edge.instruments.serial.port import REAL, Clock, SerialPort
from raman_edge.instruments.serial.spectrometer import Environment
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Fault
from scripted_device import UNPLUG, ScriptedDevice, ScriptStep
from wire_profiles import ACK, Talker, changed, hasty, jeti, quick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from raman_edge.instruments.spectrometer import State

JETI = changed(quick("jeti-versapic"), "serial", baud=(115_200,))
PATIENCE_S = 60.0
AT_ONCE = Environment(chance=lambda: -0.99)
"""Waits of almost nothing before a link is opened again."""
Device = SerialSpectrometer


@pytest.fixture(autouse=True)
def _short_breath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrometer, "BREATH_S", 0.1)


def until(device: Device, met: Callable[[Exposure | Fault | None], bool]) -> list[Exposure | Fault | None]:
    """Return what comes until something is met."""
    results: list[Exposure | Fault | None] = []
    end = time.monotonic() + PATIENCE_S
    while not results or not met(results[-1]):
        assert time.monotonic() < end, f"{results} {device.status}"
        results.append(device.expose())
    return results


def exposed(device: Device) -> Exposure:
    """Return the next spectrum."""
    found = until(device, lambda one: isinstance(one, Exposure))[-1]
    assert isinstance(found, Exposure)
    return found


def state(device: Device) -> State:
    """Return the state now: it changes under the type checker's eyes."""
    return device.status.state


@contextlib.contextmanager
def board(tmp_path: Path, talker: Talker) -> Iterator[ScriptedDevice]:
    """A JETI board on a port whose name stays the same."""
    with ScriptedDevice(tmp_path / "port", talker) as fake:
        yield fake


PHASES: dict[str, dict[bytes, list[list[ScriptStep]]]] = {
    "while it is probed": {b"*IDN?\r": [[b"JETI", UNPLUG]]},
    "while it says who it is": {b"*PARA:SERN?\r": [[b"SERN:\tJ1\r"], [UNPLUG]]},
    "while its coefficients are read": {b"*PARA:FIT3?\r": [[b"FIT:", UNPLUG]]},
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_cable_pulled_before_the_first_spectrum_is_reported_at_once(tmp_path: Path, phase: str) -> None:
    """While the user is still there, a device that goes away is an error and not a wait."""
    talker = jeti(JETI)
    talker.answers = {begin: list(steps) for begin, steps in PHASES[phase].items()}
    with (
        board(tmp_path, talker) as fake,
        pytest.raises(SourceUnavailable, match="Check its cable"),
        SerialSpectrometer(JETI, fake.port),
    ):
        pass


MEASURING: dict[str, Callable[[bytes], list[ScriptStep]]] = {
    "at the request": lambda _: [UNPLUG],
    "while it measures": lambda _: [ACK, UNPLUG],
    "in the middle of a spectrum": lambda frame: [ACK + b"\x07" + frame[: len(frame) // 2], UNPLUG],
    "behind a spectrum": lambda frame: [ACK + b"\x07" + frame, UNPLUG],
}


@pytest.mark.parametrize("phase", MEASURING)
def test_a_cable_pulled_while_measuring_is_waited_for(tmp_path: Path, phase: str) -> None:
    """It is one fault and signs of life; when it is back, everything is set up anew and spectra go on."""
    talker = jeti(JETI)
    talker.frames = [[ACK + b"\x07" + talker.good()], MEASURING[phase](talker.good())]
    with board(tmp_path, talker) as fake, SerialSpectrometer(JETI, fake.port, world=AT_ONCE) as device:
        exposed(device)
        results = until(device, lambda one: isinstance(one, Fault))
        assert sum(isinstance(one, Fault) for one in results) == 1
        until(device, lambda one: one is None and state(device) == "absent")
        assert "not found" in device.status.why
        before = len(talker.requests)
        fake.plug()
        assert exposed(device).instrument.serial_number == "J1"
        assert device.status.counters.reconnects == 1
        assert device.status.why == ""
    assert b"*PARA:SERN?\r" in talker.requests[before:]


@pytest.mark.parametrize("phase", PHASES)
def test_a_cable_pulled_again_while_it_is_opened_is_waited_for(tmp_path: Path, phase: str) -> None:
    """A plug that makes contact badly takes several attempts, and no fault for each."""
    talker = jeti(JETI)
    with board(tmp_path, talker) as fake, SerialSpectrometer(JETI, fake.port, world=AT_ONCE) as device:
        exposed(device)
        fake.unplug()
        until(device, lambda one: isinstance(one, Fault))
        talker.answers = {begin: list(steps) for begin, steps in PHASES[phase].items()}
        fake.plug()
        until(device, lambda _: not any(talker.answers.values()))
        until(device, lambda one: one is None and "not found" in device.status.why)
        fake.plug()
        exposed(device)
        assert device.status.counters.reconnects == 1


def test_another_instrument_is_refused(tmp_path: Path) -> None:
    """An instrument of another serial number ends the run, naming both: its axis would be wrong."""
    with board(tmp_path, jeti(JETI)) as fake, SerialSpectrometer(JETI, fake.port, world=AT_ONCE) as device:
        exposed(device)
        fake.unplug()
        until(device, lambda one: isinstance(one, Fault))
        fake.script = jeti(JETI, "J2")
        fake.plug()
        with pytest.raises(SourceError, match="serial number J2, expected serial number J1") as raised:
            until(device, lambda one: isinstance(one, Exposure))
        assert type(raised.value) is SourceError
        assert device.instrument is not None
        assert device.instrument.serial_number == "J1"


@pytest.mark.slow
def test_a_device_that_falls_silent_is_set_up_anew(tmp_path: Path) -> None:
    """A device that lost its power and not its cable is found by its silence: the link is opened again."""
    profile = changed(hasty(JETI), "commands", identify=None)
    profile = changed(profile, "match", probe=None)
    talker = jeti(profile)
    talker.frames = [[ACK + b"\x07" + talker.good()], *[[]] * 3]
    with board(tmp_path, talker) as fake, SerialSpectrometer(profile, fake.port, world=AT_ONCE) as device:
        exposed(device)
        exposed(device)
        assert device.status.counters.reconnects == 1
        assert device.status.counters.timeouts >= 3
        assert state(device) in ("ready", "acquiring")


def test_a_missing_serial_number_is_requested_again(tmp_path: Path) -> None:
    """A serial number that is refused after a replug is not taken for another one, nor for the right one."""
    talker = jeti(JETI)
    with board(tmp_path, talker) as fake, SerialSpectrometer(JETI, fake.port, world=AT_ONCE) as device:
        exposed(device)
        fake.unplug()
        until(device, lambda one: isinstance(one, Fault))
        talker.answers = {b"*PARA:SERN?\r": [[b"\x15"]] * 3}
        fake.plug()
        exposed(device)
        assert device.status.counters.refused == 3
        assert device.status.counters.reconnects == 1


def test_a_device_that_refuses_everything_is_set_up_anew(tmp_path: Path) -> None:
    """Six failures of any kind in a row: it may have forgotten how it was set up, and is opened again."""
    talker = jeti(JETI)
    talker.frames = [[b"\x15"], [b"?"]] * 3
    with board(tmp_path, talker) as fake, SerialSpectrometer(JETI, fake.port, world=AT_ONCE) as device:
        results = until(device, lambda one: isinstance(one, Exposure))
        assert sum(isinstance(one, Fault) for one in results) == 6
        assert device.status.counters.reconnects == 1


def test_what_is_there_and_does_not_answer_is_faulted(tmp_path: Path) -> None:
    """A port with a silent device is another state than no port."""
    profile = changed(changed(JETI, "serial", drain_ms=1), "integration", margin_ms=250)
    talker = jeti(profile)
    with board(tmp_path, talker) as fake, SerialSpectrometer(profile, fake.port, world=AT_ONCE) as device:
        fake.script = lambda _: []
        until(device, lambda _: state(device) == "faulted" and "at 115200 baud" in device.status.why)
        fake.script = talker
        exposed(device)


def test_the_waits_grow_and_are_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of a second at first, doubled each time up to five, the half of each by chance."""
    now, tried = [0.0], [0.0]
    chances = iter([0.0, 1.0] * 5)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def fail(*_: object) -> None:
        tried.append(now[0])
        raise SourceUnavailable

    monkeypatch.setattr(SerialPort, "open", fail)
    device = SerialSpectrometer(JETI, "/dev/nobody", world=Environment(Clock(lambda: now[0], sleep), lambda: next(chances)))
    device._lose("absent", "gone")
    while len(tried) < 9:
        assert device.expose() is None
    waits = [after - before for before, after in pairwise(tried)]
    assert waits == pytest.approx([0.125, 0.5, 0.5, 2.0, 2.0, 5.0, 2.5, 5.0])


def test_two_sessions_cannot_share_a_port(tmp_path: Path) -> None:
    """The second one gets the error that the port is busy; the first one does not notice."""
    with board(tmp_path, jeti(JETI)) as fake, SerialSpectrometer(JETI, fake.port) as device:
        with pytest.raises(SourceBusy, match="busy"), SerialSpectrometer(JETI, fake.port):
            pass
        exposed(device)
        assert device.status.counters.reconnects == 0


def test_a_port_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    """A mistyped name is reported before any wait; the state shows it too."""
    device = SerialSpectrometer(JETI, str(tmp_path / "ttyUSB9"))
    with pytest.raises(SourceUnavailable, match="not found"), device:
        pass
    assert device.status.state == "absent"
    assert device.instrument is None


def test_a_stop_ends_every_wait(tmp_path: Path) -> None:
    """Told to stop while it boots, measures or waits for a cable, it gives nothing more."""
    stop = threading.Event()
    talker = jeti(JETI)
    slow = changed(JETI, "serial", boot_ms=600_000)
    with board(tmp_path, talker) as fake:
        threading.Timer(0.05, stop.set).start()
        with SerialSpectrometer(slow, fake.port, stop=stop) as device:
            assert device.expose() is None
            assert device.instrument is None
        stop = threading.Event()
        never = threading.Event()
        talker.frames = [[ACK, never]]
        with SerialSpectrometer(JETI, fake.port, stop=stop) as device:
            threading.Timer(0.05, stop.set).start()
            assert device.expose() is None
            assert device.expose() is None
        never.set()


def test_signs_of_life_come_while_a_device_measures(tmp_path: Path) -> None:
    """A long exposure gives None about once a second; what is changed meanwhile makes it stale."""
    talker = jeti(JETI)
    ends = threading.Event()
    talker.frames = [[ACK, ends, b"\x07" + talker.good()]]
    with board(tmp_path, talker) as fake, SerialSpectrometer(JETI, fake.port) as device:
        assert device.expose() is None
        assert state(device) == "acquiring"
        assert not device.light(on=False)
        ends.set()
        found = exposed(device)
        assert device.status.counters.stale == 1
    assert int(found.counts[0]) == 200
    assert found.dark


def test_an_instrument_is_identified_when_it_reconnects(tmp_path: Path) -> None:
    """One call opens, identifies and closes; no instrument and another instrument are errors."""
    with board(tmp_path, jeti(JETI)) as fake:
        found = ask(JETI, fake.port)
        assert (found.profile, found.serial_number, found.identity) == ("jeti-versapic", "J1", "JETI_PIC_VERSA")
        fake.script = lambda _: [b"?"]
        with pytest.raises(SourceUnavailable, match="is this its profile"):
            ask(changed(JETI, "serial", drain_ms=1), fake.port)
        stop = threading.Event()
        stop.set()
        with pytest.raises(SourceUnavailable, match="stopped before"):
            ask(JETI, fake.port, stop=stop)


def test_an_instrument_without_requests_is_known_by_a_spectrum(tmp_path: Path) -> None:
    """A page without questions takes a whole spectrum as the answer, and silence as none."""
    profile = hasty(quick("tcd1304-rossel"))
    talker = Talker(profile, {b"ER": (10, b"")}, (b"ER",))
    with board(tmp_path, talker) as fake:
        assert ask(profile, fake.port).profile == "tcd1304-rossel"
        fake.script = lambda _: []
        with pytest.raises(SourceUnavailable, match="expected a spectrum of tcd1304-rossel"):
            ask(profile, fake.port)


def test_the_clock_is_real_unless_another_is_given() -> None:
    """Nothing but a test brings its own time."""
    assert Environment().clock is REAL
    assert 0 <= Environment().chance() < 1
