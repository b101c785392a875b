"""Prometheus: what a scrape says, read by Prometheus's own parser."""

from __future__ import annotations

import select
import socket
import sys
import threading
import urllib.request
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import mosquitto
import pytest
import scripted_outputs
from prometheus_client.parser import text_string_to_metric_families
from raising import refused
from raman_edge import __version__
from raman_edge.errors import SinkError
from raman_edge.journal import Journal
from raman_edge.matching.identify import Timing
from raman_edge.outputs import opened, prometheus
from raman_edge.outputs.forwarding import Forwarding
from raman_edge.quality import Quality

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.outputs import Sink


def scrape(port: int, host: str = "127.0.0.1") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what a scrape gives: name and labels → value."""
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=60) as page:
        assert page.headers["Content-Type"].startswith("text/plain")
        text = page.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(port: int, name: str, **labels: str) -> float:
    """Return one number of a scrape."""
    return scrape(port)[f"raman_edge_{name}", frozenset(labels.items())]


@pytest.fixture
def port() -> int:
    """A port without a listener."""
    return mosquitto.free_port()


def sink_at(port: int) -> Sink:
    """Return the sink that listens there."""
    return opened(f"prometheus:{port}", scripted_outputs.Alone())


def test_what_is_counted(port: int) -> None:
    """Results by decision, faults, materials, the newest record, times by stage in seconds, and who answers."""
    unknown = scripted_outputs.result(
        3, decision="unknown", quality=Quality(7.5, saturated=False, coverage=1.0), ms=Timing(0.4, 0.2, 30.0, 30.6)
    )
    with sink_at(port) as sink:
        assert value(port, "results_total", decision="match") == 0
        sink.send([*scripted_outputs.rows(2), scripted_outputs.row(3, unknown), scripted_outputs.row(4, scripted_outputs.fault(4))])
        found = scrape(port)
        assert {decision: value(port, "results_total", decision=decision) for decision in ("match", "unknown", "rejected")} == {
            "match": 2,
            "unknown": 1,
            "rejected": 0,
        }
        assert value(port, "faults_total") == 1
        assert value(port, "named_total", material="Quartz") == 2
        assert value(port, "last_snr") == 7.5
        assert value(port, "last_record_timestamp_seconds") == 1_795_341_600
        assert value(port, "stage_seconds_sum", stage="infer") == pytest.approx(0.0326)
        assert value(port, "stage_seconds_bucket", stage="infer", le="0.0025") == 2
        assert value(port, "info", version=__version__, model="net-b74c5d") == 1
        assert ("process_resident_memory_bytes", frozenset()) in found
        assert "raman_edge_backlog_files" not in {name for name, _ in found}


def test_materials_are_bounded(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first names of a run all others share one counter, so that no server's memory fills."""
    monkeypatch.setattr(prometheus, "MOST_MATERIALS", 3)
    with sink_at(port) as sink:
        sink.send([scripted_outputs.row(number, scripted_outputs.result(number, label=f"m{number % 5}")) for number in range(20)])
        named = {dict(labels)["material"]: count for (name, labels), count in scrape(port).items() if name == "raman_edge_named_total"}
    assert named == {"m0": 4, "m1": 4, "m2": 4, prometheus.OTHER: 8}


@pytest.mark.parametrize("label", ['a"b\\c\nd', "Åkermanite", "{}=,", "# HELP x"])
def test_names_of_others_are_data(port: int, label: str) -> None:
    """Whatever a material is called, the page can be read and gives that very name."""
    with sink_at(port) as sink:
        sink.send([scripted_outputs.row(1, scripted_outputs.result(1, label=label))])
        assert value(port, "named_total", material=label) == 1


