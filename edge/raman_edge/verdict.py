"""From scores to an answer: ranking, probability, the names among which the truth is, "unknown", and the reasons for each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.peaks import PeakMatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.card import Decision, Familiar
    from raman_edge.quality import Quality

Answer = Literal["match", "ambiguous", "unknown", "rejected"]

CANDIDATES = 200
"""Labels that share the probability; those after them have none worth a name."""
COVERED = (0.90, 0.95)
"""How often the two sets of a verdict hold the truth."""
LARGEST = 50.0
"""Log odds beyond this are as good as sure, and do not overflow."""
EVEN = 0.5
"""Below, a name comes with the doubt that the material may not be in the library."""


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate."""

    label: str
    score: float
    """Probability among the library's labels, 0..1."""
    similarity: float
    """Cosine to the label's best reference, -1..1."""
    peaks: PeakMatch = field(default_factory=PeakMatch)
    """The spectrum's peaks beside the label's."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Names among which the truth is, the likelier first; never empty.

    Split-conformal sets (Sadinle et al., J. Am. Stat. Assoc. 114 (2019) 223): of spectra of new specimens whose
    material is in the library, that share has its name in the set.
    """

    p90: tuple[str, ...] = ()
    p95: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """The library's labels in the order of their scores, as far as a verdict needs them."""

    matches: tuple[Match, ...]
    """The best candidates first."""
    sets: Sets
    energy: float
    """``temperature * log Σ exp(score / temperature)``: high where something scores high (Liu et al., NeurIPS 2020)."""
    nearest: str
    """The label whose best reference is most like the spectrum; the class head has no say in it."""
    similarity: float
    """Its cosine, -1..1."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one spectrum."""

    decision: Answer
    ranked: tuple[Match, ...]
    """The best candidates first, whatever the decision."""
    doubts: tuple[str, ...]
    """Why the answer is not, or not plainly, the first candidate; plain words."""
    sets: Sets = Sets()
    known: float = 1.0
    """How probable it is that the material is in the library at all, 0..1, had both been as likely before."""

    @property
    def best(self) -> Match | None:
        """The answer, or None where the truth is "unknown"."""
        return self.ranked[0] if self.ranked and self.decision in {"match", "ambiguous"} else None


def odds(scores: NDArray[np.floating], temperature: float, rank_prior: float) -> NDArray[np.float64]:
    """Return the probability of each candidate from ``scores`` (…, k) in falling order.

    A softmax in which the r-th candidate counts ``r ** -rank_prior``: many labels far behind together say less than
    their number.
    """
    place = np.arange(1, scores.shape[-1] + 1)
    weights = (scores - scores[..., :1]).astype(np.float64) / temperature - rank_prior * np.log(place)
    counted = np.exp(weights)
    shares: NDArray[np.float64] = counted / counted.sum(axis=-1, keepdims=True)
    return shares


def rank(
    labels: Sequence[str],
    similarity: NDArray[np.float32],
    logits: NDArray[np.float32],
    class_of: NDArray[np.intp],
    decision: Decision,
    top: int,
) -> Ranking:
    """Return the ranking with its ``top`` candidates.

    ``similarity`` is (k,), one a label; ``logits`` (classes,); ``class_of`` (k,) says which
    logit belongs to a label, -1 where the network was never taught it: such a label is
    scored by similarity alone and ranks like any other.
    """
    heads = np.where(class_of >= 0, logits[class_of] / decision.logit_scale, similarity)
    scores = (1 - decision.head_weight) * similarity + decision.head_weight * heads
    order = _leading(scores)
    leading = scores[order]
    shares = odds(leading, decision.temperature, decision.rank_prior)
    best = zip(order[:top].tolist(), shares[:top].tolist(), similarity[order[:top]].tolist(), strict=True)
    first = tuple(Match(labels[i], round(share, 4), round(cosine, 4)) for i, share, cosine in best)
    above = np.exp((leading - leading[0]).astype(np.float64) / decision.temperature).sum()
    nearest = int(similarity.argmax())
    return Ranking(
        first,
        Sets(*(_members(labels, order, shares, least) for least in (decision.least_90, decision.least_95))),
        float(leading[0]) + decision.temperature * math.log(above),
        labels[nearest],
        round(float(similarity[nearest]), 4),
    )


def _leading(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the candidates, best first; of equal ones the library's order counts."""
    if scores.size > CANDIDATES:
        least = np.partition(scores, scores.size - CANDIDATES)[scores.size - CANDIDATES]
        inside = np.flatnonzero(scores >= least)
    else:
        inside = np.arange(scores.size)
    return inside[np.argsort(-scores[inside], kind="stable")][:CANDIDATES]


def known(ranking: Ranking, explained: PeakMatch, familiar: Familiar) -> float:
    """Return how probable it is that the material is in the library, 0..1, by similarity, energy and peaks (a logistic function).

    ``explained`` are the spectrum's peaks beside those of the first candidate.
    """
    odds_of_known = (
        familiar.bias
        + familiar.similarity * ranking.similarity
        + familiar.energy * ranking.energy
        + familiar.explained * explained.explained
    )
    return 1.0 / (1.0 + math.exp(-min(max(odds_of_known, -LARGEST), LARGEST)))


def decide(ranking: Ranking, quality: Quality, decision: Decision) -> Verdict:
    """Turn a ranking, whose candidates have their peaks, into an answer."""
    ranked, sets = ranking.matches, ranking.sets
    sure = known(ranking, ranked[0].peaks, decision.familiar)
    doubts = list(quality.doubts)
    answer: Answer = "match"
    if quality.problems:
        answer = "rejected"
        doubts = [*quality.problems, *doubts]
    elif sure < decision.familiar.least:
        answer = "unknown"
        doubts.insert(0, _strange(ranking))
    else:
        if sure < EVEN:
            doubts.insert(0, f"perhaps nothing in the library: of spectra that are as near, {1 - sure:.0%} are of other materials")
        if len(sets.p90) > 1 or ranked[0].score < decision.ambiguous_below:
            answer = "ambiguous"
            doubts.insert(0, _one_of(ranked, sets))
    return Verdict(answer, ranked, tuple(doubts), sets, round(sure, 4))


def _members(labels: Sequence[str], order: NDArray[np.intp], shares: NDArray[np.float64], least: float) -> tuple[str, ...]:
    """Return the labels with at least that probability, or the first alone."""
    count = max(1, int((shares >= least).sum()))
    return tuple(labels[i] for i in order[:count].tolist())


def _strange(ranking: Ranking) -> str:
    """Say what speaks against everything in the library."""
    first = ranking.matches[0]
    peaks = first.peaks
    against = [f"the nearest, {ranking.nearest}, has a similarity of {ranking.similarity:.3f}"]
    if peaks.extra:
        against.append(f"{1 - peaks.explained:.0%} of the peaks are none of {first.label}")
    if peaks.missing:
        against.append(f"{1 - peaks.found:.0%} of the peaks of {first.label} are missing")
    return f"nothing in the library is near enough: {'; '.join(against)}"


def _one_of(ranked: Sequence[Match], sets: Sets) -> str:
    """Name those among which the truth is, at least two where there are two."""
    share, names = (90, sets.p90) if len(sets.p90) > 1 else (95, sets.p95)
    if len(names) > 1:
        return f"one of {', '.join(names)}: right in {share} of 100 cases"
    return f"one of {', '.join(match.label for match in ranked[:2])}, and neither surely"
