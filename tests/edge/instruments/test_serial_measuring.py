"""Spectra over a line, from devices of every family, and what is made of those that break."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scripted_device
from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.obp import Flag, Message
from raman_edge.instruments.serial import SerialSpectrometer, connect
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Fault
from scripted_device import ScriptedDevice
from wire_profiles import ACK, PIXELS, Talker, changed, hasty, jeti, ooi, quick, without_discards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.transport import Transport

PATIENCE_S = 60.0
OCEAN = without_discards(quick("ocean-usb2000"))
NO_REPEAT = changed(OCEAN, "commands", repeat=None)
JETI = quick("jeti-versapic")
Results = list[Exposure | Fault]


@contextlib.contextmanager
def measured(tmp_path: Path, profile: Profile, talker: Callable[[bytes], list[scripted_device.ScriptStep]]) -> Iterator[SerialSpectrometer]:
    """A spectrometer before a scripted device."""
    with ScriptedDevice(tmp_path / "port", talker) as fake, SerialSpectrometer(profile, fake.port) as device:
        yield device


def until(device: SerialSpectrometer, frames: int, within_s: float = PATIENCE_S) -> Results:
    """Return what comes until there are so many spectra."""
    results: Results = []
    end = time.monotonic() + within_s
    while sum(isinstance(one, Exposure) for one in results) < frames and time.monotonic() < end:
        one = device.expose()
        results += [] if one is None else [one]
    return results


def means(results: Results) -> list[int]:
    """Return what distinguishes the spectra: the first pixel in hundreds."""
    return [int(one.counts[0]) // 100 for one in results if isinstance(one, Exposure)]


def whys(results: Results) -> list[str]:
    """Return what broke."""
    return [one.why for one in results if isinstance(one, Fault)]


def test_an_ocean_device_is_prepared_and_measures(tmp_path: Path) -> None:
    """Binary, compression, checksum, version, the constants of its memory, exposure, averages; then spectra one by one."""
    talker = ooi(OCEAN)
    with measured(tmp_path, OCEAN, talker) as device:
        results = until(device, 3)
        assert device.status.counters.frames == 3
    assert means(results) == [1, 2, 3]
    assert whys(results) == []
    sent = talker.requests[talker.requests.index(b"bB") :]
    assert [request[:1] for request in sent[:11]] == [b"b", b"G", b"k", b"v", b"v", b"?", b"?", b"?", b"I", b"A", b"S"]
    assert isinstance(results[0], Exposure)
    assert results[0].instrument.identity == "1000"
    assert results[0].exposure_s == 0.003


def test_a_changed_exposure_drops_what_still_has_the_one_before(tmp_path: Path) -> None:
    """As many spectra as the profile says are dropped after a change, and counted."""
    profile = changed(OCEAN, "integration", discard_after_change=2)
    talker = ooi(profile)
    with measured(tmp_path, profile, talker) as device:
        assert means(until(device, 1)) == [3]
        device.set_exposure(0.05)
        results = until(device, 1)
        assert device.status.counters.stale == 4
        with pytest.raises(ConfigError, match="exposure out of range"):
            device.set_exposure(1e-4)
    assert means(results) == [6]
    assert isinstance(results[0], Exposure)
    assert results[0].exposure_s == 0.05
    assert b"I\x00\x32" in talker.requests


BROKEN: dict[str, tuple[Callable[[bytes], list[scripted_device.ScriptStep]], str]] = {
    "cut": (lambda frame: [frame[:-5]], "bad"),
    "flipped": (lambda frame: [frame[:20] + bytes((frame[20] ^ 1,)) + frame[21:]], "bad"),
    "a byte too many": (lambda frame: [frame[:25] + frame[24:]], "bad"),
    "failed": (lambda _: [b"\x03"], "refused"),
    "refused": (lambda _: [b"\x15"], "refused"),
    "silent": (lambda _: [], "timeouts"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_frame_is_reported_and_counted_once(tmp_path: Path, kind: str) -> None:
    """A broken, failed, refused or missing spectrum is one fault and one count, and the next spectrum is whole."""
    spoil, counter = BROKEN[kind]
    profile = hasty(NO_REPEAT) if kind in {"cut", "silent"} else NO_REPEAT
    talker = ooi(profile)
    talker.frames = [[talker.good()], spoil(talker.good())]
    with measured(tmp_path, profile, talker) as device:
        results = until(device, 3)
        assert getattr(device.status.counters, counter) == 1
        assert device.status.counters.frames == 3
        assert device.status.counters.reconnects == 0
    assert means(results) == [1, 3, 4]
    assert len(whys(results)) == 1
    assert whys(results)[0].isprintable()


def test_a_broken_spectrum_is_sent_again_for_nothing(tmp_path: Path) -> None:
    """A device that can repeat its last spectrum does: nothing is measured anew, and the fault is only counted."""
    talker = ooi(OCEAN)
    frame = talker.good()
    talker.frames = [[frame[:20] + b"\x80\x00" + frame[22:]], [frame]]
    with measured(tmp_path, OCEAN, talker) as device:
        results = until(device, 2)
        assert device.status.counters.bad == 1
    assert means(results) == [1, 2]
    assert whys(results) == []
    assert talker.requests.count(b"O\x00\x01") == 1


def test_a_spectrum_that_pauses_is_one(tmp_path: Path) -> None:
    """A gap in the middle that is shorter than the device's time breaks nothing: signs of life come until the rest does."""
    talker, ends = ooi(NO_REPEAT), threading.Event()
    frame = talker.good()
    talker.frames = [[frame[:20], ends, frame[20:]]]
    with measured(tmp_path, NO_REPEAT, talker) as device:
        assert device.expose() is None
        ends.set()
        results = until(device, 1)
    assert means(results) == [1]
    assert whys(results) == []


