"""``raman-edge model info | verify | bench``: what the model is, whether to trust it, how fast it is here."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.cli import opening
from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, say, write_json, write_text
from raman_edge.diagnostics import benchmark
from raman_edge.diagnostics.verify_model import VerifySettings, verify
from raman_edge.model.runtime import installed
from raman_edge.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.cli.parser import Parser
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model

FAILED = 65
OUTCOMES = {True: "passed", False: "FAILED", None: "-"}


ACTIONS = {
    "info": (f"{__name__}:info", "show what the model is, what it was made from, how it was measured"),
    "verify": (f"{__name__}:verify", "check whether a model can be trusted and works here"),
    "bench": (f"{__name__}:bench", "measure how fast it is here"),
}


def add_arguments(parser: Parser) -> None:
    """Add the command's actions."""
    parser.description = "The model: what it was made from, whether to trust it, how fast it is here."
    parser.examples = (
        ("raman-edge model info", "what the model is and how it was measured"),
        ("raman-edge model verify new.onnx", "before a model from elsewhere is used"),
    )
    parser.add_commands("ACTION", ACTIONS)


# info


def add_info(parser: Parser) -> None:
    """Add the arguments of ``info``."""
    parser.describe(
        description="Show what the model is, what it was made from, how it was measured, and the thresholds of its answers.",
        examples=(
            ("raman-edge model info", "of the embedded model"),
            ("raman-edge model info --model new.onnx --json", "of another one, for a script"),
        ),
    )
    shared.add_model(parser)
    shared.add_json(parser)


def run_info(options: argparse.Namespace) -> int:
    """Print the facts as one object, or a line each for a person."""
    facts = describe(*opening.open_model(options))
    if as_json(options):
        write_json(facts)
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        first, *others = _lines(value)
        write_text(f"{name.replace('_', ' '):{width}}  {first}")
        for line in others:
            write_text(f"{'':{width}}  {line}")
    return 0


def describe(model: Model, library: Library) -> dict[str, object]:
    """Return the facts of an opened pair, as JSON can carry them."""
    card, axis = model.card, model.card.recipe.axis
    made = card.provenance
    return {
        "model": f"{card.name}-{card.network[:12]}",
        "sha256": model.sha256,
        "precision": card.precision,
        "provider": model.provider,
        "onnxruntime": installed(),
        "notes": list(model.notes),
        "self_test": "passed: the model's probe gives the same result here as where it was exported",
        "axis": {"start": axis.start, "stop": axis.stop, "points": len(axis)},
        "recipe": [step.tag for step in card.recipe.steps],
        "classes": len(card.labels),
        "embedding": card.embedding,
        "library": {"labels": len(library.labels), "references": len(library), "sha256": library.sha256},
        "known_at_least": card.decision.familiar.least,
        "ambiguous_below": card.decision.ambiguous_below,
        "trained_on": made.trained_on,
        "measured": dict(made.measured),
        "measured_how": made.measured_how,
        "created": made.created,
        "revision": made.revision,
        "licence": made.licence,
        "cite": list(made.cite),
        "minimum_raman_edge": card.minimum_raman_edge,
    }


def _lines(value: object) -> list[str]:
    """Return a fact as lines for a person."""
    if isinstance(value, dict):
        return [f"{name} {part:g}" if isinstance(part, float) else f"{name} {part}" for name, part in value.items()] or ["-"]
    if isinstance(value, list):
        return [str(part) for part in value] or ["-"]
    return [str(value) or "-"]


# verify


def add_verify(parser: Parser) -> None:
    """Add the arguments of ``verify``."""
    parser.describe(
        description="Check whether a model file can be trusted and works here: structure, card, digest, self-test, library and signature. "
        "Nothing is run before structure and card have passed.",
        examples=(
            ("raman-edge model verify new.onnx", "structure, card, self-test, library"),
            ("raman-edge model verify new.onnx --public-key lab.pem", "also whether it is signed with the private key of this one"),
        ),
        exits={FAILED: "a check failed"},
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the model; default: --model, else the embedded one")
    shared.add_model(parser)
    parser.add_argument("--sha256", type=_digest, metavar="HEX", help="the digest that the model must have")
    shared.add_json(parser)


def run_verify(options: argparse.Namespace) -> int:
    """Print every check; 65 where one failed."""
    options.model = options.file or options.model
    model, library = opening.model_paths(options)
    checks = verify(VerifySettings(model, library, options.public_key, options.sha256, options.threads))
    ok = all(check.passed is not False for check in checks)
    if as_json(options):
        shown = [{"check": check.name, "passed": check.passed, "found": check.found} for check in checks]
        write_json({"v": 1, "model": str(model), "library": str(library), "ok": ok, "checks": shown})
    else:
        for check in checks:
            write_text(f"{check.name:9}  {OUTCOMES[check.passed]:6}  {check.found}")
    return 0 if ok else FAILED


def _digest(text: str) -> str:
    """Read a SHA-256."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        msg = f"expected a SHA-256 of 64 hexadecimal digits, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return text.lower()


# bench


def add_bench(parser: Parser) -> None:
    """Add the arguments of ``bench``."""
    parser.describe(
        description="Measure how fast it is here: latency and throughput.",
        examples=(
            ("raman-edge model bench", "latency and throughput on this machine"),
            ("raman-edge model bench --quick --json", "in a second, for a script"),
        ),
    )
    shared.add_model(parser)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: one second instead of three")
    shared.add_json(parser)


def run_bench(options: argparse.Namespace) -> int:
    """Measure, and print one JSON object, or a table for a person."""
    model, library = opening.open_model(options)
    effort = benchmark.QUICK if options.quick else benchmark.THOROUGH
    say("measuring: other work on this machine makes every time longer")
    report = benchmark.measure(model, library, opening.model_paths(options), options.threads, effort)
    if as_json(options):
        write_json(msgspec.to_builtins(report))
        return 0
    for name, value in table(report):
        write_text(f"{name:42}{value}")
    return 0


def table(report: benchmark.BenchmarkReport) -> Iterator[tuple[str, str]]:
    """Give the lines of the table: what was measured, and the number with its unit."""
    here, latency = report.machine, report.latency
    wheels = ", ".join(f"{name} {version}" for name, version in here.onnxruntime.items())
    yield "model", f"{report.model}, {report.precision}, {report.references} references, {report.size_mb} MB with its library"
    yield "runs on", f"{report.provider}, {counted(report.threads, 'thread')}; {wheels}, numpy {here.numpy}, Python {here.python}"
    yield (
        "machine",
        f"{here.processor}, {'unknown cores' if here.cores is None else counted(here.cores, 'core')}, load {here.load}, {here.system}",
    )
    yield "network alone (onnxruntime)", milliseconds(latency.network)
    yield "spectrum in memory → ranked matches", milliseconds(latency.pipeline)
    yield "  overhead, ratio of medians", f"{latency.overhead:.2f} ×"
    for size, rate in report.throughput_per_s.items():
        yield f"network, {size} at once", f"{rate:.0f} spectra/s"
    yield "", f"{report.effort.spectra} simulated spectra; every p99 is of this run"


def milliseconds(by_percentile: dict[str, float]) -> str:
    """Return milliseconds by percentile as a line."""
    return "   ".join(f"{name} {value:.2f} ms" for name, value in by_percentile.items())
