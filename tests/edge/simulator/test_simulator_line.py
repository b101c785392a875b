"""The wire of a simulated device: how long bytes take by its own clock, and how its rate is changed."""

from __future__ import annotations

import pytest
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.simulator.line import WRONG, SentBytes, SimulatedLine, heard
from simulator_desk import Desk


def arrived(line: SimulatedLine) -> list[tuple[float, bytes]]:
    """Return everything that is on its way, with when it arrives."""
    pieces = []
    while (at_s := line.next_s) is not None:
        assert line.take(at_s - 1e-9) is None
        piece = line.take(at_s)
        assert piece is not None
        pieces.append((at_s, piece.data))
    return pieces


@pytest.mark.parametrize(("bits", "baud", "seconds"), [(10, 115_200, 0.6413), (10, 9600, 7.6958), (11, 9600, 8.4654)])
def test_a_frame_takes_as_long_as_its_bits(bits: int, baud: int, seconds: float) -> None:
    """7388 bytes at a rate, start, parity and stop bits included, in order and none lost."""
    data = bytes(range(256)) * 29
    line = SimulatedLine(bits, pacing=True)
    line.put(SentBytes(5.0, data[:7388], baud))
    pieces = arrived(line)
    assert b"".join(part for _, part in pieces) == data[:7388]
    assert pieces[-1][0] - 5.0 == pytest.approx(seconds, abs=1e-4)
    assert len(pieces) > 50
    assert pieces[0][0] - 5.0 == pytest.approx(len(pieces[0][1]) * bits / baud)


def test_answers_wait_for_each_other() -> None:
    """What is sent while the line is taken goes behind; a line that was quiet is free at once."""
    line = SimulatedLine(10, pacing=True)
    line.put(SentBytes(1.0, b"x" * 960, 9600))
    line.put(SentBytes(1.5, b"y" * 96, 9600))
    line.put(SentBytes(9.0, b"z", 9600))
    when = {data[:1]: at_s for at_s, data in arrived(line)}
    assert when == pytest.approx({b"x": 2.0, b"y": 2.1, b"z": 9.0 + 1 / 960})


def test_without_pacing_bytes_arrive_when_they_are_sent() -> None:
    """All of them together, whatever the rate; what was on its way when the cable came out is lost."""
    line = SimulatedLine(10, pacing=False)
    line.put(SentBytes(3.0, b"a" * 5000, 300))
    assert arrived(line) == [(3.0, b"a" * 5000)]
    line.put(SentBytes(4.0, b"b", 300))
    line.clear()
    assert line.next_s is None


def test_a_wrong_rate_makes_garbage() -> None:
    """As many bytes as fit, none of which answers anything; the right rate, and none at all, change nothing."""
    assert heard(b"\x06ACK", 9600, 9600) == heard(b"\x06ACK", 9600, None) == b"\x06ACK"
    assert len(heard(bytes(120), 9600, 115_200)) == 1440
    assert len(heard(bytes(120), 115_200, 9600)) == 10
    assert set(heard(bytes(range(256)), 115_200, 57_600)) <= set(WRONG)
    assert not set(WRONG) & {0x06, 0x15, 0x02, 0x03, 0x07, 0x0A, 0x0D}
    assert heard(b"", 9600, 115_200) == b""


def test_a_rate_is_confirmed_in_five_steps() -> None:
    """Acknowledged at the old rate, again at the new one, and kept until power is lost."""
    desk = Desk("ocean-usb2000")
    request = requests.request(desk.profile, "set_baud", RequestValues(baud=115_200))
    desk.device.receive(request, desk.now)
    (ack,) = desk.wait(0.01)
    assert (ack.data, ack.baud) == (b"\x06", 9600)
    desk.wait(0.06)
    assert desk.device.baud == 115_200
    desk.device.receive(request, desk.now)
    (again,) = desk.wait(0.01)
    assert (again.data, again.baud) == (b"\x06", 115_200)
    desk.wait(60.0)
    assert desk.device.baud == 115_200
    desk.device.power_cycle()
    assert desk.device.baud == 9600


@pytest.mark.parametrize("second", [b"", b"\xff\xfe", b"K\x00\x05", b"S", b"K\x00"])
def test_a_rate_that_is_not_confirmed_is_given_up(second: bytes) -> None:
    """Silence, garbage, another rate or half of the request bring the old rate back, and it listens again."""
    desk = Desk("ocean-usb2000")
    desk.send(requests.request(desk.profile, "set_baud", RequestValues(baud=115_200)), 0.07)
    assert desk.device.baud == 115_200
    assert desk.send(second, 2.5) == b""
    assert desk.device.baud == 9600
    assert desk.send(b"v") == b"\x06\x03\xe8"


def test_a_confirmation_that_comes_too_early_is_ignored() -> None:
    """Before the device has changed its rate it is one more request at the old one."""
    desk = Desk("ocean-usb2000")
    request = requests.request(desk.profile, "set_baud", RequestValues(baud=115_200))
    assert desk.send(request, 0.01) == b"\x06"
    assert desk.send(request, 0.001) == b"\x06"
    desk.wait(5.0)
    assert desk.device.baud == 9600


def test_a_changed_rate_outlives_the_host() -> None:
    """A host that opens the port anew at the new rate finds the device there."""
    desk = Desk("ocean-sts")
    desk.send(requests.request(desk.profile, "set_baud", RequestValues(baud=57_600)), 0.01)
    desk.device.joined(desk.now)
    desk.wait(0.2)
    assert desk.device.baud == 57_600


def test_the_last_byte_of_an_acknowledgement_is_mangled() -> None:
    """Of the device that changes its rate in its reply; where the rate stays, it is whole."""
    desk = Desk("bwtek-btc100")
    assert desk.ask("set_baud", RequestValues(baud=115_200)) == b"K0\r\nACK\r\xff"
    assert desk.device.baud == 115_200
    assert desk.ask("set_baud", RequestValues(baud=115_200)) == b"K0\r\nACK\r\n"[:3]


def test_a_rate_that_was_saved_stays_over_a_loss_of_power() -> None:
    """The Ocean Binary Protocol can: without it the device wakes at its first rate."""
    desk = Desk("ocean-sts")
    desk.ask("set_baud", RequestValues(baud=115_200))
    desk.ask("save_baud")
    desk.device.power_cycle()
    assert desk.device.baud == 115_200


def test_a_rate_that_the_device_has_not_is_refused() -> None:
    """No page's codes hold it: the device stays where it is."""
    desk = Desk("ocean-usb2000")
    assert desk.send(b"K\x00\x09") == b"\x15"
    assert desk.device.baud == 9600
    assert catalogue.load("ocean-usb2000").serial.baud[0] == 9600
