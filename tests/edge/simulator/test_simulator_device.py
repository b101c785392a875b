"""The simulated device of every shipped profile: requests, replies and timing."""

from __future__ import annotations

import re
import struct
import tomllib
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from raman_edge.instruments.codecs.obp import Message
from raman_edge.instruments.codecs.stream import Reply
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.profile import Profile, Query
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.simulator import materials
from raman_edge.simulator.scene import Scene
from simulator_desk import ON_REQUEST, PROFILES, STREAMS, Desk, spectra

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = """
schema = 1
provenance = { sources = ["a test"], certainty = "unchecked", hardware_tested = false }
device = { id = "toy", vendor = "nobody", model = "toy" }
serial = { baud = [9600] }
integration = { unit = "ms", min = 1, max = 9999, default = 100, averages_max = 4, discard_after_change = 2 }
sensor = { saturation = 1000, active = [2, 17], reverse = true }
laser = { wavelength_nm = 785.0, watchdog_s = 5 }
answers = { ack = "hex:06", nak = "hex:15", busy = "hex:1B" }
wavelength = { source = "static", coefficients = [790.0, 10.0], first_pixel = 1 }

[commands]
set_integration = { send = ["ascii:I {integration/1000}\\r"], ack = true }
set_averages = { send = ["hex:41", "u8:{averages*2+1}", "sum8"], ack = true }
acquire = { send = ["ascii:S\\r"] }
repeat = { send = ["ascii:R\\r"] }
start = { send = ["ascii:GO\\r"] }
stop = { send = ["ascii:HALT\\r"], ack = true }
abort = { send = ["ascii:X\\r"], ack = true }
laser_on = { send = ["ascii:L1\\r"], ack = true }
laser_off = { send = ["ascii:L0\\r"], ack = true }
shutter_open = { send = ["ascii:O\\r"], ack = true }
shutter_close = { send = ["ascii:C\\r"], ack = true }
saturation = { send = ["ascii:M\\r"], reply = "u16le" }
serial_number = { send = ["ascii:N\\r"], reply = "u32be" }

[frame]
mode = "fixed"
count = 20
dtype = "u16be"
sync = "hex:AA55"
header = ["counter:u8", "integration_ms:u16le", "averages:u8", "exposure_s:f32be"]
checksum = { kind = "xor8", over = "frame" }
busy = "hex:1B"
nak = "hex:15"

[simulator]
dark_counts = 50
noise_counts = 0
serial_number = "AB77"
"""


@pytest.fixture
def toy() -> Desk:
    """A device that has everything a page can say."""
    page = msgspec.convert(tomllib.loads(PAGE), Profile)
    lamp = materials.Lamp("lamp", np.array([900.0]))
    return Desk(page, scene=Scene(page, lamp))


@pytest.mark.parametrize("name", ON_REQUEST)
def test_a_spectrum_arrives_as_it_was_exposed(name: str) -> None:
    """What the page's own codec reads are the very counts, of every page, more than once."""
    desk = Desk(name)
    for _ in range(3):
        (frame,) = spectra(desk.measure())
        assert np.array_equal(frame.counts, desk.device.counts)
        assert frame.counts.std() > 0
        assert frame.counts.min() >= 0


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_comes_by_itself(name: str) -> None:
    """Devices without requests send at their pace, and a host hears the first spectrum from somewhere inside."""
    desk = Desk(name)
    sent = desk.wait(1.0)
    whole = [one.data for one in sent[1:]]
    assert 2 <= len(whole) <= 10
    assert sent[0].data not in whole
    assert whole[0].endswith(b"\n")
    frames = [frame for data in whole for frame in spectra(desk.decoded(data))]
    assert len(frames) == len(whole)
    assert np.array_equal(frames[-1].counts, desk.device.counts)


@pytest.mark.parametrize("name", PROFILES)
def test_every_request_of_the_page_is_understood(name: str) -> None:
    """No request is refused, and an acknowledgement comes where the profile has one."""
    desk = Desk(name)
    for path, command in requests.commands(desk.profile):
        if path[1] in {"acquire", "start", "stop", "repeat", "set_baud"}:
            continue
        sent = requests.sent(desk.profile, command, requests.values(desk.profile, str(path[1])), "")
        answer = desk.send(sent)
        echo = sent if desk.profile.answers.echo else b""
        expected = echo + (literal(desk.profile.answers.ack) if command.ack else b"")
        assert answer.startswith(expected), path
        assert (len(answer) > len(expected)) == (command.reply != "none"), path
    assert not [line for line in desk.notes if line.startswith("refused")]


