"""Ports as the system lists them, and ``raman-edge instruments ports``: nothing is opened to find out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import command
import pytest
from raman_edge import cli
from raman_edge.cli import instruments as shown
from raman_edge.cli import output
from raman_edge.instruments import ports
from raman_edge.instruments.ports import PortInfo, PortUse
from raman_edge.instruments.profiles import catalogue

if sys.platform != "win32":
    import pty


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="device files, links and /proc")
PROFILES = [catalogue.load("tcd1304-rossel"), catalogue.load("ocean-sts")]


@dataclass
class Listed:
    """What pyserial reports about a port."""

    device: str
    description: str | None = "n/a"
    manufacturer: str | None = None
    product: str | None = None
    serial_number: str | None = None
    vid: int | None = None
    pid: int | None = None


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """Return a folder with two device files, one of which has a name by its serial number."""
    folder = tmp_path / "dev"
    by_id = folder / "serial" / "by-id"
    by_id.mkdir(parents=True)
    for name in ("ttyACM0", "ttyUSB0"):
        (folder / name).touch()
    (by_id / "usb-ST_STLink_066BFF-if02").symlink_to("../../ttyACM0")
    return folder


def test_a_port_goes_by_the_name_that_lasts(dev: Path, tmp_path: Path) -> None:
    """Where udev made a link by serial number that is the address; elsewhere the system's own name is."""
    listed = [Listed(str(dev / "ttyUSB0")), Listed(str(dev / "ttyACM0"))]
    first, second = ports.serial(PROFILES, listed, dev, tmp_path)
    assert (first.device, first.address) == (str(dev / "ttyACM0"), str(dev / "serial/by-id/usb-ST_STLink_066BFF-if02"))
    assert (second.device, second.address) == (str(dev / "ttyUSB0"),) * 2


def test_a_profile_fits_by_its_usb_numbers(dev: Path, tmp_path: Path) -> None:
    """The ST-Link of a Nucleo board is the TCD1304's; another chip, or none, fits no profile."""
    device = str(dev / "ttyACM0")
    link = Listed(device, manufacturer="STMicroelectronics", product="STM32 STLink", vid=0x0483, pid=0x374B, serial_number="066BFF")
    other = Listed(device, description="USB Serial", vid=0x1A86, pid=0x7523)
    found = list(ports.serial(PROFILES, [link, other, Listed(device)], dev, tmp_path))
    assert [port.profiles for port in found] == [("tcd1304-rossel",), (), ()]
    assert [port.what for port in found] == ["STMicroelectronics STM32 STLink", "USB Serial", ""]


def test_a_port_that_is_not_for_this_user(dev: Path, tmp_path: Path) -> None:
    """Without the right to read and write it is denied, and so is one that has gone; root may all that is there."""
    (dev / "ttyUSB0").chmod(0)
    found = ports.serial([], [Listed(str(dev / "ttyUSB0")), Listed(str(dev / "ttyUSB9"))], dev, tmp_path)
    assert [port.use.access for port in found] == ["free" if os.geteuid() == 0 else "denied", "denied"]


