"""Devices that send by themselves once they are started: joined in the middle, silent, or left running by another program."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Fault
from scripted_device import ScriptedDevice, ScriptStep
from wire_profiles import Talker, changed, hasty, ooi, quick, without_discards

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.instruments.profiles.profile import Profile

NYMPHET = without_discards(quick("tcd1304-nymphet"))
STREAM = changed(changed(NYMPHET, "commands", acquire=None), "frame", sync="hex:AA 55")


def starting(profile: Profile) -> Talker:
    """Return a device that is started and stopped."""
    return Talker(profile, {b"#IT:001ms%": (0, b""), b"#Stop%": (0, b"")}, (b"#Start%", b"#Onestep%"))


def first(device: SerialSpectrometer) -> list[Exposure | Fault]:
    """Return what comes up to the first spectrum."""
    results: list[Exposure | Fault] = []
    while not any(isinstance(one, Exposure) for one in results):
        one = device.expose()
        results += [] if one is None else [one]
    return results


def test_a_stream_is_joined_anywhere(tmp_path: Path) -> None:
    """The rest of a spectrum that had begun before is no broken one."""
    talker = starting(STREAM)
    talker.frames = [[talker.good()[7:], talker.good()]]
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(STREAM, fake.port) as device:
        (exposure,) = first(device)
        assert device.status.counters.bad == 0
        assert device.status.counters.dropped_bytes > 0
    assert isinstance(exposure, Exposure)
    assert exposure.counts[0] == 200


def test_garbage_without_end_is_reported_although_nothing_had_begun(tmp_path: Path) -> None:
    """More bytes than a spectrum has, and none among them, are a fault."""
    talker = starting(STREAM)
    talker.frames = [[b"\x00" * 99 + talker.good()]]
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(STREAM, fake.port) as device:
        results = first(device)
        assert device.status.counters.bad == 1
    assert [type(one) for one in results] == [Fault, Exposure]


def test_a_stream_that_dries_up_is_started_again(tmp_path: Path) -> None:
    """A device that was started and sends nothing is a fault, and started once more."""
    profile = hasty(STREAM)
    talker = starting(profile)
    talker.frames = [[]]
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(profile, fake.port) as device:
        results = first(device)
        assert device.status.counters.timeouts >= 1
    assert isinstance(results[0], Fault)
    assert "device that streams" in results[0].why
    assert talker.requests.count(b"#Start%") >= 2


def test_a_stream_that_still_runs_is_stopped_first(tmp_path: Path) -> None:
    """A device that is still sending when it is opened is stopped before any request."""
    talker, over = starting(NYMPHET), threading.Event()

    def script(data: bytes) -> list[ScriptStep]:
        steps = talker(data)
        if b"#Stop%" in talker.requests:
            over.set()
        return steps

    with ScriptedDevice(tmp_path / "port", script) as fake:

        def speak() -> None:
            while not over.wait(0.01):
                fake.say(bytes(16))

        speaker = threading.Thread(target=speak)
        speaker.start()
        try:
            with SerialSpectrometer(NYMPHET, fake.port) as device:
                (exposure,) = first(device)
        finally:
            over.set()
            speaker.join()
    assert isinstance(exposure, Exposure)
    assert exposure.counts[0] == 100
    assert talker.requests[0] == b"#Stop%"


def test_what_came_before_a_change_and_was_not_taken_is_not_given(tmp_path: Path) -> None:
    """A spectrum that waits behind a fault still has the light before: it is dropped, the fault stays."""
    profile = changed(without_discards(quick("ocean-usb2000")), "commands", repeat=None)
    talker = ooi(profile)
    talker.frames = [[b"\xaa" + talker.good()]]
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(profile, fake.port) as device:
        while not isinstance(device.expose(), Fault):
            pass
        assert not device.light(on=False)
        (exposure,) = first(device)
    assert isinstance(exposure, Exposure)
    assert exposure.dark
    assert exposure.counts[0] == 200
