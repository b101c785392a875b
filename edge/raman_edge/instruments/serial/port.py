"""A serial port, a socket or a USB address: opened exclusively, its path resolved at every opening, its errors by kind.

pyserial raises ``SerialException``, a bare ``OSError``, ``TypeError`` and ``termios.error`` for the same unplugged cable;
here all of them are :class:`SourceLost`.
"""

from __future__ import annotations

import errno
import os
import re
import select
import stat
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError, SourceBusy, SourceLost, SourceUnavailable

if sys.platform != "win32":
    import grp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import serial

    from raman_edge.instruments.profiles.profile import Serial

USB = "usb:"
USB_ADDRESS = re.compile(r"usb:(?:0x)?([0-9a-fA-F]{1,4}):(?:0x)?([0-9a-fA-F]{1,4})(?::(.+))?")
"""``usb:VID:PID``, or ``usb:VID:PID:SERIAL`` where several of a kind are plugged in; hexadecimal."""
PLUG_IN = "Plug it in; `raman-edge instruments ports` lists the ports"
UNPACED = ("socket://", "loop://")
"""Addresses where there is no baud rate."""
WRITE_S = 2.0
"""Longest time that a port may refuse bytes, s."""
POLL_S = 0.002
"""Between two polls of a port without a file descriptor, s: on Windows, and ``loop://``."""
MOST = 65_536
"""Most bytes of one read."""
GONE = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR})
BUSY = frozenset({errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK})
DENIED = frozenset({errno.EACCES, errno.EPERM})
LIBRARY_SENTENCES = {
    "returned no data": "the port is gone, or another program reads it",
    "Write timeout": "the port takes no bytes",
    "write timeout": "the port takes no bytes",
    "socket disconnected": "the other side closed the connection",
    "Could not configure port": "not a serial port",
    "custom baud rate": "the port does not have this baud rate",
    "invalid URL": "not an address",
    "expected a string in the form": "not an address",
    "not supported between": "not an address",
    "refused": "the connection is refused",
    "not known": "unknown host",
    "timed out": "no answer in time",
}
"""Part of a sentence of pyserial, or of the operating system in one → its meaning."""
GROUP = stat.S_IRGRP | stat.S_IWGRP
FAILURES: tuple[type[Exception], ...] = (OSError, TypeError, ValueError)
"""What pyserial raises where a port is gone, unavailable, or refuses a setting."""
if sys.platform != "win32":
    import termios

    FAILURES = (*FAILURES, termios.error)
FLOW = {"none": (False, False), "rts-cts": (True, False), "xon-xoff": (False, True)}
"""``serial.flow`` → RTS/CTS, XON/XOFF."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, and how to wait."""

    now: Callable[[], float] = time.monotonic
    """Seconds from any origin; monotonic."""
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()


