"""A spectrum that a device sends once more, late, is no new exposure; a device that always sends the same is measured all the same."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.instruments.serial.measurement import MANY, RecentFrames
from raman_edge.instruments.serial.spectrometer import Environment
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.simulator.simulated import Simulated
from raman_edge.spectrum import Fault
from scripted_device import ScriptedDevice
from wire_profiles import Talker, changed, hasty, ooi, quick, without_discards, without_memory

if TYPE_CHECKING:
    from pathlib import Path

    from scripted_device import ScriptStep

PATIENCE_S = 60.0
PAGE = hasty(changed(without_discards(quick("ocean-usb2000")), "commands", repeat=None))
QUICK = Environment(chance=lambda: -0.99)


def seen(tmp_path: Path, talker: Talker, count: int) -> tuple[list[list[int]], int]:
    """Return the counts of so many exposures, and how many spectra were stale; nothing may break on the way."""
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(PAGE, fake.port, world=QUICK) as device:
        found = exposures(device, count)
        return found, device.status.counters.stale


def exposures(device: SerialSpectrometer, count: int) -> list[list[int]]:
    """Return the counts of the next exposures, of which none is a fault."""
    found: list[list[int]] = []
    end = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < end, device.status
        got = device.expose()
        assert not isinstance(got, Fault), got.why
        found += [got.frame.counts.tolist()] if isinstance(got, Exposure) else []
    return found


def good(talker: Talker, count: int) -> list[bytes]:
    """Return the bytes of the next spectra."""
    return [talker.good() for _ in range(count)]


@pytest.mark.parametrize("glued", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_a_spectrum_that_comes_again_is_no_answer(tmp_path: Path, glued: bool, behind: bool) -> None:  # noqa: FBT001 - columns
    """Before or behind the answer, in one piece with it or not: every exposure is given once, and none is lost."""
    talker = ooi(PAGE)
    one, two, three = good(talker, 3)
    pair = [two, one] if behind else [one, two]
    late: list[ScriptStep] = [b"".join(pair)] if glued else [pair[0], pair[1]]
    talker.frames = [[one], late, [three]]
    found, _ = seen(tmp_path, talker, 4)
    assert found == [talker.counts(number).tolist() for number in (1, 2, 3, 4)]


def test_an_answer_is_waited_for_behind_a_repeat(tmp_path: Path) -> None:
    """While the device still exposes, the last spectrum comes again: the one that was requested is given, and the other counted."""
    talker, over = ooi(PAGE), threading.Event()
    one, two = good(talker, 2)
    talker.frames = [[one], [one, over, two]]
    threading.Timer(0.3, over.set).start()
    assert seen(tmp_path, talker, 3) == ([talker.counts(number).tolist() for number in (1, 2, 3)], 1)


def test_where_nothing_else_comes_it_is_requested_anew(tmp_path: Path) -> None:
    """A device that has missed the request and repeats itself instead gets one more request."""
    talker = ooi(PAGE)
    one, two = good(talker, 2)
    talker.frames = [[one], [one], [two]]
    assert seen(tmp_path, talker, 2) == ([talker.counts(number).tolist() for number in (1, 2)], 1)
    assert talker.requests.count(b"S") == 3


def test_what_is_always_the_same_is_what_the_device_sees(tmp_path: Path) -> None:
    """A detector that is dark or saturated throughout: from the second time on it is believed at once."""
    talker = ooi(PAGE)
    (one,) = good(talker, 1)
    talker.frames = [[one] for _ in range(9)]
    assert seen(tmp_path, talker, 5) == ([talker.counts(1).tolist()] * 5, 1)


def frame(*counts: int, **fields: int | str) -> RawFrame:
    """Return a spectrum."""
    return RawFrame(np.array(counts), fields)


def test_a_header_with_a_counter_distinguishes_repeats() -> None:
    """The same counts with the next number are a new exposure, with the same number a repeat."""
    recent = RecentFrames()
    recent.add(frame(1, 2, counter=7))
    assert recent.repeats(frame(1, 2, counter=7))
    assert not recent.repeats(frame(1, 2, counter=8))


def test_a_repeat_is_reported_however_late_up_to_a_limit() -> None:
    """Sixteen spectra are remembered; what is believed to be constant is so until something else comes."""
    recent = RecentFrames()
    for number in range(MANY + 1):
        recent.add(frame(number))
    assert [recent.repeats(frame(number)) for number in (0, 1, MANY)] == [False, True, True]
    recent.expect(frame(5))
    assert not recent.repeats(frame(5))
    recent.add(frame(5))
    assert not recent.repeats(frame(5))
    recent.add(frame(99))
    assert recent.repeats(frame(5))


@pytest.mark.parametrize("name", catalogue.profiles())
def test_every_profile_gives_each_exposure_once(name: str) -> None:
    """With every third spectrum sent twice, no exposure is given twice."""
    profile = without_memory(quick(name, 288))
    profile = changed(profile, "serial", baud=profile.serial.baud[:1])
    simulated = Simulated(profile, pacing=False, faults=["repeat:every=3"])
    found: list[bytes] = []
    end = time.monotonic() + PATIENCE_S
    with simulated, SerialSpectrometer(profile, simulated.port, world=QUICK) as device:
        while len(found) < 12:
            assert time.monotonic() < end, device.status
            got = device.expose()
            found += [got.frame.counts.tobytes()] if isinstance(got, Exposure) else []
    assert len(set(found)) == 12
