"""A device on a pseudo-terminal that sends what a script has: bytes, pauses, and pulled cables. On Windows its tests are skipped."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

if sys.platform != "win32":
    import termios
    import tty

    SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in (2400, 4800, 9600, 19200, 38400, 57600, 115200)}

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

UNPLUG = "unplug"
"""Said instead of bytes: the cable comes out."""
ScriptStep = bytes | str | threading.Event
"""Bytes, :data:`UNPLUG`, or what has to happen first."""


class ScriptedDevice:
    """Answers with ``script(request)`` to whatever has come; ``link`` stays the same when it is plugged in again."""

    def __init__(self, link: Path, script: Callable[[bytes], Iterable[ScriptStep]]) -> None:
        self.link, self.script = link, script
        self.received: list[bytes] = []
        """What the host has sent, in the pieces in which it came."""
        self._lock = threading.Lock()
        self._wake_out, self._wake_in = os.pipe()
        self._over = False
        self._thread = threading.Thread(target=self._run)
        self._master = -1

    def __enter__(self) -> Self:
        if sys.platform == "win32":
            pytest.skip("scripted devices are pseudo-terminals")
        self.plug()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over = True
        self._wake()
        self._thread.join()
        self.unplug()
        os.close(self._wake_out)
        os.close(self._wake_in)

    @property
    def port(self) -> str:
        """What the host opens."""
        return str(self.link)

    @property
    def rate(self) -> int | None:
        """The host's baud rate."""
        with self._lock, contextlib.suppress(termios.error):
            return SPEEDS.get(termios.tcgetattr(self._master)[5]) if self._master >= 0 else None
        return None

    def plug(self) -> None:
        """Plug in: a new terminal behind the same link."""
        with self._lock:
            self._master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(self._master, False)
            part = self.link.with_suffix(".part")
            part.symlink_to(os.ttyname(slave))
            part.replace(self.link)
            os.close(slave)
        self._wake()

    def unplug(self) -> None:
        """Pull the cable."""
        with self._lock:
            if self._master >= 0:
                os.close(self._master)
                self._master = -1
                self.link.unlink(missing_ok=True)
        self._wake()

    def say(self, data: bytes) -> None:
        """Send something unprompted."""
        with self._lock, contextlib.suppress(OSError):
            while self._master >= 0 and data:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._master, data) :]

    def host_bytes(self) -> bytes:
        """Return all that the host has sent."""
        return b"".join(self.received)

    def _wake(self) -> None:
        os.write(self._wake_in, b"!")

    def _run(self) -> None:
        while not self._over:
            data = self._read()
            if data:
                self.received.append(data)
                self._follow(self.script(data))

    def _read(self) -> bytes:
        with self._lock:
            watched = [self._wake_out, *([self._master] if self._master >= 0 else [])]
        with contextlib.suppress(OSError, ValueError):  # unplugged meanwhile
            ready, _, _ = select.select(watched, [], [], 1.0)
            if self._wake_out in ready:
                os.read(self._wake_out, 64)
        with self._lock:
            try:
                return os.read(self._master, 4096) if self._master >= 0 else b""
            except BlockingIOError:
                return b""
            except OSError:  # the other end is not open
                pass
        time.sleep(0.002)
        return b""

    def _follow(self, steps: Iterable[ScriptStep]) -> None:
        for word in steps:
            if isinstance(word, threading.Event):
                word.wait(60)
            elif isinstance(word, bytes):
                self.say(word)
            else:
                self.unplug()
