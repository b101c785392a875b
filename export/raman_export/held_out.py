"""Evaluation of a run on its test spectra with the graph that an export of it would contain, and the rules for its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.model.card import Decision
from raman_train import checkpoint, confidence, evaluate, loop, metrics, runs
from raman_train.confidence import ConformalLevels, Fusion
from raman_train.config import DrcnnEdgeConfig
from raman_train.models.search import LibrarySearch

from raman_export import graph, out_of_library, variant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray
    from raman_edge.model.card import OutOfLibraryRule
    from raman_train.checkpoint import Checkpoint
    from raman_train.confidence import ScoredQueries
    from raman_train.runs import PreparedData

    from raman_export.variant import Variant

AMBIGUOUS_BELOW = 0.5
"""An answer below even odds is ambiguous, also if its conformal set has one label."""


@dataclass(frozen=True, eq=False, slots=True)
class HeldOutResult:
    """Rules and figures for the card."""

    decision: Decision
    protocol: str
    measured: dict[str, float]
    how: str


@dataclass(frozen=True, eq=False, slots=True)
class HeldOutRun:
    """A finished run and its data, with test spectra of known species."""

    trained: Checkpoint
    prepared: PreparedData

    @classmethod
    def open(cls, path: Path) -> HeldOutRun:
        """Read a run; :class:`ConfigError` if it has no test spectra of known species."""
        trained = checkpoint.load(path)
        prepared = runs.prepare(trained.about.config)
        split = prepared.split
        if not split.test.size or split.enrolled.size:
            content = "only new species in its test part" if split.test.size else "no test spectra"
            msg = (
                f"{str(path)!r} has {content} (protocol {trained.about.config.data.protocol!r}): "
                "--measured expects a run with protocol 'sample', 'spectrum' or 'open'"
            )
            raise ConfigError(msg)
        return cls(trained, prepared)

    def outputs(self, proto: onnx.ModelProto) -> evaluate.SystemOutputs:
        """Return the outputs of a graph for every spectrum."""
        outputs = graph.run(proto, self.prepared.features)
        return evaluate.SystemOutputs(outputs.logits, outputs.embedding, logit_scale(self.trained))

    def scores(self, outputs: evaluate.SystemOutputs) -> NDArray[np.float32]:
        """Return the score of the edge for every label, (test, classes)."""
        if outputs.logit_scale is not None:
            return evaluate.library_scores(outputs, self.prepared.classes, self.prepared.split)
        queries = confidence.ScoredQueries.of(outputs, self.prepared.classes, self.prepared.split)
        return confidence.fused(queries, confidence.fit(queries).head_weight)

    def head(self, outputs: evaluate.SystemOutputs) -> NDArray[np.float32]:
        """Return the logits of the class head, (test, classes)."""
        return evaluate.head_scores(outputs, self.prepared.classes, self.prepared.split)

    @property
    def truth(self) -> NDArray[np.intp]:
        """True class of each test spectrum, (test,)."""
        return self.prepared.classes[self.prepared.split.test]

    def graph(self, chosen: Variant) -> onnx.ModelProto:
        """Return the graph of a variant, calibrated on spectra outside the test part."""
        spectra = variant.calibration(self.prepared.features[self.prepared.split.library])
        smaller = variant.compress(self.trained.network, chosen.steps, spectra)
        return variant.reduce(variant.convert(smaller, self.trained.about.length), chosen.precision, spectra)


def logit_scale(trained: Checkpoint) -> float | None:
    """Return the factor between a cosine and a logit; None if the logits are not cosines."""
    config = trained.about.config.model
    return config.scale if isinstance(config, DrcnnEdgeConfig) else None


def measure(path: Path, chosen: Variant) -> HeldOutResult:
    """Measure a run as the variant ``chosen`` on its test spectra; rules are fitted on one half and measured on the other.

    Raises:
        ConfigError: if it has no test spectra of known species.
    """
    run = HeldOutRun.open(path)
    config, split, truth = run.trained.about.config, run.prepared.split, run.truth
    whole, _ = runs.measure(run.trained, run.prepared)
    outputs = run.outputs(run.graph(chosen))
    queries = confidence.ScoredQueries.of(outputs, run.prepared.classes, split)
    predictions = confidence.cross_fit(queries, run.prepared.dataset.specimens[split.test])
    fusion = confidence.fit(queries)
    familiar, unknown_figures = _familiar(run, outputs, queries, fusion)
    name = config.data.protocol
    figures = {
        f"{name}_top1_fp32": whole.main.top1,
        f"{name}_top1_{chosen.precision}": round(float(predictions.right.mean()), 4),
        f"{name}_top3_{chosen.precision}": round(float((predictions.place < 3).mean()), 4),  # noqa: PLR2004 - top 3
        f"{name}_top1_root_derivative_search": _search_top1(run.prepared),
    } | {f"{name}_{key}": value for key, value in (confidence.measure(predictions) | unknown_figures).items()}
    how = (
        f"{name}: {config.data.subset}, split seed {config.data.split_seed}, "
        f"{split.library.size} spectra in training and library, "
        f"{truth.size} test spectra of {np.unique(truth).size} labels, "
        f"by the same network trained without them (configuration {config.sha256[:12]})"
    )
    rules = decision(confidence.logit_divisor(outputs), fusion, confidence.levels(queries, fusion), familiar)
    return HeldOutResult(rules, name, figures, how + "".join(f", {step}" for step in chosen.steps))


def decision(logit_scale: float, fusion: Fusion, levels: ConformalLevels, familiar: OutOfLibraryRule) -> Decision:
    """Return the rules for the card."""
    return Decision(
        logit_scale=logit_scale, head_weight=fusion.head_weight, temperature=fusion.temperature, rank_prior=fusion.rank_prior,
        least_90=round(levels.of90, 6), least_95=round(levels.of95, 6), ambiguous_below=AMBIGUOUS_BELOW, familiar=familiar,
    )  # fmt: skip


def untested(logit_scale: float | None) -> Decision:
    """Return default rules for a model without test spectra."""
    fusion = Fusion(1.0 if logit_scale is None else 0.2, 0.09, 0.7)
    familiar = out_of_library.by_similarity(np.array([0.5]))
    return decision(confidence.LOGIT_SPAN if logit_scale is None else logit_scale, fusion, ConformalLevels(0.1, 0.02), familiar)


def combined(results: Sequence[HeldOutResult], logit_scale: float | None) -> Decision:
    """Return the probabilities of the first run, with "unknown" from the first run with protocol ``open`` if there is one."""
    if not results:
        return untested(logit_scale)
    with_unknown = next((one for one in results if one.protocol == "open"), results[0])
    return msgspec.structs.replace(results[0].decision, familiar=with_unknown.decision.familiar)


def _familiar(
    run: HeldOutRun, outputs: evaluate.SystemOutputs, queries: ScoredQueries, fusion: Fusion
) -> tuple[OutOfLibraryRule, dict[str, float]]:
    """Return the rule for "unknown" and its figures; without species outside the library, a threshold of the similarity."""
    split = run.prepared.split
    if not split.unknown.size:
        return out_of_library.by_similarity(queries.similarity.max(axis=1)), {}
    axis = run.trained.about.config.recipe.axis
    known, unknown = (out_of_library.features(run.prepared, axis, outputs, fusion, side) for side in (split.test, split.unknown))
    return out_of_library.fit(known, unknown), out_of_library.measure(run.prepared, known, unknown)


def _search_top1(prepared: PreparedData) -> float:
    """Return top-1 of the best library search on the same test spectra, as a baseline."""
    split, classes = prepared.split, prepared.classes
    features = torch.from_numpy(prepared.features)
    search = LibrarySearch(features.shape[1], len(prepared.labels), "root-derivative")
    search.prepare(features[split.library], torch.from_numpy(classes[split.library]))
    scores = evaluate.head_scores(evaluate.SystemOutputs(*loop.outputs(search, features), None), classes, split)
    return round(metrics.top(scores, classes[split.test], 1), 4)