def test_a_spectrum_that_is_broken_twice_is_measured_anew(tmp_path: Path) -> None:
    """What the device has sent again and is still broken is a fault, and not requested a third time."""
    talker = ooi(OCEAN)
    frame = talker.good()
    broken = frame[:20] + b"\x80\x00" + frame[22:]
    talker.frames = [[broken], [broken]]
    with measured(tmp_path, OCEAN, talker) as device:
        results = until(device, 1)
        assert device.status.counters.bad == 2
    assert means(results) == [2]
    assert len(whys(results)) == 1
    assert [request[:1] for request in talker.requests[-3:]] == [b"S", b"O", b"S"]


def test_a_late_spectrum_is_reported_and_taken(tmp_path: Path) -> None:
    """One that comes after its time is a fault, and is still given when it comes: a late device must not get a second request."""
    profile, given_up = hasty(NO_REPEAT), threading.Event()
    talker = ooi(profile)
    talker.frames = [[given_up, talker.good()]]
    with measured(tmp_path, profile, talker) as device:
        while not isinstance(result := device.expose(), Fault):
            assert result is None
        given_up.set()
        assert means(until(device, 2)) == [1, 2]
        assert device.status.counters.timeouts == 1
    assert "expected within" in result.why
    assert talker.requests.count(b"S") == 2


