"""Wavelengths and nonlinearity from the memory of the instrument, and what happens where it does not hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from markers import slow
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.instruments.serial import ask
from raman_edge.instruments.serial.transport import Listener, ReplyProblem
from raman_edge.simulator.simulated import Simulated
from scripted_device import ScriptedDevice
from wire_profiles import Talker, changed, quick

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.instruments.spectrometer import InstrumentInfo

ACK, NAK = b"\x06", b"\x15"
NUMBERS = {"ocean-usb2000": "USB2F00001", "ocean-usb2000-ascii": "USB2F00001", "ocean-flame-s": "FLMS00001", "ocean-sts": "SIM00001"}


@pytest.mark.parametrize("name", ["ocean-usb2000", "ocean-sts", *slow("ocean-flame-s", "ocean-usb2000-ascii")])
def test_ocean_devices_give_their_axis_their_nonlinearity_and_their_number(name: str) -> None:
    """All coefficients are read over the line, in binary, in text and in messages; they are those of the device."""
    profile = catalogue.load(name)
    with Simulated(profile, pacing=False) as simulated:
        instrument = ask(profile, simulated.port)
        held = simulated.device.scene.coefficients
    assert instrument.serial_number == NUMBERS[name]
    assert instrument.coefficients is not None
    assert instrument.coefficients == pytest.approx(held, rel=1e-7)
    assert instrument.nonlinearity == (1.0, *[0.0] * 7)


EEPROM = {0: b"USB2A1234", 1: b"7.9e+02", 2: b"1.2e-01", 3: b"-1.0e-06", 4: b"0", 6: b"9.1e-01", 7: b"2.0e-05", 8: b"-1e-10", 14: b"2"}


def read(tmp_path: Path, answers: dict[int, bytes], **sensor: object) -> tuple[InstrumentInfo, list[bytes]]:
    """Return what is read from an Ocean device that answers so to a query of a constant, and its queries."""
    profile = changed(quick("ocean-usb2000", margin_ms=300), "sensor", **sensor)
    known = {b"bB": (0, ACK), b"v": (0, ACK + b"\x03\xe8"), **dict.fromkeys((b"G", b"k", b"I", b"A", b"K"), (2, ACK)), b"O": (2, b"")}
    known |= {b"?x" + index.to_bytes(2, "big"): (0, answer) for index, answer in answers.items()}
    talker = Talker(profile, {**known, b"?x": (2, NAK)}, (b"S", b"O"))
    with ScriptedDevice(tmp_path / "port", talker) as fake:
        instrument = ask(profile, fake.port)
    return instrument, [request for request in talker.requests if request.startswith(b"?x")]


@pytest.mark.parametrize("end", [b"\r", b"\0\0\0\0\0", *slow(b"", b"\r\n", b"\n")])
def test_the_end_of_a_constant_may_be_anything(tmp_path: Path, end: bytes) -> None:
    """The manual does not say how the text ends: silence ends it, and line ends and zeros around it do not belong to it."""
    instrument, _ = read(tmp_path, {index: ACK + text + end for index, text in EEPROM.items()})
    assert instrument.serial_number == "USB2A1234"
    assert instrument.coefficients == (790.0, 0.12, -1e-6, 0.0)
    assert instrument.nonlinearity == (0.91, 2e-5, -1e-10)


def test_a_device_without_the_query_is_used_without_an_axis(tmp_path: Path) -> None:
    """A refusal leaves the axis unknown: the device has to be calibrated."""
    instrument, _ = read(tmp_path, {})
    assert (instrument.serial_number, instrument.coefficients, instrument.nonlinearity) == (None, None, ())


def test_a_query_that_is_not_answered_is_not_repeated(tmp_path: Path) -> None:
    """Behind a lost `?`, the rest of the query begins a write; no further query of the kind follows one without an answer."""
    instrument, queries = read(tmp_path, dict.fromkeys(range(256), b""))
    assert (instrument.serial_number, instrument.coefficients, instrument.nonlinearity) == (None, None, ())
    assert queries == [b"?x\x00\x00", b"?x\x00\x01", b"?x\x00\x0e"]


@pytest.mark.parametrize(
    ("index", "text"),
    [(2, b"-1.2e-01x"), (3, b"-1.0e-01"), *slow((2, b"\xff" * 15), (1, b"79"), (3, b"nan"), (2, b""))],
    ids=["no number", "turns back", "unwritten", "79 nm", "not finite", "empty"],
)
def test_constants_that_are_no_axis_are_not_used(tmp_path: Path, index: int, text: bytes) -> None:
    """An unwritten or damaged memory gives no axis rather than a wrong one."""
    constants = {number: ACK + (text if number == index else held) for number, held in EEPROM.items()}
    instrument, _ = read(tmp_path, constants)
    assert instrument.coefficients is None
    assert instrument.serial_number == "USB2A1234"


@pytest.mark.parametrize("text", [b"9", b"seven", *slow(b"-1", b"1.5", b"\xff\xff")])
def test_an_impossible_degree_is_no_nonlinearity(tmp_path: Path, text: bytes) -> None:
    """At most eight coefficients are there, and a whole number of them."""
    instrument, _ = read(tmp_path, {index: ACK + (text if index == 14 else held) for index, held in EEPROM.items()})
    assert instrument.nonlinearity == ()
    assert instrument.coefficients is not None


def test_an_implausible_nonlinearity_is_not_used(tmp_path: Path) -> None:
    """Counts are divided by about 1; a memory that was never written holds anything."""
    instrument, _ = read(tmp_path, {index: ACK + (b"9.1e+05" if index == 6 else held) for index, held in EEPROM.items()})
    assert instrument.nonlinearity == ()


def test_the_axis_of_a_simulated_ocean_needs_no_calibration() -> None:
    """The polynomial is that of every pixel, rising throughout."""
    profile = catalogue.load("ocean-flame-s")
    with Simulated(profile, pacing=False) as simulated:
        instrument = ask(profile, simulated.port)
    assert instrument.coefficients is not None
    nm = np.polynomial.polynomial.polyval(np.arange(21, 2048), instrument.coefficients)
    assert (np.diff(nm) > 0).all()
    assert (nm[0], nm[-1]) == pytest.approx((790.0, 1000.0), abs=0.01)


def test_text_is_ended_by_silence_alone() -> None:
    """While bytes come, it may go on; a refusal and an answer without text are distinguished."""
    profile = catalogue.load("ocean-flame-s")
    command = profile.commands.coefficient
    assert command is not None
    sent = requests.request(profile, "coefficient", RequestValues(index=1))
    listener = Listener(profile, command, sent)
    assert listener.feed(ACK + b"1.2") is None
    assert listener.feed(b"3\r") is None
    assert listener.silence() == b"1.23"
    refused = Listener(profile, command, sent).feed(NAK)
    assert isinstance(refused, ReplyProblem)
    assert refused.kind == "refused"
    empty = Listener(profile, command, sent)
    assert empty.feed(ACK) is None
    assert empty.silence() is None
    endless = Listener(profile, command, sent).feed(ACK + b"1" * 300)
    assert isinstance(endless, ReplyProblem)
