"""How sure an answer is, fitted on specimens that were kept apart.

Every number here is chosen on one half of the specimens (of the species, for what is unknown) and measured on the other,
and the other way round; what goes into the card is then chosen on all of them.
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
    from raman_train.evaluate import Answers

HEAD_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of the class head that are tried where its logits are cosines, as the library's similarities are."""
LOGIT_SPAN = 20.0
"""Divides logits that are no cosines, so that one temperature begins the search for all; their head then ranks alone."""
SURE = 1e-4
"""No probability nearer to 0 or 1 than this is believed while fitting: one odd spectrum would decide it all."""
FLOOR = 1e-3
"""Added to the probability of the truth while the fusion is chosen, for the same reason."""
START = (-2.3, 0.6)
"""Logarithm of the temperature, and the rank's exponent, where the search begins."""


class Fusion(NamedTuple):
    """What makes probabilities of similarities and cosines of the class head."""

    head_weight: float
    temperature: float
    rank_prior: float


class Levels(NamedTuple):
    """The least probability of a member of a conformal set."""

    of90: float
    of95: float


class Questions(NamedTuple):
    """Both scores of every spectrum asked, and the truth; of what was never learned, both are -1."""

    similarity: NDArray[np.float32]
    """Best cosine of each class, (n, classes)."""
    head: NDArray[np.float32]
    """Cosine of the class head, (n, classes)."""
    truth: NDArray[np.intp]
    """(n,)."""
    head_weights: tuple[float, ...] = HEAD_WEIGHTS
    """Tried."""

    @classmethod
    def of(cls, answers: Answers, classes: NDArray[np.intp], split: Split, asked: NDArray[np.intp] | None = None) -> Questions:
        """Ask ``asked`` (the test part)."""
        similarity = evaluate.embedding_scores(answers, classes, split, asked)
        head = evaluate.head_scores(answers, classes, split, asked) / np.float32(scale_of(answers))
        weights = (1.0,) if answers.logit_scale is None else HEAD_WEIGHTS
        truth = classes[split.test if asked is None else asked]
        return cls(similarity, np.where(np.isfinite(head), head, np.float32(metrics.NOT_THERE)), truth, weights)

    def rows(self, which: NDArray[np.bool_]) -> Questions:
        """Return some of the questions."""
        return Questions(self.similarity[which], self.head[which], self.truth[which], self.head_weights)


