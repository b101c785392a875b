"""The file of remembered instruments: readable, atomic, bounded, safe for two processes, and strict about mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import msgspec
import pytest
import raman_edge
import spectrometers
from raising import refused
from raman_edge.errors import ConfigError
from raman_edge.instruments.ports import PortInfo, PortUse
from raman_edge.service import remembered
from raman_edge.service.remembered import PortPlace, RememberedInstrument

STS = RememberedInstrument(
    name="Bench 1", profile="ocean-sts", port="/dev/ttyUSB0", model="Ocean Optics STS", serial_number="S01", laser_nm=785.0, arm_laser=True
)
HERE = PortPlace("/dev/ttyUSB0", "/dev/ttyUSB0")
TODAY = date(2026, 11, 30)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, in a folder that is not there yet."""
    path = tmp_path / "config" / "instruments.toml"
    monkeypatch.setenv(remembered.VARIABLE, str(path))
    return path


def test_what_is_remembered_is_read_back_and_is_readable(file: Path) -> None:
    """A table an instrument, with a comment that says how to change it; nothing is left beside it but the lock."""
    assert remembered.load() == ()
    remembered.remember(STS, HERE, TODAY)
    kept = msgspec.structs.replace(STS, last_used=TODAY)
    assert remembered.load() == (kept,)
    assert tomllib.loads(file.read_text("utf-8"))["instrument"][0]["laser_nm"] == 785
    assert file.read_text("utf-8").startswith("# Instruments that raman-edge remembers")
    assert {path.name for path in file.parent.iterdir()} == {"instruments.toml", ".instruments.toml.lock"}


@pytest.mark.parametrize("text", ['"', "\\", "a\nb\r\t\0", "\x7f\x1b[2J", "µ ⁻ 漢", "'''", '"""', "# [x] = {", " x "])
def test_a_device_may_send_anything(text: str) -> None:
    """Whatever an instrument calls itself is read back as it was, up to the length that is kept."""
    odd = msgspec.structs.replace(STS, identity=text, serial_number=text, model=text)
    remembered.remember(odd, HERE, TODAY)
    (kept,) = remembered.load()
    assert (kept.identity, kept.serial_number, kept.model) == (text, text, text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("laser = 785", ":4: instrument[0].laser: unknown key"),
        ('laser_nm = "785"', ':4: instrument[0].laser_nm: got "785", expected a wavelength in nm'),
        ("laser_nm = 7850", ":4: instrument[0].laser_nm: got 7850"),
        ("arm_laser = 1", ":4: instrument[0].arm_laser: got 1"),
        ("laser_nm = 7,85", ":4: not TOML"),
        ('usb = "FTDI"', ':4: instrument[0].usb: got "FTDI", expected VID:PID'),
    ],
)
def test_a_mistake_by_hand_is_refused_with_line_and_key(file: Path, line: str, expected: str) -> None:
    """Nothing is guessed, and nothing is written over it."""
    file.parent.mkdir()
    before = f'[[instrument]]\nname = "a"\nprofile = "ocean-sts"\n{line}\nport = "/dev/ttyUSB0"\n'
    file.write_text(before, "utf-8")
    for use in (remembered.load, lambda: remembered.remember(STS, HERE), lambda: remembered.forget("a")):
        with pytest.raises(ConfigError) as error:
            use()
        assert f"{file}{expected}" in str(error.value)
    assert file.read_text("utf-8") == before


def test_two_of_one_name_are_refused(file: Path) -> None:
    """A name selects one instrument: the second line of that name is the mistake."""
    file.parent.mkdir()
    one = '[[instrument]]\nname = "a"\nprofile = "ocean-sts"\nport = "p"\n'
    file.write_text(one + one, "utf-8")
    with pytest.raises(ConfigError) as error:
        remembered.load()
    assert str(error.value).startswith(f"{file}:6: instrument[1].name: got 'a' a second time")


