"""Ctrl-C, Ctrl-Break and the end of a Windows console, as the system sends them: to ``watch``, and to ``serial`` with its laser on."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import build
import command
import laser_instrument
import pytest
from raman_edge.service import signals
from raman_edge.simulator.ports import TcpAt
from raman_edge.terminal.console_keyboard import InputRecord
from watch_process import PATIENCE_S, Serial, Watch, journaled

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform != "win32":
    pytest.skip("consoles of Windows", allow_module_level=True)

import msvcrt

CTRL_C, CTRL_BREAK, CLOSE, SHUTDOWN = 0, 1, 2, 6
CODES = {CTRL_C: 128 + signal.SIGINT, **dict.fromkeys((CTRL_BREAK, CLOSE, SHUTDOWN), 128 + signal.SIGBREAK)}
kernel32: Any = ctypes.WinDLL("kernel32", use_last_error=True)


@contextmanager
def shared_console() -> Iterator[None]:
    """Survive a Ctrl-C that goes to every process of this console; the test is skipped where there is none."""
    if not kernel32.GetConsoleCP():
        pytest.skip("this process has no console")
    handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(lambda event: int(event == CTRL_C))
    kernel32.SetConsoleCtrlHandler(handler, 1)
    try:
        yield
    finally:
        kernel32.SetConsoleCtrlHandler(handler, 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


@contextmanager
def watching(folder: Path, model: Path) -> Iterator[Watch]:
    """A watcher that has answered one file and waits for more, with scans so rare that only an event wakes it."""
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").write_text(build.text())
    with Watch(folder / "in", model, "--stable", "0.1", "--poll", "30") as run:
        run.wait_for(1)
        yield run


@contextmanager
def lit(folder: Path, model: Path) -> Iterator[tuple[Serial, Any]]:
    """A measurement over TCP while its laser is on."""
    page = str(laser_instrument.write(folder))
    with laser_instrument.instrument(page, at=TcpAt(), pacing=True) as instrument:
        options = ("--profile", page, "--model", str(model), "--arm-laser", "--exposure", "2")
        with Serial(instrument.port, *options, journal=folder / "journal.sqlite3", calibrations=folder) as run:
            run.wait_until(lambda: laser_instrument.shines(instrument), "the laser")
            yield run, instrument


@pytest.mark.parametrize("event", CODES)
def test_watch_ends_cleanly(event: int, tmp_path: Path, model: Path) -> None:
    """At once, with the exit code of the signal, and nothing is lost."""
    with watching(tmp_path, model) as run:
        began = time.monotonic()
        command.console_event(run.process, event)
        assert run.end() == CODES[event], run.notes
        assert time.monotonic() - began < signals.CLOSING_S / 2
        assert not run.noted("Traceback")
    assert len(journaled(run.journal)) == 1


@pytest.mark.parametrize("event", CODES)
def test_an_armed_laser_goes_off(event: int, tmp_path: Path, model: Path) -> None:
    """During an exposure, too."""
    with lit(tmp_path, model) as (run, instrument):
        command.console_event(run.process, event)
        assert run.end() == CODES[event], run.notes
        assert not laser_instrument.shines(instrument)
        assert not run.noted("Traceback")


def test_ctrl_c_of_a_real_console_ends_watch(tmp_path: Path, model: Path) -> None:
    """GenerateConsoleCtrlEvent reaches it as a key would."""
    with shared_console(), watching(tmp_path, model) as run:
        assert kernel32.GenerateConsoleCtrlEvent(CTRL_C, 0)
        assert run.end() == CODES[CTRL_C], run.notes


def test_ctrl_c_of_a_real_console_switches_the_laser_off(tmp_path: Path, model: Path) -> None:
    """As above, during an exposure."""
    with shared_console(), lit(tmp_path, model) as (run, instrument):
        assert kernel32.GenerateConsoleCtrlEvent(CTRL_C, 0)
        assert run.end() == CODES[CTRL_C], run.notes
        assert not laser_instrument.shines(instrument)


def press(character: str = "\0", *, key: int = 0, scan: int = 0, state: int = 0) -> None:
    """Put a key into the console's input, as the console does when it is pressed."""
    record = InputRecord(1, 0, 1, 1, key, scan, ord(character), state)
    with Path("CONIN$").open("r+b", buffering=0) as console:
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(console.fileno()))
        assert kernel32.WriteConsoleInputW(handle, ctypes.byref(record), 1, ctypes.byref(ctypes.c_uint32()))


LISTENING = """
import time
from raman_edge.terminal.console_keyboard import ConsoleKeyboard
with ConsoleKeyboard(lambda key: print(key, flush=True)):
    time.sleep(100)
"""


def test_keys_of_a_real_console() -> None:
    """Letters, an arrow and Escape have the names that they have on a terminal."""
    with (
        shared_console(),
        Path("CONIN$").open("r+b", buffering=0) as keys,
        command.start(stdin=keys.fileno(), program=("-c", LISTENING)) as process,
    ):
        for character in "q?\x1b ":
            press(character)
        press(key=0x25, scan=0x4B, state=0x100)  # left, an enhanced key
        assert process.stdout is not None
        names = [process.stdout.readline().decode().strip() for _ in range(5)]
        process.kill()
    assert names == ["q", "?", "escape", "space", "left"]


def test_q_on_a_real_console_ends_watch(tmp_path: Path, model: Path) -> None:
    """The screen is drawn there, and its keys work."""
    folder, journal = tmp_path / "in", tmp_path / "journal.sqlite3"
    folder.mkdir()
    (folder / "a.csv").write_text(build.text())
    arguments = ("watch", folder, "--model", model, "--journal", journal, "--stable", "0.1")
    with shared_console(), Path("CONIN$").open("r+b", buffering=0) as keys, Path("CONOUT$").open("wb", buffering=0) as screen:
        process = command.start(*arguments, stdin=keys.fileno(), stdout=screen)
        deadline = time.monotonic() + PATIENCE_S
        while not (journal.exists() and journaled(journal)) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
        press("q")
        notes = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, notes
    assert len(journaled(journal)) == 1
