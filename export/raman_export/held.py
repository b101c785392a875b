"""A run with spectra kept apart, asked through the very graph that an export of it would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.model.card import Decision
from raman_train import checkpoint, confidence, evaluate, loop, metrics, runs
from raman_train.confidence import Fusion, Levels
from raman_train.config import DrcnnEdgeConfig
from raman_train.models.search import Search

from raman_export import parity, unknown, variant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray
    from raman_edge.model.card import OutOfLibraryRule
    from raman_train.checkpoint import Checkpoint
    from raman_train.confidence import Questions
    from raman_train.runs import Material

    from raman_export.variant import Variant

AMBIGUOUS_BELOW = 0.5
"""Below even odds one name would be dishonest, whatever the sets say."""


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """What a measurement gives the card."""

    decision: Decision
    protocol: str
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
                "--measured wants a run with protocol 'sample', 'spectrum' or 'open'"
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
    """Measure a run on what it kept apart, as ``chosen``; what is fitted on one half of it is asked of the other."""
    kept = Kept.open(path)
    config, split, truth = kept.made.about.config, kept.material.split, kept.truth
    whole, _ = runs.measure(kept.made, kept.material)
    answers = kept.answers(kept.graph(chosen))
    questions = confidence.Questions.of(answers, kept.material.classes, split)
    asked = confidence.ask(questions, kept.material.dataset.specimens[split.test])
    fusion = confidence.fit(questions)
    familiar, strange = _familiar(kept, answers, questions, fusion)
    name = config.data.protocol
    figures = {
        f"{name}_top1_fp32": whole.main.top1,
        f"{name}_top1_{chosen.precision}": round(float(asked.right.mean()), 4),
        f"{name}_top3_{chosen.precision}": round(float((asked.place < 3).mean()), 4),  # noqa: PLR2004 - top 3
        f"{name}_top1_root_derivative_search": _search_top1(kept.material),
    } | {f"{name}_{key}": value for key, value in (confidence.measure(asked) | strange).items()}
    how = (
        f"{name}: {config.data.subset}, split seed {config.data.split_seed}, "
        f"{split.library.size} spectra learned from and in the library, "
        f"{truth.size} of {np.unique(truth).size} labels asked, "
        f"by the same network trained without them (configuration {config.sha256[:12]})"
    )
    told = decision(confidence.scale_of(answers), fusion, confidence.levels(questions, fusion), familiar)
    return Held(told, name, figures, how + "".join(f", {step}" for step in chosen.steps))


def decision(logit_scale: float, fusion: Fusion, levels: Levels, familiar: OutOfLibraryRule) -> Decision:
    """Put together what goes into the card."""
    return Decision(
        logit_scale=logit_scale, head_weight=fusion.head_weight, temperature=fusion.temperature, rank_prior=fusion.rank_prior,
        least_90=round(levels.of90, 6), least_95=round(levels.of95, 6), ambiguous_below=AMBIGUOUS_BELOW, familiar=familiar,
    )  # fmt: skip


def untested(logit_scale: float | None) -> Decision:
    """Return the guesses of a model that nothing was kept apart for."""
    fusion = Fusion(1.0 if logit_scale is None else 0.2, 0.09, 0.7)
    familiar = unknown.by_similarity(np.array([0.5]))
    return decision(confidence.LOGIT_SPAN if logit_scale is None else logit_scale, fusion, Levels(0.1, 0.02), familiar)


def together(held: Sequence[Held], logit_scale: float | None) -> Decision:
    """Take probabilities from the first run, and "unknown" from the first that kept species apart, if one did."""
    if not held:
        return untested(logit_scale)
    strange = next((one for one in held if one.protocol == "open"), held[0])
    return msgspec.structs.replace(held[0].decision, familiar=strange.decision.familiar)


def _familiar(kept: Kept, answers: evaluate.Answers, questions: Questions, fusion: Fusion) -> tuple[OutOfLibraryRule, dict[str, float]]:
    """Return when to say "unknown", and how well that was told; by similarity alone where no species were kept apart."""
    split = kept.material.split
    if not split.unknown.size:
        return unknown.by_similarity(questions.similarity.max(axis=1)), {}
    axis = kept.made.about.config.recipe.axis
    known, strange = (unknown.look(kept.material, axis, answers, fusion, side) for side in (split.test, split.unknown))
    return unknown.fit(known, strange), unknown.measure(kept.material, known, strange)


def _search_top1(material: Material) -> float:
    """Return what the best library search gets right of the same questions: what a network has to beat."""
    split, classes = material.split, material.classes
    features = torch.from_numpy(material.features)
    search = Search(features.shape[1], len(material.labels), "root-derivative")
    search.prepare(features[split.library], torch.from_numpy(classes[split.library]))
    scores = evaluate.head_scores(evaluate.Answers(*loop.outputs(search, features), None), classes, split)
    return round(metrics.top(scores, classes[split.test], 1), 4)
