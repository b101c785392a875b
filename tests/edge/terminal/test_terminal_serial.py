"""``raman-edge serial`` in a real terminal, with a simulated spectrometer at the other end of the line."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import build
import laser_instrument
import pyte
import pytest
import screen_pictures
from raman_edge.journal import Journal
from rich.style import Style
from terminals import WITHIN_S, Terminal, simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.simulator.simulated import Simulated


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model, with its library beside it."""
    return str(build.write_pair(tmp_path_factory.mktemp("pair"))[0])


def test_a_person_measures_pauses_and_pulls_the_cable(tmp_path: Path, model: str) -> None:
    """The sample is named with the link beneath the heading; paused nothing comes; an unplugged instrument is the headline."""
    port = str(tmp_path / "ttyRAMAN")
    with simulated("ocean-sts", "Calcite", port, "--no-pacing") as instrument:
        arguments = ("serial", port, "--profile", "ocean-sts", "--laser", "785", "--model", model, "--interval", "0.2")
        with Terminal(100, 30, *arguments, "--journal", str(tmp_path / "journal.sqlite3")) as terminal:
            rows = terminal.until(lambda rows: "Calcite" in rows[3])
            assert rows[1].startswith(" ● ")
            assert "SIM00001" in rows[1]
            assert "exposure" in rows[2]
            assert "s single" in rows[-1]
            terminal.press(" ")
            terminal.until(lambda rows: "paused" in rows[1] and "continue" in rows[-1])
            terminal.press("p")
            terminal.until(lambda rows: "paused" not in rows[1] and "pause" in rows[-1])
            instrument.terminate()
            terminal.until(lambda rows: "! disconnected  the last result was Calcite" in rows[3])
            terminal.press("q")
            assert terminal.end() == 0
            terminal.assert_as_before()
            assert b"Traceback" not in terminal.written


@contextmanager
def lit(folder: Path, model: str, *more: str) -> Iterator[tuple[Terminal, Simulated]]:
    """The live screen of a run with an armed laser, once it shows an answer."""
    page = str(laser_instrument.write(folder))
    with laser_instrument.instrument(page) as instrument:
        arguments = ("serial", instrument.port, "--profile", page, "--arm-laser", "--no-user-library", "--model", model, *more)
        with Terminal(100, 30, *arguments, "--journal", str(folder / "journal.sqlite3")) as terminal:
            terminal.until(lambda rows: "Calcite" in rows[3])
            yield terminal, instrument


def until(terminal: Terminal, what: Callable[[], bool]) -> None:
    """Read the terminal until ``what`` holds."""
    ends = time.monotonic() + WITHIN_S
    while not what():
        assert time.monotonic() < ends, "\n".join(terminal.rows)
        terminal.read(0.02)


def stays_dark(terminal: Terminal, instrument: Simulated) -> bool:
    """Whether the laser is off for a while."""
    ends = time.monotonic() + 0.6
    while time.monotonic() < ends:
        terminal.read(0.005)
        if laser_instrument.shines(instrument):
            return False
    return True


def is_stopped(terminal: Terminal) -> bool:
    """Whether the process is suspended."""
    return Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def warnings(folder: Path) -> int:
    """Return how many records say that the laser may be on."""
    with Journal.open(folder / "journal.sqlite3", create=False) as journal:
        return sum("LASER MAY STILL BE ON" in line for line in journal.records())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process is looked up in /proc")
def test_the_keys_of_a_terminal_leave_no_laser_on(tmp_path: Path, model: str) -> None:
    """Ctrl-Z gives the terminal back with the laser off; paused it is off; SIGQUIT ends the run in order."""
    with lit(tmp_path, model) as (terminal, instrument):
        terminal.press("\x1a")
        until(terminal, lambda: is_stopped(terminal))
        assert stays_dark(terminal, instrument)
        assert terminal.line_edited()
        terminal.process.send_signal(signal.SIGCONT)
        until(terminal, lambda: laser_instrument.shines(instrument))
        terminal.press(" ")
        terminal.until(lambda rows: "paused" in rows[1])
        until(terminal, lambda: not laser_instrument.shines(instrument))
        assert stays_dark(terminal, instrument)
        terminal.press(" ")
        until(terminal, lambda: laser_instrument.shines(instrument))
        terminal.press("\x1c")
        assert terminal.end() == 128 + signal.SIGQUIT
        assert not laser_instrument.shines(instrument)
        terminal.assert_as_before()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process is looked up in /proc")
def test_a_terminal_that_takes_nothing_more_is_no_reason_to_go_on(tmp_path: Path, model: str) -> None:
    """Where drawing is blocked, the laser goes off and the process is suspended all the same."""
    with lit(tmp_path, model) as (terminal, instrument):
        began = instrument.frames
        while instrument.frames < began + 100:  # some of them are drawn, and are more than a terminal holds
            time.sleep(0.05)
        time.sleep(1.0)
        terminal.process.send_signal(signal.SIGTSTP)
        ends = time.monotonic() + WITHIN_S
        while not is_stopped(terminal):
            assert time.monotonic() < ends
            time.sleep(0.02)
        assert not laser_instrument.shines(instrument)
        terminal.process.send_signal(signal.SIGCONT)
        until(terminal, lambda: laser_instrument.shines(instrument))
        terminal.press("q")
        assert terminal.end() == 0


def test_a_laser_that_stays_on_is_the_last_line_on_the_terminal(tmp_path: Path, model: str) -> None:
    """After q: the screen is left, the warning stands below it, and the exit code is 74."""
    with lit(tmp_path, model) as (terminal, instrument):
        instrument.fault("nak:on=laser_off,every=1")
        terminal.press("q")
        assert terminal.end() == 74
        terminal.assert_as_before()
        assert b"LASER MAY STILL BE ON: lit on " in terminal.written[terminal.written.rindex(b"\x1b[?1049l") :]
    assert warnings(tmp_path) == 1


def test_a_closed_terminal_is_no_reason_to_forget_the_laser(tmp_path: Path, model: str) -> None:
    """Without a terminal, the exit code and the journal still report it."""
    with lit(tmp_path, model) as (terminal, instrument):
        instrument.fault("silence:on=laser_off,every=1")
        os.close(terminal.master)
        try:
            assert terminal.process.wait(WITHIN_S) == 74
        finally:
            terminal.master = os.open(os.devnull, os.O_RDWR)
    assert warnings(tmp_path) == 1


def test_a_picture_has_the_cells_of_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, colour, bold, faint and reversed arrive in the frame as the terminal has them."""
    for code, what in screen_pictures.FAINT.items():
        monkeypatch.setitem(pyte.graphics.TEXT, code, what)
    screen = pyte.Screen(12, 2)
    pyte.Stream(screen).feed("\x1b[1;38;2;42;143;216mab\x1b[0m \x1b[2mcd\x1b[0m\x1b[7mef\x1b[0m")
    frame = screen_pictures.framed(screen)
    assert [line.rstrip() for line in frame.text.split("\n")] == ["ab cdef", ""]
    found = {text.strip(): style for text, style in frame.rows[0]}
    assert found["ab"] == Style(color="#2a8fd8", bold=True, dim=False, reverse=False)
    assert found["cd"].dim
    assert found["ef"].reverse
