"""``raman-edge serial`` with a laser, as a process: off whenever no exposure runs, and reported where it may still be on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import build
import command
import laser_instrument
import pytest
from markers import POSIX, slow
from watch_process import ANNOUNCING, MAIN, PATIENCE_S, SIGNAL, Serial, journaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raman_edge.simulator.simulated import Simulated

NOT_OFF = 74
WARNING = "LASER MAY STILL BE ON: lit on "
SILENT, REFUSING = "silence:on=laser_off,every=1", "nak:on=laser_off,every=1"
QUICK_S = 3.0
"""Several times what a wait may last before the laser is off, s: a busy machine is no fault."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


@contextmanager
def measuring(
    folder: Path,
    model: Path,
    *more: str,
    journal: Path | None = None,
    longest_ms: int = 9999,
    program: Sequence[str] = command.MODULE,
    **simulated: object,
) -> Iterator[tuple[Serial, Simulated]]:
    """A run with an armed laser on a simulated instrument."""
    page = laser_instrument.write(folder)
    page.write_text(page.read_text().replace("max = 9999", f"max = {longest_ms}"))
    path = str(page)
    given = ("--profile", path, "--model", str(model), "--arm-laser", *more)
    with (
        laser_instrument.instrument(path, **simulated) as instrument,
        Serial(instrument.port, *given, journal=journal or folder / "journal.sqlite3", calibrations=folder, program=program) as run,
    ):
        yield run, instrument


def stays_dark(instrument: Simulated, seconds: float = 0.6) -> bool:
    """Whether the laser is off all of so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if laser_instrument.shines(instrument):
            return False
        time.sleep(0.005)
    return True


def is_mostly_dark(instrument: Simulated) -> bool:
    """Whether the laser is off for more than half of three seconds."""
    seen = []
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        seen.append(laser_instrument.shines(instrument))
        time.sleep(0.002)
    return sum(seen) < len(seen) / 2


def eventually(what: Callable[[], bool]) -> bool:
    """Whether ``what`` comes to hold."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def wait_for_an_exposure(run: Serial, instrument: Simulated) -> None:
    """Wait until the instrument, which is being opened, exposes with its laser on."""
    requests: list[str] = []
    instrument.note = requests.append
    run.wait_until(lambda: "acquire" in requests and laser_instrument.shines(instrument), "an exposure")


