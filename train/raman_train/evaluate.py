"""Measure a trained network on the spectra that were kept apart, beside a plain library search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.card import Decision
from scipy.signal import savgol_filter

from raman_train import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.data.splits import Split

HEAD_WEIGHT = 0.3
"""Share of the class head in a score; chosen on another split than the reported one, see docs/benchmarks."""
KNOWN_KEPT = 0.95
"""The "unknown" threshold keeps this share of known species."""
AMBIGUOUS_BELOW = 0.5
"""Below even odds one name would be dishonest."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a method scores on the spectra that were kept apart."""

    system: str
    top1: float
    top3: float
    top5: float
    macro_top1: float
    interval: float
    """Half width of the 95 % interval of top1, binomial, over the spectra asked."""


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """A network's outputs for every spectrum of a dataset, (n, …)."""

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]


def figures(system: str, scores: NDArray[np.float32], truth: NDArray[np.intp]) -> Figures:
    """Return the figures of a score table, (queries, classes)."""
    first = metrics.top(scores, truth, 1)
    return Figures(
        system=system,
        top1=round(first, 4),
        top3=round(metrics.top(scores, truth, 3), 4),
        top5=round(metrics.top(scores, truth, 5), 4),
        macro_top1=round(metrics.macro_top1(scores, truth), 4),
        interval=round(1.96 * float(np.sqrt(first * (1 - first) / truth.size)), 4),
    )


def library_scores(
    answers: Answers, classes: NDArray[np.intp], split: Split, logit_scale: float, head_weight: float = HEAD_WEIGHT
) -> NDArray[np.float32]:
    """Return the edge's own score, (test, classes): best cosine of the library and the class head.

    The very rule of :func:`raman_edge.verdict.rank`, over a whole test part at once.
    """
    references, queries = split.library, split.test
    similarity = answers.embedding[queries] @ answers.embedding[references].T
    count = answers.logits.shape[1]
    best = metrics.best_of_class(similarity, classes[references], count)
    scores: NDArray[np.float32] = (1 - head_weight) * best + head_weight * answers.logits[queries] / logit_scale
    return scores


def search_scores(features: NDArray[np.float32], classes: NDArray[np.intp], split: Split, count: int) -> NDArray[np.float32]:
    """Return √-derivative cosine search, (test, classes): what any network has to beat."""
    rows = root_derivative(features)
    return metrics.best_of_class(rows[split.test] @ rows[split.library].T, classes[split.library], count)


def root_derivative(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return √-derivative spectra at unit norm, (n, length)."""
    rows = savgol_filter(np.sqrt(np.maximum(features, 0)), 11, 2, deriv=1, axis=1)
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def decision(answers: Answers, classes: NDArray[np.intp], split: Split, logit_scale: float) -> tuple[Decision, dict[str, float]]:
    """Fit temperature and "unknown" threshold on one half of the test part and measure them on the other.

    "Unknown" is played by searching a library without the query's own species. The network
    was taught that species, so this flatters it; the honest protocol (species held out of
    training) belongs to ``open``.
    """
    scores = library_scores(answers, classes, split, logit_scale)
    truth = classes[split.test]
    fitted = np.arange(truth.size) % 2 == 0
    asked = ~fitted
    temperature = metrics.fit_temperature(scores[fitted], truth[fitted])
    confidence = metrics.probabilities(scores[asked], temperature)
    right = scores[asked].argmax(axis=1) == truth[asked]
    similarity = answers.embedding[split.test] @ answers.embedding[split.library].T
    same = classes[split.library][None, :] == truth[:, None]
    known = similarity.max(axis=1)
    unknown = np.where(same, -1.0, similarity).max(axis=1)
    threshold = float(np.quantile(known[fitted], 1 - KNOWN_KEPT))
    measured = {
        "ece": round(metrics.calibration_error(confidence.max(axis=1), right), 4),
        "unknown_auroc_library_only": round(metrics.auroc(known[asked], unknown[asked]), 4),
        "unknown_rejected_library_only": round(float((unknown[asked] < threshold).mean()), 4),
        "known_kept": round(float((known[asked] >= threshold).mean()), 4),
    }
    return (
        Decision(
            logit_scale=logit_scale,
            head_weight=HEAD_WEIGHT,
            temperature=round(temperature, 5),
            unknown_below=round(threshold, 4),
            ambiguous_below=AMBIGUOUS_BELOW,
        ),
        measured,
    )
