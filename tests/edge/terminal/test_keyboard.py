"""The keyboard of a terminal: keys arrive one by one, and the line discipline is the old one afterwards."""

from __future__ import annotations

import os
import sys
from queue import Empty, Queue
from typing import TYPE_CHECKING

import markers
import pytest
from raman_edge.terminal import keyboard
from raman_edge.terminal.keyboard import LOCAL, Keyboard, keyboard_of

if sys.platform != "win32":
    import pty
    import termios

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHIN_S = 60.0


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Both ends of a terminal in whose foreground this process is."""
    monkeypatch.setattr(keyboard, "in_foreground", lambda _: True)
    master, slave = pty.openpty()
    yield master, slave
    os.close(slave)
    os.close(master)


def is_line_edited(slave: int) -> bool:
    """Whether a terminal waits for Enter, and echoes."""
    return bool(termios.tcgetattr(slave)[LOCAL] & (termios.ICANON | termios.ECHO))


@markers.POSIX
def test_keys_arrive_as_they_are_pressed(terminal: tuple[int, int]) -> None:
    """No Enter is waited for; an escape alone is a key after a moment, an arrow is one key."""
    master, slave = terminal
    pressed: Queue[str] = Queue()
    with Keyboard(slave, pressed.put):
        for data, key in ((b"q", "q"), (b"\x1b[D", "left"), (b"\x1b", "escape"), (b" ", "space"), (b"\n", "enter")):
            os.write(master, data)
            assert pressed.get(timeout=WITHIN_S) == key
    with pytest.raises(Empty):
        pressed.get_nowait()


@markers.POSIX
@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_the_line_discipline_is_restored_on_any_exit(terminal: tuple[int, int], error: type[BaseException] | None) -> None:
    """However the block ends, every mode is as it was."""
    _, slave = terminal
    before = termios.tcgetattr(slave)

    def body() -> None:
        with Keyboard(slave, lambda _: None):
            assert not is_line_edited(slave)
            assert termios.tcgetattr(slave)[LOCAL] & termios.ISIG  # Ctrl-C stays a signal
            if error:
                raise error

    if error:
        with pytest.raises(error):
            body()
    else:
        body()
    assert termios.tcgetattr(slave) == before


@markers.POSIX
def test_a_terminal_that_was_given_back_is_left_alone(terminal: tuple[int, int]) -> None:
    """While the process is suspended nothing is read, and the modes stay the shell's; afterwards keys work again."""
    master, slave = terminal
    pressed: Queue[str] = Queue()
    with Keyboard(slave, pressed.put) as keys:
        keys.release()
        assert is_line_edited(slave)
        keys.take()
        assert not is_line_edited(slave)
        os.write(master, b"q")
        assert pressed.get(timeout=WITHIN_S) == "q"


@markers.POSIX
def test_in_the_background_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in the background, which the kernel would stop for it, neither changes the modes nor reads."""
    monkeypatch.setattr(keyboard, "in_foreground", lambda _: False)
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with Keyboard(slave, lambda _: None):
        os.write(master, b"q\n")
        assert termios.tcgetattr(slave) == before
    assert os.read(slave, 10) == b"q\n"
    os.close(slave)
    os.close(master)


@markers.POSIX
def test_a_terminal_that_goes_ends_the_reading_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the other end is closed, leaving raises nothing."""
    monkeypatch.setattr(keyboard, "in_foreground", lambda _: True)
    master, slave = pty.openpty()
    with Keyboard(slave, lambda _: None) as keys:
        os.close(master)
        keys._thread.join(timeout=WITHIN_S)
        assert not keys._thread.is_alive()
    os.close(slave)


def test_only_a_terminal_is_a_keyboard() -> None:
    """A pipe, a file and nothing at all have no keys."""
    read, write = os.pipe()
    assert not keyboard_of(read)
    assert not keyboard_of(-1)
    os.close(read)
    os.close(write)
