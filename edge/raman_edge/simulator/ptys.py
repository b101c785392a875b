"""A pseudo-terminal as a serial port: raw, and it shows the host's baud rate; on Linux and macOS."""

from __future__ import annotations

import contextlib
import errno
import os
import termios
import tty
from typing import TYPE_CHECKING

from raman_edge.errors import SourceUnavailable

if TYPE_CHECKING:
    from pathlib import Path

READ = 65_536
SPEEDS = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}
"""termios' constant of a rate → baud."""
COOKED_READS = 20
"""Polls of a host that sets no mode, until it counts as one that never will."""


class PtyPort:
    """The master's end; the host opens the other end by :attr:`name`."""

    def __init__(self, link: Path, baud: int) -> None:
        try:
            self._master, slave = os.openpty()
        except OSError as error:
            advice = "Simulate on a TCP port instead (--tcp 7000)"
            raise SourceUnavailable(kind="no pseudo-terminal", cause=error.strerror or "an error", advice=advice) from error
        self.name = os.ttyname(slave)
        """Path of the host's end."""
        os.close(slave)
        os.set_blocking(self._master, False)
        self._link, self._baud, self._cooked = link, baud, 0

    def fileno(self) -> int:
        """Return the master's descriptor."""
        return self._master

    def read(self) -> bytes | None:
        """Return the host's bytes; None where no host has opened the other end, or not set its mode yet."""
        try:
            data = os.read(self._master, READ)
        except BlockingIOError:
            return b"" if self._is_raw() else None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._cooked = 0
        return data or None

    def write(self, data: bytes) -> int:
        """Send bytes to the host; return how many it had room for."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    @property
    def rate(self) -> int | None:
        """The host's baud rate; None where termios has no name for it."""
        with contextlib.suppress(termios.error):
            return SPEEDS.get(termios.tcgetattr(self._master)[5])
        return None

    def close(self) -> None:
        """Pull the cable: the host gets read errors, and the link is removed."""
        with contextlib.suppress(OSError):
            if str(self._link.readlink()) == self.name:
                self._link.unlink()
        os.close(self._master)

    def _is_raw(self) -> bool:
        """Whether the host's end is raw; for a host that never sets it (``cat``), it is set here."""
        modes = termios.tcgetattr(self._master)
        if not modes[3] & (termios.ICANON | termios.ECHO):
            return True
        # Before that, anything written would be echoed back.
        self._cooked += 1
        if self._cooked < COOKED_READS:
            return False
        tty.setraw(self._master)
        modes = termios.tcgetattr(self._master)
        modes[4] = modes[5] = next((code for code, baud in SPEEDS.items() if baud == self._baud), modes[5])
        termios.tcsetattr(self._master, termios.TCSANOW, modes)
        return True
