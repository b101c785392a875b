"""A serial port: opened exclusively, its errors distinguished, its bytes in both directions."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import markers
import pytest
import serial
from raman_edge.errors import ConfigError, SourceBusy, SourceLost, SourceUnavailable
from raman_edge.instruments.profiles.profile import Serial
from raman_edge.instruments.serial.port import Clock, SerialPort, denied, message, resolve
from scripted_device import ScriptedDevice
from serial.tools import list_ports

if sys.platform != "win32":
    import termios

    SYSTEM: tuple[Exception, ...] = (termios.error(5, "I/O"),)
else:
    SYSTEM = ()

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = Serial(baud=(9600,))
LOOP = "loop://"


def test_bytes_go_both_ways(tmp_path: Path) -> None:
    """Bytes arrive, replies are read as they come, and silence ends after the given time."""
    with ScriptedDevice(tmp_path / "port", lambda data: [data.upper()]) as fake:
        port = SerialPort(fake.port, LINE)
        port.open(19_200)
        assert (port.baud, fake.rate) == (19_200, 19_200)
        port.write(b"abc")
        got = b""
        while len(got) < 3:
            got += port.read(5)
        assert got == b"ABC"
        assert port.read(0.01) == b""
        port.set_baud(57_600)
        assert (port.baud, fake.rate) == (57_600, 57_600)
        port.close()
        assert not port.is_open


def test_modem_lines_may_be_set_on_a_port_without_them(tmp_path: Path) -> None:
    """A pseudo-terminal has neither DTR nor RTS: setting them is no error there."""
    with ScriptedDevice(tmp_path / "port", lambda _: []) as fake:
        port = SerialPort(fake.port, Serial(baud=(9600,), dtr_on_open="lower", rts_on_open="lower", flow="rts-cts", parity="E", bytesize=7))
        port.open(9600)
        assert port.is_open
        port.close()


def test_a_device_with_a_small_buffer_gets_byte_by_byte() -> None:
    """``byte_gap_ms`` is waited for after every byte, by the clock that was given."""
    slept: list[float] = []
    port = SerialPort(LOOP, Serial(baud=(9600,), byte_gap_ms=2), Clock(sleep=slept.append))
    port.open(9600)
    port.write(b"abc")
    assert slept == [0.002] * 3
    assert port.read(0) == b"abc"
    assert port.baud is None


def test_a_port_that_cannot_be_waited_for_is_looked_at_again_and_again() -> None:
    """Where the system has no way to wait, the time is spent in short sleeps and ends when it is over."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    port = SerialPort(LOOP, LINE, Clock(lambda: now[0], sleep))
    port.open(9600)
    assert port.read(0.1) == b""
    assert now[0] == pytest.approx(0.1, abs=0.01)


def test_a_network_port_has_no_rate() -> None:
    """``socket://`` is read and written like a serial port, its end is a loss, and no listener is an absent port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"socket://127.0.0.1:{server.getsockname()[1]}"
        port = SerialPort(where, LINE)
        port.open(9600)
        there, _ = server.accept()
        there.sendall(b"hello")
        assert port.read(5) == b"hello"
        assert port.baud is None
        there.close()
        with pytest.raises(SourceLost, match="connection lost"):
            [port.read(0.1) for _ in range(50)]
    with pytest.raises(SourceUnavailable, match="refused"):
        port.open(9600)


@pytest.mark.parametrize("action", ["read", "write", "rate"])
def test_an_unplugged_cable_is_a_loss_whatever_pyserial_raises(tmp_path: Path, action: str) -> None:
    """Reading, writing and changing the rate of a port that is gone are the same error, and the port counts as closed."""
    with ScriptedDevice(tmp_path / "port", lambda _: []) as fake:
        port = SerialPort(fake.port, LINE)
        port.open(9600)
        fake.unplug()
        actions: dict[str, Callable[[], object]] = {
            "read": lambda: port.read(1),
            "write": lambda: port.write(b"x"),
            "rate": lambda: port.set_baud(19_200),
        }
        with pytest.raises(SourceLost, match="Check its cable"):
            actions[action]()
        assert not port.is_open
        with pytest.raises(SourceLost, match="not open"):
            port.read(0)
        with pytest.raises(SourceUnavailable, match="not found"):
            port.open(9600)


@pytest.mark.parametrize("error", [TypeError("fd"), OSError(5, "I/O"), *SYSTEM, serial.PortNotOpenError()])
def test_every_error_of_an_open_port_is_a_loss(error: Exception) -> None:
    """What pyserial lets through of the system is one error here."""
    port = SerialPort(LOOP, LINE)
    port.open(9600)

    def fail(_: int) -> bytes:
        raise error

    port._serial = SimpleNamespace(read=fail, close=lambda: None)  # type: ignore[assignment]
    with pytest.raises(SourceLost, match="connection lost"):
        port.read(0)


def test_a_port_belongs_to_one_process(tmp_path: Path) -> None:
    """Another process that opens the port gets the error that it is busy, with its own exit code."""
    program = (
        "import sys; from raman_edge.instruments.serial.port import SerialPort\n"
        "from raman_edge.instruments.profiles.profile import Serial\n"
        "try: SerialPort(sys.argv[1], Serial(baud=(9600,))).open(9600)\n"
        "except Exception as error: print(error); sys.exit(error.exit_code)\n"
    )
    with ScriptedDevice(tmp_path / "port", lambda _: []) as fake:
        port = SerialPort(fake.port, LINE)
        port.open(9600)
        other = subprocess.run([sys.executable, "-c", program, fake.port], capture_output=True, text=True, check=False)
        assert other.returncode == 75
        assert "busy. Another program has it" in other.stdout
        with pytest.raises(SourceBusy):
            SerialPort(fake.port, LINE).open(9600)
        port.close()
        port.open(9600)


OPENING = [
    (serial.SerialException(2, "no such file"), SourceUnavailable, "not found"),
    (serial.SerialException(16, "busy"), SourceBusy, "busy"),
    (serial.SerialException(13, "denied"), SourceUnavailable, "permission denied"),
    (serial.SerialException("could not open port 'COM3': FileNotFoundError(2)"), SourceUnavailable, "not found"),
    (serial.SerialException("could not open port 'COM3': PermissionError(13)"), SourceBusy, "busy"),
    (ValueError("Failed to set custom baud rate (250001)"), SourceUnavailable, "the port does not have this baud rate"),
    (serial.SerialException("Could not configure port: (25, 'Inappropriate')"), SourceUnavailable, "not a serial port"),
]


@pytest.mark.parametrize(("error", "expected", "why"), OPENING)
def test_reasons_why_a_port_cannot_be_opened_are_distinguished(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[Exception], why: str
) -> None:
    """Not there, busy and not allowed are different things to do something about."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(serial, "serial_for_url", fail)
    with pytest.raises(SourceUnavailable, match=why) as raised:
        SerialPort("/dev/ttyUSB0", LINE).open(9600)
    assert raised.type is expected


