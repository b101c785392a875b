"""``raman-edge watch`` as a service: configured by a file, watched by a manager, reloaded by a signal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import build
import command
import pytest
from markers import slow

if TYPE_CHECKING:
    from collections.abc import Callable

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("there are service managers of this kind only where there are such sockets", allow_module_level=True)

PATIENCE_S = 120.0


class Managed:
    """The command as a service manager starts it, and what the manager hears."""

    def __init__(self, root: Path, settings: str, *arguments: str) -> None:
        self.root = root
        self.config = root / "config.toml"
        self.config.write_text(settings)
        self._notes = root / "notes"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(root / "notify"))
        self._socket.settimeout(0.05)
        self.messages: list[str] = []
        given = [sys.executable, "-m", "raman_edge", "watch", "--json", "--config", str(self.config), *arguments]
        environment = command.environment(NOTIFY_SOCKET=str(root / "notify"), WATCHDOG_USEC="400000", RAMAN_EDGE_USER_LIBRARY="")
        with self._notes.open("wb") as notes:
            self.process = subprocess.Popen(given, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=notes, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        self._socket.close()

    @property
    def notes(self) -> str:
        """The lines of standard error."""
        return self._notes.read_text()

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Listen until ``what`` holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline, (self.messages, self.notes)
            assert self.process.poll() is None or what(), self.notes
            self.listen()

    def listen(self) -> None:
        """Receive the messages of a moment."""
        try:
            self.messages += self._socket.recv(4096).decode().splitlines()
        except TimeoutError:
            return

    def reload(self, settings: str) -> None:
        """Change the settings, ask for them to be read, and wait until that is over."""
        before = self.messages.count("READY=1")
        self.config.write_text(settings)
        self.process.send_signal(signal.SIGHUP)
        self.wait_for(lambda: self.messages.count("READY=1") > before)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE_S)
        self.listen()
        return code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a model, and one with a spectrum; its path is short, as those of sockets have to be."""
    build.write_pair(tmp_path)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "quartz.csv").write_text(build.text("Quartz"))
    return tmp_path


def settings(root: Path, **more: object) -> str:
    """Return a file of settings: relative paths, and ``more``."""
    model = next(root.glob("*.onnx")).name
    values = {"folder": "incoming", "journal": "journal.sqlite3", "model": model, "poll_s": 0.1, "stable_s": 0.1} | more
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def paths(root: Path) -> list[str]:
    """Return which files the journal has answers to, the newest first."""
    done = command.call("journal", "list", "--json", "--journal", root / "journal.sqlite3")
    return [Path(json.loads(line)["source"]["path"]).name for line in done.stdout.splitlines()]


def test_a_service_reports_its_states_from_start_to_end(root: Path) -> None:
    """Ready when it watches, alive while it does, how much it has answered, stopping at the end."""
    with Managed(root, settings(root)) as managed:
        managed.wait_for(lambda: "READY=1" in managed.messages)
        managed.wait_for(lambda: managed.messages.count("WATCHDOG=1") >= 3)
        managed.wait_for(lambda: any(message.startswith("STATUS=1 answered") for message in managed.messages))
        assert managed.stop() == 128 + signal.SIGTERM
        assert managed.messages[-1] == "STOPPING=1"
    assert paths(root) == ["quartz.csv"]


def test_settings_are_read_again_at_a_signal(root: Path) -> None:
    """What the file says from then on holds for what comes from then on."""
    with Managed(root, settings(root, match=["*.txt"])) as managed:
        managed.wait_for(lambda: "READY=1" in managed.messages)
        managed.reload(settings(root, match=["*.csv"]))
        assert "RELOADING=1" in managed.messages
        managed.wait_for(lambda: any(message.startswith("STATUS=1 answered") for message in managed.messages))
        managed.stop()
    assert paths(root) == ["quartz.csv"]


@pytest.mark.parametrize("wrong", ["poll_s = 0\nfoldr = 1\n", *slow("no toml", None)])
def test_settings_that_are_wrong_change_nothing(root: Path, wrong: str | None) -> None:
    """It says what is wrong, and goes on with what it had; the manager hears that it is ready again."""
    with Managed(root, settings(root)) as managed:
        managed.wait_for(lambda: "READY=1" in managed.messages)
        managed.reload(settings(root, model="none.onnx") if wrong is None else wrong)
        managed.wait_for(lambda: "not reloaded" in managed.notes)
        (root / "incoming" / "new.csv").write_text(build.text("Calcite"))
        managed.wait_for(lambda: any(message.startswith("STATUS=2 answered") for message in managed.messages))
        managed.stop()
    assert paths(root) == ["new.csv", "quartz.csv"]
    (line,) = [line for line in managed.notes.splitlines() if "not reloaded" in line]
    assert {"no toml": "config.toml:1: not TOML", None: "none.onnx"}.get(wrong, "foldr: unknown key") in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("poll_s = 0\nstabel_s = 1\n", ["config.toml:1: poll_s: got 0", "config.toml:2: stabel_s: unknown key"]),
        ("", ["no folder to watch"]),
        ("folder = ", ["config.toml:1: not TOML"]),
    ],
)
def test_a_start_with_wrong_settings_is_a_configuration_error(root: Path, text: str, words: list[str]) -> None:
    """78, which the unit does not try again; every mistake is on a line of its own."""
    (root / "config.toml").write_text(text)
    done = command.call("watch", "--config", root / "config.toml", "--journal", root / "journal.sqlite3")
    assert done.returncode == 78
    lines = done.stderr.decode().splitlines()
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_the_command_line_wins_over_the_file(root: Path) -> None:
    """Folder and patterns of the file are not used where the command line has its own."""
    (root / "other").mkdir()
    (root / "other" / "a.txt").write_text(build.text("Calcite"))
    (root / "other" / "b.csv").write_text(build.text("Gypsum"))
    config = root / "config.toml"
    config.write_text(settings(root, match=["*.csv"]))
    done = command.call("watch", root / "other", "--config", config, "--match", "*.txt", "--once")
    assert done.returncode == 0, done.stderr
    assert paths(root) == ["a.txt"]


def test_the_variable_names_the_file(root: Path) -> None:
    """RAMAN_EDGE_CONFIG as good as ``--config``, and RAMAN_EDGE_MATCH over what is in it."""
    config = root / "config.toml"
    config.write_text(settings(root, match=["*.nothing"]))
    done = command.call("watch", "--once", RAMAN_EDGE_CONFIG=str(config), RAMAN_EDGE_MATCH="*.csv,*.txt")
    assert done.returncode == 0, done.stderr
    assert paths(root) == ["quartz.csv"]
    assert os.listdir(root / "incoming") == ["quartz.csv"]  # noqa: PTH208 - nothing was added to it
