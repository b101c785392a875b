"""Ports of a simulated device: a pseudo-terminal, or a TCP port where the system has none."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from raman_edge.errors import ConfigError, SourceUnavailable

if sys.platform != "win32":
    import termios
    import tty

READ = 65_536
LOCAL = "127.0.0.1"
NAME = "ttyRAMAN"
"""Default name of the link to a pseudo-terminal."""


class Endpoint(Protocol):
    """The device's end; no call blocks."""

    def fileno(self) -> int:
        """Return the descriptor to wait for."""

    def read(self) -> bytes | None:
        """Return the host's bytes, b"" where there are none, None where no host is there."""

    def write(self, data: bytes) -> int:
        """Send bytes to the host; return how many it had room for."""

    @property
    def rate(self) -> int | None:
        """The host's baud rate; None without one."""

    def close(self) -> None:
        """Pull the cable."""


class EndpointFactory(Protocol):
    """Makes an endpoint for every plug."""

    @property
    def port(self) -> str:
        """The address that a host opens, always the same."""

    def plug(self, baud: int) -> Endpoint:
        """Plug in; a host that sets no rate counts as at ``baud``. Raises :class:`SourceUnavailable` where it is impossible."""

    def clear(self) -> None:
        """Remove temporary files."""


class PtyAt:
    """A link to a pseudo-terminal, as in /dev/serial/by-id: the terminal is new with every plug, the link stays."""

    def __init__(self, link: Path | None = None) -> None:
        """``link`` is created and replaced as needed; None is one in a temporary folder. :class:`ConfigError` where it is no link."""
        if os.name != "posix":
            raise ConfigError(kind="no pseudo-terminals on this system", advice="Simulate on a TCP port instead (--tcp 7000)")
        if link is not None and link.exists() and not link.is_symlink():
            raise ConfigError(kind="exists and is no link", place=repr(str(link)), advice="Give another --link")
        self._link = link
        self._folder: Path | None = None

    @property
    def port(self) -> str:
        """The link; known once it is plugged in where it is in a temporary folder."""
        return str(self._link or NAME)

    def plug(self, baud: int) -> PtyPort:
        """Open a pseudo-terminal and point the link at it, atomically."""
        if self._link is None:
            self._folder = Path(tempfile.mkdtemp(prefix="raman-edge-"))
            self._link = self._folder / NAME
        port = PtyPort(self._link, baud)
        part = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        try:
            part.symlink_to(port.name)
            part.replace(self._link)
        except OSError as error:
            port.close()
            place, advice = repr(str(self._link)), "Give a --link in a writable folder"
            raise SourceUnavailable(kind="link cannot be made", place=place, cause=error.strerror or "an error", advice=advice) from error
        return port

    def clear(self) -> None:
        """Remove the temporary folder of the link."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


@dataclass(slots=True)
class TcpAt:
    """A TCP port; 0 is any free one, which then stays the same."""

    host: str = LOCAL
    number: int = 0

    @property
    def port(self) -> str:
        """As pyserial opens it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"socket://{host}:{self.number}"

    def plug(self, baud: int) -> TcpPort:
        """Listen."""
        _ = baud
        try:
            family = socket.getaddrinfo(self.host, self.number, type=socket.SOCK_STREAM)[0][0]
            listener = socket.create_server((self.host, self.number), family=family)
        except OSError as error:
            place, got = f"TCP port {self.number} of {self.host!r}", error.strerror or str(error)
            raise SourceUnavailable(kind="cannot listen", place=place, got=got, advice="Give another --tcp") from error
        self.number = listener.getsockname()[1]
        return TcpPort(listener)

    def clear(self) -> None:
        """Do nothing: a closed port leaves no files."""


def default_port() -> EndpointFactory:
    """Return a pseudo-terminal, or on Windows, which has none, a free TCP port of this machine."""
    return TcpAt() if sys.platform == "win32" else PtyAt()


class TcpPort:
    """One host at a time; further connections are closed."""

    rate = None

    def __init__(self, listener: socket.socket) -> None:
        listener.settimeout(0.0)
        self._listener = listener
        self._host: socket.socket | None = None

    def fileno(self) -> int:
        """Return the host's descriptor, the listener's where there is none."""
        return (self._host or self._listener).fileno()

    def read(self) -> bytes | None:
        """Return the host's bytes; None where no host is there."""
        is_known = self._host is not None
        data = self._received()  # first: a host that has gone keeps no other one away
        with contextlib.suppress(BlockingIOError):
            other, _ = self._listener.accept()
            if self._host is not None:
                other.close()
            else:
                other.settimeout(0.0)
                other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._host = other
        return data if is_known else self._received()

    def _received(self) -> bytes | None:
        if self._host is None:
            return None
        try:
            data = self._host.recv(READ)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._host.close()
            self._host = None
        return data or None

    def write(self, data: bytes) -> int:
        """Send bytes to the host; they are lost where it has gone."""
        try:
            return self._host.send(data) if self._host else len(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def close(self) -> None:
        """Close the connection and the listener."""
        if self._host is not None:
            self._host.close()
        self._listener.close()


SPEEDS = (
    {getattr(termios, name): int(name[1:]) for name in dir(termios) if name[0] == "B" and name[1:].isdigit()}
    if sys.platform != "win32"
    else {}
)
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
