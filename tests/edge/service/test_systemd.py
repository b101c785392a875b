"""What a service manager hears, on a real socket."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest
from raman_edge.service import systemd
from raman_edge.service.systemd import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("there are service managers of this kind only where there are such sockets", allow_module_level=True)


class Manager:
    """A service manager's socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.0)

    def messages(self) -> list[str]:
        """Return the messages that have come; they are here when the sender returns."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A manager that listens."""
    made = Manager(str(tmp_path / "notify") if request.param == "file" else f"@raman-edge-{os.getpid()}-{tmp_path.name}")
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands until it is moved."""
    now = [100.0]
    monkeypatch.setattr(systemd, "monotonic", lambda: now[0])
    return now


def of(manager: Manager, **more: str) -> ServiceManager:
    """Return the service that this manager has started."""
    return ServiceManager.from_environment({"NOTIFY_SOCKET": manager.address, **more})


def test_states_are_sent_in_order(manager: Manager) -> None:
    """Ready, reloading with the time of the clock that the manager reads, ready again, stopping."""
    notifier = of(manager)
    before = time.monotonic_ns() // 1000
    notifier.ready()
    notifier.reloading()
    notifier.ready()
    notifier.stopping()
    first, reloading, again, last = manager.messages()
    assert (first, again, last) == ("READY=1", "READY=1", "STOPPING=1")
    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", reloading)
    assert found is not None
    assert before <= int(found[1]) <= time.monotonic_ns() // 1000


def test_alive_is_sent_twice_within_the_watchdogs_period(manager: Manager, clock: list[float]) -> None:
    """However often the loop turns."""
    notifier = of(manager, WATCHDOG_USEC="30000000")
    for second in range(60):
        clock[0] = 100.0 + second
        for _ in range(10):
            notifier.alive()
    assert manager.messages() == ["WATCHDOG=1"] * 4


def test_without_a_watchdog_nothing_is_sent(manager: Manager) -> None:
    """Nobody waits for it."""
    of(manager).alive()
    of(manager, WATCHDOG_USEC="0").alive()
    of(manager, WATCHDOG_USEC="1000", WATCHDOG_PID=str(os.getpid() + 1)).alive()
    assert manager.messages() == []
    of(manager, WATCHDOG_USEC="1000", WATCHDOG_PID=str(os.getpid())).alive()
    assert manager.messages() == ["WATCHDOG=1"]


def test_the_newest_status_is_sent_at_most_once_a_second(manager: Manager, clock: list[float]) -> None:
    """A backlog of hundreds a second costs the manager one message; the same text is not sent twice."""
    notifier = of(manager)
    for count in range(100):
        notifier.status(f"{count} answered")
        notifier.alive()
    clock[0] += 1.0
    notifier.alive()
    clock[0] += 5.0
    notifier.alive()
    assert manager.messages() == ["STATUS=0 answered", "STATUS=99 answered"]


def test_a_status_is_one_line_of_text(manager: Manager) -> None:
    """A file name in it can neither forge a message nor be no text."""
    notifier = of(manager)
    notifier.status("read bad\nWATCHDOG=1\udcff" + "x" * 1000)
    notifier.alive()
    (message,) = manager.messages()
    assert message.startswith("STATUS=read bad WATCHDOG=1\\udcffxxx")
    assert "\n" not in message
    assert len(message) < 250


def test_without_a_service_manager_nothing_is_sent() -> None:
    """Without a manager every call does nothing; nor does one that cannot be reached stop the work."""
    for notifier in (ServiceManager.from_environment({}), ServiceManager("/none/there", 1.0), ServiceManager("vsock:2:1", 1.0)):
        notifier.ready()
        notifier.status("x")
        notifier.alive()
        notifier.reloading()
        notifier.stopping()
    assert ServiceManager.from_environment({}).watchdog_s is None


def test_a_manager_that_comes_back_gets_messages_again(tmp_path: Path, clock: list[float]) -> None:
    """A manager that restarts itself misses a message, not the next one."""
    address = str(tmp_path / "notify")
    notifier = ServiceManager(address, 2.0)
    notifier.alive()
    manager = Manager(address)
    clock[0] += 1.0
    notifier.alive()
    assert manager.messages() == ["WATCHDOG=1"]
    manager.close()