def test_the_program_that_holds_a_port_is_named(tmp_path: Path) -> None:
    """A process that holds the device file is named without opening the file."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    code = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        (port,) = ports.serial([], [Listed(name)], tmp_path)
        assert (port.use.access, port.use.holder.partition(" ")[2]) == ("busy", f"({holder.pid})")
    finally:
        holder.communicate()
        os.close(ours)
        os.close(theirs)
    assert name not in ports.holders()


def test_processes_of_others_and_of_this_one_hold_nothing(tmp_path: Path) -> None:
    """What cannot be read is passed over, and so is what this very process has open."""
    for number in ("1", str(os.getpid())):
        (tmp_path / number / "fd").mkdir(parents=True)
        (tmp_path / number / "fd" / "3").symlink_to(f"/dev/ttyUSB{number}")
    (tmp_path / "2" / "fd").mkdir(parents=True)
    (tmp_path / "2" / "fd" / "0").touch()
    (tmp_path / "3").mkdir()
    assert ports.holders(tmp_path) == {"/dev/ttyUSB1": "a process (1)"}


def usb_device(devices: Path, name: str, **facts: str) -> None:
    """Write a USB device as Linux lists it."""
    (devices / name).mkdir(parents=True)
    for key, value in facts.items():
        (devices / name / key).write_text(f"{value}\n")


def test_oceans_instruments_are_found_by_their_vendor(tmp_path: Path) -> None:
    """Each has the address a command takes; hubs and other devices are left out."""
    devices = tmp_path / "devices"
    usb_device(devices, "1-1", idVendor="2457", idProduct="4000", busnum="1", devnum="7", serial="S13427", manufacturer="Ocean Optics")
    usb_device(devices, "1-2", idVendor="2457", idProduct="1002", busnum="1", devnum="12", product="Ocean Optics USB2000")
    usb_device(devices, "usb1", idVendor="1d6b", idProduct="0002", busnum="1", devnum="1")
    (devices / "1-1:1.0").mkdir()
    sts, usb2000 = ports.ocean(devices, tmp_path, tmp_path)
    assert (sts.address, sts.serial_number, sts.device) == ("ocean:S13427", "S13427", f"{tmp_path}/bus/usb/001/007")
    assert (usb2000.address, usb2000.serial_number) == ("ocean:", None)
    assert sts.what.startswith("Ocean Optics")
    assert "USB2000" in usb2000.what


# the command


def listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *found: PortInfo
) -> tuple[int, list[dict[str, object]], str]:
    """Run ``instruments ports`` where ``found`` is plugged in."""
    monkeypatch.setattr(ports, "serial", lambda _profiles: iter(found))
    monkeypatch.setattr(ports, "ocean", lambda: iter(()))
    capsys.readouterr()
    code = cli.main(["instruments", "ports"])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_a_pipe_gets_a_record_each(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, what it is, who has it; keys stand flat in one object."""
    port = PortInfo("/dev/serial/by-id/x", "/dev/ttyUSB0", "FTDI", PortUse("busy", "cat (12)", "dialout"), 0x0403, 0x6001, "A5")
    code, (fact,), err = listed(capsys, monkeypatch, port)
    assert (code, err) == (0, "")
    assert fact == {
        "v": 1,
        "address": "/dev/serial/by-id/x",
        "device": "/dev/ttyUSB0",
        "what": "FTDI",
        "vid": 0x0403,
        "pid": 0x6001,
        "serial_number": "A5",
        "profiles": [],
        "access": "busy",
        "holder": "cat (12)",
        "group": "dialout",
    }


def test_without_a_port_the_advice_says_what_to_check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No port is no mistake and no record, but a line of advice."""
    code, facts, err = listed(capsys, monkeypatch)
    assert (code, facts) == (0, [])
    assert "no serial port" in err
    assert "does the cable carry data" in err


def test_a_port_of_another_group_is_reported_with_the_group(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The group that owns the file is the one to join."""
    _, _, err = listed(capsys, monkeypatch, PortInfo("/dev/ttyUSB0", "/dev/ttyUSB0", "", PortUse("denied", group="uucp")))
    assert "sudo usermod -aG uucp $USER" in err


def test_an_ocean_instrument_that_is_denied_has_a_rule(tmp_path: Path) -> None:
    """The udev rule that ships is named; Linux under Windows gets its own advice where nothing is there."""
    denied = PortInfo("ocean:A", "/dev/bus/usb/001/002", "Ocean Optics", PortUse("denied"))
    assert any("70-raman-edge.rules" in line for line in shown.advice([denied], tmp_path / "none"))
    (tmp_path / "version").write_text("Linux version 5.15 (Microsoft)")
    assert "usbipd" in next(shown.advice([], tmp_path / "version"))


def test_columns_for_a_person(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that lasts stands below the short one; what a device says cannot act on the terminal."""
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    port = PortInfo("/dev/serial/by-id/x", "/dev/ttyUSB0", "\x1b[2Jevil", PortUse("free"), 0x0403, 0x6001, "A5", ("tcd1304-rossel",))
    monkeypatch.setattr(ports, "serial", lambda _profiles: iter((port,)))
    monkeypatch.setattr(ports, "ocean", lambda: iter(()))
    capsys.readouterr()
    assert cli.main(["instruments", "ports"]) == 0
    title, line, below = capsys.readouterr().out.splitlines()
    assert title.split() == ["PORT", "STATE", "USB", "WHAT", "PROFILE"]
    assert line.split() == ["/dev/ttyUSB0", "free", "0403:6001", "A5", "\\x1b[2Jevil", "tcd1304-rossel"]
    assert below == "  /dev/serial/by-id/x"


def test_it_runs_on_this_machine() -> None:
    """Whatever is plugged in here, a terminal sees columns or advice, and no port is opened."""
    code, seen = command.on_terminal("instruments", "ports", columns=160)
    assert code == 0
    assert b"PORT" in seen or b"no serial port" in seen
