"""``raman-edge instruments simulate`` as its users run it, and what they type while it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import command
import markers
import pytest
import serial
from raman_edge import cli
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.simulator.simulated import Simulated, carry_out

if TYPE_CHECKING:
    from pathlib import Path

STS = catalogue.load("ocean-sts")


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    """Start ``instruments simulate`` with pipes, standard input included."""
    called = [sys.executable, "-m", "raman_edge", "instruments", "simulate", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(called, stdin=pipe, stdout=pipe, stderr=pipe, env=command.environment(), bufsize=0)


def typed(process: subprocess.Popen[bytes], line: str) -> None:
    """Give the process a line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())


def first_record(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """Return its next record."""
    assert process.stdout is not None
    record: dict[str, object] = json.loads(process.stdout.readline())
    return record


def serial_number(port: str) -> bytes:
    """Ask the instrument at a port who it is."""
    with serial.serial_for_url(port, 9600, timeout=60) as host:
        host.write(requests.request(STS, "serial_number"))
        return bytes(host.read(64))


@markers.POSIX
def test_it_prints_its_port_and_answers_until_quit(tmp_path: Path) -> None:
    """One record on a pipe; one order per line; an invalid order is reported and changes nothing; nothing is left behind."""
    link = tmp_path / "ttyRAMAN"
    with begun("ocean-sts", "--link", str(link), "--serial-number", "AB1", "--material", "quartz+Polystyrene", "--verbose") as process:
        record = first_record(process)
        assert record["connect"] == f"raman-edge serial {link} --profile ocean-sts --laser 785"
        assert (record["v"], record["port"], record["serial_number"], record["baud"]) == (1, str(link), "AB1", 9600)
        assert record["material"] == "Quartz+polystyrene"
        assert b"AB1" in serial_number(str(link))
        for order in ("", "fault flop", "dance", "fault truncate", "replug X2"):
            typed(process, order)
        assert process.stderr is not None
        while b"X2" not in (line := process.stderr.readline()):
            assert line
        assert b"X2" in serial_number(str(link))
        typed(process, "quit")
        assert process.wait(120) == 0
    assert list(tmp_path.iterdir()) == []


@markers.POSIX
def test_a_signal_ends_it_and_its_link_is_gone(tmp_path: Path) -> None:
    """SIGTERM as a service manager sends it; the end of standard input alone is no end."""
    link = tmp_path / "ttyRAMAN"
    with begun("c12880ma-csv", "--link", str(link), "--no-pacing", "--exposure", "0.2") as process:
        first_record(process)
        assert process.stdin is not None
        process.stdin.close()
        with serial.Serial(str(link), 115_200, timeout=60) as host:
            assert host.read_until(b"\n")
            assert host.read_until(b"\n").count(b",") == 287
        process.terminate()
        assert process.wait(120) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_person_reads_how_to_connect() -> None:
    """On a terminal it says what it is, the command to type, and what may be ordered; Ctrl-C ends it."""
    code, shown = command.on_terminal(
        "instruments", "simulate", "ocean-flame-s", "--tcp", "0", columns=160, signal_after=(b"Ctrl-C ends", signal.SIGINT)
    )
    assert code == 128 + signal.SIGINT
    assert b"Ocean Insight Flame-S (RS-232), simulated, on socket://127.0.0.1:" in shown
    assert b"serial number FLMS00001, 9600 baud, 0.1 s, material: Calcite" in shown
    assert b"connect:  raman-edge serial socket://127.0.0.1:" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("ocean-stz",), 78, "Did you mean ocean-sts?"),
        (("ocean-sts", "--material", "polystirene"), 78, "unknown material: got 'polystirene'. Did you mean polystyrene"),
        (("ocean-sts", "--material", "Calcite+"), 78, "unknown material: got ''"),
        (("ocean-sts", "--fault", "flop"), 78, "no fault is called 'flop'"),
        (("tcd1304-rossel", "--fault", "nak"), 78, "tcd1304-rossel: no answer nak"),
        (("ocean-sts", "--baud", "1200"), 78, "ocean-sts: unknown baud rate: got 1200, expected one of 9600, 115200"),
        (("ocean-sts", "--exposure", "3600"), 78, "exposure out of range: got 3600 s"),
        (("ocean-sts", "--serial-number", "a b"), 78, "expected 1 to 15 printable ASCII characters"),
        (("ocean-sts", "--tcp", "99999"), 2, "expected a port from 0 to 65535"),
        (("ocean-sts", "--tcp", "no.such.host.invalid:0"), 69, "cannot listen"),
        (("ocean-sts", "--tcp", "1", "--link", "x"), 2, "not allowed with"),
        (("ocean-sts", "--axis-error", "nan"), 2, "expected wavenumbers in cm"),
        (("ocean-sts", "--seed", "-1"), 2, "expected a whole number from 0"),
        pytest.param(("ocean-sts", "--link", "/no/such/folder/link"), 69, "Give a --link in a writable folder", marks=markers.POSIX),
    ],
)
def test_a_mistake_is_reported_before_anything_is_simulated(
    arguments: tuple[str, ...], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was got, what was expected, and nothing on standard output."""
    assert cli.main(["instruments", "simulate", *arguments]) == code
    out, error = capsys.readouterr()
    assert out == ""
    assert expected in error


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dance\x1b[2J", "expected one of unplug, replug, material"),
        ("unplug now", "unplug: unexpected argument: got 'now'"),
        ("material", "material: missing argument: expected material NAME"),
        ("fault", "fault: missing argument"),
        ("laser of", "laser: wrong argument: got 'of', expected on or off"),
        ("replug a\x07b", "expected 1 to 15 printable ASCII characters"),
    ],
)
def test_an_unknown_order_is_reported(line: str, expected: str) -> None:
    """With what was expected, and what was typed as data."""
    with Simulated(STS, pacing=False) as simulated:
        with pytest.raises(ConfigError) as error:
            carry_out(line, simulated)
        assert expected in str(error.value)
        assert "\x1b" not in str(error.value)
        assert b"SIM00001" in serial_number(simulated.port)


def test_orders_are_carried_out() -> None:
    """Each does what the method of its name does; only ``quit`` ends."""
    with Simulated(STS, pacing=False) as simulated:
        notes: list[str] = []
        simulated.note = notes.append
        lines = ("", "material Quartz", "laser off", "laser on", "fault flip@9", "unplug", "replug", "replug N7", " quit ")
        assert [carry_out(line, simulated) for line in lines] == [True] * 8 + [False]
        assert notes == [
            "under the laser: Quartz",
            "the laser is off",
            "the laser is on",
            "unplugged",
            "plugged in: SIM00001",
            "unplugged",
            "plugged in: N7",
        ]
