"""Records to an MQTT broker: one message a record, confirmed before the cursor moves.

At qos 0 a broker confirms no message. It reads packets in their order, so the answer to a ping that was sent after some
messages shows that it has read them; without that answer they are sent again.

The payload is the record's line of JSON, on the topic that was given; beside it, on
``TOPIC/state``, the broker keeps ``online`` while we are connected and ``offline`` else
(also when the line breaks: it is our last will).
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from threading import Condition, Lock
from typing import TYPE_CHECKING, Literal, Self

from raman_edge.atomic_write import system_path
from raman_edge.errors import ConfigError, JournalDamaged, RecordsRefused, SinkError
from raman_edge.records import decode

try:
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
except ImportError as missing:
    raise ConfigError(
        kind="package not installed", place="output mqtt://", expected="paho-mqtt", advice="pip install 'raman-edge[mqtt]'"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from paho.mqtt.client import ConnectFlags, DisconnectFlags
    from paho.mqtt.reasoncodes import ReasonCode

    from raman_edge.journal import JournalRow
    from raman_edge.outputs.broker import Broker

KEEP_ALIVE_S = 30
"""A broker that hears nothing of us for one and a half times this long speaks our last will, s."""
PATIENCE_S = 15.0
"""How long a broker may be silent while a reply is awaited, s."""
STEADY_S = 1.0
"""How long a connection that was lost has to last before the record is sent again at which it was lost, s."""
MOST_ENDS = 3
"""So often a broker may end the connection at one record, sent alone and the largest so far, before that is left out."""
REASON_S = 1.0
"""How long the reason of a lost connection is waited for, s."""
IN_FLIGHT = 20
"""Messages that are on their way unconfirmed; fewer where the broker says so (MQTT 5, section 3.2.2.3.3)."""
LARGEST_PACKET = 2**28
"""Bytes; no packet of MQTT is larger (MQTT 5, section 2.1.4)."""
LARGEST_ANSWER = 2**17
"""Bytes of a packet that is read from a broker: an acknowledgement with the longest texts in it has less."""
ANSWERS = frozenset((0x20, 0x40, 0x50, 0x70, 0xD0, 0xE0))
"""First bytes of CONNACK, PUBACK, PUBREC, PUBCOMP, PINGRESP and DISCONNECT, without flags."""
MOST_ANSWERS, ANSWERS_A_MESSAGE = 1000, 3
"""Packets that are taken from a broker on one connection."""
PACKET_TOO_LARGE, TAKEN_OVER = 0x95, 0x8E
"""Reason codes (MQTT 5, section 2.4)."""
Message = tuple[str, str, bool]
"""Topic, payload, and whether the broker keeps it."""
VERSIONS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
"""By the name in the address."""


class Mqtt:
    """A broker; each opening is one connection."""

    remembers = True

    def __init__(self, broker: Broker) -> None:
        self.name = broker.name
        self._broker = broker
        self._line: _Connection | None = None
        self._learned = LARGEST_PACKET
        """Bytes of the largest packet that the broker may take, by what it refused since it was opened."""
        self._passed = 0
        """Bytes of the largest packet that it confirmed."""

    def __enter__(self) -> Self:
        self._learned = LARGEST_PACKET
        self._connect()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Publish every row and return when the broker has confirmed all; SinkError where it does not.

        Raises RecordsRefused where it has confirmed all but those that are larger than it takes.
        """
        left, refused = list(rows), []
        alone = False
        ended_at: Counter[int] = Counter()
        while True:
            most = min(self._line.largest, self._learned) if self._line else 0
            refused += [self._refusal(row, most, ended_at[row.seq]) for row in left if self._size(row) > most]
            left = [row for row in left if self._size(row) <= most]
            try:
                refused += [self._refusal(left[place]) for place in self._publish(left, alone=alone)]
                break
            except _Ended as error:
                ended = error
                on_the_way, left = [left[place] for place in ended.on_the_way], [left[place] for place in ended.unconfirmed]
            largest = max(on_the_way, key=self._size)
            if ended.by_size:  # one of those on the way was too large: then the largest of them is
                self._learned = self._size(largest) - 1
            elif alone:
                ended_at[largest.seq] += 1
                if ended_at[largest.seq] == MOST_ENDS:
                    if self._size(largest) <= self._passed:
                        raise ended
                    self._learned = self._size(largest) - 1
            alone = True
            self._reopen(steady=not ended.by_size)
        if refused:
            raise RecordsRefused(*refused)

    def _publish(self, rows: Sequence[JournalRow], *, alone: bool) -> list[int]:
        """Publish rows, and return the places of those that the broker refuses as too large."""
        if self._line is None:
            raise SinkError(kind="not connected", place=self.name)
        refused = self._line.publish([self._message(row) for row in rows], alone=alone)
        self._passed = max([self._passed, *(self._size(row) for place, row in enumerate(rows) if place not in refused)])
        return refused

    def _reopen(self, *, steady: bool) -> None:
        """Connect anew; with ``steady`` return only after the connection has lasted for a while."""
        self._connect()
        if steady and self._line is not None:
            self._line.last()

    def _connect(self) -> None:
        """Connect, after closing the connection that there may be: a broker ends the older of two with one client id."""
        if self._line is not None:
            self._line.close()
        self._line = _Connection(self._broker)
        try:
            self._line.connect()
        except BaseException:
            self._line.close()
            raise

    def _message(self, row: JournalRow) -> Message:
        return self._broker.topic, row.line, self._broker.retain

    def _size(self, row: JournalRow) -> int:
        return packet_bytes(self._broker, *self._message(row)[:2])

    def _refusal(self, row: JournalRow, most: int | None = None, ends: int = 0) -> str:
        """Return a line on a record that the broker does not take.

        ``most`` is how many bytes it takes, None is unknown; ``ends`` is how often it ended the connection at the record.
        """
        if ends == MOST_ENDS:
            takes = f"ended the connection {ends} times at it without a word, as brokers do at what is too large"
        else:
            takes = "refuses that as too large" if most is None or most == self._learned else f"takes at most {most}"
        return (
            f"record {row.id} ({_path_of(row)}) is {self._size(row)} bytes as an MQTT packet, and the broker {takes} (Maximum Packet "
            "Size): it is left out and stays in the journal. Raise the broker's limit"
        )


