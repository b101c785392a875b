"""A serial port, or what stands for one: opened for oneself alone, its errors told apart, its path looked up at every opening.

pyserial raises ``SerialException``, a bare ``OSError``, ``TypeError`` and ``termios.error`` for the same unplugged cable;
here all of them are :class:`SourceLost`.
"""

from __future__ import annotations

import errno
import re
import select
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError, SourceBusy, SourceLost, SourceUnavailable
from raman_edge.instruments.serial.port_errors import denied, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import serial

    from raman_edge.instruments.profiles.profile import Serial

USB = "usb:"
USB_ADDRESS = re.compile(r"usb:(?:0x)?([0-9a-fA-F]{1,4}):(?:0x)?([0-9a-fA-F]{1,4})(?::(.+))?")
"""``usb:VID:PID``, or ``usb:VID:PID:SERIAL`` where several of a kind are plugged in; hexadecimal."""
UNPACED = ("socket://", "loop://")
"""Addresses where there is no baud rate."""
WRITE_S = 2.0
"""How long a port may refuse to take bytes, s."""
POLL_S = 0.002
"""Between two looks at a port that cannot be waited for, s: those of Windows, and ``loop://``."""
MOST = 65_536
"""Bytes taken at once."""
GONE = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR})
BUSY = frozenset({errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK})
DENIED = frozenset({errno.EACCES, errno.EPERM})
FAILURES: tuple[type[Exception], ...] = (OSError, TypeError, ValueError)
"""What pyserial raises when a port is gone, cannot be had, or does not do what it is told."""
if sys.platform != "win32":
    import termios

    FAILURES = (*FAILURES, termios.error)
FLOW = {"none": (False, False), "rts-cts": (True, False), "xon-xoff": (False, True)}
"""``serial.flow`` → RTS/CTS, XON/XOFF."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is, and how it is waited for."""

    now: Callable[[], float] = time.monotonic
    """Seconds since any moment; never steps back."""
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
        """The host's rate; None where there is none, or the port is closed."""

    @property
    def paced(self) -> bool:
        """Whether there is a baud rate at all."""
        return not self.where.startswith(UNPACED)

    def open(self, baud: int) -> None:
        """Open it for this process alone; :class:`SourceUnavailable`, or :class:`SourceBusy` where another one has it."""
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
            for name, wish in (("dtr", line.dtr_on_open), ("rts", line.rts_on_open)):
                if wish != "keep":
                    setattr(port, name, wish == "raise")
            port.open()
        except FAILURES as error:
            raise self._unavailable(path, error) from error
        self._serial, self.baud = port, baud if self.paced else None
        self._waits = _can_wait(port)

    def close(self) -> None:
        """Close it, also where it is gone already."""
        port, self._serial, self.baud = self._serial, None, None
        if port is not None:
            with suppress(*FAILURES):
                port.close()

    @property
    def is_open(self) -> bool:
        """Whether it was opened and neither closed nor lost."""
        return self._serial is not None

    def set_baud(self, baud: int) -> None:
        """Change the host's rate in place: opening anew would raise DTR, which restarts boards."""
        with self._lost() as port:
            if self.paced:
                port.baudrate = baud
                self.baud = baud

    def write(self, data: bytes) -> None:
        """Send bytes, with ``byte_gap_ms`` between two of them where the device needs it; :class:`SourceLost`."""
        gap = self._line.byte_gap_ms / 1000
        with self._lost() as port:
            if not gap:
                port.write(data)
                return
            for byte in data:
                port.write(bytes((byte,)))
                self._clock.sleep(gap)

    def read(self, timeout_s: float) -> bytes:
        """Return what is there, or what comes first within ``timeout_s``; b"" where nothing does. :class:`SourceLost`."""
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
            msg = f"{self.where} is not open: open it before it is used"
            raise SourceLost(msg)
        try:
            yield self._serial
        except FAILURES as error:
            self.close()
            msg = f"{self.where} was open and is gone ({said(error)}): check its cable, and that no other program reads it"
            raise SourceLost(msg) from error

    def _unavailable(self, path: str, error: Exception) -> SourceUnavailable:
        number = getattr(error, "errno", None)
        text = said(error)
        if number in GONE or "FileNotFoundError" in text:
            return SourceUnavailable(f"{self.where} is not there: plug it in, or see `raman-edge instruments ports` for what is")
        if number in BUSY or "PermissionError" in text:  # as Windows says that a port is open elsewhere
            return SourceBusy(f"{self.where} is busy: another program has it; end that one, or give another port")
        if number in DENIED:
            return SourceUnavailable(f"{self.where} may not be used by this user: {denied(Path(path))}")
        return SourceUnavailable(f"{self.where} cannot be opened ({text}): expected a serial port, socket://HOST:PORT or usb:VID:PID")


def resolve(where: str) -> str:
    """Return the port that an address means now; :class:`SourceUnavailable` where none or several are plugged in."""
    if not where.startswith(USB):
        return where
    found = USB_ADDRESS.fullmatch(where)
    if found is None:
        msg = f"got {where}, expected usb:VID:PID or usb:VID:PID:SERIAL with hexadecimal numbers, such as usb:0483:374b"
        raise ConfigError(msg)
    from serial.tools import list_ports  # noqa: PLC0415 - only where a port is looked for

    vid, pid, number = int(found[1], 16), int(found[2], 16), found[3]
    here = [port for port in list_ports.comports() if (port.vid, port.pid) == (vid, pid) and number in (None, port.serial_number)]
    if len(here) == 1:
        return str(here[0].device)
    if not here:
        msg = f"{where} is not there: plug it in, or see `raman-edge instruments ports` for what is"
        raise SourceUnavailable(msg)
    numbers = ", ".join(f"{where}:{port.serial_number}" if port.serial_number else str(port.device) for port in here)
    msg = f"{where} are {len(here)}: say which, as one of {numbers}"
    raise SourceUnavailable(msg)


def _can_wait(port: serial.SerialBase) -> bool:
    """Whether the system can say when a byte is there."""
    if sys.platform == "win32" and not hasattr(port, "_socket"):
        return False
    try:
        port.fileno()
    except (OSError, AttributeError):
        return False
    return True
