"""Metrics of rankings and probabilities, and their intervals.

A class with a score that is not finite is never among the best. Ties count as errors: a system that gives two classes the
same score has recognised neither.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOT_THERE = -1.0
"""Similarity of a class without references; cosines are higher."""


def best_of_class(similarity: NDArray[np.float32], classes: NDArray[np.intp], count: int) -> NDArray[np.float32]:
    """Return the highest similarity of each class, (queries, count), from (queries, references); -1 for a class without references."""
    order = np.argsort(classes, kind="stable")
    present, first = np.unique(classes[order], return_index=True)
    best = np.full((similarity.shape[0], count), NOT_THERE, dtype=np.float32)
    if present.size:
        best[:, present] = np.maximum.reduceat(similarity[:, order], first, axis=1)
    return best


def among(scores: NDArray[np.float32], truth: NDArray[np.intp], k: int) -> NDArray[np.bool_]:
    """Return whether the true class of each row of (queries, classes) is among its ``k`` highest scores, (queries,)."""
    true = scores[np.arange(truth.size), truth]
    place: NDArray[np.intp] = (scores >= true[:, None]).sum(axis=1)
    return (place <= k) & np.isfinite(true)


def top(scores: NDArray[np.float32], truth: NDArray[np.intp], k: int) -> float:
    """Return the share of rows whose true class is among the ``k`` highest scores."""
    return float(among(scores, truth, k).mean())


def macro_top1(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
    """Return top-1 averaged over classes with equal weight."""
    hits, queries = np.bincount(truth, among(scores, truth, 1)), np.bincount(truth)
    return float((hits[queries > 0] / queries[queries > 0]).mean())


def predicted(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the class with the highest score of each row of (queries, classes), (queries,): in a tie, a wrong one."""
    rows = np.arange(truth.size)
    others = scores.copy()
    others[rows, truth] = -np.inf
    best: NDArray[np.intp] = np.where(among(scores, truth, 1), truth, others.argmax(axis=1))
    return best


def weighted(answered: NDArray[np.intp], truth: NDArray[np.intp]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of the classes ``answered`` (queries,), averaged with the class sizes as weights.

    The precision of a class that is never predicted counts 1, as in the publications on these data (scikit-learn's
    ``zero_division=1``): with small classes precision therefore exceeds recall.
    """
    precision, recall, f1, _ = precision_recall_fscore_support(truth, answered, average="weighted", zero_division=1)
    return float(precision), float(recall), float(f1)


def probabilities(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return the softmax over classes, (queries, classes)."""
    odds = np.exp((scores - scores.max(axis=1, keepdims=True)).astype(np.float64) / temperature)
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error over ``bins`` equal-width bins (Guo et al., ICML 2017)."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.abs(np.bincount(place, confidence - right, minlength=bins))
    return float(gap.sum() / confidence.size)


def auroc(known: NDArray[np.floating], unknown: NDArray[np.floating]) -> float:
    """Return the probability that a known spectrum scores higher than an unknown one; ties count half."""
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    level = np.searchsorted(ordered, known, side="right") - below
    return float((below + level / 2).mean() / unknown.size)


def micro_auc(scores: NDArray[np.floating], truth: NDArray[np.intp]) -> float:
    """Return the area under the ROC curve of all (query, class) pairs, from (queries, classes): Keras' ``AUC`` on one-hot labels."""
    right = np.zeros(scores.shape, dtype=bool)
    right[np.arange(truth.size), truth] = True
    return auroc(scores[right], scores[~right])


def fpr_at_tpr(known: NDArray[np.floating], unknown: NDArray[np.floating], kept: float) -> float:
    """Return the share of unknown spectra accepted by the highest threshold that accepts at least ``kept`` of the known ones."""
    spared = known.size - int(np.ceil(round(kept * known.size, 6)))
    return float((unknown >= np.sort(known)[spared]).mean())


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of a ``share`` of ``count`` spectra, J. Am. Stat. Assoc. 22 (1927) 209; ``count`` ≥ 1.

    Unlike ±1.96 σ it stays within 0..1, and has a width for a share of 0 or 1.
    """
    z = 1.96
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return centre - half, centre + half