class SerialPort:
    """One port; closed until :meth:`open`, which may be called again after every loss."""

    def __init__(self, where: str, line: Serial, clock: Clock = REAL) -> None:
        self.where = where
        """As the user gave it; data."""
        self._line, self._clock = line, clock
        self._serial: serial.SerialBase | None = None
        self._waits = True
        self.baud: int | None = None
        """The host's rate; None without one, or while the port is closed."""

    @property
    def paced(self) -> bool:
        """Whether there is a baud rate."""
        return not self.where.startswith(UNPACED)

    def open(self, baud: int) -> None:
        """Open it exclusively; :class:`SourceUnavailable`, or :class:`SourceBusy` where another process has it."""
        import serial  # noqa: PLC0415 - only where a port is opened

        self.close()
        path, line = resolve(self.where), self._line
        rtscts, xonxoff = FLOW[line.flow]
        try:
            port = serial.serial_for_url(
                path,
                do_not_open=True,
                baudrate=baud,
                bytesize=line.bytesize,
                parity=line.parity,
                stopbits=line.stopbits,
                timeout=0,
                xonxoff=xonxoff,
                rtscts=rtscts,
                write_timeout=WRITE_S,
                exclusive=True if self.paced else None,
            )
            for name, level in (("dtr", line.dtr_on_open), ("rts", line.rts_on_open)):
                if level != "keep":
                    setattr(port, name, level == "raise")
            port.open()
        except FAILURES as error:
            raise self._unavailable(path, error) from error
        self._serial, self.baud = port, baud if self.paced else None
        self._waits = _can_wait(port)

    def close(self) -> None:
        """Close it, even where it is gone already."""
        port, self._serial, self.baud = self._serial, None, None
        if port is not None:
            with suppress(*FAILURES):
                port.close()

    @property
    def is_open(self) -> bool:
        """Whether it is open, and not lost."""
        return self._serial is not None

    def set_baud(self, baud: int) -> None:
        """Change the host's rate in place: reopening would raise DTR, which restarts some boards."""
        with self._lost() as port:
            if self.paced:
                port.baudrate = baud
                self.baud = baud

    def write(self, data: bytes) -> None:
        """Send bytes, ``byte_gap_ms`` apart where the device needs it. Raises :class:`SourceLost`."""
        gap = self._line.byte_gap_ms / 1000
        with self._lost() as port:
            if not gap:
                port.write(data)
                return
            for byte in data:
                port.write(bytes((byte,)))
                self._clock.sleep(gap)

    def read(self, timeout_s: float) -> bytes:
        """Return the bytes that are there, or the first within ``timeout_s``; b"" where none come. Raises :class:`SourceLost`."""
        with self._lost() as port:
            if self._waits:
                select.select([port.fileno()], [], [], max(timeout_s, 0))
                return bytes(port.read(MOST))
            until = self._clock.now() + timeout_s
            while not (data := bytes(port.read(MOST))) and self._clock.now() < until:
                self._clock.sleep(POLL_S)
            return data

    @contextmanager
    def _lost(self) -> Iterator[serial.SerialBase]:
        if self._serial is None:
            raise SourceLost(kind="not open", place=self.where)
        try:
            yield self._serial
        except FAILURES as error:
            self.close()
            advice = "Check its cable, and that no other program reads it"
            raise SourceLost(kind="connection lost", place=self.where, cause=_cause(error), advice=advice) from error

    def _unavailable(self, path: str, error: Exception) -> SourceUnavailable:
        number, text, where = getattr(error, "errno", None), message(error), self.where
        if number in GONE or "FileNotFoundError" in text:
            return SourceUnavailable(kind="not found", place=where, advice=PLUG_IN)
        if number in BUSY or "PermissionError" in text:  # how Windows reports a port that is open elsewhere
            return SourceBusy(kind="busy", place=where, advice="Another program has it: end that one, or name another port")
        if number in DENIED:
            return SourceUnavailable(kind="permission denied", place=where, advice=denied(Path(path)))
        return SourceUnavailable(
            kind="cannot be opened", place=where, cause=_cause(error), expected="a serial port, socket://HOST:PORT or usb:VID:PID"
        )


def resolve(where: str) -> str:
    """Return the port of an address; :class:`SourceUnavailable` where none or several fit."""
    if not where.startswith(USB):
        return where
    found = USB_ADDRESS.fullmatch(where)
    if found is None:
        expected = "usb:VID:PID or usb:VID:PID:SERIAL with hexadecimal numbers, such as usb:0483:374b"
        raise ConfigError(kind="not a USB address", got=where, expected=expected)
    from serial.tools import list_ports  # noqa: PLC0415 - pyserial, only for such an address

    vid, pid, number = int(found[1], 16), int(found[2], 16), found[3]
    here = [port for port in list_ports.comports() if (port.vid, port.pid) == (vid, pid) and number in (None, port.serial_number)]
    if len(here) == 1:
        return str(here[0].device)
    if not here:
        raise SourceUnavailable(kind="not found", place=where, advice=PLUG_IN)
    numbers = ", ".join(f"{where}:{port.serial_number}" if port.serial_number else str(port.device) for port in here)
    raise SourceUnavailable(kind="several devices fit", place=where, got=str(len(here)), expected=f"one of {numbers}")


def _can_wait(port: serial.SerialBase) -> bool:
    """Whether the system can wait for a byte."""
    if sys.platform == "win32" and not hasattr(port, "_socket"):
        return False
    try:
        port.fileno()
    except (OSError, AttributeError):
        return False
    return True


def message(error: Exception) -> str:
    """Return an error's message on one line; its class where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _cause(error: Exception) -> str:
    """Return the system's text for an error of pyserial, without pyserial's own sentences."""
    number, text = getattr(error, "errno", None), message(error)
    if number is not None:
        return os.strerror(number)
    for part, meaning in LIBRARY_SENTENCES.items():
        if part in text:
            return meaning
    return "the system gives no reason" if isinstance(error, OSError) else type(error).__name__


def denied(path: Path) -> str:
    """Return advice that lets this user open a device file."""
    if sys.platform == "win32":
        return "Run it as a user who may"
    join = '`sudo usermod -aG {} "$USER"`, and log in again'
    try:
        facts = os.stat(path)  # noqa: PTH116 - a port's name may be no path
        group = grp.getgrgid(facts.st_gid).gr_name
    except (OSError, KeyError):
        return "Ask the administrator of this machine"
    if facts.st_mode & GROUP != GROUP or group == "root":
        rule = 'a udev rule such as SUBSYSTEM=="tty", GROUP="dialout", MODE="0660"'
        return f"Only its owner may open it: add {rule}, and yourself to that group: {join.format('dialout')}"
    return f"The group {group} may open it: {join.format(group)}"
