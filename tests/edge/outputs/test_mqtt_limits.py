"""MQTT brokers that limit the size of packets, and hostile ones."""

from __future__ import annotations

import threading
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import scripted_outputs
from brokers import Broker
from markers import slow
from mosquitto import Mosquitto, Subscriber
from raman_edge.errors import RecordsRefused, SinkError
from raman_edge.journal import Journal
from raman_edge.outputs import broker, mqtt, opened
from raman_edge.outputs.forwarding import Forwarding
from raman_edge.outputs.mqtt import packet_bytes

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from raman_edge.journal import JournalRow
    from raman_edge.outputs import Sink

TOPIC = "lab/raman"


def sink_to(port: int, options: str = "") -> Sink:
    """Return the sink of this broker."""
    return opened(f"mqtt://127.0.0.1:{port}/{TOPIC}{options}", scripted_outputs.Alone())


def large(number: int, characters: int = 5000) -> JournalRow:
    """Return the row of a record that is too large."""
    return scripted_outputs.row(number, scripted_outputs.result(number, why=("x" * characters,)))


def size(row: JournalRow, options: str = "") -> int:
    """Return how large its packet is."""
    return packet_bytes(broker.parse(f"mqtt://h/{TOPIC}{options}"), TOPIC, row.line)


ROWS = [*scripted_outputs.rows(30), large(31), *scripted_outputs.rows(10, first=32), large(42, 9000), scripted_outputs.row(43)]
SMALL = [row.id for row in ROWS if row.seq not in {31, 42}]


QOS = ["", "?qos=2", "?qos=0"]
WAYS = [
    ("announced", ""),
    ("puback", ""),
    ("disconnect", ""),
    ("close", "?qos=0"),
    *slow(("disconnect", "?qos=0"), ("close", "")),
    *slow(*(("announced", options) for options in QOS[1:])),
    *slow(*((how, options) for how in ("disconnect", "close") for options in ("?qos=2", "?protocol=3.1.1", "?protocol=3.1.1&qos=0"))),
]
"""What a broker does with a record that is too large, and the options of the address, where the protocol has both."""


