"""Counters for Prometheus, scraped over HTTP: they follow the journal from the start of this run."""

from __future__ import annotations

import socket
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread, Timer
from typing import TYPE_CHECKING, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from raman_edge.errors import ConfigError, JournalDamaged, RecordsDamaged, SinkError
from raman_edge.masking import masked
from raman_edge.records import decode

try:
    from prometheus_client import make_wsgi_app

    from raman_edge.outputs.metrics import Metrics
except ImportError as missing:
    msg = "an output prometheus: needs prometheus-client, which is not installed: pip install 'raman-edge[metrics]'"
    raise ConfigError(msg) from missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal import JournalRow
    from raman_edge.outputs import Overview

    Request = socket.socket | tuple[bytes, socket.socket]

HERE = "127.0.0.1"
"""Who may scrape unless the address says otherwise: this machine; there is no password."""
MOST_PORT = 65_535


MOST_CLIENTS = 8
"""Who is answered at the same time; who comes then is turned away. Prometheus asks once in a while, and asks again."""
LONGEST_S = 10.0
"""How long one client may take, from the connection to the end of the answer, s."""
SILENT_S = 5.0
"""How long a client may say nothing, or not read, s."""
LOOK_S = 0.1
"""How often the server looks whether it is to end, s."""


class _Handler(WSGIRequestHandler):
    """One client: its time is limited, whatever it sends, and nothing is logged."""

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
        """Bind, without asking the network for our name: that may take long."""
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
        """Print nothing: a client that goes, or sends what is no request, is no defect of ours."""


class Prometheus:
    """A web page of numbers; nobody has to read it, so it is never behind."""

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
            msg = f"cannot listen at {host} port {port}: {error.strerror or error}. Give another port, or end what listens there"
            raise SinkError(msg) from error
        return self

    def __exit__(self, *exc: object) -> None:
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            server.server_close()
            thread.join()
        self._serving = None

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Count every row; RecordsDamaged for rows that are no records."""
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
        shown = masked(f"prometheus:{text}")
        msg = f"an output {shown!r} names no port: expected prometheus:[HOST:]PORT, such as prometheus:9464; it knows no users"
        raise ConfigError(msg)
    return host.removeprefix("[").removesuffix("]") or HERE, int(port)
