"""The keyboard of a Windows console, with scripted key presses; ``cli/test_cli_console_events.py`` has the real console."""

from __future__ import annotations

import time
from ctypes import sizeof

import pytest
from raman_edge.terminal.console_keyboard import ConsoleKeyboard, InputRecord, KeyPress


@pytest.mark.parametrize(
    ("character", "code", "name"),
    [
        *(("q", 0x51, "q"), ("?", 0xBF, "?"), ("+", 0xBB, "+"), (" ", 0x20, "space"), ("\r", 0x0D, "enter"), ("\x1b", 0x1B, "escape")),
        *(("\0", 0x25, "left"), ("\0", 0x26, "up"), ("\0", 0x27, "right"), ("\0", 0x28, "down")),
        *(("\0", 0x10, ""), ("\0", 0x70, ""), ("é", 0x32, ""), ("\x03", 0x43, ""), ("\ud83d", 0xE7, "")),
    ],
)
def test_names(character: str, code: int, name: str) -> None:
    """As a terminal's; Shift, function keys, control characters and what is not ASCII have none."""
    assert KeyPress(character, code).name == name


def test_size_of_a_record() -> None:
    """That of INPUT_RECORD."""
    assert sizeof(InputRecord) == 20


def test_keys_go_to_others_after_release() -> None:
    """Keys that are pressed while they belong to others are not taken."""
    waiting = [KeyPress("a", 0x41), KeyPress("\0", 0x10), KeyPress("b", 0x42)]
    pressed: list[str] = []

    def read() -> list[KeyPress]:
        taken, waiting[:] = list(waiting), []
        return taken

    with ConsoleKeyboard(pressed.append, read) as keyboard:
        deadline = time.monotonic() + 30
        while len(pressed) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        keyboard.release()
        time.sleep(0.2)
        waiting.append(KeyPress("c", 0x43))
        time.sleep(0.2)
        assert waiting
        keyboard.take()
        while waiting and time.monotonic() < deadline:
            time.sleep(0.01)
    assert pressed == ["a", "b", "c"]