def packet_bytes(broker: Broker, topic: str, payload: str) -> int:
    """Return how many bytes the packet PUBLISH has (MQTT 5 and 3.1.1, section 3.3)."""
    length = 2 + len(topic.encode()) + (2 if broker.qos else 0) + (1 if broker.protocol == "5" else 0) + len(payload.encode())
    digits = 1
    while length >= 128**digits:
        digits += 1
    return 1 + digits + length


def _path_of(row: JournalRow) -> str:
    try:
        return decode(row.line).source.path
    except JournalDamaged:
        return "no record"


class _Ended(SinkError):
    """The broker ended the connection while messages were on their way."""

    def __init__(self, why: str, on_the_way: Sequence[int], unconfirmed: Sequence[int], *, by_size: bool) -> None:
        super().__init__(why)
        self.on_the_way = on_the_way
        """Places of the messages that were sent and not confirmed."""
        self.unconfirmed = unconfirmed
        """Places of the messages that are to be sent again, those among them."""
        self.by_size = by_size
        """Whether the broker reported that one was too large (reason code 0x95); the report is lost where it closes at once."""


class _Client(Client):
    """paho's client, which refuses packets from a broker that are longer than any it sends.

    paho reads a packet of 256 MB into memory, and keeps messages without a subscription. What it offers for limits is
    a request to the broker; these are the methods behind it.
    """

    fault: str | None = None
    """What the broker did that no broker does."""
    taken = 0
    """Packets of the broker."""
    sent = 0
    """Messages to it."""
    pings = pings_answered = 0
    """Those that paho sends by itself on a quiet connection are among them."""
    on_ping_answered: Callable[[], None]
    """Called after each answer."""
    _counting = Lock()

    def ping(self) -> int:
        """Send a ping, and return how many of all pings have to be answered until this one certainly is."""
        self._send_pingreq()
        return self.pings

    def _send_pingreq(self) -> MQTTErrorCode:
        with self._counting:
            self.pings += 1
        return super()._send_pingreq()

    def _handle_pingresp(self) -> MQTTErrorCode:
        code = super()._handle_pingresp()
        self.pings_answered += 1
        self.on_ping_answered()
        return code

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > LARGEST_ANSWER:
            self.fault = f"it sends a packet of {bufsize} bytes; at most {LARGEST_ANSWER} are taken"
            raise ConnectionError(self.fault)
        return super()._sock_recv(bufsize)

    def _packet_read(self) -> MQTTErrorCode:
        try:
            return super()._packet_read()
        except Exception as error:  # noqa: BLE001 - damaged bytes make the decoder raise anything
            self.fault = self.fault or f"it sends what cannot be decoded ({type(error).__name__})"
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _packet_write(self) -> MQTTErrorCode:
        code = super()._packet_write()
        if code == MQTTErrorCode.MQTT_ERR_CONN_LOST:
            self._packet_read()  # a broker that closes the line while we write has sent the reason before
        return code

    def _packet_handle(self) -> MQTTErrorCode:
        kind = self._in_packet["command"] & 0xF0
        self.taken += 1
        if kind not in ANSWERS:
            self.fault = f"it sends a packet of type {kind >> 4}, which no broker sends to who has not subscribed"
        elif self.taken > MOST_ANSWERS + ANSWERS_A_MESSAGE * self.sent + self.pings:
            self.fault = f"it sends {self.taken} packets in answer to {self.sent} messages"
        return MQTTErrorCode.MQTT_ERR_PROTOCOL if self.fault else super()._packet_handle()


