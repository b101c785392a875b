"""Size, latency and accuracy on test spectra of all variants of a run, in one table: ``raman-train export --table``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.model.model import INPUT, OUTPUTS
from raman_train import checkpoint, metrics, runs

from raman_export import compress, graph, library, variant
from raman_export.held_out import HeldOutRun
from raman_export.variant import PLAIN, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx
    from numpy.typing import NDArray
    from raman_train.evaluate import SystemOutputs

    from raman_export.compress import Step
    from raman_export.variant import Precision

THREADS = (1, 2)
WARM_UP = 20
CALLS = 300
"""Timed calls of each variant."""
NOT_MEASURED = "-"
COLUMNS = ("", "model MB", "library MB", "ms 1 thread", "ms 2 threads", "top-1", "points", "top-3", "head alone", "agreement")


class NetworkLatency(msgspec.Struct, frozen=True):
    """Latency of one spectrum in the network, milliseconds."""

    least: float
    """The fastest call, without disturbance by other programs."""
    p50: float
    p99: float


class VariantFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a variant on the test spectra."""

    library_bytes: int
    """Of the library of the split."""
    top1: float
    """Of the edge's score: library search and class head, by the weight that suits the network."""
    top3: float
    head: float
    """Top-1 of the class head alone."""
    agreement: float
    """Share of the spectra with the same answer as the fp32 network."""


class VariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements of one variant."""

    variant: str
    model_bytes: int
    """Of the graph, without its card."""
    latency: dict[int, NetworkLatency]
    """By number of threads."""
    levels_dropped: float
    """Share of the dropped recursions in the level weights."""
    test: VariantFigures | None
    """None if the run has no test spectra."""


class VariantTable(msgspec.Struct, frozen=True, kw_only=True):
    """The variants of one run."""

    run: str
    config_sha256: str
    protocol: str
    test: int
    """Number of test spectra."""
    calls: int
    """Timed calls of each variant and number of threads."""
    rows: list[VariantRow]


def variants(steps: tuple[Step, ...]) -> Iterator[Variant]:
    """Yield fp32, fp16 and int8, then fp32 and int8 after each additional step."""
    plain: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    yield from (Variant(precision) for precision in plain)
    stepped: tuple[Precision, ...] = ("fp32", "int8")
    for count in range(1, len(steps) + 1):
        yield from (Variant(precision, steps[:count]) for precision in stepped)


def build(path: Path, steps: tuple[Step, ...], calls: int = CALLS) -> VariantTable:
    """Measure the variants of the run at ``path``, with ``calls`` timed calls each."""
    trained = checkpoint.load(path)
    prepared = runs.prepare(trained.about.config)
    count = prepared.split.test.size
    run = HeldOutRun.open(path) if count else None
    library_index = prepared.split.library if count else slice(None)
    chosen = list(variants(steps))
    graphs = _graphs(trained, chosen, variant.calibration(prepared.features[library_index]))
    latencies = _latencies(graphs, prepared.features[:1], calls)
    outputs = [run.outputs(proto) if run else None for proto in graphs]
    best = run.scores(outputs[0]).argmax(axis=1) if run and outputs[0] else None
    kept = [[step.levels for step in one.steps if isinstance(step, compress.LevelsStep)] for one in chosen]
    shares = [round(compress.level_share(trained.network, levels[-1]), 5) if levels else 0.0 for levels in kept]
    rows = [
        VariantRow(
            variant=str(one), model_bytes=proto.ByteSize(), latency=latency, levels_dropped=dropped,
            test=_figures(run, output, best) if run and output and best is not None else None,
        )
        for one, proto, latency, output, dropped in zip(chosen, graphs, latencies, outputs, shares, strict=True)
    ]  # fmt: skip
    config = trained.about.config
    return VariantTable(run=str(path), config_sha256=config.sha256, protocol=config.data.protocol, test=int(count), calls=calls, rows=rows)


def _graphs(trained: checkpoint.Checkpoint, chosen: list[Variant], spectra: NDArray[np.float32]) -> list[onnx.ModelProto]:
    """Return the graph of each variant; a network is compressed and converted once for all its precisions."""
    converted: dict[tuple[Step, ...], onnx.ModelProto] = {}
    for one in chosen:
        if one.steps not in converted:
            smaller = variant.compress(trained.network, one.steps, spectra)
            converted[one.steps] = variant.convert(smaller, trained.about.length)
    return [variant.reduce(converted[one.steps], one.precision, spectra) for one in chosen]


def _latencies(graphs: list[onnx.ModelProto], spectrum: NDArray[np.float32], calls: int) -> list[dict[int, NetworkLatency]]:
    models = [proto.SerializeToString() for proto in graphs]
    measured = [latency(models, spectrum, threads, calls) for threads in THREADS]
    return [dict(zip(THREADS, times, strict=True)) for times in zip(*measured, strict=True)]


def latency(models: Sequence[bytes], spectrum: NDArray[np.float32], threads: int, calls: int = CALLS) -> list[NetworkLatency]:
    """Return the latency of each model for ``spectrum`` (1, length), called in turn so that disturbances affect all alike."""
    sessions = [graph.session(data, threads) for data in models]
    took = np.empty((calls, len(models)))
    for turn in range(-WARM_UP, calls):
        for place, session in enumerate(sessions):
            began = time.perf_counter()
            session.run(OUTPUTS, {INPUT: spectrum})
            if turn >= 0:
                took[turn, place] = time.perf_counter() - began
    return [NetworkLatency(*(round(float(value), 3) for value in np.percentile(1e3 * one, (0, 50, 99)))) for one in took.T]


def _figures(run: HeldOutRun, outputs: SystemOutputs, best: NDArray[np.intp]) -> VariantFigures:
    scores = run.scores(outputs)
    top1, top3 = (round(metrics.top(scores, run.truth, k), 4) for k in (1, 3))
    agreement = round(float((scores.argmax(axis=1) == best).mean()), 4)
    head = round(metrics.top(run.head(outputs), run.truth, 1), 4)
    return VariantFigures(library_bytes=_library_bytes(run, outputs), top1=top1, top3=top3, head=head, agreement=agreement)


def _library_bytes(run: HeldOutRun, outputs: SystemOutputs) -> int:
    """Return the size of the library of the split with this variant."""
    which, dataset, axis = run.prepared.split.library, run.prepared.dataset, run.trained.about.config.recipe.axis
    references = library.build(
        run.trained.sha256, dataset.labels[which], dataset.specimens[which], outputs.embedding[which], run.prepared.features[which], axis
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.library.npz"
        references.save(path)
        return path.stat().st_size


def text(table: VariantTable) -> str:
    """Return the table as lines of text."""
    plain = next((row.test for row in table.rows if row.variant == str(PLAIN)), None)
    size = f"{table.test or 'no'} test spectra ({table.protocol})"
    head = f"{table.run}: {size}; {table.calls} calls of one spectrum per variant, in turn; ms are fastest/p50/p99 of the network"
    cells = [COLUMNS, *(_cells(row, plain) for row in table.rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    last = table.rows[-1].levels_dropped
    return "\n".join([head, *lines, *([f"the dropped levels had {last:.2%} of the level weights"] if last else [])])


def _cells(row: VariantRow, plain: VariantFigures | None) -> tuple[str, ...]:
    figures = row.test
    took = [f"{one.least:.2f}/{one.p50:.2f}/{one.p99:.2f}" for one in row.latency.values()]
    size = f"{row.model_bytes / 1e6:.2f}"
    if figures is None or plain is None:
        return (row.variant, size, NOT_MEASURED, *took, *[NOT_MEASURED] * 5)
    library_size, lost = f"{figures.library_bytes / 1e6:.2f}", f"{100 * (figures.top1 - plain.top1):+.2f}"
    shares = (f"{figures.top1:.4f}", lost, f"{figures.top3:.4f}", f"{figures.head:.4f}", f"{figures.agreement:.4f}")
    return (row.variant, size, library_size, *took, *shares)
