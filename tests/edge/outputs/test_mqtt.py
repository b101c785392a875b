"""MQTT against a real Mosquitto: down, killed, restarted, with passwords, rules and certificates."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import certificates
import command
import mosquitto
import pytest
import scripted_outputs
from contracts.sink_contract import SinkContract
from markers import slow
from mosquitto import Mosquitto, Subscriber
from raman_edge.errors import SinkError
from raman_edge.journal import Journal
from raman_edge.outputs import broker, mqtt, opened
from raman_edge.outputs.forwarding import Forwarding
from raman_edge.outputs.mqtt import Mqtt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.outputs import Sink

TOPIC = "lab/raman"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker without passwords."""
    made = Mosquitto(tmp_path).start()
    yield made
    made.stop()


@pytest.fixture
def subscriber(running: Mosquitto) -> Iterator[Subscriber]:
    """Who notes what comes."""
    made = Subscriber(running, TOPIC)
    yield made
    made.close()


def sink_to(running: Mosquitto, options: str = "") -> Sink:
    """Return the sink of this broker."""
    return opened(f"mqtt://127.0.0.1:{running.port}/{TOPIC}{options}", scripted_outputs.Alone())


class TestMqtt(SinkContract):
    """A broker of version 5."""

    options = ""

    @pytest.fixture(autouse=True)
    def broker_and_subscriber(self, running: Mosquitto, subscriber: Subscriber) -> None:
        """Both run."""
        self.running, self.subscriber = running, subscriber

    def sink(self, folder: Path) -> Sink:  # noqa: ARG002 - the broker is in it
        """Return the sink."""
        return sink_to(self.running, self.options)

    def arrived(self, folder: Path, least: int) -> list[str]:  # noqa: ARG002
        """Return the ids that came to the subscriber."""
        scripted_outputs.wait_until(lambda: len(set(self.subscriber.payloads(TOPIC))) >= least, f"{least} different records")
        return scripted_outputs.ids(self.subscriber.payloads(TOPIC))

    def take_away(self, folder: Path) -> None:  # noqa: ARG002
        """End the broker."""
        self.running.stop()

    def bring_back(self, folder: Path) -> None:  # noqa: ARG002
        """Start it again."""
        self.running.start()


@pytest.mark.slow
class TestMqtt311(TestMqtt):
    """A broker of version 3.1.1, exactly once to it."""

    options = "?protocol=3.1.1&qos=2"


def test_what_is_published(running: Mosquitto, subscriber: Subscriber) -> None:
    """The payload is the journal's line, byte for byte; beside it the broker keeps whether we are there."""
    with sink_to(running) as sink:
        sink.send(scripted_outputs.rows(2))
        scripted_outputs.wait_until(lambda: len(subscriber.messages) == 3, "three messages")
    scripted_outputs.wait_until(lambda: len(subscriber.messages) == 4, "a farewell")
    assert subscriber.payloads(TOPIC) == [row.line for row in scripted_outputs.rows(2)]
    assert subscriber.payloads(f"{TOPIC}/state") == ["online", "offline"]
    late = Subscriber(running, f"{TOPIC}/state")
    scripted_outputs.wait_until(lambda: bool(late.messages), "what the broker keeps")
    late.close()
    assert late.messages == [(f"{TOPIC}/state", "offline", True)]


def test_the_newest_record_is_retained_on_request(running: Mosquitto) -> None:
    """With ?retain=1 who subscribes later gets the newest record at once."""
    with sink_to(running, "?retain=1") as sink:
        sink.send(scripted_outputs.rows(3))
    late = Subscriber(running, TOPIC)
    scripted_outputs.wait_until(lambda: bool(late.payloads(TOPIC)), "what the broker keeps")
    late.close()
    assert late.payloads(TOPIC) == [scripted_outputs.row(3).line]


DELIVER = ("forward", "--journal")


