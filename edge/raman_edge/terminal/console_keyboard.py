"""The keyboard of a Windows console: key events of its input, read in a thread (ReadConsoleInput; Microsoft's Console API).

The mode of the console is not changed: questions still read whole lines with echo, and Ctrl-C stays a signal.
"""

from __future__ import annotations

import ctypes
import sys
from threading import Event, Thread
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_S = 0.05
"""Interval between looks at the input, s."""
END_S = 0.5
"""Longest wait for the thread, s."""
STANDARD_INPUT = -10
KEY_EVENT = 1
AT_ONCE = 64
"""Events taken by one call."""
CHARACTERS = {" ": "space", "\r": "enter", "\n": "enter", "\x1b": "escape"}
ARROWS = {0x25: "left", 0x26: "up", 0x27: "right", 0x28: "down"}
"""Virtual key codes (winuser.h)."""


class KeyPress(NamedTuple):
    """A key that went down."""

    character: str
    """NUL where the key has none."""
    code: int
    """Virtual key code."""

    @property
    def name(self) -> str:
        """As :class:`raman_edge.terminal.keyboard.Decoder` names keys; empty where it has none here."""
        if self.character in CHARACTERS:
            return CHARACTERS[self.character]
        return self.character if self.character.isascii() and self.character.isprintable() else ARROWS.get(self.code, "")


class InputRecord(ctypes.Structure):
    """INPUT_RECORD with the fields of a KEY_EVENT_RECORD (wincon.h)."""

    _fields_ = (
        *(("kind", ctypes.c_uint16), ("_", ctypes.c_uint16), ("down", ctypes.c_int32), ("repeated", ctypes.c_uint16)),
        *(("code", ctypes.c_uint16), ("scan", ctypes.c_uint16), ("character", ctypes.c_uint16), ("state", ctypes.c_uint32)),
    )


class ConsoleKeyboard:
    """Calls ``press`` with the name of each key, as :class:`raman_edge.terminal.keyboard.Keyboard` does for a terminal."""

    def __init__(self, press: Callable[[str], None], read: Callable[[], list[KeyPress]] | None = None) -> None:
        """``read`` returns the keys pressed since its last call; by default those of standard input."""
        self._press = press
        self._read = read or read_keys
        self._ours = False
        self._stop = Event()
        self._thread = Thread(target=self._run, name="keyboard", daemon=True)

    def __enter__(self) -> Self:
        self.take()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()
        self._stop.set()
        self._thread.join(timeout=END_S)

    def take(self) -> None:
        """Receive every key from now on."""
        self._ours = True

    def release(self) -> None:
        """Leave the keys to others."""
        self._ours = False

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            if self._ours:
                for key in self._read():
                    if key.name:
                        self._press(key.name)


if sys.platform == "win32":

    def read_keys() -> list[KeyPress]:
        """Take the waiting events out of the console's input, and return the keys that went down; never waits."""
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.GetStdHandle.restype = ctypes.c_void_p
        handle, count = ctypes.c_void_p(kernel32.GetStdHandle(STANDARD_INPUT)), ctypes.c_uint32()
        records = (InputRecord * AT_ONCE)()
        keys: list[KeyPress] = []
        while kernel32.GetNumberOfConsoleInputEvents(handle, ctypes.byref(count)) and count.value:
            if not kernel32.ReadConsoleInputW(handle, records, min(count.value, AT_ONCE), ctypes.byref(count)):
                break
            pressed = (one for one in records[: count.value] if one.kind == KEY_EVENT and one.down)
            keys += [KeyPress(chr(one.character), one.code) for one in pressed]
        return keys
else:

    def read_keys() -> list[KeyPress]:
        """Return nothing: only Windows has this console."""
        return []
