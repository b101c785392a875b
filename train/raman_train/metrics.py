"""How good a ranking is, and how surely it may be said.

A score that is not finite names nothing: such a class is never among the best, whatever the others score. Equal
scores count against: a system that cannot tell classes apart has not recognised one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOT_THERE = -1.0
"""The similarity of a class without references; cosines are higher."""


def best_of_class(similarity: NDArray[np.float32], classes: NDArray[np.intp], count: int) -> NDArray[np.float32]:
    """Return the best similarity of each class, (queries, count), from (queries, references); -1 where it has none."""
    order = np.argsort(classes, kind="stable")
    present, first = np.unique(classes[order], return_index=True)
    best = np.full((similarity.shape[0], count), NOT_THERE, dtype=np.float32)
    if present.size:
        best[:, present] = np.maximum.reduceat(similarity[:, order], first, axis=1)
    return best


def among(scores: NDArray[np.float32], truth: NDArray[np.intp], k: int) -> NDArray[np.bool_]:
    """Return whether the true class of each row of (queries, classes) is surely among its ``k`` highest scores, (queries,)."""
    true = scores[np.arange(truth.size), truth]
    place: NDArray[np.intp] = (scores >= true[:, None]).sum(axis=1)
    return (place <= k) & np.isfinite(true)


def top(scores: NDArray[np.float32], truth: NDArray[np.intp], k: int) -> float:
    """Return the share of rows whose true class is among the ``k`` highest scores."""
    return float(among(scores, truth, k).mean())


def macro_top1(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
    """Return top-1 averaged over classes, each class counting once."""
    hits, asked = np.bincount(truth, among(scores, truth, 1)), np.bincount(truth)
    return float((hits[asked > 0] / asked[asked > 0]).mean())


def answers(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the class that each row of (queries, classes) answers, (queries,): of equal scores one that is wrong."""
    rows = np.arange(truth.size)
    others = scores.copy()
    others[rows, truth] = -np.inf
    given: NDArray[np.intp] = np.where(among(scores, truth, 1), truth, others.argmax(axis=1))
    return given


def weighted(answered: NDArray[np.intp], truth: NDArray[np.intp]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of one answer a query, averaged over the classes asked by how often each was.

    The precision of a class that was never answered counts 1, as in what is published on these data
    (scikit-learn's ``zero_division=1``): that is why precision exceeds recall where classes are small.
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
    """Return the chance that a known spectrum scores higher than an unknown one (ties count half)."""
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    level = np.searchsorted(ordered, known, side="right") - below
    return float((below + level / 2).mean() / unknown.size)


def micro_auc(scores: NDArray[np.floating], truth: NDArray[np.intp]) -> float:
    """Return the area under the ROC curve of all (query, class) pairs at once, from (queries, classes).

    That is Keras' ``AUC`` on one-hot labels.
    """
    right = np.zeros(scores.shape, dtype=bool)
    right[np.arange(truth.size), truth] = True
    return auroc(scores[right], scores[~right])


def fpr_at_tpr(known: NDArray[np.floating], unknown: NDArray[np.floating], kept: float) -> float:
    """Return the share of unknown spectra accepted by the highest threshold that keeps at least ``kept`` of the known ones."""
    spared = known.size - int(np.ceil(round(kept * known.size, 6)))
    return float((unknown >= np.sort(known)[spared]).mean())