class Asked(NamedTuple):
    """What the half says that nothing was fitted on."""

    best: NDArray[np.float64]
    """Probability of the best answer, (n,)."""
    place: NDArray[np.intp]
    """Place of the truth in the ranking, from 0, (n,)."""
    held: NDArray[np.bool_]
    """Whether the sets of 90 and of 95 % hold the truth, (2, n)."""
    sizes: NDArray[np.intp]
    """Names in them, (2, n)."""

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best answer is the truth, (n,)."""
        hits: NDArray[np.bool_] = self.place == 0
        return hits


def scale_of(answers: Answers) -> float:
    """Return what a logit is divided by before it is a score."""
    return LOGIT_SPAN if answers.logit_scale is None else answers.logit_scale


def halves(names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return who is in the first half, (n,): whole specimens, by a fixed drawing."""
    unique = np.unique(names)
    first = np.random.default_rng(0).permutation(unique)[: unique.size // 2]
    chosen: NDArray[np.bool_] = np.isin(names, first)
    return chosen


def fit(asked: Questions) -> Fusion:
    """Choose the weight of the class head by the likelihood of the truth, and for each weight what makes the best answer's share true."""
    tried = [(_misfit(asked, one), one) for one in (_calibrated(asked, weight) for weight in asked.head_weights)]
    return min(tried)[1]


def levels(asked: Questions, fusion: Fusion) -> Levels:
    """Return the split-conformal levels, the ⌈(n + 1)(1 - α)⌉/n quantile of what the truth is given.

    Sadinle et al., J. Am. Stat. Assoc. 114 (2019) 223.
    """
    given = np.sort(_of_truth(asked, fusion))[::-1]
    return Levels(*(float(given[min(int(np.ceil((given.size + 1) * share)), given.size) - 1]) for share in ranking.COVERED))


def ask(asked: Questions, specimens: NDArray[np.str_]) -> Asked:
    """Fit on one half of the specimens and ask the other, both ways; :class:`ConfigError` where there is one specimen only."""
    first = halves(specimens)
    if first.all() or not first.any():
        msg = f"to fit a probability and to measure it takes two specimens at least; {np.unique(specimens).size} were kept apart"
        raise ConfigError(msg)
    count = asked.truth.size
    best, places = np.empty(count), np.empty(count, dtype=np.intp)
    held, sizes = np.empty((2, count), dtype=bool), np.empty((2, count), dtype=np.intp)
    for fitted in (first, ~first):
        fusion = fit(asked.rows(fitted))
        place, shares = _ranked(asked.rows(~fitted), fusion)
        best[~fitted], places[~fitted] = shares[:, 0], place
        for row, least in enumerate(levels(asked.rows(fitted), fusion)):
            size = np.maximum((shares >= least).sum(axis=1), 1)
            held[row, ~fitted], sizes[row, ~fitted] = place < size, size
    return Asked(best, places, held, sizes)


def measure(found: Asked) -> dict[str, float]:
    """Return calibration error, and coverage and mean size of the conformal sets, by name."""
    told = {"ece": metrics.calibration_error(found.best, found.right)}
    for row, share in enumerate(ranking.COVERED):
        told[f"coverage_{share:.0%}"[:-1]] = float(found.held[row].mean())
        told[f"set_size_{share:.0%}"[:-1]] = float(found.sizes[row].mean())
        told[f"single_{share:.0%}"[:-1]] = float((found.sizes[row] == 1).mean())
    return {name: round(value, 4) for name, value in told.items()}


def fused(asked: Questions, head_weight: float) -> NDArray[np.float32]:
    """Return the edge's scores, (n, classes)."""
    scores: NDArray[np.float32] = (1 - head_weight) * asked.similarity + head_weight * asked.head
    return scores


def _calibrated(asked: Questions, head_weight: float) -> Fusion:
    """Return the temperature and rank prior under which the best answer is right as often as it says."""
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second, and only fitting needs it

    scores = fused(asked, head_weight)
    right = scores.argmax(axis=1) == asked.truth
    leading = -np.sort(-scores, axis=1)[:, : ranking.CANDIDATES]

    def loss(at: Sequence[float]) -> float:
        best = np.clip(ranking.odds(leading, float(np.exp(at[0])), max(0.0, float(at[1])))[:, 0], SURE, 1 - SURE)
        return float(-np.log(np.where(right, best, 1 - best)).mean())

    found = minimize(loss, START, method="Nelder-Mead", options={"xatol": 1e-2, "fatol": 1e-5, "maxiter": 200}).x
    return Fusion(head_weight, round(float(np.exp(found[0])), 5), round(max(0.0, float(found[1])), 4))


def _misfit(asked: Questions, fusion: Fusion) -> float:
    """Return the negative log-likelihood of the truth."""
    return float(-np.log(_of_truth(asked, fusion) + FLOOR).mean())


def _ranked(asked: Questions, fusion: Fusion) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the truth's place in the ranking (from 0), (n,), and the probabilities in that order, (n, candidates)."""
    scores = fused(asked, fusion.head_weight)
    order = np.argsort(-scores, axis=1, kind="stable")
    leading = np.take_along_axis(scores, order[:, : ranking.CANDIDATES], axis=1)
    place: NDArray[np.intp] = (order == asked.truth[:, None]).argmax(axis=1)
    return place, ranking.odds(leading, fusion.temperature, fusion.rank_prior)


def _of_truth(asked: Questions, fusion: Fusion) -> NDArray[np.float64]:
    """Return the probability that the truth is given, (n,); 0 where it is no candidate."""
    place, odds = _ranked(asked, fusion)
    inside = place < odds.shape[1]
    return np.where(inside, odds[np.arange(place.size), np.where(inside, place, 0)], 0.0)
