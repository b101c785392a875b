"""Keys and ports of Windows, with fakes of its console and of its ports; `make test-windows` runs the edge itself."""

from __future__ import annotations

import os
import queue
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

from raman_edge.instruments import ports
from raman_edge.terminal import keyboard

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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
        names = [pressed.get(timeout=60) for _ in range(10)]
        keys.release()
        console.left = list("x")
        time.sleep(0.2)
        assert pressed.empty()
        keys.take()
        assert pressed.get(timeout=60) == "x"
    assert names == ["q", "+", "space", "enter", "escape", "left", "right", "up", "down", "["]
    master, slave = os.openpty()
    assert keyboard.keyboard_of(slave)
    monkeypatch.setattr(keyboard, "msvcrt", None)
    assert not keyboard.keyboard_of(slave)
    os.close(master)
    os.close(slave)


def test_ports_of_windows_have_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``COM3`` is listed by its name, with its USB device, and no program that has it open is looked for."""
    port = SimpleNamespace(
        device="COM3", description="USB Serial Port (COM3)", vid=0x0403, pid=0x6001, serial_number="A1", manufacturer="FTDI", product=None
    )
    monkeypatch.setattr(sys, "platform", "win32")
    (found,) = ports.serial([], [port], tmp_path, tmp_path)
    assert (found.address, found.device, found.what, found.use.access) == ("COM3", "COM3", "FTDI", "unknown")
