"""``raman-edge model bench``: latency and throughput of a model on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from raman_edge.diagnostics.benchmark import BenchmarkReport


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("bench", help="how fast it is here: latency and throughput", allow_abbrev=False)
    shared.add_model(one)
    one.add_argument("--quick", action="store_true", help="fewer repetitions: one second instead of three")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and print one JSON object, or a table for a person."""
    model, library = shared.opened(options)
    import msgspec  # noqa: PLC0415 - after the arguments are known to be good

    from raman_edge.diagnostics import benchmark  # noqa: PLC0415

    effort = benchmark.QUICK if options.quick else benchmark.THOROUGH
    say("measuring: other work on this machine makes every time longer")
    report = benchmark.measure(model, library, shared.paths(options), options.threads, effort)
    if options.json or not is_terminal():
        write(msgspec.json.encode(report))
        return 0
    for name, value in table(report):
        write_text(f"{name:42}{value}")
    return 0


def table(report: BenchmarkReport) -> Iterator[tuple[str, str]]:
    """Give the lines of the table: what was measured, and the number with its unit."""
    here, latency = report.machine, report.latency
    wheels = ", ".join(f"{name} {version}" for name, version in here.onnxruntime.items())
    yield "model", f"{report.model}, {report.precision}, {report.references} references, {report.size_mb} MB with its library"
    yield "runs on", f"{report.provider}, {report.threads} thread(s); {wheels}, numpy {here.numpy}, Python {here.python}"
    yield "machine", f"{here.processor}, {here.cores} core(s), load {here.load}, {here.system}"
    yield "onnxruntime's call alone", milliseconds(latency.network)
    yield "spectrum in memory → ranked matches", milliseconds(latency.pipeline)
    yield "  overhead, ratio of medians", f"{latency.overhead:.2f} ×"
    for size, rate in report.throughput_per_s.items():
        yield f"network, {size} at once", f"{rate:.0f} spectra/s"
    yield "", f"{report.effort.spectra} simulated spectra; every p99 is of this run"


def milliseconds(by_percentile: dict[str, float]) -> str:
    """Return milliseconds by percentile as a line."""
    return "   ".join(f"{name} {value:.2f} ms" for name, value in by_percentile.items())
