"""At which rate a device is found, how it is brought to another one, and what is done when that fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from markers import slow
from raman_edge.errors import ConfigError, SourceUnavailable
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.simulator.simulated import Simulated
from raman_edge.spectrum import Fault
from scripted_device import ScriptedDevice
from wire_profiles import changed, handshaking, hasty, ooi, quick, without_memory

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.instruments.profiles.profile import Profile

OCEAN = hasty(quick("ocean-usb2000"))
PATIENCE_S = 60.0
CHANGING = ("ocean-usb2000", "ocean-sts", *slow("ocean-usb2000-ascii", "bwtek-btc100"))


def spectrum(device: SerialSpectrometer) -> list[str]:
    """Return what broke before the first spectrum, which has to come."""
    broken: list[str] = []
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        result = device.expose()
        if isinstance(result, Exposure):
            return broken
        broken += [result.why] if isinstance(result, Fault) else []
    pytest.fail(f"no spectrum: {broken}, {device.status}")


def fast(name: str) -> Profile:
    """Return a profile that ships, whose device is given up soon."""
    profile = without_memory(quick(name, margin_ms=500))
    return changed(profile, "simulator", material="Calcite")


@pytest.mark.parametrize("name", CHANGING)
def test_a_device_is_switched_to_the_requested_rate(name: str) -> None:
    """Device and host change together, spectra come at the new rate, and the next program finds it at that rate."""
    profile = fast(name)
    with Simulated(profile, pacing=False) as simulated:
        with SerialSpectrometer(profile, simulated.port, baud=115_200) as device:
            assert spectrum(device) == []
            assert device.status.baud == simulated.device.baud == 115_200
        with SerialSpectrometer(profile, simulated.port) as device:
            assert spectrum(device) == []
            assert device.status.baud == 115_200


@pytest.mark.parametrize("step", [0, 3, *slow(1, 2, 4, 5)])
def test_each_step_of_a_handshake_may_fail(tmp_path: Path, step: int) -> None:
    """Where a step of Ocean's five fails, device and host go on at the rate before, with a note; 0 is without a failure."""
    fakes: list[ScriptedDevice] = []
    script = handshaking(OCEAN, lambda: fakes[0], step)
    with ScriptedDevice(tmp_path / "port", script) as fake:
        fakes.append(fake)
        with SerialSpectrometer(OCEAN, fake.port, baud=57_600) as device:
            faults = spectrum(device)
            assert device.status.baud == (9600 if step else 57_600)
            assert fake.rate == device.status.baud
    assert faults == (["the rate did not change from 9600 to 57600 baud and stays at 9600"] if step else [])


def test_a_device_is_found_at_the_rate_it_was_left_at(tmp_path: Path) -> None:
    """The rates of the profile are tried one after the other, until the answer is one."""
    talker = ooi(OCEAN)
    fakes: list[ScriptedDevice] = []
    with ScriptedDevice(tmp_path / "port", lambda data: talker(data) if fakes[0].rate == 19_200 else [b"\xff"]) as fake:
        fakes.append(fake)
        with SerialSpectrometer(OCEAN, fake.port) as device:
            assert device.status.baud == 19_200


def test_a_device_that_is_silent_at_every_rate_is_reported(tmp_path: Path) -> None:
    """Without an answer the error has the rates that were tried and what to check."""
    profile = changed(OCEAN, "serial", baud=(9600, 19_200), drain_ms=1)
    profile = changed(profile, "integration", margin_ms=10)
    with (
        ScriptedDevice(tmp_path / "port", lambda _: []) as fake,
        pytest.raises(SourceUnavailable, match=r"no answer: expected the answers of ocean-usb2000 at 9600, 19200 baud"),
        SerialSpectrometer(profile, fake.port),
    ):
        pass


@pytest.mark.parametrize("failing", [False, *slow((True,))])
def test_three_broken_spectra_in_a_row_lower_the_rate(failing: bool) -> None:  # noqa: FBT001
    """A line that is too fast for its cable is made slower by one step, where the device lets it."""
    profile = changed(fast("ocean-usb2000"), "commands", repeat=None)
    faults = ["flip@1", "flip@2", "flip@3", *(["nak@2:on=set_baud"] * failing)]
    with (
        Simulated(profile, pacing=False, faults=faults) as simulated,
        SerialSpectrometer(profile, simulated.port, baud=115_200) as device,
    ):
        broken = spectrum(device)
        assert device.status.counters.bad == 3
        assert device.status.baud == simulated.device.baud == (115_200 if failing else 57_600)
    assert len(broken) == 4
    assert "3 broken spectra in a row at 115200 baud" in broken[3]


def test_a_rate_is_kept_over_a_loss_of_power_on_request() -> None:
    """The new rate is saved only on request; a device that cannot, or no rate, is an error."""
    profile = fast("ocean-sts")
    for save, wakes in ((False, 9600), (True, 115_200)):
        with Simulated(profile, pacing=False) as simulated:
            with SerialSpectrometer(profile, simulated.port, baud=115_200, save_baud=save):
                pass
            simulated.replug()
            assert simulated.device.baud == wakes
    with pytest.raises(ConfigError, match="Name the baud rate"):
        SerialSpectrometer(profile, "port", save_baud=True)
    with pytest.raises(ConfigError, match="has no command for it"):
        SerialSpectrometer(OCEAN, "port", baud=9600, save_baud=True)


def test_a_rate_that_the_device_does_not_know_is_refused() -> None:
    """A rate that is not the device's is a mistake before anything is opened."""
    with pytest.raises(ConfigError, match="unknown baud rate: got 300, expected one of 9600"):
        SerialSpectrometer(OCEAN, "port", baud=300)


def test_a_rate_that_cannot_be_changed_is_the_one_to_open_with() -> None:
    """Where the device has no command for it, the rate is what the user knows it to be at."""
    profile = fast("jeti-versapic")
    with (
        Simulated(changed(profile, "serial", baud=(38_400,)), pacing=False) as simulated,
        SerialSpectrometer(profile, simulated.port, baud=38_400) as device,
    ):
        assert device.status.baud == 38_400


def test_a_device_without_questions_is_found_by_its_spectra() -> None:
    """Without requests, the rate is the one at which spectra can be read."""
    profile = fast("tcd1304-rossel")
    with (
        Simulated(profile, pacing=False) as simulated,
        SerialSpectrometer(changed(profile, "serial", baud=(9600, 115_200)), simulated.port) as device,
    ):
        assert device.status.baud == 115_200
        assert spectrum(device) == []
