"""What is timed in this process: the network alone beside the whole pipeline, and batches."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge import peaks, synthetic
from raman_edge.matching import identify
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Spectrum

BATCHES = (1, 4, 16, 64)
WARM_UP = 20
PERCENTILES = (50, 90, 95, 99)


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds by percentile (p50, p90, p95, p99), one spectrum at a time."""

    network: dict[str, float]
    """onnxruntime's call alone."""
    pipeline: dict[str, float]
    """A spectrum in memory to its ranked matches."""
    overhead: float
    """Ratio of the two medians."""


def exposures(library: Library, count: int) -> list[Spectrum]:
    """Return simulated exposures of library materials, all different; where no material has a peak table, of one line each."""
    rng = np.random.default_rng(0)
    known = [table for table in library.peaks if len(table)] or [peaks.Peaks(np.array([464.0]), np.array([1.0]), np.array([8.0]))]
    axis = Axis.linear(150.0, 1450.0, 0.7)
    chosen = rng.choice(len(known), count)
    return [synthetic.expose(axis, known[i], synthetic.SyntheticConditions(), rng, Origin("bench", str(i))) for i in chosen]


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
    """Return spectra a second through the network, by the number that go in at once."""
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
