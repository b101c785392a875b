"""Probabilities of answers, fitted and measured on test specimens.

Every parameter is fitted on one half of the specimens and measured on the other half, in both directions; the parameters in
the card are then fitted on all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from raman_edge.errors import ConfigError
from raman_edge.matching import ranking

from raman_train import evaluate, metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_train.data.splits import Split
    from raman_train.evaluate import SystemOutputs

HEAD_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Weights of the class head to choose from if its logits are cosines, like the similarities of the library."""
LOGIT_SPAN = 20.0
"""Divisor of logits that are not cosines, so that one initial temperature suits all."""
HEAD_ALONE = 1.0
"""A further weight to choose where the logits are not cosines: the class head alone, as the papers rank."""
SURE = 1e-4
"""Probabilities are clipped to this distance from 0 and 1 while fitting: otherwise one outlier would dominate."""
FLOOR = 1e-3
"""Added to the probability of the true class while the fusion is chosen, for the same reason."""
START = (-2.3, 0.6)
"""Initial logarithm of the temperature, and exponent of the rank."""


class Fusion(NamedTuple):
    """Parameters that convert similarities and cosines of the class head to probabilities."""

    head_weight: float
    temperature: float
    rank_prior: float


class ConformalLevels(NamedTuple):
    """Smallest probability of a member of the conformal sets of 90 and 95 %."""

    of90: float
    of95: float


class ScoredQueries(NamedTuple):
    """Both scores of every query, and its true class; both are -1 for a class outside the library."""

    similarity: NDArray[np.float32]
    """Highest cosine of each class, (n, classes)."""
    head: NDArray[np.float32]
    """Cosine of the class head, (n, classes)."""
    truth: NDArray[np.intp]
    """(n,)."""
    head_weights: tuple[float, ...] = HEAD_WEIGHTS
    """Weights to choose from."""

    @classmethod
    def of(cls, outputs: SystemOutputs, classes: NDArray[np.intp], split: Split, queries: NDArray[np.intp] | None = None) -> ScoredQueries:
        """Score ``queries`` (default: the test part)."""
        similarity = evaluate.embedding_scores(outputs, classes, split, queries)
        head = evaluate.head_scores(outputs, classes, split, queries) / np.float32(logit_divisor(outputs))
        weights = HEAD_WEIGHTS if outputs.logit_scale is not None else (*HEAD_WEIGHTS, HEAD_ALONE)
        truth = classes[split.test if queries is None else queries]
        return cls(similarity, np.where(np.isfinite(head), head, np.float32(metrics.NOT_THERE)), truth, weights)

    def rows(self, which: NDArray[np.bool_]) -> ScoredQueries:
        """Return some of the queries."""
        return ScoredQueries(self.similarity[which], self.head[which], self.truth[which], self.head_weights)


