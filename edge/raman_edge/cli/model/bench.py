"""``raman-edge model bench``: what the edge costs on this machine, measured in one run."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from types import FrameType

    from raman_edge.diagnostics.benchmark import BenchmarkReport

UNKNOWN = "not told by this system"


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("bench", help="how fast it is here: latency, throughput, memory, start, idling", allow_abbrev=False)
    shared.add_model(one)
    one.add_argument("--quick", action="store_true", help="fewer turns of everything: ten seconds instead of forty")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and print one JSON object, or a table for a person."""
    model, library = shared.opened(options)
    import msgspec  # noqa: PLC0415 - after the arguments are known to be good

    from raman_edge.diagnostics import benchmark  # noqa: PLC0415

    effort = benchmark.QUICK if options.quick else benchmark.THOROUGH
    say(f"measuring for about {10 if options.quick else 40} s; other work on this machine makes every time longer")
    with ending():
        report = benchmark.measure(model, library, shared.paths(options), options.threads, effort)
    if options.json or not is_terminal():
        write(msgspec.json.encode(report))
        return 0
    for name, value in table(report):
        write_text(f"{name:42}{value}")
    return 0


@contextmanager
def ending() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, so that the processes that are measured end with it."""

    def end(number: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def table(report: BenchmarkReport) -> Iterator[tuple[str, str]]:
    """Give the lines of the table: what was measured, and the number with its unit."""
    here, watched, latency = report.machine, report.watched, report.latency
    wheels = ", ".join(f"{name} {version}" for name, version in here.onnxruntime.items())
    yield "model", f"{report.model}, {report.precision}, {report.references} references, {report.size_mb} MB with its library"
    yield "runs on", f"{report.provider}, {report.threads} thread(s); {wheels}, numpy {here.numpy}, Python {here.python}"
    yield "machine", f"{here.processor}, {here.cores} core(s), load {here.load}, {here.system}"
    yield "onnxruntime's call alone", spoken(latency.network)
    yield "spectrum in memory → ranked matches", spoken(latency.pipeline)
    yield "  overhead, ratio of medians", f"{latency.overhead:.2f} ×"
    for size, rate in report.throughput_per_s.items():
        yield f"network, {size} at once", f"{rate:.0f} spectra/s"
    yield "cold `raman-edge identify FILE`", f"{report.cold_start_s:.2f} s (a Python that does nothing: {report.bare_python_s:.2f} s)"
    yield "`watch`, idle", percent(watched.idle_cpu_percent)
    yield f"`watch`, fed {watched.fed_per_s:g} spectra/s", percent(watched.fed_cpu_percent)
    yield "  rename → journal", spoken(watched.rename_to_journal_ms)
    yield "  rename → record on a pipe", spoken(watched.rename_to_record_ms)
    yield "  most memory held", UNKNOWN if watched.resident_mb is None else f"{watched.resident_mb:.0f} MB"
    yield "", f"{report.effort.spectra} simulated spectra, {watched.fed} fed; every p99 is of this run"


def spoken(by_percentile: dict[str, float]) -> str:
    """Return milliseconds by percentile as a line."""
    return "   ".join(f"{name} {value:.2f} ms" for name, value in by_percentile.items())


def percent(share: float | None) -> str:
    """Return a share of one core."""
    return UNKNOWN if share is None else f"{share:.1f} % of one core"
