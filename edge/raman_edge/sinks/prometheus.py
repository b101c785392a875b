"""Counters for Prometheus, scraped over HTTP: they follow the journal from the start of this run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from raman_edge.errors import ConfigError, JournalDamaged, RecordsDamaged, SinkError
from raman_edge.record import decode

try:
    from prometheus_client import start_http_server

    from raman_edge.sinks.metrics import Metrics
except ImportError as missing:
    msg = "an output prometheus: needs prometheus-client, which is not installed: pip install 'raman-edge[metrics]'"
    raise ConfigError(msg) from missing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from raman_edge.journal import Row
    from raman_edge.sinks import Overview

HERE = "127.0.0.1"
"""Who may scrape unless the address says otherwise: this machine; there is no password."""
MOST_PORT = 65_535


class Prometheus:
    """A web page of numbers; nobody has to read it, so it is never behind."""

    remembers = False

    def __init__(self, host: str, port: int, overview: Overview) -> None:
        self.name = f"prometheus:{f'[{host}]' if ':' in host else host}:{port}"
        self._where = (host, port)
        self._metrics = Metrics(overview)
        self._serving: tuple[WSGIServer, Thread] | None = None

    def __enter__(self) -> Self:
        host, port = self._where
        try:
            self._serving = start_http_server(port, host, self._metrics.registry)
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

    def send(self, rows: Sequence[Row]) -> None:
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
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        msg = f"an output 'prometheus:{text}' names no port: expected prometheus:[HOST:]PORT, such as prometheus:9464"
        raise ConfigError(msg)
    return host.removeprefix("[").removesuffix("]") or HERE, int(port)
