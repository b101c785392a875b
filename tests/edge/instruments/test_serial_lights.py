"""Laser and shutter: on only where they are armed, off on every fault and at every end."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import pytest
from raman_edge.errors import ConfigError, LaserNotOff
from raman_edge.instruments.profiles.profile import Command, DarkSettings, Laser
from raman_edge.instruments.serial import SerialSpectrometer, spectrometer
from raman_edge.instruments.serial.laser import LightControl
from raman_edge.instruments.serial.port import Clock
from raman_edge.instruments.serial.spectrometer import Environment
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Fault
from scripted_device import UNPLUG, ScriptedDevice
from wire_profiles import ACK, Talker, changed, ooi, quick, without_discards

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.instruments.profiles.profile import Profile

ON, OFF, SHUT, OPEN = b"l1", b"l0", b"s1", b"s0"
SWITCHES = {
    "laser_on": Command(send=("ascii:l1",), ack=True),
    "laser_off": Command(send=("ascii:l0",), ack=True),
    "shutter_close": Command(send=("ascii:s1",), ack=True),
    "shutter_open": Command(send=("ascii:s0",), ack=True),
}
PATIENCE_S = 60.0
SLOW = Environment(chance=lambda: -0.99, idle_s=math.inf)
"""A busy machine is no reason to switch a laser off, where that is not what is tested."""


def lit(method: str) -> Profile:
    """Return an Ocean device with a laser and a shutter."""
    profile = changed(without_discards(quick("ocean-usb2000")), "commands", repeat=None, **SWITCHES)
    return msgspec.structs.replace(profile, laser=Laser(wavelength_nm=785.0), dark=DarkSettings(method=method))  # type: ignore[arg-type]


LASER, SHUTTER, ASK = lit("laser"), lit("shutter"), lit("ask")


def device_of(profile: Profile) -> Talker:
    """Return what understands its switches too."""
    talker = ooi(profile)
    talker.known |= dict.fromkeys((ON, OFF, SHUT, OPEN), (0, ACK))
    return talker


@contextlib.contextmanager
def measured(tmp_path: Path, profile: Profile, talker: Talker, *, laser: bool = True) -> Iterator[SerialSpectrometer]:
    """A spectrometer before a device with lights."""
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(profile, fake.port, laser=laser, world=SLOW) as device:
        yield device


@contextlib.contextmanager
def left_on() -> Iterator[None]:
    """Expect that leaving the block says that the laser may be on."""
    with pytest.raises(LaserNotOff, match=r"LASER MAY STILL BE ON: ocean-usb2000 on .*; switch the laser off"):
        yield


def exposed(device: SerialSpectrometer) -> Exposure:
    """Return the next spectrum."""
    end = time.monotonic() + PATIENCE_S
    while not isinstance(result := device.expose(), Exposure):
        assert time.monotonic() < end
    return result


def switched(talker: Talker) -> list[bytes]:
    """Return what was switched, and when a spectrum was requested."""
    return [request for request in talker.requests if request in (ON, OFF, SHUT, OPEN, b"S")]


def test_a_laser_is_on_only_where_it_was_armed(tmp_path: Path) -> None:
    """Armed, it is off until the first spectrum, on for it, and off at the end; not armed, it is never on."""
    talker = device_of(LASER)
    with measured(tmp_path, LASER, talker) as device:
        lit = [device.status.laser]
        exposed(device)
        lit.append(device.status.laser)
    assert lit == [False, True]
    assert switched(talker) == [OFF, ON, b"S", OFF]
    talker = device_of(LASER)
    with measured(tmp_path, LASER, talker, laser=False) as device:
        exposed(device)
        assert device.status.laser is False
        assert not device.light(on=False)
    assert ON not in talker.requests


def test_a_dark_is_taken_with_the_laser_off(tmp_path: Path) -> None:
    """Without the sample's light the laser is off, with it on again; the spectra say which is which."""
    talker = device_of(LASER)
    with measured(tmp_path, LASER, talker) as device:
        assert not exposed(device).dark
        assert device.light(on=False)
        assert exposed(device).dark
        assert device.status.laser is False
        assert device.light(on=True)
        assert not exposed(device).dark
    assert switched(talker) == [OFF, ON, b"S", OFF, OFF, b"S", ON, b"S", OFF]