@pytest.mark.parametrize("name", [name for name in PROFILES if isinstance(catalogue.load(name).wavelength, Query)])
def test_coefficients_give_the_axis(name: str) -> None:
    """The coefficients that a host reads give the wavelengths of the profile's simulator, first pixel to last."""
    desk = Desk(name)
    axis = desk.profile.wavelength
    assert isinstance(axis, Query)
    coefficients = [_number(desk, desk.ask("coefficient", RequestValues(index=axis.first_index + at))) for at in range(axis.coefficients)]
    seen = desk.profile.sensor.active or (0, desk.device.scene.pixels - 1)
    nm = np.polynomial.polynomial.polyval(np.array(seen), coefficients)
    assert nm == pytest.approx(desk.profile.simulator.axis_nm, abs=0.02)
    refused = desk.ask("coefficient", RequestValues(index=axis.first_index + axis.coefficients))
    events = list(desk.codec.feed(refused))
    assert (events and isinstance(events[0], Reply) and events[0].name == "nak") or refused.endswith(literal(desk.profile.answers.nak))


def _number(desk: Desk, answer: bytes) -> float:
    if desk.device.answers.obp:
        (reply,) = desk.codec.feed(answer)
        assert isinstance(reply, Reply)
        return float(struct.unpack("<f", reply.data)[0])
    return float(re.split(r"[\t\r\x06]", answer.decode().strip())[-1])


def test_the_frame_records_how_it_was_taken() -> None:
    """Exposure and averages of the header are those that were requested, and a sum is one."""
    desk = Desk("ocean-usb2000")
    desk.ask("set_integration", RequestValues(40))
    desk.measure()
    (one,) = spectra(desk.measure())
    desk.ask("set_averages", RequestValues(averages=4))
    (four,) = spectra(desk.measure())
    assert (one.fields["integration_ms"], one.fields["scans"], four.fields["scans"]) == (40, 1, 4)
    assert four.counts.sum() == pytest.approx(4 * one.counts.sum(), rel=0.01)


def test_a_spectrum_takes_its_exposure() -> None:
    """Nothing comes before the exposures are over, but for what says that it was understood."""
    desk = Desk("jeti-versapic")
    request = requests.request(desk.profile, "acquire", RequestValues(200, 3))
    assert desk.send(request, 0.599) == b"\x06"
    assert desk.send(b"", 0.002).startswith(b"\x07")


def test_an_obp_answer_names_its_request() -> None:
    """Message type and number come back; an acknowledgement only where it was requested; an unknown type is refused by name."""
    desk = Desk("ocean-sts")
    (frame,) = spectra(desk.codec.feed(desk.send(Message(0x00101100, regarding=77).to_bytes())))
    assert (frame.fields["regarding"], frame.fields["type"]) == (77, 0x00101100)
    exposure = (50_000).to_bytes(4, "little")
    assert desk.send(Message(0x00110010, exposure).to_bytes()) == b""
    (ack,) = desk.codec.feed(desk.send(Message(0x00110010, exposure, flags=4, md5=True).to_bytes()))
    assert isinstance(ack, Reply)
    assert ack.name == "ack"
    for message, why in ((Message(0x00ABCDEF), "unknown message type"), (Message(0x00110010, b"\0"), "payload data invalid")):
        (nak,) = desk.codec.feed(desk.send(message.to_bytes()))
        assert isinstance(nak, Reply)
        assert (nak.name, nak.fields["error_name"]) == ("nak", why)
    damaged = bytearray(Message(0x00110010, exposure, md5=True).to_bytes())
    damaged[24] ^= 1
    (nak,) = desk.codec.feed(desk.send(b"\x00garbage" + bytes(damaged)))
    assert isinstance(nak, Reply)
    assert nak.fields["error_name"] == "bad checksum"
    assert desk.device.exposure_s == 0.05


@pytest.mark.parametrize(
    ("name", "data", "answer"),
    [
        ("ocean-flame-s", b"zz", b"\x15\x15"),
        ("ocean-flame-s", b"I\x00\x00", b"\x15"),
        ("jeti-versapic", b"*MEAS:MORE 1\r", b"\x15"),
        ("jeti-versapic", b"*MEAS:LIGHT 100 1.5 2\r", b"\x15"),
        ("c12880ma-specread", b"SPEC.WHAT?\n", b"### Error: unknown request\r\n"),
        ("tcd1304-nymphet", b"#Nonsense%", b""),
        ("tcd1304-rossel", b"ER\x00\x03\x0d\x40\x00\x00\x00\x01\x00\x01", b""),
    ],
)
def test_what_is_not_understood_is_refused_as_the_device_does(name: str, data: bytes, answer: bytes) -> None:
    """A byte or a line at a time by NAK or in words, with silence where there is neither; and then it listens again."""
    desk = Desk(name)
    assert desk.send(data) == answer
    assert len(spectra(desk.measure())) == 1


def test_half_a_request_is_forgotten() -> None:
    """Its other half, after a silence, is no request; one in small pieces is."""
    desk = Desk("ocean-flame-s")
    assert desk.send(b"I\x00", 5.0) == b""
    assert desk.send(b"I", 0.1) + desk.send(b"\x00", 0.1) + desk.send(b"\x32", 0.1) == b"\x06"
    assert desk.device.exposure_s == 0.05


