"""Where a simulated device is plugged in: a pseudo-terminal, or a TCP port where the system has none."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from raman_edge.errors import ConfigError, SourceUnavailable

if TYPE_CHECKING:
    from raman_edge.simulator.ptys import PtyPort

READ = 65_536
LOCAL = "127.0.0.1"
NAME = "ttyRAMAN"
"""Of the link that stands for a pseudo-terminal where no other was asked for."""


class Endpoint(Protocol):
    """The device's end. No call waits."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""

    def read(self) -> bytes | None:
        """Return what the host has sent, b"" where it has sent nothing, None where nobody is there."""

    def write(self, data: bytes) -> int:
        """Give bytes to the host; returns how many there was room for."""

    @property
    def rate(self) -> int | None:
        """The host's baud rate; None where there is no such thing."""

    def close(self) -> None:
        """Pull the cable."""


class EndpointFactory(Protocol):
    """A place to plug in, again and again."""

    @property
    def port(self) -> str:
        """What a host opens: the same every time."""

    def plug(self, baud: int) -> Endpoint:
        """Plug in; a host that sets no rate is taken to be at ``baud``. Raises :class:`SourceUnavailable` where that cannot be."""

    def clear(self) -> None:
        """Leave no trace."""


class PtyAt:
    """A link to a pseudo-terminal, as /dev/serial/by-id has them: a new terminal every time, the link stays the same."""

    def __init__(self, link: Path | None = None) -> None:
        """``link`` is made and replaced as needed; None is one in a temporary folder. :class:`ConfigError` where it is something else."""
        if os.name != "posix":
            msg = "this system has no pseudo-terminals: simulate on a TCP port instead (--tcp 7000)"
            raise ConfigError(msg)
        if link is not None and link.exists() and not link.is_symlink():
            msg = f"{str(link)!r} is there and is no link: it is not replaced; give another --link"
            raise ConfigError(msg)
        self._link = link
        self._folder: Path | None = None

    @property
    def port(self) -> str:
        """The link; in a temporary folder only once it is plugged in."""
        return str(self._link or NAME)

    def plug(self, baud: int) -> PtyPort:
        """Open a pseudo-terminal and let the link stand for it, at one stroke."""
        from raman_edge.simulator.ptys import PtyPort  # noqa: PLC0415 - termios, which Windows has not

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
            msg = f"the link {str(self._link)!r} cannot be made: {error.strerror}. Give a --link in a folder that can be written"
            raise SourceUnavailable(msg) from error
        return port

    def clear(self) -> None:
        """Remove the folder that was made for the link, which goes with its terminal."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


@dataclass(slots=True)
class TcpAt:
    """A TCP port; 0 is any that is free, and the same from then on."""

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
            msg = f"TCP port {self.number} of {self.host!r} cannot be listened on: {error.strerror or error}. Give another --tcp"
            raise SourceUnavailable(msg) from error
        self.number = listener.getsockname()[1]
        return TcpPort(listener)

    def clear(self) -> None:
        """Do nothing: a port that is closed leaves no trace."""


class TcpPort:
    """One host at a time; others are turned away while it is there."""

    rate = None

    def __init__(self, listener: socket.socket) -> None:
        listener.settimeout(0.0)
        self._listener = listener
        self._host: socket.socket | None = None

    def fileno(self) -> int:
        """Return the host's descriptor, the listener's where there is none."""
        return (self._host or self._listener).fileno()

    def read(self) -> bytes | None:
        """Return what the host has sent, None where there is none."""
        with contextlib.suppress(BlockingIOError):
            other, _ = self._listener.accept()
            if self._host is not None:
                other.close()
            else:
                other.settimeout(0.0)
                other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._host = other
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
        """Give bytes to the host; all of them are lost where it has gone."""
        try:
            return self._host.send(data) if self._host else len(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def close(self) -> None:
        """Close the connection and listen no more."""
        if self._host is not None:
            self._host.close()
        self._listener.close()
