"""Counters for Prometheus, scraped over HTTP: they follow the journal from the start of this run."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import datetime
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread, Timer
from typing import TYPE_CHECKING, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from raman_edge import __version__
from raman_edge.errors import ConfigError, JournalDamaged, RecordsDamaged, SinkError
from raman_edge.masking import masked
from raman_edge.records import FaultRecord, decode
from raman_edge.wording import ANSWERS

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, make_wsgi_app
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector
except ImportError as missing:
    raise ConfigError(
        kind="prometheus-client is not installed", place="output prometheus:", advice="pip install 'raman-edge[metrics]'"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.core import Metric

    from raman_edge.journal import JournalRow
    from raman_edge.outputs.sink import Overview
    from raman_edge.records import Record, ResultRecord

    Request = socket.socket | tuple[bytes, socket.socket]

HERE = "127.0.0.1"
"""Default host: only this machine may scrape; there is no password."""
MOST_PORT = 65_535


MOST_CLIENTS = 8
"""Clients that are served at the same time; further ones are disconnected. Prometheus tries again."""
LONGEST_S = 10.0
"""How long one client may take, from the connection to the end of the answer, s."""
SILENT_S = 5.0
"""How long a client may send nothing, or not read, s."""
LOOK_S = 0.1
"""How often the server checks for its end, s."""

MOST_MATERIALS = 200
"""Materials with a counter each, the first that are named; all later ones share ``OTHER``."""
OTHER = "(other)"
STAGES = ("read", "prepare", "infer", "total")
STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Half a millisecond to two and a half seconds."""


class _Handler(WSGIRequestHandler):
    """One client: its time is limited, and nothing is logged."""

    timeout = SILENT_S

    def handle(self) -> None:
        """Answer, or end the connection when the time is up."""
        ending = Timer(LONGEST_S, self._end)
        ending.daemon = True
        ending.start()
        with suppress(OSError):
            super().handle()
        ending.cancel()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
        """Log nothing."""

    def _end(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each client, and not more than :data:`MOST_CLIENTS` of them."""

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self.address_family, *_ = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self._places = BoundedSemaphore(MOST_CLIENTS)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without a look-up of our own name, which may take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Request, client_address: object) -> None:
        """Start a thread where there is a place for it, else end the connection."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._places.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Request, client_address: object) -> None:
        """Answer one client."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Request, client_address: object) -> None:
        """Print nothing: a client that leaves or sends no request is not our defect."""


class Metrics:
    """The numbers of one run, in one registry."""

    def __init__(self, overview: Overview) -> None:
        self.registry = own = CollectorRegistry()
        self._results = Counter("raman_edge_results", "Spectra answered in this run, by decision.", ["decision"], registry=own)
        self._faults = Counter("raman_edge_faults", "Files in this run that could not be answered.", registry=own)
        text = f"Spectra in which a material was named; {OTHER} holds all materials after the first {MOST_MATERIALS} of this run."
        self._named = Counter("raman_edge_named", text, ["material"], registry=own)
        self._last = Gauge("raman_edge_last_record_timestamp_seconds", "When the newest record was made; 0 before the first.", registry=own)
        self._snr = Gauge("raman_edge_last_snr", "Signal to noise of the newest spectrum.", registry=own)
        self._stages = Histogram("raman_edge_stage_seconds", "Time by stage.", ["stage"], registry=own, buckets=STAGE_BUCKETS_S)
        text = "Always 1: which version, and which model gave the newest result."
        self._model = Gauge("raman_edge_info", text, ["version", "model"], registry=own)
        self._model_id = ""
        self._model.labels(__version__, self._model_id).set(1)
        self._materials: set[str] = set()
        for decision in ANSWERS:
            self._results.labels(decision)  # a rate needs the sample before the first
        ProcessCollector(registry=own)
        own.register(_SinkStates(overview))

    def count(self, record: Record) -> None:
        """Count one record."""
        self._last.set(datetime.fromisoformat(record.ts).timestamp())
        if isinstance(record, FaultRecord):
            self._faults.inc()
        else:
            self._count_result(record)

    def _count_result(self, record: ResultRecord) -> None:
        self._results.labels(record.decision).inc()
        self._snr.set(record.quality.snr)
        for stage in STAGES:
            self._stages.labels(stage).observe(getattr(record.ms, stage) / 1e3)
        if record.decision == "match" and record.matches:
            self._named.labels(self._material(record.matches[0].label)).inc()
        if record.model.id != self._model_id:
            self._model.remove(__version__, self._model_id)
            self._model.labels(__version__, record.model.id).set(1)
            self._model_id = record.model.id

    def _material(self, label: str) -> str:
        """Return the counter's name of a material: a year of names must not fill a server's memory."""
        if len(self._materials) < MOST_MATERIALS:
            self._materials.add(label)
        return label if label in self._materials else OTHER


class _SinkStates(Collector):
    """Numbers that are read at the time of the scrape."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        """Give the journal's size, the sinks' lags and, where it is known, the backlog."""
        yield GaugeMetricFamily("raman_edge_journal_records", "Number of the journal's newest record.", value=self._overview.newest())
        owed = GaugeMetricFamily("raman_edge_sink_owed_records", "Records a sink has not confirmed yet.", labels=["sink"])
        failing = GaugeMetricFamily("raman_edge_sink_failing", "1 while a sink fails and is tried again.", labels=["sink"])
        for standing in self._overview.standings():
            owed.add_metric([standing.name], standing.owed)
            failing.add_metric([standing.name], float(standing.failing))
        yield owed
        yield failing
        if (backlog := self._overview.backlog()) is not None:
            yield GaugeMetricFamily("raman_edge_backlog_files", "Files that wait to be read.", value=backlog)


class Prometheus:
    """A web page of numbers; it has no cursor, so it is never behind."""

    remembers = False

    def __init__(self, host: str, port: int, overview: Overview) -> None:
        self.name = f"prometheus:{f'[{host}]' if ':' in host else host}:{port}"
        self._where = (host, port)
        self._metrics = Metrics(overview)
        self._serving: tuple[_Server, Thread] | None = None

    def __enter__(self) -> Self:
        host, port = self._where
        try:
            server = _Server((host, port), _Handler)
            server.set_app(make_wsgi_app(self._metrics.registry))
            thread = Thread(target=server.serve_forever, args=(LOOK_S,), name="prometheus", daemon=True)
            thread.start()
            self._serving = server, thread
        except OSError as error:
            why, advice = error.strerror or str(error), "Give another port, or end the program that listens there"
            raise SinkError(kind="cannot listen", place=f"{host} port {port}", cause=why, advice=advice) from error
        return self

    def __exit__(self, *exc: object) -> None:
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            server.server_close()
            thread.join()
        self._serving = None

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Count every row; RecordsDamaged for rows that are not records."""
        refused = []
        for row in rows:
            try:
                self._metrics.count(decode(row.line))
            except JournalDamaged as error:
                refused.append(f"row {row.seq} is left out: {error}")
        if refused:
            raise RecordsDamaged(*refused)


def address(text: str) -> tuple[str, int]:
    """Read ``[HOST:]PORT``; :class:`ConfigError` where it is something else."""
    host, _, port = text.rpartition(":")
    if "@" in text or not (port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        place = f"output {masked(f'prometheus:{text}')!r}"
        raise ConfigError(kind="no port", place=place, expected="prometheus:[HOST:]PORT without a user, such as prometheus:9464")
    return host.removeprefix("[").removesuffix("]") or HERE, int(port)
