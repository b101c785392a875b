"""Records to an MQTT broker: one message a record, confirmed before the cursor moves.

The payload is the record's line of JSON, on the topic that was given; beside it, on
``TOPIC/state``, the broker keeps ``online`` while we are connected and ``offline`` else
(also when the line breaks: it is our last will).
"""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Condition
from typing import TYPE_CHECKING, Self

from raman_edge.errors import ConfigError, SinkError

try:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
except ImportError as missing:
    msg = "an output mqtt:// needs paho-mqtt, which is not installed: pip install 'raman-edge[mqtt]'"
    raise ConfigError(msg) from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from paho.mqtt.client import ConnectFlags, DisconnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from raman_edge.journal import Row
    from raman_edge.sinks.broker import Broker

KEEP_ALIVE_S = 30
"""A broker that hears nothing of us for one and a half times this long speaks our last will, s."""
PATIENCE_S = 15.0
"""How long a broker may say nothing while we wait for it, s."""
IN_FLIGHT = 20
"""Messages that are on their way unconfirmed; fewer where the broker says so (MQTT 5, section 3.2.2.3.3)."""
VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
"""By the name in the address."""


class Mqtt:
    """A broker; each opening is one connection."""

    remembers = True

    def __init__(self, broker: Broker) -> None:
        self.name = broker.name
        self._broker = broker
        self._line: _Line | None = None

    def __enter__(self) -> Self:
        self._line = _Line(self._broker)
        try:
            self._line.connect()
        except BaseException:
            self._line.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    def send(self, rows: Sequence[Row]) -> None:
        """Publish every row and return when the broker has confirmed all; SinkError where it does not."""
        if self._line is None:
            raise SinkError(f"{self.name} is not connected")
        self._line.publish((self._broker.topic, row.line, self._broker.retain) for row in rows)


class _Line:
    """One connection, and what paho's thread tells of it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._changed = Condition()
        self._connected = False
        self._trouble: str | None = None
        """Why nothing can be sent any more."""
        self._confirmed: set[int] = set()
        self._window = IN_FLIGHT
        self._client = self._made()

    def _made(self) -> Client:
        broker = self._broker
        version = VERSIONS[broker.protocol]
        client = Client(CallbackAPIVersion.VERSION2, client_id=broker.client_id, protocol=version, reconnect_on_failure=False)
        client.will_set(broker.state_topic, "offline", qos=1, retain=True)
        if broker.user:
            client.username_pw_set(broker.user, broker.password)
        client.on_connect, client.on_disconnect, client.on_publish = self._on_connect, self._on_disconnect, self._on_publish
        return client

    def connect(self) -> None:
        """Connect and say that we are there; SinkError where the broker is not, or refuses us."""
        broker = self._broker
        try:
            if broker.tls:
                self._client.tls_set(ca_certs=str(broker.ca) if broker.ca else None)
            self._client.connect(broker.host, broker.port, KEEP_ALIVE_S)
        except (OSError, ValueError) as error:  # also ssl.SSLError; an impossible host name is a ValueError
            msg = f"no connection to {broker.host} port {broker.port}: {error}. Check that the broker runs there and the address is right"
            raise SinkError(msg) from error
        self._client.loop_start()
        self._wait(lambda: self._connected)
        self.publish([(broker.state_topic, "online", True)])

    def publish(self, messages: Iterable[tuple[str, str, bool]]) -> None:
        """Send messages (topic, payload, to be kept), and return when all are confirmed."""
        with self._changed:
            self._confirmed.clear()
        self._raise_trouble()
        waiting: set[int] = set()
        for topic, payload, retain in messages:
            while len(waiting) >= self._window:
                waiting = self._still_unconfirmed(waiting)
            sent = self._client.publish(topic, payload, self._broker.qos, retain)
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._lost(f"a message was not taken ({sent.rc.name})")
            waiting.add(sent.mid)
        while waiting:
            waiting = self._still_unconfirmed(waiting)

    def _still_unconfirmed(self, waiting: set[int]) -> set[int]:
        """Return which of ``waiting`` are not confirmed, as soon as some are."""
        self._wait(lambda: not self._confirmed.isdisjoint(waiting))
        return waiting - self._confirmed

    def close(self) -> None:
        """Say that we go, if anybody listens; end paho's thread."""
        if self._connected and self._trouble is None:
            with suppress(SinkError):
                self.publish([(self._broker.state_topic, "offline", True)])
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, happened: Callable[[], bool]) -> None:
        """Wait for what paho's thread tells; SinkError for trouble, or where nothing happens in time."""
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while not happened() and self._trouble is None:
                if not self._changed.wait(until - time.monotonic()):
                    self._trouble = f"it does not answer: nothing came for {PATIENCE_S:g} s"
        self._raise_trouble()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            msg = f"the broker at {self._broker.host} port {self._broker.port}: {self._trouble}"
            raise SinkError(msg)

    def _lost(self, why: str) -> None:
        with self._changed:
            self._trouble = self._trouble or why
            self._changed.notify_all()

    def _on_connect(self, _: Client, __: object, ___: ConnectFlags, code: ReasonCode, facts: Properties | None) -> None:
        if code.is_failure:
            hint = "; a broker that knows only MQTT 3.1.1 needs ?protocol=3.1.1" if "protocol" in str(code).lower() else ""
            self._lost(f"it refuses us ({code}): check user, password and the broker's rules{hint}")
        self._window = min(IN_FLIGHT, getattr(facts, "ReceiveMaximum", IN_FLIGHT))
        with self._changed:
            self._connected = not code.is_failure
            self._changed.notify_all()

    def _on_disconnect(self, _: Client, __: object, flags: DisconnectFlags, code: ReasonCode, ____: Properties | None) -> None:
        why = f"it ends the connection ({code})" if flags.is_disconnect_packet_from_server else "the connection is lost"
        self._lost(
            f"{why}. Where that happens often another program may use the client id {self._broker.client_id}: give one with ?client="
        )

    def _on_publish(self, _: Client, __: object, number: int, code: ReasonCode, ___: Properties | None) -> None:
        if code.is_failure:
            self._lost(f"it refuses a message on {self._broker.topic!r} ({code}): check the broker's rules")
        with self._changed:
            self._confirmed.add(number)
            self._changed.notify_all()