def test_spectra_after_a_change_still_have_the_exposure_before(toy: Desk) -> None:
    """As many as the page says, by their header and by their counts."""
    toy.measure()
    toy.ask("set_integration", RequestValues(10))
    frames = [frame for _ in range(3) for frame in spectra(toy.measure())]
    assert [frame.fields["integration_ms"] for frame in frames] == [100, 100, 10]
    assert frames[0].counts.max() > 5 * frames[2].counts.max()


def test_a_toy_of_everything(toy: Desk) -> None:
    """Text with decimals, arithmetic and a checksum are read back; header words, sync and checksum go out; a mean stays one."""
    assert toy.ask("set_averages", RequestValues(averages=3)) == b"\x06"
    assert toy.ask("repeat") == b"\x15"
    answer = toy.ask("acquire")
    assert toy.ask("repeat") == answer
    (frame,) = spectra(toy.decoded(answer))
    fields = {name: float(value) for name, value in frame.fields.items()}
    assert fields == pytest.approx({"counter": 1, "integration_ms": 100, "averages": 3, "exposure_s": 0.1})
    assert int(np.argmax(frame.counts[::-1])) == 10
    assert frame.counts.max() < 1000
    assert toy.ask("saturation") == (1000).to_bytes(2, "little")
    assert toy.ask("serial_number") == (77).to_bytes(4, "big")
    assert toy.send(b"\x41\x07\x49") == b"\x15"
    assert toy.device.averages == 3


def test_a_busy_device_refuses_requests(toy: Desk) -> None:
    """While it exposes it is busy, but stops on request; without such a request, requests wait their turn."""
    request = requests.request(toy.profile, "acquire")
    assert toy.send(request, 0.05) == b""
    assert toy.send(b"M\r", 0.01) == b"\x1b"
    assert toy.send(b"X\r", 0.01) == b"\x06"
    assert toy.send(b"", 5.0) == b""
    flame = Desk("ocean-flame-s")
    flame.send(b"S", 0.05)
    answer = flame.send(b"I\x00\x32")
    assert answer[:1] + answer[-1:] == b"\x02\x06"


def test_a_stream_is_started_and_stopped(toy: Desk) -> None:
    """Spectra without end at the pace of their exposure, and none after the acknowledgement of the stop."""
    assert toy.send(b"GO\r", 0.55).count(b"\xaa\x55") == 5
    assert toy.send(b"HALT\r") == b"\x06"
    rossel = Desk("tcd1304-rossel")
    started = requests.request(rossel.profile, "start")
    assert len(rossel.send(started, 1.95)) == 3 * 7388  # the line takes longer than the exposure
    assert rossel.ask("stop") == b""


def test_light_is_let_in_and_kept_out(toy: Desk) -> None:
    """Laser and shutter are off or closed as the host says, and the watchdog switches a forgotten laser off."""
    scene = Scene(toy.profile, materials.LinesMaterial.at("line", (500.0, 1000.0, 2000.0)))
    desk = Desk(toy.profile, scene=scene)

    def top() -> Iterator[int]:
        for order in (b"", b"L1\r", b"C\r", b"O\r", b"L0\r", b"L1\r"):
            desk.send(order, 0.1)
            request = requests.request(toy.profile, "acquire")
            (frame,) = spectra(desk.decoded(desk.send(request, 1.0), request))
            yield int(frame.counts.max())

    dark, lit, closed, opened, off, again = top()
    assert max(dark, closed, off) < 100
    assert min(lit, opened, again) > 400
    desk.wait(10.0)
    assert not desk.device.laser
    desk.send(b"L1\r", 4.0)
    desk.send(requests.request(desk.profile, "start"), 4.0)
    assert desk.device.laser
    desk.wait(4.0)
    assert not desk.device.laser


def test_power_that_was_lost_takes_everything_with_it(toy: Desk) -> None:
    """Exposure, averages and laser are as the page has them again."""
    toy.ask("set_integration", RequestValues(10))
    toy.ask("laser_on")
    toy.device.power_cycle()
    assert (toy.device.exposure_s, toy.device.averages, toy.device.laser) == (0.1, 1, False)


def test_a_device_that_was_not_prepared_sends_another_form() -> None:
    """Without the checksum that its page asks for first, as after a loss of power: the page's codec finds no spectrum."""
    desk = Desk("ocean-flame-s")
    assert len(spectra(desk.measure())) == 1
    desk.device.power_cycle()
    assert not spectra(desk.measure())
    desk.prepare()
    assert len(spectra(desk.measure())) == 1


def test_the_same_seed_measures_the_same() -> None:
    """Noise, spikes and faults are reproducible, and another seed gives others."""
    one, two, other = (Desk("tcd1304-nymphet", seed=seed).ask("acquire") for seed in (5, 5, 6))
    assert one == two
    assert one != other
