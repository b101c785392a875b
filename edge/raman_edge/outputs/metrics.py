"""What Prometheus is told: names, units and labels of the numbers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from raman_edge import __version__
from raman_edge.records import FaultRecord
from raman_edge.wording import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from raman_edge.outputs import Overview
    from raman_edge.records import Record, ResultRecord

MOST_MATERIALS = 200
"""Materials that have a counter of their own, the first that are named; all later ones share ``OTHER``."""
OTHER = "(other)"
STAGES = ("read", "prepare", "infer", "total")
STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Half a millisecond to two and a half seconds."""


class Metrics:
    """The numbers of one run, in a registry of their own."""

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
            self._results.labels(decision)  # 0 is a number too: a rate needs the sample before the first
        ProcessCollector(registry=own)
        own.register(_Standings(overview))

    def count(self, said: Record) -> None:
        """Count one record."""
        self._last.set(datetime.fromisoformat(said.ts).timestamp())
        if isinstance(said, FaultRecord):
            self._faults.inc()
        else:
            self._count_result(said)

    def _count_result(self, said: ResultRecord) -> None:
        self._results.labels(said.decision).inc()
        self._snr.set(said.quality.snr)
        for stage in STAGES:
            self._stages.labels(stage).observe(getattr(said.ms, stage) / 1e3)
        if said.decision == "match" and said.matches:
            self._named.labels(self._material(said.matches[0].label)).inc()
        if said.model.id != self._model_id:
            self._model.remove(__version__, self._model_id)
            self._model.labels(__version__, said.model.id).set(1)
            self._model_id = said.model.id

    def _material(self, label: str) -> str:
        """Return what a material is counted under: a year of names must not fill a server's memory."""
        if len(self._materials) < MOST_MATERIALS:
            self._materials.add(label)
        return label if label in self._materials else OTHER


class _Standings(Collector):
    """What is asked for at the time of the scrape."""

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