@pytest.mark.parametrize(("how", "options"), WAYS)
def test_a_record_that_is_too_large_is_named(how: str, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records that a broker does not take are named with the limit, in a line each, and all others arrive."""
    monkeypatch.setattr(mqtt, "STEADY_S", 0.1)
    with Broker(3000, announces=how == "announced", how=how) as limited, sink_to(limited.port, options) as sink:
        with pytest.raises(RecordsRefused) as refused:
            sink.send(ROWS)
        sink.send([scripted_outputs.row(44)])
        scripted_outputs.wait_until(lambda: scripted_outputs.row(44).line in limited.payloads(TOPIC), "the next record")
        arrived = scripted_outputs.first_times(scripted_outputs.ids(limited.payloads(TOPIC)))
    lines = sorted(refused.value.args)
    assert len(lines) == 2
    for line, row in zip(lines, (ROWS[30], ROWS[41]), strict=True):
        assert row.id in line
        assert f"/in/{row.seq}.csv" in line
        assert f"{size(row, options)} bytes" in line
        assert ("at most 3000" if how == "announced" else "too large") in line
    assert set(arrived) == {*SMALL, scripted_outputs.row(44).id}
    assert bool(limited.too_large) == (how != "announced")


@pytest.mark.parametrize("how", ["disconnect", "close"])
def test_a_small_record_is_not_blamed_for_a_large_one_before_it(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At qos 0 a batch is over when the broker has read it: what ends the connection is a record of this batch, not of the next."""
    monkeypatch.setattr(mqtt, "STEADY_S", 0.05)
    with Broker(3000, how=how) as limited, sink_to(limited.port, "?qos=0") as sink:
        for number in range(1, 9, 2):
            with pytest.raises(RecordsRefused) as refused:
                sink.send([large(number)])
            assert [large(number).id in line for line in refused.value.args] == [True]
            sink.send([scripted_outputs.row(number + 1)])
        assert scripted_outputs.ids(limited.payloads(TOPIC)) == [scripted_outputs.row(number).id for number in range(2, 9, 2)]


@pytest.mark.parametrize("options", QOS)
def test_what_a_broker_had_not_read_is_sent_again(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that ends in the middle of a batch loses no record, at any qos."""
    monkeypatch.setattr(mqtt, "STEADY_S", 0.05)
    rows = scripted_outputs.rows(40)
    with Broker() as broken, sink_to(broken.port, options) as sink:
        broken.ends_after = 13
        sink.send(rows)
        assert broken.connections == 2
        assert scripted_outputs.first_times(scripted_outputs.ids(broken.payloads(TOPIC))) == [row.id for row in rows]


def test_a_sink_that_is_opened_again_closes_its_connection() -> None:
    """A sink has one connection, also where it is opened twice: the first is closed, with its thread."""
    with Broker() as twice:
        sink = sink_to(twice.port)
        with sink, sink:
            sink.send([scripted_outputs.row(1)])
            assert len([thread for thread in threading.enumerate() if "paho" in thread.name]) == 1
        assert twice.connections == 2
        assert twice.payloads(f"{TOPIC}/state") == ["online", "offline"] * 2


def test_a_quiet_connection_may_answer_many_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night without a record, in which the broker answers a ping each half minute, is no flood of packets."""
    monkeypatch.setattr(mqtt, "MOST_ANSWERS", 10)
    with Broker() as quiet, sink_to(quiet.port) as sink:
        assert isinstance(sink, mqtt.Mqtt)
        assert sink._line is not None
        client = sink._line._client
        for _ in range(100):
            client.ping()
        scripted_outputs.wait_until(lambda: client.pings_answered == 100, "the answers")
        sink.send([scripted_outputs.row(1)])
        assert quiet.connections == 1


def test_the_limit_is_exact() -> None:
    """A packet of exactly as many bytes as the broker takes is sent, and one of a byte more is not."""
    row = scripted_outputs.row(1)
    for more, taken in ((0, True), (-1, False)):
        with Broker(size(row) + more, announces=True) as limited, sink_to(limited.port) as sink:
            if taken:
                sink.send([row])
            else:
                with pytest.raises(RecordsRefused):
                    sink.send([row])
            assert not limited.too_large


def test_one_line_in_a_run_and_later_records_pass(tmp_path: Path) -> None:
    """In a run a record that is too large costs one line of news, no trouble, and nothing is owed."""
    path = tmp_path / "journal.sqlite3"
    scripted_outputs.write(path, 0)
    notes: list[str] = []
    with Broker(3000) as limited:
        deliveries = Forwarding(lambda: Journal.open(path), notes.append, threading.Event())
        deliveries.add_sink(sink_to(limited.port))
        with deliveries, Journal.open(path) as journal:
            journal.write([scripted_outputs.JournalEntry(scripted_outputs.result(1, why=("x" * 5000,)), None)], **scripted_outputs.RUN)
            deliveries.wake()
            scripted_outputs.wait_until(lambda: bool(notes), "a line")
            journal.write([scripted_outputs.JournalEntry(scripted_outputs.result(2), None)], **scripted_outputs.RUN)
            deliveries.wake()
            scripted_outputs.wait_until(
                lambda: scripted_outputs.ids(limited.payloads(TOPIC)) == [scripted_outputs.row(2).id], "the next record"
            )
    assert len(notes) == 1
    assert "too large" in notes[0]
    assert (deliveries.owed(), deliveries.refused()) == (0, 1)


def test_a_broker_that_takes_next_to_nothing() -> None:
    """Where not even the state fits, the message says how much it needs."""
    with Broker(20, announces=True) as limited, pytest.raises(SinkError, match=r"at most 20 bytes.*needs \d+"):
        sink_to(limited.port).__enter__()


@pytest.mark.parametrize(("version", "qos"), [("5", 1), *slow(("5", 0), ("3.1.1", 1), ("3.1.1", 0))])
def test_mosquitto_with_a_limit(tmp_path: Path, version: str, qos: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real broker of version 5 announces its limit, one of 3.1.1 ends the connection without a word; what fits arrives."""
    monkeypatch.setattr(mqtt, "STEADY_S", 0.1)
    running = Mosquitto(tmp_path, "max_packet_size 3000").start()
    subscriber = Subscriber(running, TOPIC)
    with sink_to(running.port, f"?protocol={version}&qos={qos}") as sink:
        with pytest.raises(RecordsRefused) as refused:
            sink.send(ROWS)
        scripted_outputs.wait_until(lambda: len(set(subscriber.payloads(TOPIC))) >= len(SMALL), "all that fit")
    assert scripted_outputs.first_times(scripted_outputs.ids(subscriber.payloads(TOPIC))) == SMALL
    assert len(refused.value.args) == 2
    assert ("at most 3000" in refused.value.args[0]) == (version == "5")
    subscriber.close()
    running.stop()


@pytest.mark.parametrize("options", QOS)
def test_a_connection_that_breaks_is_no_limit(options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a broker ends the connection at a record no larger than those that it took, nothing is left out."""
    monkeypatch.setattr(mqtt, "STEADY_S", 0.05)
    with Broker() as moody, sink_to(moody.port, options) as sink:
        sink.send(scripted_outputs.rows(5))
        moody.limit, moody.how = 100, "close"
        with pytest.raises(SinkError, match="connection is lost") as raised:
            sink.send(scripted_outputs.rows(3, first=6))
        assert not isinstance(raised.value, RecordsRefused)


def test_mosquitto_that_confirms_and_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real broker with a limit on messages says that a record is too large, by whatever packet, and the others arrive."""
    monkeypatch.setattr(mqtt, "STEADY_S", 0.1)
    running = Mosquitto(tmp_path, "message_size_limit 2500").start()
    subscriber = Subscriber(running, TOPIC)
    with sink_to(running.port) as sink:
        with pytest.raises(RecordsRefused) as refused:
            sink.send(ROWS)
        scripted_outputs.wait_until(lambda: len(set(subscriber.payloads(TOPIC))) >= len(SMALL), "all that fit")
    assert len(refused.value.args) == 2
    assert scripted_outputs.first_times(scripted_outputs.ids(subscriber.payloads(TOPIC))) == SMALL
    subscriber.close()
    running.stop()


# Hostile brokers


def flood(packet: bytes) -> Callable[[socket.socket], None]:
    """Send a packet for ever."""

    def send(line: socket.socket) -> None:
        while True:
            line.sendall(packet * 100)

    return send


HUGE = b"\x30\xff\xff\xff\x7f"
"""The beginning of a PUBLISH of 256 MB."""
HOSTILE = {
    "a huge packet": (None, lambda line: line.sendall(HUGE + bytes(100_000)), "bytes; at most"),
    "a huge acknowledgement": (None, lambda line: line.sendall(b"\x40\xff\xff\xff\x7f" + bytes(100_000)), "bytes; at most"),
    "messages for ever": (None, flood(b"\x34\x07\x00\x01t\x00\x01\x00x"), "type 3"),
    "pings for ever": (None, flood(b"\xc0\x00"), "type 12"),
    "acknowledgements for ever": (None, flood(b"\x40\x02\xff\xff"), "packets in answer to"),
    "a damaged packet": (None, lambda line: line.sendall(b"\x40\x01\x00" * 3), "decoded|lost"),
    "a damaged greeting": (b"\x20\x05\x00\x00\x7f\xff\xff", lambda _: None, "decoded|lost"),
    "an unknown property": (b"\x20\x06\x00\x00\x03\x7f\x00\x00", lambda _: None, "decoded|lost"),
    "a window of nothing": (b"\x20\x06\x00\x00\x03\x21\x00\x00", lambda _: None, "decoded|lost"),
    "no type at all": (None, lambda line: line.sendall(b"\x00\x00"), "type 0"),
    "half a packet": (None, lambda line: line.sendall(b"\x40\x0a\x00"), "does not answer"),
}


def send_in_a_while(port: int) -> None:
    """Connect, let the broker do what it does, for a second at most, and publish."""
    with sink_to(port) as sink:
        for _ in range(100):
            sink.send(())
            time.sleep(0.01)
        sink.send(scripted_outputs.rows(3))


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_broker(what: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a broker sends, it ends soon as trouble with a reason, takes no memory, and prints nothing."""
    monkeypatch.setattr(mqtt, "PATIENCE_S", 1.0 if what == "half a packet" else 20.0)  # the others are noticed sooner
    connack, greet, why = HOSTILE[what]
    with Broker() as hostile:
        hostile.connack, hostile.greet = connack, greet
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(SinkError, match=why):
            send_in_a_while(hostile.port)
        assert time.monotonic() - began < 30
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()
    assert not [thread.name for thread in threading.enumerate() if "paho" in thread.name]
    assert capfd.readouterr().err == ""


def test_the_broker_gets_the_largest_packet_size() -> None:
    """A broker of version 5 gets a limit for packets and no request for texts."""
    with Broker() as polite, sink_to(polite.port) as sink:
        sink.send(())
        assert b"\x27" + mqtt.LARGEST_ANSWER.to_bytes(4, "big") in polite.connect_properties