def test_the_laser_goes_off_at_once_also_while_the_device_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an exposure the request is sent without waiting for its end, and that exposure is not given."""
    monkeypatch.setattr(spectrometer, "BREATH_S", 0.1)
    talker, ends = device_of(LASER), threading.Event()
    talker.frames = [[ends, talker.good()]]
    with measured(tmp_path, LASER, talker) as device:
        while device.status.state != "acquiring":
            assert device.expose() is None
        assert device.light(on=False)
        assert device.status.laser is True
        ends.set()
        assert exposed(device).dark
        assert (device.status.laser, device.status.counters.stale) == (False, 1)
    assert switched(talker) == [OFF, ON, b"S", OFF, OFF, b"S", OFF]


def test_a_dark_is_taken_with_the_shutter_closed(tmp_path: Path) -> None:
    """Where there is a shutter, the laser may stay on; the shutter is open again at the end."""
    talker = device_of(SHUTTER)
    with measured(tmp_path, SHUTTER, talker) as device:
        assert device.light(on=False)
        assert exposed(device).dark
        assert device.status.laser is True
    assert switched(talker) == [OFF, SHUT, ON, b"S", OFF, OPEN]


def test_a_person_blocks_the_beam_where_the_profile_requires_it(tmp_path: Path) -> None:
    """Where nothing is switched for it, a note says so, and the laser stays as it is."""
    talker = device_of(ASK)
    with measured(tmp_path, ASK, talker) as device:
        exposed(device)
        assert not device.light(on=False)
        assert exposed(device).dark
        assert device.status.laser is True
    assert switched(talker) == [OFF, ON, b"S", b"S", OFF]


@pytest.mark.parametrize("fault", ["broken", "refused"])
def test_every_fault_switches_the_laser_off(tmp_path: Path, fault: str) -> None:
    """Whatever breaks, the laser is off before any other request, and on again only for the next spectrum."""
    talker = device_of(LASER)
    frame = talker.good()
    talker.frames = [[frame[:20] + b"\x80\x00" + frame[22:] if fault == "broken" else b"\x15"]]
    with measured(tmp_path, LASER, talker) as device:
        result = device.expose()
        while result is None:
            result = device.expose()
        assert isinstance(result, Fault)
        assert device.status.laser is False
        exposed(device)
    assert switched(talker) == [OFF, ON, b"S", OFF, ON, b"S", OFF]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_every_end_switches_the_laser_off(tmp_path: Path, error: type[BaseException]) -> None:
    """An interrupt or a mistake elsewhere leaves no laser on."""
    talker = device_of(LASER)
    with contextlib.suppress(error), measured(tmp_path, LASER, talker) as device:
        exposed(device)
        raise error
    assert switched(talker)[-1] == OFF


def test_a_laser_that_may_be_on_is_switched_off_when_the_cable_is_back(tmp_path: Path) -> None:
    """Unplugged with the laser on, it counts as on until the device has confirmed that it is off."""
    talker = device_of(LASER)
    with (
        ScriptedDevice(tmp_path / "port", talker) as fake,
        SerialSpectrometer(LASER, fake.port, laser=True, world=SLOW) as device,
    ):
        exposed(device)
        fake.unplug()
        while not isinstance(device.expose(), Fault):
            pass
        assert device.status.laser is True
        before = len(talker.requests)
        fake.plug()
        exposed(device)
        assert switched(talker)[-3:] == [OFF, ON, b"S"]
        assert OFF in talker.requests[before:]


def test_a_laser_with_an_unconfirmed_command_may_be_on(tmp_path: Path) -> None:
    """Where the line is lost between the request and its answer, the laser counts as on."""
    talker = device_of(LASER)
    talker.answers = {ON: [[UNPLUG]]}
    with left_on(), measured(tmp_path, LASER, talker) as device:
        while not isinstance(result := device.expose(), Fault):
            pass
        assert "its laser may still be on" in result.why
        assert device.status.laser is True
    assert device.status.laser is True


def test_the_end_tries_a_lost_line_once_more(tmp_path: Path) -> None:
    """Where the line was lost with the laser on and is back at the end, the laser is off at the end."""
    talker = device_of(LASER)
    with ScriptedDevice(tmp_path / "port", talker) as fake:
        with SerialSpectrometer(LASER, fake.port, laser=True) as device:
            exposed(device)
            fake.unplug()
            while not isinstance(device.expose(), Fault):
                pass
            before = len(talker.requests)
            fake.plug()
        assert talker.requests[before:] == [OFF]
        with left_on(), SerialSpectrometer(LASER, fake.port, laser=True) as device:
            exposed(device)
            fake.unplug()
        assert device.status.laser is True
        assert device.status.state == "absent"


def test_a_laser_that_does_not_go_off_is_no_silence(tmp_path: Path) -> None:
    """A device that refuses to switch its laser off at the beginning is not measured with."""
    talker = device_of(LASER)
    talker.answers = {OFF: [[b"\x15"]] * 6}
    with pytest.raises(LaserNotOff, match="laser_off: it refused"), measured(tmp_path, LASER, talker):
        pass


def test_a_laser_that_the_device_has_not_cannot_be_armed() -> None:
    """Arming is a mistake where the page has no command for it."""
    with pytest.raises(ConfigError, match="no command that switches a laser on"):
        SerialSpectrometer(quick("ocean-usb2000"), "port", laser=True)


def watched(seconds: float) -> Profile:
    """Return a device whose laser goes off by itself after so long without a request; it exposes in ms."""
    return changed(LASER, "laser", watchdog_s=seconds)


def test_an_exposure_outlasts_no_watchdog() -> None:
    """Armed, what is longer than the laser's own watchdog is refused, by default and in words; unarmed nothing is switched off."""
    with pytest.raises(ConfigError, match="exposure too long for the laser: got 3 s, expected at most 2 s"):
        SerialSpectrometer(watched(2), "port", exposure_s=3.0, laser=True)
    long = changed(watched(2), "integration", default=4000)
    with pytest.raises(ConfigError, match="got 4 s, expected at most 2 s"):
        SerialSpectrometer(long, "port", laser=True)
    device = SerialSpectrometer(long, "port", exposure_s=2.0, laser=True)
    with pytest.raises(ConfigError, match=r"expected 0\.003 to 2 s"):
        device.set_exposure(2.1)
    SerialSpectrometer(watched(2), "port", exposure_s=3.0)


