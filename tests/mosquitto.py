"""A real broker, started and stopped by a test, and a subscriber that notes what comes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Self

import pytest
import scripted_outputs
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

if TYPE_CHECKING:
    from pathlib import Path

    from paho.mqtt.client import ConnectFlags, MQTTMessage
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

SYSTEM_FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"])
"""Debian puts servers where the path of a user does not lead."""


class Mosquitto:
    """One broker on a port of its own; what it has to keep it keeps in ``folder``, over restarts."""

    def __init__(self, folder: Path, *settings: str, listener: str = "", anonymous: bool = True) -> None:
        """``listener`` are settings of the port, such as its certificate."""
        self.folder = folder / "mosquitto"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        user = ["user root"] if os.getuid() == 0 else []  # else it changes to one that may not write here
        lines = [
            *user,
            "per_listener_settings false",
            f"allow_anonymous {str(anonymous).lower()}",
            "persistence true",
            f"persistence_location {self.folder}/",
            "max_queued_messages 0",
            *settings,
            f"listener {self.port} 127.0.0.1",
            listener,
        ]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> Self:
        """Start it and wait until it listens."""
        with (self.folder / "log").open("ab") as log:
            called = [program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]
            self._process = subprocess.Popen(called, stdout=log, stderr=log)
        scripted_outputs.wait_until(self._listens, "a broker that listens")
        return self

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, by this signal; with SIGTERM it keeps its sessions and messages."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0


class Subscriber:
    """Notes every message on a topic and below it; its session outlives the broker."""

    def __init__(self, broker: Mosquitto, topic: str) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        """Topic, payload, whether the broker had kept it, in the order of their arrival."""
        self._topic = f"{topic}/#"
        self._subscribed = False
        version = MQTTProtocolVersion.MQTTv311
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"subscriber{id(self)}", protocol=version, clean_session=False)
        self._client.on_connect, self._client.on_message, self._client.on_subscribe = self._connected, self._message, self._granted
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        scripted_outputs.wait_until(lambda: self._subscribed, "the subscription")

    def close(self) -> None:
        """End it."""
        self._client.disconnect()
        self._client.loop_stop()

    def payloads(self, topic: str) -> list[str]:
        """Return what came on this very topic."""
        return [payload for name, payload, _ in self.messages if name == topic]

    def _connected(self, client: Client, _: object, __: ConnectFlags, ___: ReasonCode, ____: Properties | None) -> None:
        client.subscribe(self._topic, qos=1)

    def _granted(self, _: Client, __: object, ___: int, ____: list[ReasonCode], _____: Properties | None) -> None:
        self._subscribed = True

    def _message(self, _: Client, __: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, message.payload.decode(), message.retain))


def program(name: str) -> str:
    """Return where a program of Mosquitto lies; the test is skipped where there is none."""
    found = shutil.which(name, path=SYSTEM_FOLDERS)
    if found is None:
        pytest.skip(f"no {name}: install Mosquitto (Debian: apt-get install mosquitto)")
    return found


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port
