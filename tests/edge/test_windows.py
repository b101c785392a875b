"""What Windows would run, as far as Linux can tell: without POSIX modules and signals, with a fake of its console and of its ports."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import build
import command
import pytest
from raman_edge.instruments import ports
from raman_edge.terminal import keyboard

if TYPE_CHECKING:
    from pathlib import Path

AS_ON_WINDOWS = """
import signal, sys, os, subprocess, multiprocessing, tempfile, pathlib, shutil, sqlite3, socket, ctypes, asyncio, importlib.metadata
import numpy, onnxruntime, msgspec, psutil, rich.console, serial, serial.tools.list_ports, platformdirs  # they choose by the real platform
for name in ("termios", "fcntl", "pty", "tty", "grp", "pwd", "resource"):
    sys.modules[name] = None  # importing it fails
for name in "SIGHUP SIGQUIT SIGTSTP SIGCONT SIGSTOP SIGTTIN SIGTTOU SIGALRM SIGURG pthread_kill pthread_sigmask".split():
    vars(signal).pop(name, None)
for name in "geteuid getuid getpgrp tcgetpgrp mkfifo O_NOFOLLOW O_NONBLOCK O_DIRECTORY sched_getaffinity".split():
    vars(os).pop(name, None)
sys.platform = "win32"
from raman_edge import cli
from raman_edge.simulator import ports
class Nt:
    name = "nt"
    def __getattr__(self, name):
        return getattr(os, name)
ports.os = Nt()
sys.exit(cli.main())
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


@pytest.mark.skipif(sys.platform == "win32", reason="it pretends to be there")
@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ("identify {in} --model {model}", {0}),
        ("watch {in} --once --stable 0.1 --model {model} --output jsonl:{out}/r.jsonl --output csv:{out}/r.csv", {0}),
        ("watch {in} --once --stable 0.1 --model {model} --move-failed {out}/failed --table", {0}),
        ("journal list --json", {0, 73}),
        ("instruments ports", {0}),
        ("instruments list", {0}),
        ("library list", {0}),
        ("doctor {in} --model {model}", {0, 1}),
        ("model info --model {model}", {0}),
        pytest.param("demo --seconds 0.1 --model {model}", {0}, marks=pytest.mark.slow),
    ],
)
def test_commands_run_without_what_windows_lacks(arguments: str, codes: set[int], model: Path, tmp_path: Path) -> None:
    """No command needs a module, a signal or a call that Windows does not have."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "quartz.csv").write_text(build.text("Quartz"))
    filled = arguments.format(**{"in": tmp_path / "in", "out": tmp_path, "model": model})
    environment = command.environment(RAMAN_EDGE_JOURNAL=str(tmp_path / "journal.sqlite3"), HOME=str(tmp_path))
    called = [sys.executable, "-W", "ignore", "-c", AS_ON_WINDOWS, *filled.split()]
    done = subprocess.run(called, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    if arguments.startswith("identify"):
        assert json.loads(done.stdout)["names"] == ["Quartz"]


class FakeConsole:
    """``msvcrt`` with keys that were pressed."""

    def __init__(self, pressed: str) -> None:
        self.left = list(pressed)

    def kbhit(self) -> bool:
        """Whether a key waits."""
        return bool(self.left)

    def getwch(self) -> str:
        """Return its first or next character."""
        return self.left.pop(0)


def test_keys_of_a_windows_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters, space, Enter, Escape and arrows have the names that they have on a terminal; others have none."""
    console = FakeConsole("q+ \r\x1b\xe0K\xe0M\x00H\x00P\x00;\xe4[\x03")
    monkeypatch.setattr(keyboard, "msvcrt", console)
    monkeypatch.setattr(keyboard, "termios", None)
    pressed: queue.Queue[str] = queue.Queue()
    with keyboard.open_keyboard(0, pressed.put) as keys:
        names = [pressed.get(timeout=10) for _ in range(10)]
        keys.release()
        console.left = list("x")
        time.sleep(0.2)
        assert pressed.empty()
        keys.take()
        assert pressed.get(timeout=10) == "x"
    assert names == ["q", "+", "space", "enter", "escape", "left", "right", "up", "down", "["]
    master, slave = os.openpty()
    assert keyboard.keyboard_of(slave)
    monkeypatch.setattr(keyboard, "msvcrt", None)
    assert not keyboard.keyboard_of(slave)
    os.close(master)
    os.close(slave)


def test_ports_of_windows_have_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``COM3`` is listed by its name, with its USB device, and nobody asks who has it open."""
    port = SimpleNamespace(
        device="COM3", description="USB Serial Port (COM3)", vid=0x0403, pid=0x6001, serial_number="A1", manufacturer="FTDI", product=None
    )
    monkeypatch.setattr(sys, "platform", "win32")
    (found,) = ports.serial([], [port], tmp_path, tmp_path)
    assert (found.address, found.device, found.what, found.use.access) == ("COM3", "COM3", "FTDI", "unknown")