def test_a_laser_that_went_off_by_itself_is_switched_on_again(tmp_path: Path) -> None:
    """After a pause longer than the watchdog, the laser is switched on again before the next spectrum."""
    talker = device_of(LASER)
    clock = Clock(lambda: time.monotonic() + away[0], time.sleep)
    away = [0.0]
    world = Environment(clock=clock, chance=lambda: -0.99, idle_s=math.inf)
    profile = watched(60)
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(profile, fake.port, laser=True, world=world) as device:
        exposed(device)
        exposed(device)
        away[0] = 61.0
        exposed(device)
    assert switched(talker) == [OFF, ON, b"S", b"S", ON, b"S", OFF]


class RecordingTransport:
    """A wire that writes down what it is used for."""

    def __init__(self) -> None:
        self.profile, self.port, self.idle_s = LASER, self, 0.0
        self.calls: list[str] = []

    def ask(self, name: str) -> bytes:
        """Take a request that is answered."""
        self.calls.append(name)
        return b""

    def write(self, _: bytes) -> None:
        """Take bytes whose answer is not waited for."""
        self.calls.append("cut")

    def quiet(self) -> None:
        """Wait for what is on its way."""
        self.calls.append("quiet")


def test_a_stale_answer_is_dropped_first() -> None:
    """What answers the laser's cut is waited for before any other request, or it would be taken for bytes of a spectrum."""
    transport = RecordingTransport()
    lights = LightControl(transport, armed=True)  # type: ignore[arg-type]  # as much of a wire as it needs
    lights.apply()
    lights.lit = False
    lights.cut()
    lights.apply()
    lights.lit = True
    lights.apply()
    assert transport.calls == ["laser_on", "cut", "quiet", "laser_off", "laser_on"]