class _Connection:
    """One connection, and the events that paho's thread reports of it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._changed = Condition()
        self._connected = False
        self._trouble: str | None = None
        """Why nothing can be sent any more."""
        self._confirmed: set[int] = set()
        self._refused: set[int] = set()
        """Those among them that the broker confirmed as too large."""
        self._ended: Literal["by size", "without a word"] | None = None
        """How the broker ended the connection."""
        self.largest = LARGEST_PACKET
        """Bytes of the largest packet that the broker accepts."""
        self._leaving = False
        self._window = IN_FLIGHT
        self._client = self._made()

    def _made(self) -> _Client:
        broker = self._broker
        version = VERSIONS[broker.protocol]
        client = _Client(CallbackAPIVersion.VERSION2, client_id=broker.client_id, protocol=version, reconnect_on_failure=False)
        client.will_set(broker.state_topic, "offline", qos=1, retain=True)
        if broker.user:
            client.username_pw_set(broker.user, broker.password)
        client.on_connect, client.on_disconnect, client.on_publish = self._on_connect, self._on_disconnect, self._on_publish
        client.on_ping_answered = self._notify
        return client

    def connect(self) -> None:
        """Connect and publish that this client is online; SinkError where the broker is absent or refuses."""
        broker = self._broker
        try:
            if broker.tls:
                self._client.tls_set(ca_certs=str(system_path(broker.ca)) if broker.ca else None)
            self._client.connect(broker.host, broker.port, KEEP_ALIVE_S, properties=_requests() if broker.protocol == "5" else None)
        except (OSError, ValueError) as error:  # also ssl.SSLError; an impossible host name is a ValueError
            advice = "Check that the broker runs there and the address is right"
            raise SinkError(kind="no connection", place=f"{broker.host} port {broker.port}", cause=str(error), advice=advice) from error
        self._client.loop_start()
        self._wait(lambda: self._connected)
        online = (broker.state_topic, "online", True)
        if (size := packet_bytes(broker, *online[:2])) > self.largest:
            self._lost(f"it takes packets of at most {self.largest} bytes, and {broker.state_topic!r} needs {size}: raise its limit")
        self.publish([online])

    def last(self) -> None:
        """Return after the connection has lasted for a while; SinkError where it does not."""
        with self._changed:
            self._changed.wait_for(lambda: self._trouble is not None, STEADY_S)
        self._raise_trouble()

    def publish(self, messages: Sequence[Message], *, alone: bool = False) -> list[int]:
        """Send messages, return when all are confirmed, and the places of those that the broker confirmed as too large.

        With ``alone`` each is sent when the one before is confirmed. Raises SinkError; _Ended where the broker ended the
        connection while some were on their way.
        """
        with self._changed:
            self._confirmed.clear()
            self._refused.clear()
        place_of: dict[int, int] = {}
        read = 0
        """So many of the messages the broker has read, as far as known at qos 0."""
        try:
            self._raise_trouble()
            for place, message in enumerate(messages):
                self._wait_for(place_of, 0 if alone else self._window - 1)
                place_of[self._send(*message)] = place
                if not self._broker.qos and (alone or place + 1 == len(messages)):
                    self._wait_until_read()
                    read = place + 1
            self._wait_for(place_of, 0)
        except SinkError as error:
            confirmed = {place_of[mid] for mid in self._confirmed & place_of.keys()} if self._broker.qos else set(range(read))
            on_the_way = sorted(set(place_of.values()) - confirmed)
            if self._ended is None or not on_the_way:
                raise
            unconfirmed = [place for place in range(len(messages)) if place not in confirmed]
            raise _Ended(str(error), on_the_way, unconfirmed, by_size=self._ended == "by size") from None
        return sorted(place_of[mid] for mid in self._refused & place_of.keys())

    def _send(self, topic: str, payload: str, retain: bool) -> int:  # noqa: FBT001 - a message
        """Hand a message to paho and return its number."""
        sent = self._client.publish(topic, payload, self._broker.qos, retain)
        self._client.sent += 1
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            with self._changed:  # paho's thread knows the reason, or will soon
                self._changed.wait_for(lambda: self._trouble is not None, REASON_S)
            self._lost(f"a message was not taken ({sent.rc.name})")
        return sent.mid

    def _wait_until_read(self) -> None:
        """Wait until the broker has read everything that was sent."""
        number = self._client.ping()
        self._wait(lambda: self._client.pings_answered >= number)

    def _wait_for(self, sent: Mapping[int, int], most: int) -> None:
        """Wait until at most so many of the messages that were ``sent`` are not confirmed."""
        self._wait(lambda: len(sent) - len(self._confirmed & sent.keys()) <= most)

    def close(self) -> None:
        """Say that we go, if anybody listens; end paho's thread."""
        if self._connected and self._trouble is None:
            with suppress(SinkError):
                self.publish([(self._broker.state_topic, "offline", True)])
        self._leaving = True
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, happened: Callable[[], bool]) -> None:
        """Wait for events of paho's thread; SinkError for trouble, or where nothing is confirmed in time."""
        before = len(self._confirmed)
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while not happened() and self._trouble is None:
                if len(self._confirmed) > before:
                    before, until = len(self._confirmed), time.monotonic() + PATIENCE_S
                if not self._changed.wait(until - time.monotonic()):
                    self._trouble = f"it does not answer: nothing came for {PATIENCE_S:g} s"
        self._raise_trouble()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            place = f"broker at {self._broker.host} port {self._broker.port}"
            raise SinkError(kind="broker trouble", place=place, cause=self._trouble)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _lost(self, why: str) -> None:
        with self._changed:
            self._trouble = self._trouble or why
            self._changed.notify_all()

    def _on_connect(self, _: Client, __: object, ___: ConnectFlags, code: ReasonCode, facts: Properties | None) -> None:
        if code.is_failure:
            hint = "; a broker that knows only MQTT 3.1.1 needs ?protocol=3.1.1" if "protocol" in str(code).lower() else ""
            self._lost(f"it refuses us ({code}): check user, password and the broker's rules{hint}")
        self._window = max(1, min(IN_FLIGHT, getattr(facts, "ReceiveMaximum", IN_FLIGHT)))
        self.largest = min(LARGEST_PACKET, getattr(facts, "MaximumPacketSize", LARGEST_PACKET))
        with self._changed:
            self._connected = not code.is_failure
            self._changed.notify_all()

    def _on_disconnect(self, _: Client, __: object, flags: DisconnectFlags, code: ReasonCode, ____: Properties | None) -> None:
        if flags.is_disconnect_packet_from_server:
            self._ended = "by size" if code.value == PACKET_TOO_LARGE else None
        elif self._ended is None and not self._client.fault and not self._leaving and self._trouble is None:
            self._ended = "without a word"
        if self._client.fault:
            self._lost(f"{self._client.fault}. Check that a broker listens there")
            return
        why = f"it ends the connection ({code})" if flags.is_disconnect_packet_from_server else "the connection is lost"
        advice = f". Where that happens often another program may use the client id {self._broker.client_id}: give one with ?client="
        self._lost(why + ("" if flags.is_disconnect_packet_from_server and code.value != TAKEN_OVER else advice))

    def _on_publish(self, _: Client, __: object, number: int, code: ReasonCode, ___: Properties | None) -> None:
        too_large = code.is_failure and code.value == PACKET_TOO_LARGE
        if code.is_failure and not too_large:
            self._lost(f"it refuses a message on {self._broker.topic!r} ({code}): check the broker's rules")
        with self._changed:
            self._confirmed.add(number)
            if too_large:
                self._refused.add(number)
            self._changed.notify_all()


def _requests() -> Properties:
    """Return the limits that a broker of version 5 is requested to observe."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates the rest
    properties.MaximumPacketSize = LARGEST_ANSWER
    properties.RequestProblemInformation = 0
    return properties
