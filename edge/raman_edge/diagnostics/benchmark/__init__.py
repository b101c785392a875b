"""What the edge costs on this machine: latency, throughput, start, memory and processor time, measured in one run.

Nothing here passes or fails. Another process on the machine slows everything that is timed, so the
network alone and the whole pipeline take turns, and what carries over to another machine is their
ratio. A 99th percentile is of this run: the next one finds another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from raman_edge.diagnostics.benchmark import inside, machine, outside, watching
from raman_edge.diagnostics.benchmark.inside import Percentiles
from raman_edge.diagnostics.benchmark.machine import Machine
from raman_edge.diagnostics.benchmark.outside import WatchCost

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model


class Repetitions(msgspec.Struct, frozen=True):
    """How many turns of everything."""

    spectra: int
    rounds: int
    """Of each batch."""
    starts: int
    """Of a fresh process."""
    watched_s: float
    """Seconds of idling, and as many of being fed."""


THOROUGH = Repetitions(spectra=300, rounds=20, starts=7, watched_s=10.0)
QUICK = Repetitions(spectra=60, rounds=5, starts=3, watched_s=2.0)


class BenchmarkReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    v: int = 1
    """Version of these fields."""
    model: str
    sha256: str
    precision: str
    references: int
    provider: str
    """What the session really got."""
    threads: int
    notes: tuple[str, ...]
    """What a person should hear of the installed onnxruntime."""
    machine: Machine
    effort: Repetitions
    latency: Percentiles
    throughput_per_s: dict[str, float]
    """Spectra a second through the network, by the number that go in at once."""
    cold_start_s: float
    """Median seconds of a fresh `raman-edge identify FILE`."""
    bare_python_s: float
    """Median seconds of a fresh Python that does nothing."""
    watched: WatchCost
    size_mb: float
    """Model and library on disk, MB."""


def measure(model: Model, library: Library, files: tuple[Path, Path], threads: int, effort: Repetitions) -> BenchmarkReport:
    """Return everything that can be measured of an opened pair, whose ``files`` are model and library.

    Raises :class:`SourceLost` where a process that is measured ends before its time.
    """
    spectra = inside.exposures(library, effort.spectra)
    options = watching.Options(*files, threads)
    return BenchmarkReport(
        model=f"{model.card.name}-{model.card.network[:12]}",
        sha256=model.sha256,
        precision=model.card.precision,
        references=len(library),
        provider=model.provider,
        threads=threads,
        notes=model.notes,
        machine=machine.facts(),
        effort=effort,
        latency=inside.latency(model, library, spectra),
        throughput_per_s=inside.throughput(model, spectra, effort.rounds),
        cold_start_s=outside.cold_start(options, spectra[0], effort.starts),
        bare_python_s=outside.bare_python(effort.starts),
        watched=outside.watched(options, spectra, effort.watched_s),
        size_mb=round(sum(file.stat().st_size for file in files) / 1e6, 2),
    )