def state(run: Serial) -> str:
    """Return the state of the process: T is stopped."""
    return Path(f"/proc/{run.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def warned(run: Serial) -> None:
    """Assert that a laser that may be on is reported: in the last line, in the journal and on standard output."""
    assert WARNING in run.notes[-1]
    assert not run.noted("Traceback")
    (record,) = [one for one in journaled(run.journal) if WARNING in str(one.get("why"))]
    assert (record["event"], record["source"]["kind"]) == ("fault", "serial")  # type: ignore[index]  # a record's source
    assert record["id"] in [line["id"] for line in run.lines]


# Off at every end, or reported


@pytest.mark.parametrize("fault", ["nak", *slow("silence")])
def test_a_laser_that_does_not_go_off_at_the_end_is_reported(tmp_path: Path, model: Path, fault: str) -> None:
    """A normal end with --count is 74, with the reason in the last line, in the journal and on standard output."""
    faults = [f"{fault}@{number}:on=laser_off" for number in range(2, 30)]  # the first one, at the start, works
    with measuring(tmp_path, model, "--count", "3", "--keep-laser-on", faults=faults) as (run, instrument):
        assert run.end() == NOT_OFF
        assert laser_instrument.shines(instrument)
    warned(run)
    assert run.noted("3 match") == 1


@pytest.mark.parametrize("name", ["SIGTERM", *slow("SIGINT", *(() if os.name == "nt" else ("SIGABRT", "SIGHUP", "SIGQUIT", "SIGUSR1")))])
def test_a_signal_is_no_reason_to_be_silent(tmp_path: Path, model: Path, name: str) -> None:
    """Whatever signal ends the run, a laser that does not go off is 74."""
    with measuring(tmp_path, model) as (run, instrument):
        run.wait_for(2)
        instrument.fault(REFUSING)
        assert run.end(getattr(signal, name)) == NOT_OFF
        assert laser_instrument.shines(instrument)
    warned(run)


@POSIX
@pytest.mark.parametrize("name", ["SIGQUIT", *slow("SIGABRT", "SIGUSR1", "SIGALRM")])
def test_a_signal_that_kills_others_ends_it_in_order(tmp_path: Path, model: Path, name: str) -> None:
    """SIGQUIT and its like switch the laser off, answer what was measured, and give the signal's code."""
    number = getattr(signal, name)
    with measuring(tmp_path, model) as (run, instrument):
        run.wait_for(2)
        assert run.end(number) == 128 + number
        assert not laser_instrument.shines(instrument)
    assert "journal" in run.notes[-1]


def test_an_instrument_that_is_gone_at_the_end_is_reported(tmp_path: Path, model: Path) -> None:
    """Unplugged with the laser on and stopped before it is back: 74."""
    with measuring(tmp_path, model) as (run, instrument):
        run.wait_for(2)
        assert eventually(lambda: laser_instrument.shines(instrument))
        instrument.unplug()
        run.wait_until(lambda: any("connection lost" in str(line.get("why")) for line in run.lines), "the loss")
        assert run.end(signal.SIGTERM) == NOT_OFF
    warned(run)


def test_a_second_signal_does_not_leave_it_on(tmp_path: Path, model: Path) -> None:
    """Told twice to end, in the middle of the end, it still switches the laser off first."""
    with measuring(tmp_path, model) as (run, instrument):
        run.wait_for(2)
        for _ in range(6):
            command.interrupt(run.process)
            time.sleep(0.01)
        assert run.end() in {128 + signal.SIGINT, -signal.SIGINT}  # the last one may come when all is done
        assert not laser_instrument.shines(instrument)


def test_an_exposure_that_cannot_be_aborted_is_waited_for(tmp_path: Path, model: Path) -> None:
    """A device that hears nothing while it exposes: the laser's end is confirmed after it, and the exit code is the signal's."""
    with measuring(tmp_path, model, "--exposure", "3", pacing=True) as (run, instrument):
        wait_for_an_exposure(run, instrument)
        assert run.end(signal.SIGINT) == 128 + signal.SIGINT, run.notes
        assert not laser_instrument.shines(instrument)
        assert run.noted("waiting for the exposure of 3 s") == 1


@pytest.mark.slow
def test_a_second_ctrl_c_reports_the_laser(tmp_path: Path, model: Path) -> None:
    """A second Ctrl-C ends the wait for the exposure, and as nothing has confirmed that the laser is off, it is reported."""
    with measuring(tmp_path, model, "--exposure", "50", longest_ms=60_000, pacing=True) as (run, instrument):
        wait_for_an_exposure(run, instrument)
        command.interrupt(run.process)
        run.wait_until(lambda: run.noted("waiting for the exposure of 50 s") == 1, "a note")
        assert run.end(signal.SIGINT) == NOT_OFF
        assert laser_instrument.shines(instrument)
    warned(run)


def test_a_second_ctrl_c_before_the_wait_reports_the_laser(tmp_path: Path, model: Path) -> None:
    """The second Ctrl-C comes as soon as the first is handled, before anything waits, and counts."""
    program = ("-c", f"{ANNOUNCING}; {MAIN}")
    with measuring(tmp_path, model, "--exposure", "100", longest_ms=120_000, pacing=True, program=program) as (run, instrument):
        wait_for_an_exposure(run, instrument)
        command.interrupt(run.process)
        run.wait_until(lambda: SIGNAL in run.stderr.decode(), "the first signal's end")
        assert run.end(signal.SIGINT) == NOT_OFF
        assert laser_instrument.shines(instrument)
    assert WARNING in run.notes[-1]


# Off whenever no exposure runs


@POSIX
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process is looked up in /proc")
@pytest.mark.parametrize("name", ["SIGTSTP", *slow("SIGTTIN", "SIGTTOU")])
def test_suspended_the_laser_is_off(tmp_path: Path, model: Path, name: str) -> None:
    """Ctrl-Z switches the laser off before the process stops; it is on again only when the process measures again."""
    number = getattr(signal, name)
    with measuring(tmp_path, model) as (run, instrument):
        for _ in range(2):
            run.wait_for(len(run.lines) + 2)
            run.process.send_signal(number)
            assert eventually(lambda: state(run) == "T")
            assert stays_dark(instrument)
            run.process.send_signal(signal.SIGCONT)
            assert eventually(lambda: laser_instrument.shines(instrument))
        run.wait_for(len(run.lines) + 2)
        assert run.end(signal.SIGTERM) == command.STOPPED
    assert not [line for line in run.lines if line["event"] == "fault"]


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGCONT", "SIGTERM"])
def test_a_suspension_that_takes_long_can_be_called_off(tmp_path: Path, model: Path, name: str) -> None:
    """Told to go on, or to end, while the exposure before a suspension is waited for, the process is not stopped for ever."""
    then = getattr(signal, name)
    with measuring(tmp_path, model, "--exposure", "4", pacing=True) as (run, instrument):
        wait_for_an_exposure(run, instrument)
        run.process.send_signal(signal.SIGTSTP)
        time.sleep(0.3)
        run.process.send_signal(then)
        if then == signal.SIGCONT:
            run.wait_for(len(run.lines) + 1)
        assert run.end(None if then == signal.SIGTERM else signal.SIGTERM) == command.STOPPED
        assert not laser_instrument.shines(instrument)


@POSIX
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process is looked up in /proc")
def test_what_does_not_go_off_is_not_suspended(tmp_path: Path, model: Path) -> None:
    """Where the laser does not go off, the process reports it and goes on trying."""
    with measuring(tmp_path, model) as (run, instrument):
        run.wait_for(2)
        instrument.fault("nak:on=laser_off,every=1")
        run.process.send_signal(signal.SIGTSTP)
        run.wait_until(lambda: run.noted("not suspended: " + WARNING) == 1, "a word")
        assert state(run) != "T"
        assert run.end(signal.SIGTERM) == NOT_OFF
    assert sum(WARNING in str(line.get("why")) for line in run.lines) >= 2


def test_between_two_exposures_the_laser_is_off(tmp_path: Path, model: Path) -> None:
    """--interval: on for an exposure, off for the wait."""
    with measuring(tmp_path, model, "--interval", "1") as (run, instrument):
        for count in (1, 2, 3):
            run.wait_for(count)
            assert eventually(lambda: stays_dark(instrument, 0.4))
        assert run.end(signal.SIGTERM) == command.STOPPED


def test_a_laser_that_is_kept_on_stays_on(tmp_path: Path, model: Path) -> None:
    """--keep-laser-on leaves it on between exposures, and off at the end."""
    with measuring(tmp_path, model, "--interval", "1", "--keep-laser-on") as (run, instrument):
        run.wait_for(1)
        before = len(run.lines)
        while len(run.lines) < before + 2:
            assert laser_instrument.shines(instrument)
            time.sleep(0.005)
        assert run.end(signal.SIGTERM) == command.STOPPED
        assert not laser_instrument.shines(instrument)


def test_waiting_for_a_key_the_laser_is_off(tmp_path: Path, model: Path) -> None:
    """Before the first line of standard input the laser has not been on; after an answer it is off until the next line."""
    page = str(laser_instrument.write(tmp_path))
    with laser_instrument.instrument(page) as instrument:
        given = ("--profile", page, "--model", model, "--arm-laser", "--journal", tmp_path / "j", "--no-user-library", "--trigger", "key")
        read, write = os.pipe()
        process = command.start("serial", instrument.port, *given, stdin=read)
        os.close(read)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert stays_dark(instrument, 1.0)
            for _ in range(2):
                os.write(write, b"\n")
                assert b"Calcite" in process.stdout.readline()
                assert eventually(lambda: not laser_instrument.shines(instrument))
                assert stays_dark(instrument)
        finally:
            os.close(write)
            assert process.wait(PATIENCE_S) == 0
            process.stdout.close()
            process.stderr.close()


@pytest.mark.slow
def test_an_empty_beam_is_looked_at_in_pulses(tmp_path: Path, model: Path) -> None:
    """--trigger sample: while nothing is in the beam the laser is mostly off; what comes into it is found and answered."""
    with measuring(tmp_path, model, "--trigger", "sample") as (run, instrument):
        instrument.material("none")
        run.wait_until(lambda: instrument.frames > 3, "looks")
        assert eventually(lambda: is_mostly_dark(instrument))
        instrument.material("Calcite")
        run.wait_for(len(run.lines) + 2)
        assert run.end(signal.SIGTERM) == command.STOPPED


@POSIX
def test_a_full_disk_leaves_no_laser_on(tmp_path: Path, model: Path) -> None:
    """While the journal cannot be written, nothing is exposed and the laser is off."""
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", disk], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")
    try:
        with measuring(tmp_path, model, journal=disk / "journal.sqlite3") as (run, instrument):
            run.wait_until(lambda: run.noted("full") > 0, "a note")
            assert eventually(lambda: not laser_instrument.shines(instrument))
            assert stays_dark(instrument)
            subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
            assert eventually(lambda: laser_instrument.shines(instrument))
            assert run.end(signal.SIGTERM) == command.STOPPED
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


