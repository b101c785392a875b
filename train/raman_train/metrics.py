"""How good a ranking is, and how surely it may be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scores = "NDArray[np.float32]"

TEMPERATURES = np.geomspace(0.002, 0.5, 60)
"""Tried for the softmax over scores, which are cosines."""


def best_of_class(similarity: NDArray[np.float32], classes: NDArray[np.intp], count: int) -> NDArray[np.float32]:
    """Return the best similarity of each class, (queries, count), from (queries, references); -1 where it has none."""
    order = np.argsort(classes, kind="stable")
    present, first = np.unique(classes[order], return_index=True)
    best = np.full((similarity.shape[0], count), -1.0, dtype=np.float32)
    best[:, present] = np.maximum.reduceat(similarity[:, order], first, axis=1)
    return best


def top(scores: NDArray[np.float32], truth: NDArray[np.intp], k: int) -> float:
    """Return the share of rows whose true class is among the ``k`` highest scores."""
    among = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k < scores.shape[1] else np.arange(scores.shape[1])[None]
    return float((among == truth[:, None]).any(axis=1).mean())


def macro_top1(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
    """Return top-1 averaged over classes, each class counting once."""
    right = scores.argmax(axis=1) == truth
    hits, asked = np.bincount(truth, right), np.bincount(truth)
    return float((hits[asked > 0] / asked[asked > 0]).mean())


def probabilities(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return the softmax over classes, (queries, classes)."""
    odds = np.exp((scores - scores.max(axis=1, keepdims=True)).astype(np.float64) / temperature)
    shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
    return shares


def fit_temperature(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> float:
    """Return the temperature with the smallest negative log-likelihood of the truth."""
    rows = np.arange(truth.size)
    losses = [-np.log(np.maximum(probabilities(scores, float(t))[rows, truth], 1e-9)).mean() for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error over ``bins`` equal-width bins (Guo et al., ICML 2017)."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.abs(np.bincount(place, confidence - right, minlength=bins))
    return float(gap.sum() / confidence.size)


def auroc(known: NDArray[np.float32], unknown: NDArray[np.float32]) -> float:
    """Return the chance that a known spectrum scores higher than an unknown one (ties count half)."""
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    level = np.searchsorted(ordered, known, side="right") - below
    return float((below + level / 2).mean() / unknown.size)
