"""What every step to a smaller and faster model costs, on held-out samples, in one table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from raman_train import checkpoint, metrics, runs

from raman_export import compress, latency, library, variant
from raman_export.held import Kept
from raman_export.latency import Latency
from raman_export.variant import PLAIN, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import onnx
    from numpy.typing import NDArray
    from raman_train.evaluate import Answers

    from raman_export.compress import Step
    from raman_export.variant import Precision

THREADS = (1, 2)
NOT_MEASURED = "-"
COLUMNS = ("", "model MB", "library MB", "ms 1 thread", "ms 2 threads", "top-1", "points", "top-3", "agreement")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a variant says of the spectra kept apart."""

    library_bytes: int
    """Of the library that the spectra learned from make."""
    top1: float
    top3: float
    agreement: float
    """Share of the spectra whose best answer is the plain network's."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One variant, measured."""

    variant: str
    model_bytes: int
    """Of the graph, without its card."""
    latency: dict[int, Latency]
    """By threads; one spectrum through the network alone."""
    levels_dropped: float
    """Share of the level weights that the dropped recursions had."""
    asked: Asked | None
    """None where the run kept nothing apart."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The variants of one run, side by side."""

    run: str
    config_sha256: str
    protocol: str
    asked: int
    """Spectra kept apart, and asked of every variant."""
    calls: int
    """Timed calls of each variant and number of threads."""
    rows: list[Row]


def variants(steps: tuple[Step, ...]) -> Iterator[Variant]:
    """Yield fp32, fp16 and int8, then fp32 and int8 after one step more each time."""
    plain: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    yield from (Variant(precision) for precision in plain)
    stepped: tuple[Precision, ...] = ("fp32", "int8")
    for count in range(1, len(steps) + 1):
        yield from (Variant(precision, steps[:count]) for precision in stepped)


def build(path: Path, steps: tuple[Step, ...], calls: int = latency.CALLS) -> Table:
    """Measure the variants of the run at ``path``."""
    made = checkpoint.load(path)
    material = runs.prepare(made.about.config)
    apart = material.split.test.size
    kept = Kept.open(path) if apart else None
    learned = material.split.library if apart else slice(None)
    chosen = list(variants(steps))
    graphs = _graphs(made, chosen, variant.shown(material.features[learned]))
    took = _latencies(graphs, material.features[:1], calls)
    answers = [kept.answers(proto) if kept else None for proto in graphs]
    best = kept.scores(answers[0]).argmax(axis=1) if kept and answers[0] else None
    rows = [
        Row(
            variant=str(one), model_bytes=proto.ByteSize(), latency=times, levels_dropped=_dropped(made, one),
            asked=_asked(kept, said, best) if kept and said and best is not None else None,
        )
        for one, proto, times, said in zip(chosen, graphs, took, answers, strict=True)
    ]  # fmt: skip
    config = made.about.config
    return Table(run=str(path), config_sha256=config.sha256, protocol=config.data.protocol, asked=int(apart), calls=calls, rows=rows)


def _graphs(made: checkpoint.Checkpoint, chosen: list[Variant], calibration: NDArray[np.float32]) -> list[onnx.ModelProto]:
    """Return the graph of each variant; a network is compressed and converted once for all its precisions."""
    converted: dict[tuple[Step, ...], onnx.ModelProto] = {}
    for one in chosen:
        if one.steps not in converted:
            smaller = variant.compress(made.network, one.steps, calibration)
            converted[one.steps] = variant.convert(smaller, made.about.length)
    return [variant.shrink(converted[one.steps], one.precision, calibration) for one in chosen]


def _latencies(graphs: list[onnx.ModelProto], spectrum: NDArray[np.float32], calls: int) -> list[dict[int, Latency]]:
    models = [proto.SerializeToString() for proto in graphs]
    raced = [latency.race(models, spectrum, threads, calls) for threads in THREADS]
    return [dict(zip(THREADS, times, strict=True)) for times in zip(*raced, strict=True)]


def _asked(kept: Kept, answers: Answers, best: NDArray[np.intp]) -> Asked:
    scores = kept.scores(answers)
    return Asked(
        library_bytes=_library_bytes(kept, answers),
        top1=round(metrics.top(scores, kept.truth, 1), 4),
        top3=round(metrics.top(scores, kept.truth, 3), 4),
        agreement=round(float((scores.argmax(axis=1) == best).mean()), 4),
    )


def _library_bytes(kept: Kept, answers: Answers) -> int:
    """Return the size of the library that the spectra learned from make with this variant."""
    material, learned = kept.material, kept.material.split.library
    dataset, axis = material.dataset, kept.made.about.config.recipe.axis
    references = library.build(
        kept.made.sha256, dataset.labels[learned], dataset.specimens[learned], answers.embedding[learned], material.features[learned], axis
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.library.npz"
        references.save(path)
        return path.stat().st_size


def _dropped(made: checkpoint.Checkpoint, one: Variant) -> float:
    kept = [step.levels for step in one.steps if isinstance(step, compress.Levels)]
    return round(compress.level_share(made.network, kept[-1]), 5) if kept else 0.0


def text(table: Table) -> str:
    """Return the table as lines for a person."""
    plain = next((row.asked for row in table.rows if row.variant == str(PLAIN)), None)
    said = f"{table.asked} spectra kept apart ({table.protocol})" if table.asked else f"nothing kept apart ({table.protocol})"
    head = f"{table.run}: {said}; {table.calls} calls of one spectrum a variant, in turn; ms are fastest/p50/p99 of the network alone"
    cells = [COLUMNS, *(_cells(row, plain) for row in table.rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    last = table.rows[-1].levels_dropped
    return "\n".join([head, *lines, *([f"the dropped levels had {last:.2%} of the level weights"] if last else [])])


def _cells(row: Row, plain: Asked | None) -> tuple[str, ...]:
    asked = row.asked
    took = [f"{one.least:.2f}/{one.p50:.2f}/{one.p99:.2f}" for one in row.latency.values()]
    size = f"{row.model_bytes / 1e6:.2f}"
    if asked is None or plain is None:
        return (row.variant, size, NOT_MEASURED, *took, *[NOT_MEASURED] * 4)
    library_size, lost = f"{asked.library_bytes / 1e6:.2f}", f"{100 * (asked.top1 - plain.top1):+.2f}"
    return (row.variant, size, library_size, *took, f"{asked.top1:.4f}", lost, f"{asked.top3:.4f}", f"{asked.agreement:.4f}")