@markers.POSIX
def test_advice_for_a_user_without_permission(tmp_path: Path) -> None:
    """The group that may use the port is named where there is one, a rule for the system where there is none."""
    file = tmp_path / "port"
    file.touch(mode=0o600)
    assert 'GROUP="dialout", MODE="0660"' in denied(file)
    assert "sudo usermod -aG dialout" in denied(file)
    assert "Ask the administrator" in denied(tmp_path / "none")
    dialout = next((group for group in ("dialout", "tty") if Path("/etc/group").read_text("utf-8").find(f"{group}:") >= 0), None)
    if dialout is None or os.geteuid() != 0:
        pytest.skip("files of another group are made by root")
    import grp

    os.chown(file, -1, grp.getgrnam(dialout).gr_gid)
    file.chmod(0o660)
    assert f"sudo usermod -aG {dialout}" in denied(file)


def test_an_error_without_words_has_a_name() -> None:
    """An error without a message is reported by its kind; a message of several lines becomes one."""
    assert message(TypeError()) == "TypeError"
    assert message(OSError("a\nb")) == "a b"


def test_the_lines_of_a_board_are_as_its_profile_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """DTR and RTS are set before the port is opened, and left alone where the profile says nothing."""
    made: list[SimpleNamespace] = []

    def port(*_: object, **__: object) -> SimpleNamespace:
        made.append(SimpleNamespace(open=lambda: None, close=lambda: None, fileno=lambda: 0))
        return made[-1]

    monkeypatch.setattr(serial, "serial_for_url", port)
    SerialPort("/dev/x", Serial(baud=(9600,), dtr_on_open="lower", rts_on_open="raise")).open(9600)
    SerialPort("/dev/x", LINE).open(9600)
    assert (made[0].dtr, made[0].rts) == (False, True)
    assert not hasattr(made[1], "dtr")


def test_a_usb_address_is_looked_up_at_every_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """The port of a USB device is the one that it has now; several of a kind are distinguished by their serial number."""
    here = [
        SimpleNamespace(device="/dev/ttyACM1", vid=0x0483, pid=0x374B, serial_number="A"),
        SimpleNamespace(device="/dev/ttyACM2", vid=0x0483, pid=0x374B, serial_number="B"),
        SimpleNamespace(device="/dev/ttyS0", vid=None, pid=None, serial_number=None),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: here)
    assert resolve("usb:0483:374b:B") == "/dev/ttyACM2"
    with pytest.raises(SourceUnavailable, match="several devices fit: got 2, expected one of usb:0483:374b:A, usb:0483:374b:B"):
        resolve("usb:0483:374b")
    del here[0]
    assert resolve("usb:0x483:0x374B") == "/dev/ttyACM2"
    with pytest.raises(SourceUnavailable, match="not found"):
        resolve("usb:2341:0043")
    with pytest.raises(ConfigError, match="expected usb:VID:PID"):
        resolve("usb:first")
    assert resolve("/dev/ttyUSB0") == "/dev/ttyUSB0"


@markers.POSIX
def test_a_full_port_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that takes no bytes any more is lost, not waited for."""
    master, slave = os.openpty()
    monkeypatch.setattr("raman_edge.instruments.serial.port.WRITE_S", 0.05)
    port = SerialPort(os.ttyname(slave), LINE)
    port.open(9600)
    with pytest.raises(SourceLost, match="connection lost"):
        port.write(bytes(1 << 20))
    os.close(master)
    os.close(slave)


def test_one_thread_may_look_while_another_reads(tmp_path: Path) -> None:
    """Whether a port is open, and at which rate, can be read from any thread."""
    with ScriptedDevice(tmp_path / "port", lambda _: []) as fake:
        port = SerialPort(fake.port, LINE)
        port.open(9600)
        reader = threading.Thread(target=port.read, args=(0.05,))
        reader.start()
        assert port.is_open
        assert port.baud == 9600
        reader.join()
        port.close()