def test_a_spectrum_that_comes_too_late_is_not_taken_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one that never came in time, an identification is answered before the next is requested: the late one is dropped."""
    profile, requested = hasty(NO_REPEAT), threading.Event()
    talker = ooi(profile)
    talker.frames = [[requested, talker.good()]]
    answers = connect.answers

    def answered(wire: Transport) -> bool:
        requested.set()
        return answers(wire)

    with measured(tmp_path, profile, talker) as device:
        monkeypatch.setattr(connect, "answers", answered)
        results = until(device, 2)
        assert device.status.counters.dropped_bytes >= len(talker.codec.encode(talker.counts(1)))
    assert means(results) == [2, 3]


def test_garbage_before_a_spectrum_is_a_fault_beside_it(tmp_path: Path) -> None:
    """Bytes that belong to no frame are reported and counted, the spectrum behind them is given."""
    talker = ooi(NO_REPEAT)
    talker.frames = [[b"\xaa\xbb\xcc" + talker.good()]]
    with measured(tmp_path, NO_REPEAT, talker) as device:
        results = until(device, 1)
        assert (device.status.counters.bad, device.status.counters.dropped_bytes) == (1, 3)
    assert means(results) == [1]
    assert len(whys(results)) == 1


def test_a_setting_that_is_refused_is_requested_again(tmp_path: Path) -> None:
    """A request that the device did not take, or understood badly, is sent again; every refusal is counted."""
    talker = ooi(OCEAN)
    talker.answers = {b"I": [[b"\x15"], [b"\x33"]]}
    with measured(tmp_path, OCEAN, talker) as device:
        results = until(device, 1)
        assert (device.status.counters.refused, device.status.counters.bad) == (1, 1)
    assert means(results) == [1]
    assert sum(request[:1] == b"I" for request in talker.requests) == 3


def test_a_setting_that_is_refused_for_good_is_a_fault(tmp_path: Path) -> None:
    """Where the device never takes a setting, a fault reports it, and it is tried again with the next exposure."""
    talker = ooi(OCEAN)
    talker.answers = {b"I": [[b"\x15"]] * 3}
    with measured(tmp_path, OCEAN, talker) as device:
        results = until(device, 1)
        assert device.status.counters.refused == 3
    assert whys(results) == ["set_integration: it refused"]
    assert means(results) == [1]


def test_a_jeti_board_is_waited_for_until_its_bell(tmp_path: Path) -> None:
    """Acknowledgement, a pause while it measures, the bell and the numbers are one spectrum; its memory is read."""
    talker = jeti(JETI)
    talker.frames = [[ACK, b"\x07" + talker.good()], [b"\x15"]]
    with measured(tmp_path, JETI, talker) as device:
        results = until(device, 2)
        instrument = device.instrument
    assert means(results) == [1, 2]
    assert whys(results) == ["it refused to measure"]
    assert instrument is not None
    assert (instrument.serial_number, instrument.coefficients) == ("J1", (1.5, 2.5, 3.5, 4.5, 5.5))


def test_answers_without_a_checksum_are_requested_until_two_agree(tmp_path: Path) -> None:
    """A serial number or a coefficient with a flipped digit is outvoted: a wrong axis would be believed."""
    talker = jeti(JETI)
    talker.answers = {b"*PARA:SERN?\r": [[b"SERN:\tJ9\r"]], b"*PARA:FIT0?\r": [[b"FIT:\t1.5\r"], [b"FIT:\t7.5\r"]]}
    with measured(tmp_path, JETI, talker) as device:
        assert device.instrument is not None
        assert device.instrument.serial_number == "J1"
        assert device.instrument.coefficients == (1.5, 2.5, 3.5, 4.5, 5.5)


def test_an_echo_comes_before_its_acknowledgement(tmp_path: Path) -> None:
    """A device that sends back what it was sent is understood, and one byte too many behind its spectrum shifts it."""
    profile = quick("bwtek-btc100")
    words = (b"b\r", b"I50\r", b"A1\r")
    talker = Talker(profile, {word: (0, word + b"\nACK\r\n") for word in words}, (b"S\r",), b"S\r\nACK\r\n")
    shifted = b"S\r\nACK\r\n" + talker.good() + b"\x00"
    talker.frames = [[shifted]]
    with measured(tmp_path, profile, talker) as device:
        results = until(device, 2)
        assert device.status.counters.bad == 1
    assert means(results) == [2, 3]
    assert "shifted" in whys(results)[0]


def test_messages_carry_settings_and_spectra(tmp_path: Path) -> None:
    """OBP: what needs no answer waits for none, and an error in a message is a refusal in words."""
    profile = changed(without_discards(quick("ocean-sts")), "commands", coefficient=None)
    profile = changed(profile, "commands", serial_number=None, identify=profile.commands.identify)
    identify = Message(0x90, b"\xe8\x03", Flag.RESPONSE).to_bytes()
    talker = Talker(profile, {}, ())
    refused = Message(0x00101100, b"", Flag.NACK, 7).to_bytes()
    spectra = [refused, talker.good(), talker.good()]

    def script(data: bytes) -> list[scripted_device.ScriptStep]:
        kinds = [data[place + 8] | data[place + 9] << 8 | data[place + 10] << 16 for place in range(0, len(data), 64)]
        return [{0x90: identify}.get(kind, b"") or (spectra.pop(0) if kind == 0x101100 else b"") for kind in kinds]

    with measured(tmp_path, profile, script) as device:
        results = until(device, 2)
        assert device.status.counters.refused == 1
    assert means(results) == [1, 2]
    assert whys(results) == ["it refused to measure: device not ready"]


def test_frames_without_a_beginning_are_parted_by_silence(tmp_path: Path) -> None:
    """A lost byte costs its spectrum alone: the next is requested when the line is quiet."""
    profile = hasty(without_discards(quick("tcd1304-rossel")))
    talker = Talker(profile, {b"ER": (10, b"")}, (b"ER",))
    full = talker.codec.encode(np.arange(PIXELS) + 100)
    talker.frames = [[full], [full[1:]]]
    talker.good()
    with measured(tmp_path, profile, talker) as device:
        results = until(device, 3)
        assert device.status.counters.bad == 1
    assert means(results) == [1, 2, 3]
    assert "15 bytes" in whys(results)[0]


@pytest.fixture
def speaking(tmp_path: Path) -> Iterator[tuple[ScriptedDevice, Profile]]:
    """A device that says a line of numbers again and again."""
    profile = quick("c12880ma-csv")
    over = threading.Event()
    with ScriptedDevice(tmp_path / "port", lambda _: []) as fake:

        def speak() -> None:
            number = 0
            while not over.wait(0.02):
                number += 1
                fake.say(b"1x7," * (number % 10 == 0) + b",".join(b"%d" % (100 * number + place) for place in range(PIXELS)) + b"\n")

        speaker = threading.Thread(target=speak)
        speaker.start()
        yield fake, profile
        over.set()
        speaker.join()


def test_lines_that_come_by_themselves_are_spectra(speaking: tuple[ScriptedDevice, Profile]) -> None:
    """The first line may be incomplete and is dropped; a broken one is a fault, the others are spectra without a known exposure."""
    fake, profile = speaking
    with SerialSpectrometer(profile, fake.port) as device:
        results = until(device, 12)
        bad = device.status.counters.bad
    assert means(results) == sorted(means(results))
    assert bad == len(whys(results)) >= 1
    assert all(one.exposure_s is None for one in results if isinstance(one, Exposure))
    assert fake.host_bytes() == b""


def test_a_stream_is_started_stopped_and_started_anew(tmp_path: Path) -> None:
    """A device with no way to ask for one spectrum is started, stopped for a change, and stopped at the end."""
    profile = changed(without_discards(quick("tcd1304-nymphet")), "commands", acquire=None)
    talker = Talker(profile, {b"#IT:%03dms%%" % ms: (0, b"") for ms in (1, 7)} | {b"#Stop%": (0, b"")}, (b"#Start%",))
    talker.frames = [[talker.good(), talker.good()], [talker.good()]]
    with measured(tmp_path, profile, talker) as device:
        assert means(until(device, 2)) == [1, 2]
        device.set_exposure(0.007)
        assert means(until(device, 1)) == [3]
    assert talker.requests == [b"#IT:001ms%", b"#Start%", b"#Stop%", b"#IT:007ms%", b"#Start%", b"#Stop%"]
