"""What the edge costs on this machine, as ratios in one run: `make bench`.

Nothing here passes or fails: a timed test would fail on a busy machine and pass on a
fast one. Read the ratios; the milliseconds are those of the machine that ran it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from raman_edge import library, model, scene
from raman_edge.pipeline import identify
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.spectrum import Spectrum

RUNS = 300
COLD = 7
"""Starts of a fresh process, after one that fills the disk cache."""
BUDGET = {"cold start, s": 0.8, "spectrum to ranked matches p99, ms": 5.0, "default model and library, MB": 8.0}
"""The project's own limits."""


def main() -> None:
    """Print the table."""
    network = model.Model.open(model.default_path())
    references = library.Library.open(library.default_path(), network=network.card.network)
    asked = exposures(references)
    features = network.card.recipe.features(asked[0])[np.newaxis]
    bare = times(lambda _: network.run(features), asked)
    whole = times(lambda spectrum: identify(spectrum, network, references), asked)
    size = sum(path.stat().st_size for path in (model.default_path(), library.default_path())) / 1e6
    cold, python = cold_start("identify"), cold_start(None)
    print(
        f"{network.card.name}, {network.card.precision}, {len(references)} references, {network.provider}, 1 thread, {os.cpu_count()} cores"
    )
    row("network alone", bare)
    row("spectrum to ranked matches", whole)
    print(f"{'overhead of the pipeline (ratio of medians)':48}{statistics.median(whole) / statistics.median(bare):8.2f} x")
    print(f"{'cold `raman-edge identify FILE`, median':48}{cold:8.2f} s   ({cold / python:.0f} x a Python that does nothing)")
    print(f"{'default model and library':48}{size:8.2f} MB")
    print(f"{'resident memory of this process':48}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB")
    for name, limit in BUDGET.items():
        got = {"cold start, s": cold, "default model and library, MB": size}.get(name, 1e3 * percentile(whole, 99))
        print(f"  {name:46}{got:8.2f} of {limit:g}: {'within' if got <= limit else 'OVER'}")


def exposures(references: library.Library) -> list[Spectrum]:
    """Return simulated exposures of library materials, all different."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(references.labels), RUNS)
    axis = Axis.linear(150.0, 1450.0, 0.7)
    return [
        scene.expose(axis, references.peaks[i], scene.Conditions(), rng, Origin("bench", str(i)))
        for i in chosen
        if len(references.peaks[i])
    ]


def times(work: Callable[[Spectrum], object], spectra: Sequence[Spectrum]) -> list[float]:
    """Return the seconds of each call, after a warm-up."""
    for spectrum in spectra[:20]:
        work(spectrum)
    taken = []
    for spectrum in spectra:
        started = time.perf_counter()
        work(spectrum)
        taken.append(time.perf_counter() - started)
    return taken


def cold_start(command: str | None) -> float:
    """Return the median seconds of a fresh process: `raman-edge COMMAND FILE`, or a Python that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "quartz.csv"
        rows = np.arange(150.0, 1400.0)
        file.write_text("\n".join(f"{x:.1f},{1000 * np.exp(-(((x - 464) / 6) ** 2)) + x % 7:.1f}" for x in rows))
        called = [sys.executable, "-c", "pass"] if command is None else [sys.executable, "-m", "raman_edge", command, str(file)]
        taken = []
        for _ in range(COLD + 1):
            started = time.perf_counter()
            subprocess.run(called, check=True, capture_output=True)
            taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def percentile(taken: Sequence[float], q: float) -> float:
    """Return a percentile of seconds."""
    return float(np.percentile(taken, q))


def row(name: str, taken: Sequence[float]) -> None:
    """Print median and 99th percentile in milliseconds."""
    print(f"{name:48}{1e3 * statistics.median(taken):8.2f} ms  p99 {1e3 * percentile(taken, 99):.2f} ms")


if __name__ == "__main__":
    main()
