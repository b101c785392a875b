"""A run with spectra kept apart, asked through the very graph that an export of it would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from raman_edge.card import Decision
from raman_edge.errors import ConfigError
from raman_train import checkpoint, evaluate, loop, metrics, runs
from raman_train.config import DrcnnEdgeConfig
from raman_train.models.search import Search

from raman_export import parity, variant

if TYPE_CHECKING:
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray
    from raman_train.checkpoint import Checkpoint
    from raman_train.data.splits import Split
    from raman_train.runs import Material

    from raman_export.variant import Variant

LOGIT_SPAN = 20.0
"""Brings logits that are no cosines to the size for which temperatures are tried."""


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """What a measurement gives the card."""

    decision: Decision
    measured: dict[str, float]
    how: str


@dataclass(frozen=True, eq=False, slots=True)
class Kept:
    """A finished run and its data, with known species kept apart."""

    made: Checkpoint
    material: Material

    @classmethod
    def open(cls, path: Path) -> Kept:
        """Read a run; :class:`ConfigError` where it kept no spectra of known species apart."""
        made = checkpoint.load(path)
        material = runs.prepare(made.about.config)
        split = material.split
        if not split.test.size or split.enrolled.size:
            kept = "new species apart" if split.test.size else "nothing apart"
            msg = (
                f"{str(path)!r} kept {kept} (protocol {made.about.config.data.protocol!r}): "
                "--measured wants a run with protocol 'sample' or 'spectrum'"
            )
            raise ConfigError(msg)
        return cls(made, material)

    def answers(self, proto: onnx.ModelProto) -> evaluate.Answers:
        """Return what a graph says of every spectrum."""
        outputs = parity.run(proto, self.material.features)
        return evaluate.Answers(outputs.logits, outputs.embedding, logit_scale(self.made))

    def scores(self, answers: evaluate.Answers) -> NDArray[np.float32]:
        """Return the edge's score of every label for the spectra kept apart, (test, classes)."""
        rule = evaluate.head_scores if answers.logit_scale is None else evaluate.library_scores
        return rule(answers, self.material.classes, self.material.split)

    @property
    def truth(self) -> NDArray[np.intp]:
        """Class of each spectrum kept apart, (test,)."""
        return self.material.classes[self.material.split.test]

    def graph(self, chosen: Variant) -> onnx.ModelProto:
        """Return the graph of a variant, calibrated on what was learned from."""
        calibration = variant.shown(self.material.features[self.material.split.library])
        smaller = variant.compress(self.made.network, chosen.steps, calibration)
        return variant.shrink(variant.convert(smaller, self.made.about.length), chosen.precision, calibration)


def logit_scale(made: Checkpoint) -> float | None:
    """Return what a logit is times a cosine; None where the logits are no cosines."""
    config = made.about.config.model
    return config.scale if isinstance(config, DrcnnEdgeConfig) else None


def measure(path: Path, chosen: Variant) -> Held:
    """Measure a run on what it kept apart, as ``chosen``."""
    kept = Kept.open(path)
    config, split, truth = kept.made.about.config, kept.material.split, kept.truth
    whole, _ = runs.measure(kept.made, kept.material)
    answers = kept.answers(kept.graph(chosen))
    scores = kept.scores(answers)
    decide = head_decision if answers.logit_scale is None else evaluate.decision
    decision, more = decide(answers, kept.material.classes, split)
    name = config.data.protocol
    figures = {
        f"{name}_top1_fp32": whole.main.top1,
        f"{name}_top1_{chosen.precision}": round(metrics.top(scores, truth, 1), 4),
        f"{name}_top3_{chosen.precision}": round(metrics.top(scores, truth, 3), 4),
        f"{name}_top1_root_derivative_search": _search_top1(kept.material),
    } | {f"{name}_{key}": value for key, value in more.items()}
    how = (
        f"{name}: {config.data.subset}, split seed {config.data.split_seed}, "
        f"{split.library.size} spectra learned from and in the library, "
        f"{truth.size} of {np.unique(truth).size} labels asked, "
        f"by the same network trained without them (configuration {config.sha256[:12]})"
    )
    return Held(decision, figures, how + "".join(f", {step}" for step in chosen.steps))


def head_decision(answers: evaluate.Answers, classes: NDArray[np.intp], split: Split) -> tuple[Decision, dict[str, float]]:
    """Fit the decision of a system whose logits are no cosines: its class head ranks alone, its embedding tells "unknown".

    Fitted on one half of the test part and measured on the other.
    """
    scores, truth = evaluate.head_scores(answers, classes, split), classes[split.test]
    fitted = np.arange(truth.size) % 2 == 0
    temperature = LOGIT_SPAN * metrics.fit_temperature(scores[fitted] / np.float32(LOGIT_SPAN), truth[fitted])
    confidence = metrics.probabilities(scores[~fitted], temperature).max(axis=1)
    right = metrics.among(scores[~fitted], truth[~fitted], 1)
    known = evaluate.embedding_scores(answers, classes, split).max(axis=1)
    threshold = float(np.quantile(known[fitted], 1 - evaluate.KNOWN_KEPT))
    decision = head_alone(temperature=round(temperature, 5), unknown_below=round(threshold, 4))
    return decision, {
        "ece": round(metrics.calibration_error(confidence, right), 4),
        "known_kept": round(float((known[~fitted] >= threshold).mean()), 4),
    }


def head_alone(temperature: float, unknown_below: float) -> Decision:
    """Return the decision by the class head alone, logits as they are."""
    return Decision(
        logit_scale=1.0, head_weight=1.0, temperature=temperature, unknown_below=unknown_below,
        ambiguous_below=evaluate.AMBIGUOUS_BELOW,
    )  # fmt: skip


def untested(made: Checkpoint) -> Decision:
    """Return guesses, for a network that nothing measured."""
    scale = logit_scale(made)
    if scale is None:
        return head_alone(temperature=1.0, unknown_below=0.5)
    return Decision(
        logit_scale=scale, head_weight=evaluate.HEAD_WEIGHT, temperature=0.05, unknown_below=0.5,
        ambiguous_below=evaluate.AMBIGUOUS_BELOW,
    )  # fmt: skip


def _search_top1(material: Material) -> float:
    """Return what the best library search gets right of the same questions: what a network has to beat."""
    split, classes = material.split, material.classes
    features = torch.from_numpy(material.features)
    search = Search(features.shape[1], len(material.labels), "root-derivative")
    search.prepare(features[split.library], torch.from_numpy(classes[split.library]))
    scores = evaluate.head_scores(evaluate.Answers(*loop.outputs(search, features), None), classes, split)
    return round(metrics.top(scores, classes[split.test], 1), 4)