class HeldOutPredictions(NamedTuple):
    """Predictions for each spectrum, with parameters fitted on the other half of the specimens."""

    best: NDArray[np.float64]
    """Probability of the first candidate, (n,)."""
    place: NDArray[np.intp]
    """Rank of the true class, from 0, (n,)."""
    covered: NDArray[np.bool_]
    """Whether the sets of 90 and of 95 % contain the true class, (2, n)."""
    sizes: NDArray[np.intp]
    """Sizes of these sets, (2, n)."""

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the first candidate is correct, (n,)."""
        hits: NDArray[np.bool_] = self.place == 0
        return hits


def logit_divisor(outputs: SystemOutputs) -> float:
    """Return the divisor that converts a logit to a score."""
    return LOGIT_SPAN if outputs.logit_scale is None else outputs.logit_scale


def halves(names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which spectra are in the first half, (n,): whole specimens, from a fixed seed."""
    unique = np.unique(names)
    first = np.random.default_rng(0).permutation(unique)[: unique.size // 2]
    chosen: NDArray[np.bool_] = np.isin(names, first)
    return chosen


def fit(queries: ScoredQueries) -> Fusion:
    """Choose the weight of the class head by the likelihood of the true class; temperature and rank prior are calibrated per weight."""
    tried = [_calibrated(queries, weight) for weight in queries.head_weights]
    return min((float(-np.log(_of_truth(queries, one) + FLOOR).mean()), one) for one in tried)[1]


def levels(queries: ScoredQueries, fusion: Fusion) -> ConformalLevels:
    """Return the split-conformal levels, the ⌈(n + 1)(1 - α)⌉/n quantiles of the probability of the true class.

    Sadinle et al., J. Am. Stat. Assoc. 114 (2019) 223.
    """
    true = np.sort(_of_truth(queries, fusion))[::-1]
    return ConformalLevels(*(float(true[min(int(np.ceil((true.size + 1) * share)), true.size) - 1]) for share in ranking.COVERED))


def cross_fit(queries: ScoredQueries, specimens: NDArray[np.str_]) -> HeldOutPredictions:
    """Fit on one half of the ``specimens`` (n,) and predict the other half, in both directions.

    Raises:
        ConfigError: if there is only one specimen.
    """
    first = halves(specimens)
    if first.all() or not first.any():
        msg = f"a probability needs at least two test specimens, one to fit and one to measure; got {np.unique(specimens).size}"
        raise ConfigError(msg)
    count = queries.truth.size
    best, places = np.empty(count), np.empty(count, dtype=np.intp)
    covered, sizes = np.empty((2, count), dtype=bool), np.empty((2, count), dtype=np.intp)
    for fitted in (first, ~first):
        fusion = fit(queries.rows(fitted))
        place, shares = _ranked(queries.rows(~fitted), fusion)
        best[~fitted], places[~fitted] = shares[:, 0], place
        for row, least in enumerate(levels(queries.rows(fitted), fusion)):
            size = np.maximum((shares >= least).sum(axis=1), 1)
            covered[row, ~fitted], sizes[row, ~fitted] = place < size, size
    return HeldOutPredictions(best, places, covered, sizes)


def measure(predictions: HeldOutPredictions) -> dict[str, float]:
    """Return calibration error, and coverage and mean size of the conformal sets."""
    figures = {"ece": metrics.calibration_error(predictions.best, predictions.right)}
    for row, share in enumerate(ranking.COVERED):
        figures[f"coverage_{share:.0%}"[:-1]] = float(predictions.covered[row].mean())
        figures[f"set_size_{share:.0%}"[:-1]] = float(predictions.sizes[row].mean())
        figures[f"single_{share:.0%}"[:-1]] = float((predictions.sizes[row] == 1).mean())
    return {name: round(value, 4) for name, value in figures.items()}


def fused(queries: ScoredQueries, head_weight: float) -> NDArray[np.float32]:
    """Return the scores of the edge, (n, classes)."""
    scores: NDArray[np.float32] = (1 - head_weight) * queries.similarity + head_weight * queries.head
    return scores


def _calibrated(queries: ScoredQueries, head_weight: float) -> Fusion:
    """Return the temperature and rank prior that calibrate the probability of the first candidate."""
    from scipy.optimize import minimize  # noqa: PLC0415 - 0.5 s, used only for fitting

    scores = fused(queries, head_weight)
    right = scores.argmax(axis=1) == queries.truth
    leading = -np.sort(-scores, axis=1)[:, : ranking.CANDIDATES]

    def loss(at: Sequence[float]) -> float:
        best = np.clip(ranking.odds(leading, float(np.exp(at[0])), max(0.0, float(at[1])))[:, 0], SURE, 1 - SURE)
        return float(-np.log(np.where(right, best, 1 - best)).mean())

    found = minimize(loss, START, method="Nelder-Mead", options={"xatol": 1e-2, "fatol": 1e-5, "maxiter": 200}).x
    return Fusion(head_weight, round(float(np.exp(found[0])), 5), round(max(0.0, float(found[1])), 4))


def _ranked(queries: ScoredQueries, fusion: Fusion) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the rank of the true class (from 0), (n,), and the probabilities in ranking order, (n, candidates)."""
    scores = fused(queries, fusion.head_weight)
    order = np.argsort(-scores, axis=1, kind="stable")
    leading = np.take_along_axis(scores, order[:, : ranking.CANDIDATES], axis=1)
    place: NDArray[np.intp] = (order == queries.truth[:, None]).argmax(axis=1)
    return place, ranking.odds(leading, fusion.temperature, fusion.rank_prior)


def _of_truth(queries: ScoredQueries, fusion: Fusion) -> NDArray[np.float64]:
    """Return the probability of the true class, (n,); 0 if it is not a candidate."""
    place, odds = _ranked(queries, fusion)
    inside = place < odds.shape[1]
    return np.where(inside, odds[np.arange(place.size), np.where(inside, place, 0)], 0.0)
