"""Latency and throughput of a model on this machine, measured in this process.

Nothing here passes or fails. Another process on the machine slows everything that is timed, so the
network alone and the whole pipeline take turns, and the ratio of the two carries over to another machine. A 99th percentile is of
one run: the next run gives another one.
"""

from __future__ import annotations

import os
import platform
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge import __version__, peaks, synthetic
from raman_edge.matching import identify
from raman_edge.model.runtime import installed
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Spectrum

BATCHES = (1, 4, 16, 64)
WARM_UP = 20
PERCENTILES = (50, 90, 95, 99)
ONE_LINE = peaks.Peaks(np.array([464.0]), np.array([1.0]), np.array([8.0]))


class Repetitions(msgspec.Struct, frozen=True):
    """How often everything is repeated."""

    spectra: int
    rounds: int
    """Repetitions of each batch."""


THOROUGH, QUICK = Repetitions(spectra=300, rounds=20), Repetitions(spectra=60, rounds=5)


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds by percentile (p50, p90, p95, p99), one spectrum at a time."""

    network: dict[str, float]
    """onnxruntime's call alone."""
    pipeline: dict[str, float]
    """A spectrum in memory to its ranked matches."""
    overhead: float
    """Ratio of the two medians."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The machine and the versions that the numbers belong to."""

    processor: str
    cores: int | None
    """Those that this process may use."""
    load: float | None
    """Processes that wanted to run, mean of the last minute; None where the system does not count them."""
    system: str
    python: str
    raman_edge: str
    numpy: str
    onnxruntime: dict[str, str]
    """Version of each installed wheel."""


class BenchmarkReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    v: int = 2
    """Version of these fields; 1 had measurements of other processes, which `benchmarks/bench.py` makes now."""
    model: str
    sha256: str
    precision: str
    references: int
    provider: str
    """The execution provider of the session."""
    threads: int
    notes: tuple[str, ...]
    """Problems of the installed onnxruntime."""
    machine: Machine
    effort: Repetitions
    latency: Percentiles
    throughput_per_s: dict[str, float]
    """Spectra a second through the network, by the size of the batch."""
    size_mb: float
    """Model and library on disk, MB."""


def measure(model: Model, library: Library, files: tuple[Path, Path], threads: int, effort: Repetitions) -> BenchmarkReport:
    """Measure an opened pair, whose ``files`` are model and library."""
    spectra = exposures(library, effort.spectra)
    return BenchmarkReport(
        model=f"{model.card.name}-{model.card.network[:12]}",
        sha256=model.sha256,
        precision=model.card.precision,
        references=len(library),
        provider=model.provider,
        threads=threads,
        notes=model.notes,
        machine=machine(),
        effort=effort,
        latency=latency(model, library, spectra),
        throughput_per_s=throughput(model, spectra, effort.rounds),
        size_mb=round(sum(file.stat().st_size for file in files) / 1e6, 2),
    )


def exposures(library: Library, count: int) -> list[Spectrum]:
    """Return simulated exposures of library materials, all different; of one line each where no material has a peak table."""
    rng = np.random.default_rng(0)
    tables = [table for table in library.peaks if len(table)] or [ONE_LINE]
    axis = Axis.linear(150.0, 1450.0, 0.7)
    chosen = rng.choice(len(tables), count)
    return [synthetic.expose(axis, tables[i], synthetic.SyntheticConditions(), rng, Origin("bench", str(i))) for i in chosen]


def latency(model: Model, library: Library, spectra: Sequence[Spectrum]) -> Percentiles:
    """Return percentiles of the network alone and of the whole pipeline, which take turns on each spectrum, and their ratio."""
    features = [model.card.recipe.features(spectrum)[np.newaxis] for spectrum in spectra]
    for spectrum, row in zip(spectra[:WARM_UP], features, strict=False):
        model.run(row)
        identify.identify(spectrum, model, library)
    alone, whole = [], []
    for spectrum, row in zip(spectra, features, strict=True):
        alone.append(seconds(partial(model.run, row)))
        whole.append(seconds(partial(identify.identify, spectrum, model, library)))
    return Percentiles(percentiles(alone), percentiles(whole), round(float(np.median(whole) / np.median(alone)), 2))


def throughput(model: Model, spectra: Sequence[Spectrum], rounds: int) -> dict[str, float]:
    """Return spectra a second through the network, by the size of the batch."""
    features = np.stack([model.card.recipe.features(spectrum) for spectrum in spectra[: max(BATCHES)]])
    made = {}
    for size in BATCHES:
        batch = np.resize(features, (size, features.shape[1]))
        taken = [seconds(partial(model.run, batch)) for _ in range(rounds + 1)][1:]
        made[str(size)] = round(size / float(np.median(taken)), 1)
    return made


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def percentiles(taken: Sequence[float]) -> dict[str, float]:
    """Return percentiles of seconds, in milliseconds."""
    return {f"p{q}": round(1e3 * float(np.percentile(taken, q)), 3) for q in PERCENTILES}


def machine() -> Machine:
    """Return the facts of this machine."""
    return Machine(
        processor=processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        raman_edge=__version__,
        numpy=np.__version__,
        onnxruntime=installed(),
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor where the system has one, else its family."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
