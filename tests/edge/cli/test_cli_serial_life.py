"""``raman-edge serial`` as a process: signals, pipes that end, ports that others hold, journals that cannot be used for a while."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import build
import command
import laser_instrument
import pytest
from markers import POSIX
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import SerialSpectrometer
from watch_process import Serial, journaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from raman_edge.simulator.simulated import Simulated

PAGE = "ocean-sts"
NO_READER = 141
"""128 and the number of SIGPIPE, which Windows does not define."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


@contextmanager
def measuring(
    folder: Path, model: Path, *more: str, page: str = PAGE, disk: Path | None = None, faults: tuple[str, ...] = ()
) -> Iterator[tuple[Serial, Simulated]]:
    """A run on a simulated instrument, which is killed where a test fails; its journal is on a ``disk`` of its own."""
    given = ("--profile", page, "--model", str(model), *more)
    place = (disk or folder) / "journal.sqlite3"
    with (
        laser_instrument.instrument(page, faults=faults) as simulated,
        Serial(simulated.port, *given, journal=place, calibrations=folder) as run,
    ):
        yield run, simulated


def answered(run: Serial) -> list[object]:
    """Return the ids that were written, and hold them against the journal: each once."""
    ids = [line["id"] for line in run.lines]
    assert sorted(map(str, ids)) == sorted(str(record["id"]) for record in journaled(run.journal))
    return ids


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", command.STOPPED), pytest.param("SIGHUP", 129, marks=POSIX)])
def test_a_signal_ends_it_in_order(tmp_path: Path, model: Path, name: str, code: int) -> None:
    """Told to stop, it answers what was measured, switches the laser off, says how it went, and ends with the signal's code."""
    with measuring(tmp_path, model, "--arm-laser", "--interval", "0.05", page=str(laser_instrument.write(tmp_path))) as (run, simulated):
        run.wait_for(2)
        assert laser_instrument.shines(simulated)
        assert run.end(getattr(signal, name)) == code
        assert not laser_instrument.shines(simulated)
    assert len(answered(run)) >= 2
    assert "journal" in run.notes[-1]
    assert not run.noted("Traceback")


def test_a_reader_that_has_gone_ends_it(tmp_path: Path, model: Path) -> None:
    """Without a reader of the pipe it ends as other programs do, without a message, and the laser is off."""
    page = str(laser_instrument.write(tmp_path))
    with laser_instrument.instrument(page) as simulated:
        given = ("--profile", page, "--model", model, "--journal", tmp_path / "journal.sqlite3", "--arm-laser", "--no-user-library")
        process = command.start("serial", simulated.port, *given)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        stderr = process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=120) == NO_READER
        assert not laser_instrument.shines(simulated)
    assert b"Traceback" not in stderr


@contextmanager
def silent_port() -> Iterator[tuple[str, Callable[[], object]]]:
    """A port that answers nothing, and what waits for its first request: a terminal, or on Windows a TCP port."""
    if os.name == "nt":
        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
            number = listener.getsockname()[1]
            yield f"socket://127.0.0.1:{number}", lambda: stack.enter_context(listener.accept()[0]).recv(1)
    else:
        ours, theirs = os.openpty()
        yield os.ttyname(theirs), lambda: os.read(ours, 1)
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("what", ["serial", "calibrate"])
def test_it_can_be_stopped_while_the_instrument_is_opened(tmp_path: Path, model: Path, what: str) -> None:
    """Ctrl-C while a port is open and silent is 130, at once and without a traceback."""
    with silent_port() as (port, wait_for_a_request):
        calls = {
            "serial": ("serial", port, "--model", model, "--journal", tmp_path / "journal.sqlite3", "--no-user-library"),
            "calibrate": ("calibrate", "--port", port, "--standard", "polystyrene"),
        }
        process = command.start(*calls[what], "--profile", PAGE, "--laser", "785")
        wait_for_a_request()
        command.interrupt(process)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Traceback" not in stderr


@POSIX
def test_a_port_that_another_program_has_is_busy(tmp_path: Path, model: Path) -> None:
    """A port that is held is 75, and reports it; who holds it measures on."""
    with laser_instrument.instrument(PAGE) as simulated, SerialSpectrometer(catalogue.load(PAGE), simulated.port) as held:
        given = ("--profile", PAGE, "--model", model, "--journal", tmp_path / "journal.sqlite3", "--laser", "785")
        ended = command.call("serial", simulated.port, *given)
        while held.expose() is None:
            pass
        assert held.status.counters.reconnects == 0
    assert (ended.returncode, ended.stdout) == (75, b"")
    assert b"busy. Another program has it" in ended.stderr


@POSIX
def test_a_full_disk_is_waited_for(tmp_path: Path, model: Path) -> None:
    """Where the journal's disk is full the instrument waits; with room what was measured is answered, and it goes on.

    A broken frame is answered as a fault and is not counted as a frame.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")
    try:
        with measuring(tmp_path, model, disk=disk, faults=("drop@15",)) as (run, _):
            run.wait_until(lambda: run.noted("full") > 0, "a note")
            before = len(run.lines)
            subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
            run.wait_for(before + 5)
            run.wait_until(lambda: run.noted("it works again") == 1, "a note")
            assert run.end(signal.SIGTERM) == command.STOPPED
        frames = int(run.notes[-1].split(" frames")[0].rsplit(" ", 1)[1])
        faults = sum(line["event"] == "fault" for line in run.lines)  # the one above, and more on a busy machine
        assert faults
        assert frames - 1 <= len(answered(run)) - faults <= frames  # the signal may drop the last frame
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