def test_how_the_other_outputs_stand(port: int, tmp_path: Path) -> None:
    """The journal's size, what each other output is owed and whether it fails, and the backlog where it is known."""
    path = tmp_path / "journal.sqlite3"
    scripted_outputs.write(path, 4)
    stop = threading.Event()
    deliveries = Forwarding(lambda: Journal.open(path), lambda _: None, stop)
    away = scripted_outputs.Script("away")

    def refuse() -> None:
        raise SinkError("nobody there")

    away.opening = refuse
    deliveries.add_sink(away)
    deliveries.add(f"prometheus:{port}", f"jsonl:{tmp_path / 'a'}")
    with deliveries:
        deliveries.waiting(17)
        scripted_outputs.write(path, 3, first=5)
        deliveries.wake()
        scripted_outputs.wait_until(
            lambda: (tmp_path / "a").exists() and deliveries.newest() == 7 and deliveries.owed() == 3, "three that wait"
        )
        scripted_outputs.wait_until(lambda: value(port, "results_total", decision="match") == 3, "a page that has followed")
        assert value(port, "journal_records") == 7
        assert value(port, "sink_owed_records", sink="away") == 3
        assert value(port, "sink_failing", sink="away") == 1
        assert value(port, "sink_owed_records", sink=f"jsonl:{tmp_path / 'a'}") == 0
        assert value(port, "sink_failing", sink=f"jsonl:{tmp_path / 'a'}") == 0
        assert value(port, "backlog_files") == 17
        stop.set()
    assert deliveries.delivered()[f"prometheus:127.0.0.1:{port}"] == 3


def test_a_port_that_is_taken(port: int) -> None:
    """A port in use is reported, and works later; after closing, the port is free."""
    cause = "" if sys.platform == "win32" else "Address already in use"  # the words there depend on how the other one listens
    with socket.create_server(("127.0.0.1", port)), refused(SinkError, "cannot listen", cause=cause):
        sink_at(port).__enter__()
    for _ in range(2):
        with sink_at(port):
            assert value(port, "faults_total") == 0
    with pytest.raises(OSError, match="refused"):
        scrape(port)
    assert not [thread for thread in threading.enumerate() if "serve_forever" in thread.name]


def test_only_this_machine_by_default(port: int) -> None:
    """Without a host it listens at the machine's own address only."""
    with sink_at(port), socket.socket() as line:
        assert line.connect_ex(("127.0.0.2", port)) != 0
    with opened(f"prometheus:0.0.0.0:{port}", scripted_outputs.Alone()), socket.socket() as line:
        assert line.connect_ex(("127.0.0.2", port)) == 0


def test_a_client_that_hangs_blocks_no_other(port: int) -> None:
    """A client that connects and sends nothing blocks neither the next one nor the sink."""
    with sink_at(port) as sink, socket.create_connection(("127.0.0.1", port)):
        sink.send(scripted_outputs.rows(1))
        assert value(port, "results_total", decision="match") == 1


def test_silent_clients(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many clients that connect and say nothing take few threads and a bounded time; then a scrape is answered again."""
    monkeypatch.setattr(prometheus._Handler, "timeout", 0.3)
    before = threading.active_count()
    with sink_at(port), ExitStack() as kept:
        for _ in range(60):
            with suppress(OSError):
                kept.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        scripted_outputs.wait_until(lambda: threading.active_count() >= before + prometheus.MOST_CLIENTS, "threads")
        assert threading.active_count() <= before + 2 * prometheus.MOST_CLIENTS + 2  # a thread and its timer each
        scripted_outputs.wait_until(lambda: answers(port), "an answer")
        scripted_outputs.wait_until(lambda: threading.active_count() <= before + 2, "the end of their threads")


def test_a_client_that_is_slow(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends a byte now and then, or never reads, is ended when the time is up."""
    monkeypatch.setattr(prometheus, "LONGEST_S", 0.5)
    with sink_at(port), socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        with suppress(OSError):
            for _ in range(600):
                slow.sendall(b"x")
                if select.select([slow], [], [], 0.1)[0] and slow.recv(1) == b"":
                    break
            else:
                pytest.fail("it was never ended")


@pytest.mark.parametrize(
    "sent", [b"\x00" * 100, b"GET " + b"x" * 70_000, b"GET / HTTP/9.9\r\n\r\n", b"\xff\xfe\r\n\r\n", b"POST / HTTP/1.1\r\n"]
)
def test_what_is_no_request(port: int, sent: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """Other bytes are answered with an error or not at all, and nothing is printed."""
    with sink_at(port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line, suppress(OSError):
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            while line.recv(65_536):
                pass
        assert answers(port)
    assert capfd.readouterr().err == ""


def answers(port: int) -> bool:
    """Whether a scrape is answered."""
    try:
        return bool(scrape(port))
    except OSError:
        return False
