"""What the edge costs on this machine, beside the project's own limits: `make bench`.

The measuring is `raman-edge model bench`'s own. Nothing here passes or fails: a timed test would fail
on a busy machine and pass on a fast one. Read the ratios; the milliseconds are those of the machine
that ran it.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from raman_edge import bench, library, model
from raman_edge.cli.model.bench import table


def main() -> None:
    """Print the table and how it compares with the limits."""
    files = (model.default_path(), library.default_path())
    network = model.Model.open(files[0])
    references = library.Library.open(files[1], network=network.card.network)
    report = bench.measure(network, references, files, 1, bench.QUICK if "--quick" in sys.argv else bench.THOROUGH)
    for name, value in table(report):
        print(f"{name:42}{value}")
    for what, got, limit in limits(report):
        print(f"  {what:40}{'-' if got is None else f'{got:.2f}':>8} of {limit:g}: {judged(got, limit)}")


def limits(report: bench.Report) -> list[tuple[str, float | None, float]]:
    """Return what has a limit: what was measured, and the limit."""
    return [
        ("cold start, s", report.cold_start_s, 0.8),
        ("pipeline p99, ms", report.latency.pipeline["p99"], 5.0),
        ("pipeline / onnxruntime's call", report.latency.overhead, 1.5),
        ("`watch` idle, % of one core", report.watched.idle_cpu_percent, 2.0),
        ("`watch` memory, MB", report.watched.resident_mb, 200.0),
        ("rename → record p99, ms", report.watched.rename_to_record_ms["p99"], 250.0),
        ("model and library, MB", report.size_mb, 8.0),
    ]


def judged(got: float | None, limit: float) -> str:
    """Return whether a number is within its limit, in a word."""
    if got is None:
        return "not measured here"
    return "within" if got <= limit else "OVER"


if __name__ == "__main__":
    main()