def test_killed_we_leave_a_will(running: Mosquitto, subscriber: Subscriber, tmp_path: Path) -> None:
    """Who is killed is offline for everybody who looks, and goes on where the broker had confirmed."""
    path = tmp_path / "journal.sqlite3"
    written = scripted_outputs.write(path, 500)
    call = (*DELIVER, path, "--output", f"mqtt://127.0.0.1:{running.port}/{TOPIC}")
    process = command.start(*call)
    scripted_outputs.wait_until(lambda: len(subscriber.payloads(TOPIC)) > 3, "some records")
    process.kill()
    process.communicate()
    scripted_outputs.wait_until(lambda: subscriber.payloads(f"{TOPIC}/state")[-1:] == ["offline"], "the last will")
    assert command.call(*call, "--once").returncode == 0
    scripted_outputs.wait_until(lambda: len(set(subscriber.payloads(TOPIC))) == 500, "every record")
    assert scripted_outputs.first_times(scripted_outputs.ids(subscriber.payloads(TOPIC))) == written


@pytest.mark.parametrize("number", [signal.SIGKILL, *slow(signal.SIGTERM)])
def test_a_broker_that_falls_and_rises(running: Mosquitto, subscriber: Subscriber, tmp_path: Path, number: int) -> None:
    """Down at the start, ended in the middle and started again: every id arrives, with two notes each time."""
    running.stop()  # it keeps the subscriber's session, and with it what comes while that one is away
    path = tmp_path / "journal.sqlite3"
    written = scripted_outputs.write(path, 100)
    notes: list[str] = []
    deliveries = Forwarding(lambda: Journal.open(path), notes.append, threading.Event(), from_start=True)
    deliveries.add_sink(sink_to(running))
    with deliveries:
        scripted_outputs.wait_until(lambda: len(notes) == 1, "a broker that is missed")
        running.start()
        scripted_outputs.wait_until(lambda: len(notes) == 2, "a broker that is back")
        while len(notes) == 2:
            written += scripted_outputs.write(path, 50, first=len(written) + 1)
            deliveries.wake()
            if len(subscriber.messages) > 500:
                running.stop(number)
        scripted_outputs.wait_until(lambda: deliveries.owed() > 0, "records that wait")
        running.start()
        scripted_outputs.wait_until(lambda: len(notes) == 4, "a broker that is back again")
    assert deliveries.owed() == 0
    assert ["fails" in note for note in notes] == [True, False, True, False]
    if number == signal.SIGTERM:  # killed, a broker forgets what it had confirmed and not passed on
        scripted_outputs.wait_until(lambda: len(set(subscriber.payloads(TOPIC))) == len(written), "every id")
        assert sorted(set(scripted_outputs.ids(subscriber.payloads(TOPIC)))) == written