# The next start


def test_after_a_kill_the_next_start_switches_it_off_first(tmp_path: Path, model: Path) -> None:
    """SIGKILL cannot be caught: the laser stays on, and the next start switches it off before anything is measured."""
    with measuring(tmp_path, model, "--keep-laser-on") as (run, instrument):
        run.wait_for(2)
        requests: list[str] = []
        instrument.note = requests.append
        run.kill()
        assert eventually(lambda: "the host has gone" in requests)
        assert laser_instrument.shines(instrument)
        requests.clear()
        ended = command.call(
            "serial",
            instrument.port,
            "--profile",
            tmp_path / "laser.toml",
            "--model",
            model,
            "--journal",
            tmp_path / "j",
            "--no-user-library",
            "--count",
            "1",
        )
        assert ended.returncode == 0, ended.stderr
        assert not laser_instrument.shines(instrument)
        assert requests.index("laser_off") < requests.index("acquire")


def test_a_start_that_cannot_switch_it_off_is_reported(tmp_path: Path, model: Path) -> None:
    """An instrument that refuses to switch its laser off is not measured with: 74, and no laser is armed."""
    page = str(laser_instrument.write(tmp_path))
    with laser_instrument.instrument(page, faults=[REFUSING]) as instrument:
        ended = command.call(
            "serial", instrument.port, "--profile", page, "--model", model, "--journal", tmp_path / "j", "--no-user-library"
        )
    assert ended.returncode == NOT_OFF
    assert WARNING in ended.stderr.decode()


@pytest.mark.parametrize("what", ["record", *slow("calibrate")])
def test_the_other_commands_report_the_laser_too(tmp_path: Path, what: str) -> None:
    """Whatever measures with an armed laser ends with 74 where it does not go off."""
    page = str(laser_instrument.write(tmp_path))
    calls = {
        "record": ("instruments", "record", "PORT", "--count", "2", "-o", tmp_path / "run.recording"),
        "calibrate": ("calibrate", "--port", "PORT", "--standard", "polystyrene", "--out", tmp_path / "made.json"),
    }
    with laser_instrument.instrument(page, "polystyrene", faults=[f"nak@{number}:on=laser_off" for number in range(2, 30)]) as instrument:
        called = [instrument.port if one == "PORT" else one for one in calls[what]]
        ended = command.call(*called, "--profile", page, "--arm-laser")
        assert ended.returncode == NOT_OFF
        assert WARNING in ended.stderr.decode().splitlines()[-1]
