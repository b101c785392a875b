"""A simulated device that is really plugged in: a pseudo-terminal or a TCP port, opened with pyserial as hosts do."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import markers
import numpy as np
import pytest
import serial
from raman_edge.errors import ConfigError, SourceUnavailable
from raman_edge.instruments import codecs
from raman_edge.instruments.codecs import RawFrame
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.simulator.ports import PtyAt, TcpAt, TcpPort
from raman_edge.simulator.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 60.0
NYMPHET = catalogue.load("tcd1304-nymphet")
STS = catalogue.load("ocean-sts")
USB2000 = catalogue.load("ocean-usb2000")
FRAME = 7388


@contextmanager
def opened(simulated: Simulated, baud: int = 115_200, timeout: float = PATIENCE_S) -> Iterator[serial.SerialBase]:
    """Open the port of a simulated device as a host does."""
    with serial.serial_for_url(simulated.port, baud, timeout=timeout) as host:
        yield host


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for long enough that it does wherever it ever will."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def frame(host: serial.SerialBase) -> bytes:
    """Ask for one spectrum of the page of :data:`NYMPHET`."""
    host.write(requests.request(NYMPHET, "acquire"))
    return bytes(host.read(FRAME))


@pytest.mark.parametrize("at", [pytest.param(PtyAt, marks=markers.POSIX), TcpAt])
def test_a_spectrum_comes_through_the_port(at: Callable[[], PtyAt | TcpAt]) -> None:
    """Byte for byte, more than once, to one host after the other."""
    with Simulated(NYMPHET, pacing=False, at=at()) as simulated:
        for number in (1, 2):
            with opened(simulated) as host:
                (seen,) = codecs.of(NYMPHET.frame).feed(frame(host))
                assert isinstance(seen, RawFrame)
                assert np.array_equal(seen.counts, simulated.device.counts)
            assert simulated.frames == number


@markers.POSIX
def test_the_cable_comes_out_and_goes_in_again() -> None:
    """A host that reads gets an error; the path is gone, and comes back with another instrument behind it."""
    with Simulated(STS, pacing=False) as simulated:
        port = Path(simulated.port)
        terminal = port.readlink()
        with opened(simulated, 9600) as host:
            host.write(requests.request(STS, "serial_number"))
            assert b"SIM00001" in host.read(64)
            simulated.unplug()
            assert not port.is_symlink()
            with pytest.raises(serial.SerialException):
                host.read(1)
            with pytest.raises(serial.SerialException):
                serial.Serial(simulated.port)
        simulated.replug("OTHER")
        assert simulated.port == str(port)
        assert port.is_symlink()
        with opened(simulated, 9600) as host:
            host.write(requests.request(STS, "serial_number"))
            assert b"OTHER" in host.read(64)
        simulated.replug()
        assert simulated.device.answers.serial_number == "OTHER"
        assert terminal.name
    assert not port.parent.exists()


@markers.POSIX
def test_a_fault_takes_the_cable_out_in_the_middle_of_a_frame() -> None:
    """The host has half of it at most; the instrument that comes back by itself is the requested one."""
    with Simulated(NYMPHET, pacing=False, faults=["unplug@2:for=0,serial=LATER"]) as simulated:
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME
            with pytest.raises(serial.SerialException):
                frame(host) and frame(host)
        until(lambda: simulated.device.answers.serial_number == "LATER" and Path(simulated.port).exists())
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME


@markers.POSIX
def test_a_wrong_rate_is_garbage_both_ways() -> None:
    """What a host says at a wrong rate is not understood, and what comes back is nothing it could take for an answer."""
    with Simulated(USB2000, pacing=False) as simulated:
        with opened(simulated, 115_200) as host:
            host.write(b"v")
            assert host.read(1)[0] not in (0x06, 0x15)
        with opened(simulated, 9600) as host:
            host.write(b"v")
            assert host.read(3) == b"\x06\x03\xe8"


@markers.POSIX
def test_the_five_steps_of_a_new_rate_over_a_terminal() -> None:
    """A host that sets its own rate between the two requests is understood at the new one, and stays so when it comes back."""
    request = requests.request(USB2000, "set_baud", RequestValues(baud=115_200))
    with Simulated(USB2000, pacing=False) as simulated:
        with opened(simulated, 9600) as host:
            host.write(request)
            assert host.read(1) == b"\x06"
            until(lambda: simulated.device.baud == 115_200)
            host.baudrate = 115_200
            host.write(request)
            assert host.read(1) == b"\x06"
        with opened(simulated, 115_200) as host:
            host.write(b"v")
            assert host.read(3) == b"\x06\x03\xe8"


def test_a_host_that_goes_away_is_no_end() -> None:
    """What was on its way is lost with it; the next one begins anew."""
    notes: list[str] = []
    simulated = Simulated(catalogue.load("generic-csv-stream"), pacing=False)
    simulated.note = notes.append
    with simulated:
        for number in (1, 2):
            with opened(simulated) as host:
                assert host.read(20_000)
            until(lambda number=number: notes.count("the host has gone") == number)  # type: ignore[misc]
        assert simulated.running


@markers.POSIX
def test_a_host_that_sets_nothing_up_hears_too() -> None:
    """As ``cat`` does: its terminal is made raw, and bytes come as they were sent."""
    with Simulated(catalogue.load("c12880ma-csv"), pacing=False) as simulated, Path(simulated.port).open("rb", buffering=0) as host:
        lines = b""
        while lines.count(b"\n") < 3:
            lines += host.read(4096)
        assert lines.splitlines()[1].count(b",") == 287


def test_a_full_host_loses_nothing() -> None:
    """A device waits for room: what a slow host reads late is whole."""
    with Simulated(NYMPHET, pacing=False) as simulated, opened(simulated) as host:
        host.write(12 * requests.request(NYMPHET, "acquire"))
        until(lambda: simulated.frames > 0)
        frames = list(codecs.of(NYMPHET.frame).feed(host.read(12 * FRAME)))
        assert [type(one) for one in frames] == 12 * [RawFrame]


@markers.POSIX
def test_a_link_of_ones_own_is_made_and_removed(tmp_path: Path) -> None:
    """Where it points is replaced at one stroke; what is no link is left alone, and a missing folder is reported."""
    link = tmp_path / "ttyRAMAN"
    link.symlink_to("/nowhere")
    with Simulated(NYMPHET, pacing=False, at=PtyAt(link)) as simulated:
        assert simulated.port == str(link)
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME
    assert list(tmp_path.iterdir()) == []
    link.write_text("mine")
    with pytest.raises(ConfigError, match="exists and is no link"):
        PtyAt(link)
    with (
        pytest.raises(SourceUnavailable, match=r"cannot be made: No such file or directory\. Give a --link"),
        Simulated(NYMPHET, at=PtyAt(tmp_path / "no" / "link")),
    ):
        pass


@markers.POSIX
def test_a_link_that_another_has_taken_over_is_left_to_it(tmp_path: Path) -> None:
    """The last instrument that took the link keeps it, also when the one before ends."""
    link = tmp_path / "ttyRAMAN"
    with Simulated(NYMPHET, at=PtyAt(link)) as first, Simulated(NYMPHET, pacing=False, at=PtyAt(link)) as second:
        first.unplug()
        with opened(second) as host:
            assert len(frame(host)) == FRAME
    assert list(tmp_path.iterdir()) == []


def test_one_host_at_a_time_over_tcp() -> None:
    """A second one is turned away, and finds the place free when the first has gone."""
    with Simulated(NYMPHET, pacing=False, at=TcpAt()) as simulated:
        number = int(simulated.port.rpartition(":")[2])
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME
            with socket.create_connection(("127.0.0.1", number), PATIENCE_S) as other:
                assert other.recv(10) == b""
            assert len(frame(host)) == FRAME
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME


def test_a_host_that_has_gone_keeps_no_other_one_away() -> None:
    """The next host connects before the device has looked again: it is served."""
    at = TcpAt()
    port = at.plug(9600)
    try:
        place = ("127.0.0.1", at.number)
        with socket.create_connection(place, PATIENCE_S) as host:
            host.sendall(b"one")
            assert eventually(port) == b"one"
        with socket.create_connection(place, PATIENCE_S) as host:
            assert port.read() is None
            host.sendall(b"two")
            assert eventually(port) == b"two"
    finally:
        port.close()


def eventually(port: TcpPort) -> bytes:
    """Return the next bytes of a host."""
    end = time.monotonic() + PATIENCE_S
    while not (data := port.read()):
        assert time.monotonic() < end
        time.sleep(0.001)
    return data


def test_tcp_is_unplugged_and_comes_back_at_the_same_port() -> None:
    """Nobody listens meanwhile."""
    with Simulated(NYMPHET, pacing=False, at=TcpAt()) as simulated:
        port = simulated.port
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME
            simulated.unplug()
            with pytest.raises(serial.SerialException):
                serial.serial_for_url(port)
        simulated.replug("X2")
        assert simulated.port == port
        with opened(simulated) as host:
            assert len(frame(host)) == FRAME
        with pytest.raises(SourceUnavailable, match="cannot listen"):
            TcpAt(number=int(port.rpartition(":")[2])).plug(9600)


def test_orders_change_what_is_seen() -> None:
    """Material, laser and faults while it runs; an unknown name or fault is reported and changes nothing."""
    with Simulated(NYMPHET, pacing=False) as simulated, opened(simulated) as host:
        tops = []
        for material, laser in (("Calcite", True), ("none", True), ("Quartz", True), ("Quartz", False)):
            simulated.material(material)
            simulated.laser(on=laser)
            tops.append(int(np.frombuffer(frame(host), "<u2").max()))
        assert tops[0] > 30_000
        assert tops[2] > 30_000
        assert max(tops[1], tops[3]) < 3_000
        with pytest.raises(ConfigError, match="unknown material"):
            simulated.material("Unobtainium")
        simulated.fault("truncate")
        host.timeout = 1.0
        assert len(frame(host)) < FRAME
        host.timeout = PATIENCE_S
        assert len(frame(host)) == FRAME


@markers.POSIX
def test_a_system_without_terminals_is_reported_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none; elsewhere the kernel may have run out of them."""
    monkeypatch.setattr("raman_edge.simulator.ports.os.name", "nt")
    with pytest.raises(ConfigError, match="no pseudo-terminals on this system"):
        PtyAt(None)
    monkeypatch.undo()

    def none_left() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", none_left)
    with pytest.raises(SourceUnavailable, match="no pseudo-terminal: No space left on device"), Simulated(NYMPHET):
        pass


def test_an_error_in_the_device_is_raised_when_the_block_ends() -> None:
    """A defect in the thread is not lost."""
    simulated = Simulated(NYMPHET, pacing=False)

    def broken(text: str) -> None:
        if text.startswith("acquire"):
            raise ZeroDivisionError(text)

    simulated.note = broken
    with pytest.raises(ZeroDivisionError, match="acquire"):
        _one_request(simulated)


def _one_request(simulated: Simulated) -> None:
    with simulated, opened(simulated) as host:
        host.write(requests.request(NYMPHET, "acquire"))
        until(lambda: not simulated.running)