def test_an_idle_line_is_restored(running: Mosquitto, subscriber: Subscriber, tmp_path: Path) -> None:
    """A broker that restarts while nothing is sent finds us online again soon."""
    path = tmp_path / "journal.sqlite3"
    scripted_outputs.write(path, 0)
    deliveries = Forwarding(lambda: Journal.open(path), lambda _: None, threading.Event())
    deliveries.add_sink(sink_to(running))
    with deliveries:
        scripted_outputs.wait_until(lambda: subscriber.payloads(f"{TOPIC}/state") == ["online"], "online")
        running.stop()
        running.start()
        scripted_outputs.wait_until(lambda: subscriber.payloads(f"{TOPIC}/state").count("online") >= 2, "online again")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that knows one user, who may write to one topic."""
    passwords, rules = tmp_path / "passwords", tmp_path / "rules"
    passwords.touch(mode=0o600)
    subprocess.run([mosquitto.program("mosquitto_passwd"), "-b", passwords, "me", "s3cret"], check=True)
    rules.write_text(f"user me\ntopic readwrite {TOPIC}/#\n")
    rules.chmod(0o600)
    made = Mosquitto(tmp_path, f"password_file {passwords}", f"acl_file {rules}", anonymous=False).start()
    yield made
    made.stop()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_password(guarded: Mosquitto, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """The right password opens, a wrong one and none are refused with what to check."""
    monkeypatch.setenv(broker.PASSWORD_VARIABLE, "s3cret")
    spec = f"mqtt://me@127.0.0.1:{guarded.port}/{TOPIC}?protocol={version}"
    with opened(spec, scripted_outputs.Alone()) as sink:
        sink.send(scripted_outputs.rows(1))
    monkeypatch.setenv(broker.PASSWORD_VARIABLE, "wrong")
    for refused in (spec, spec.replace("me@", "")):
        with pytest.raises(SinkError, match=r"refuses us.*[Nn]ot authori.*check user, password") as raised:
            opened(refused, scripted_outputs.Alone()).__enter__()
        assert "wrong" not in str(raised.value)


def test_a_topic_that_is_not_ours(guarded: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that refuses a message has not got it, and the topic is named."""
    monkeypatch.setenv(broker.PASSWORD_VARIABLE, "s3cret")
    sink = opened(f"mqtt://me@127.0.0.1:{guarded.port}/other", scripted_outputs.Alone())
    with pytest.raises(SinkError, match=r"refuses a message.*Not authorized"), sink:
        sink.send(scripted_outputs.rows(1))


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_encrypted(tmp_path: Path) -> None:
    """With the broker's authority it is believed; without it, and under another name, it is not.

    paho leaves the socket of a failed handshake to the collector.
    """
    made = certificates.make(tmp_path, "127.0.0.1")
    listener = f"certfile {made.certificate}\nkeyfile {made.key}\n"
    running = Mosquitto(tmp_path, listener=listener).start()
    spec = f"mqtts://127.0.0.1:{running.port}/{TOPIC}"
    with opened(f"{spec}?ca={made.authority}", scripted_outputs.Alone()) as sink:
        sink.send(scripted_outputs.rows(3))
    for distrusted in (spec, f"{spec.replace('127.0.0.1', 'localhost')}?ca={made.authority}"):
        with pytest.raises(SinkError, match=r"(?i)certificate"):
            opened(distrusted, scripted_outputs.Alone()).__enter__()
    running.stop()


def ask_again_and_again(sink: Sink) -> None:
    """Ask whether the other side is there, until it is not."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        sink.send(())
        time.sleep(0.01)


def test_two_of_one_client_id(running: Mosquitto) -> None:
    """An output that another program of the same client id pushes out gets the advice to give another id."""
    with sink_to(running) as first, sink_to(running) as second:
        with pytest.raises(SinkError, match=r"the client id ramanedge\w+: give one with \?client="):
            ask_again_and_again(first)
        second.send(scripted_outputs.rows(1))


def test_a_broker_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that accepts the connection and says nothing is given up after a while, with no thread left."""
    monkeypatch.setattr(mqtt, "PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Mqtt(broker.parse(f"mqtt://127.0.0.1:{server.getsockname()[1]}/t"))
        with pytest.raises(SinkError, match="does not answer"):
            made.__enter__()
    assert not [thread.name for thread in threading.enumerate() if "paho" in thread.name]


def test_what_others_read(running: Mosquitto, tmp_path: Path) -> None:
    """Mosquitto's own subscriber prints one record a line."""
    path = tmp_path / "journal.sqlite3"
    written = scripted_outputs.write(path, 5)
    called = [mosquitto.program("mosquitto_sub"), "-p", str(running.port), "-t", TOPIC, "-i", "reader", "-c", "-q", "1"]
    subprocess.run([*called, "-E"], check=True, timeout=120)  # subscribes and ends; the broker keeps its session
    assert command.call(*DELIVER, path, "--once", "--output", f"mqtt://127.0.0.1:{running.port}/{TOPIC}").returncode == 0
    done = subprocess.run([*called, "-C", "5"], capture_output=True, check=True, timeout=120)
    assert scripted_outputs.ids(done.stdout.splitlines()) == written