def test_it_never_grows_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was not used for the longest time goes, and is returned, so that it can be reported."""
    monkeypatch.setattr(remembered, "MOST", 3)
    for day in (1, 2, 3):
        remembered.remember(msgspec.structs.replace(STS, name=f"day {day}"), HERE, date(2026, 11, day))
    dropped = remembered.remember(STS, HERE, TODAY)
    assert [one.name for one in dropped] == ["day 1"]
    assert [one.name for one in remembered.load()] == ["Bench 1", "day 3", "day 2"]


def test_a_day_without_a_change_writes_nothing(file: Path) -> None:
    """A second run of the same day leaves the file alone."""
    remembered.remember(STS, HERE, TODAY)
    before = file.stat().st_mtime_ns, file.stat().st_ino
    remembered.remember(remembered.load()[0], HERE, TODAY)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_two_processes_lose_nothing(file: Path) -> None:
    """Instruments that several processes add at the same time are all there."""
    script = (
        "import sys; from raman_edge.service import remembered as r\n"
        "for n in range(12): r.remember(r.RememberedInstrument(name=f'{sys.argv[1]} {n}', profile='p', port='p'), r.PortPlace('p', 'p'))"
    )
    variables = os.environ | {"PYTHONPATH": str(Path(raman_edge.__file__).parents[1]), remembered.VARIABLE: str(file)}
    running = [subprocess.Popen([sys.executable, "-c", script, name], env=variables) for name in ("a", "b", "c")]
    assert [one.wait(timeout=120) for one in running] == [0, 0, 0]
    assert {one.name for one in remembered.load()} == {f"{name} {n}" for name in "abc" for n in range(12)}


def test_forget_and_rename() -> None:
    """By name or serial number; an unknown one is refused with those there are, and a name is taken only once."""
    remembered.remember(STS, HERE, TODAY)
    remembered.remember(msgspec.structs.replace(STS, name="Other", serial_number=None), HERE, TODAY)
    assert remembered.rename("S01", " Bench 2 ").name == "Bench 2"
    with refused(ConfigError, "name is taken", got="'Other'"):
        remembered.rename("Bench 2", "Other")
    with refused(ConfigError, "not a name of an instrument", "--name"):
        remembered.rename("Other", "a\nb")
    with refused(ConfigError, "unknown instrument", got="'Bench 1'", expected="one of 'Other', 'Bench 2'"):
        remembered.forget("Bench 1")
    assert remembered.forget("S01").name == "Bench 2"
    assert [one.name for one in remembered.load()] == ["Other"]


def test_a_file_that_cannot_be_written_is_an_error(file: Path) -> None:
    """The error names the file and the variable that moves it."""
    file.parent.parent.joinpath("config").write_text("a file")
    with pytest.raises(ConfigError) as error:
        remembered.remember(STS, HERE)
    assert error.value.kind == "cannot write the remembered instruments"
    assert remembered.VARIABLE in error.value.advice


# Which instrument it is


def listed(device: str, serial: str | None, address: str = "") -> PortInfo:
    """Return a USB port with the numbers of an FTDI chip."""
    return PortInfo(address or device, device, "FTDI", PortUse("free"), 0x0403, 0x6001, serial)


def test_a_serial_number_is_the_same_instrument_on_any_port() -> None:
    """The model counts, too: two vendors may give the same number."""
    found = spectrometers.instrument(serial_number="S01", model="Ocean Optics STS")
    elsewhere = PortPlace("/dev/ttyUSB7", "/dev/ttyUSB7", "0403:6001", "usb-1")
    assert remembered.of_device([STS], found, elsewhere) == STS
    assert remembered.of_device([STS], msgspec.structs.replace(found, model="JETI"), HERE) is None
    assert remembered.of_device([STS], msgspec.structs.replace(found, serial_number=None), HERE) is None


def test_without_a_serial_number_identity_and_place_decide(tmp_path: Path) -> None:
    """The same board in another plug is another instrument, unless its USB chip has a number of its own."""
    found = spectrometers.instrument(serial_number=None, model="DIY", identity="v1")
    links = tmp_path / "by-path"
    links.mkdir()
    for n in (0, 1):
        device = tmp_path / f"ttyUSB{n}"
        device.touch()
        (links / f"plug-{n}").symlink_to(device)
    here, there = (str(tmp_path / f"ttyUSB{n}") for n in (0, 1))
    for number, same in ((None, False), ("FT1", True)):
        place = remembered.place_of(here, [listed(here, number)], links)
        one = RememberedInstrument(
            name="x", profile="p", port=place.port, model="DIY", identity="v1", usb=place.usb, usb_place=place.usb_place
        )
        other = remembered.place_of(there, [listed(there, number)], links)
        assert remembered.is_device(one, found, place)
        assert remembered.is_device(one, found, other) == same
        assert (remembered.on_port([one], other) is not None) == same
        assert not remembered.is_device(one, msgspec.structs.replace(found, identity="v2"), place)


def test_the_name_that_survives_unplugging_is_kept(tmp_path: Path) -> None:
    """The port is kept by its persistent name; a relative path is made absolute."""
    place = remembered.place_of("/dev/ttyUSB0", [listed("/dev/ttyUSB0", "FT1", "/dev/serial/by-id/usb-FTDI")], tmp_path)
    assert (place.port, place.usb) == ("/dev/serial/by-id/usb-FTDI", "0403:6001:FT1")
    (tmp_path / "ttyRAMAN").touch()
    relative = os.path.relpath(tmp_path / "ttyRAMAN")
    assert remembered.place_of(relative).port == str(Path(relative).absolute())
    assert remembered.place_of("socket://box:5000").port == "socket://box:5000"
