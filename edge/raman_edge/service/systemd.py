"""Notifications to the service manager: ready, alive, reloading, stopping (sd_notify(3)).

Datagrams to the socket that ``NOTIFY_SOCKET`` names; without one nothing is sent, so that the
same program runs by hand and on other systems. A manager that does not listen never stops
the work: its watchdog detects what it does not receive.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_S = 1.0
"""Shortest time between two changes of the status, s: a person reads it."""
SEND_S = 1.0
"""How long a datagram waits for a busy manager, s."""
SHOWN = 200
"""Most characters of a status."""


@dataclass(slots=True)
class ServiceManager:
    """The service manager of this process, or none."""

    address: str = ""
    """Address of its socket: a path, or ``@name`` (a socket without a file); empty is no manager."""
    watchdog_s: float | None = None
    """It ends the process after this long without a notification, s; None is never."""
    _next_alive: float = field(default=0.0, init=False)
    _next_status: float = field(default=0.0, init=False)
    _sent: str = field(default="", init=False)
    _wanted: str = field(default="", init=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> ServiceManager:
        """Return the manager that started this process; a watchdog for another ``pid`` is ignored."""
        period, whose = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
        ours = whose in {"", str(os.getpid() if pid is None else pid)}
        return cls(environ.get("NOTIFY_SOCKET", ""), int(period) / 1e6 if ours and period.isdecimal() and int(period) else None)

    def ready(self) -> None:
        """Notify that the work has begun, or goes on after :meth:`reloading`."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Notify that settings are read again; :meth:`ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Notify that the end has begun."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the status, one line; the next :meth:`alive` sends it, at most once a second."""
        self._wanted = " ".join(text.split())[:SHOWN]

    def alive(self) -> None:
        """Notify that the work goes on, twice within the watchdog's period; a call in between costs nothing."""
        if not self.address:
            return
        now = monotonic()
        if self.watchdog_s is not None and now >= self._next_alive:
            self._next_alive = now + self.watchdog_s / 2
            self._send("WATCHDOG=1")
        if self._wanted != self._sent and now >= self._next_status:
            self._next_status = now + STATUS_S
            self._sent = self._wanted
            self._send(f"STATUS={self._sent}")

    def _send(self, *lines: str) -> None:
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.settimeout(SEND_S)
            manager.sendto("\n".join(lines).encode("utf-8", "backslashreplace"), address)
