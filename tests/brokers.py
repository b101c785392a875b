"""A small MQTT broker that does as a test wants: it limits packets in several ways, or is hostile."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT, PUBLISH, PUBREL, PINGREQ, DISCONNECT = 1, 3, 6, 12, 14


class Broker:
    """Accepts connections, serves each in a thread of its own, and notes what is published."""

    def __init__(self, limit: int = 2**28, *, announces: bool = False, how: str = "disconnect") -> None:
        """Take packets of at most ``limit`` bytes; ``how`` is what happens to a larger one: disconnect, puback or close."""
        self.limit, self.announces, self.how = limit, announces, how
        self.connections = 0
        self.published: list[tuple[str, str]] = []
        """Topic and payload."""
        self.too_large: list[int] = []
        """Sizes of packets that came all the same."""
        self.ends_after: int | None = None
        """So many more messages are taken before a connection is closed, once."""
        self.connect_properties = b""
        self.greet: Callable[[socket.socket], None] = lambda _: None
        """Called after CONNACK was sent."""
        self.connack: bytes | None = None
        """What is sent in its place."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)

    def payloads(self, topic: str) -> list[str]:
        """Return what was published there."""
        return [payload for where, payload in self.published if where == topic]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, suppress(OSError, EOFError):
            self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        version = 5
        while True:
            (first,) = _read(line, 1)
            length, digits = _length(line)
            body = _read(line, length)
            kind = first >> 4
            if kind == CONNECT:
                version = body[6]
                self.connect_properties = body[10:]
                line.sendall(self.connack if self.connack is not None else self._connack(version))
                self.greet(line)
            elif kind == PUBLISH and not self._publish(line, first, body, 1 + digits + length, version):
                return
            elif kind == PUBREL:
                line.sendall(b"\x70\x02" + body[:2])
            elif kind == PINGREQ:
                line.sendall(b"\xd0\x00")
            elif kind == DISCONNECT:
                return

    def _connack(self, version: int) -> bytes:
        if version != 5:
            return b"\x20\x02\x00\x00"
        properties = b"\x27" + struct.pack(">I", self.limit) if self.announces else b""
        return b"\x20" + bytes([3 + len(properties)]) + b"\x00\x00" + bytes([len(properties)]) + properties

    def _publish(self, line: socket.socket, first: int, body: bytes, size: int, version: int) -> bool:
        """Take a message; whether the connection goes on."""
        qos = first >> 1 & 3
        name = 2 + int.from_bytes(body[:2], "big")
        number = body[name : name + 2] if qos else b""
        if size > self.limit:
            self.too_large.append(size)
            if self.how == "puback":
                line.sendall(b"\x40\x03" + number + b"\x95")
                return True
            if self.how == "disconnect":
                line.sendall(b"\xe0\x01\x95")
            return False
        if self.ends_after is not None:
            self.ends_after -= 1
            if self.ends_after < 0:
                self.ends_after = None
                return False
        payload = body[name + len(number) + (1 if version == 5 else 0) :]
        self.published.append((body[2:name].decode(), payload.decode()))
        if qos == 1:
            line.sendall(b"\x40\x02" + number)
        elif qos:
            line.sendall(b"\x50\x02" + number)
        return True


def _read(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (part := line.recv(size - len(found))):
            raise EOFError
        found += part
    return found


def _length(line: socket.socket) -> tuple[int, int]:
    """Return a variable byte integer and how many bytes it has."""
    value = digits = 0
    while True:
        (byte,) = _read(line, 1)
        value |= (byte & 127) << 7 * digits
        digits += 1
        if not byte & 128:
            return value, digits
