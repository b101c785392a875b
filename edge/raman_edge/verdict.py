"""From scores to an answer: ranking, probability, "unknown", and the reasons for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.peaks import PeakMatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_edge.card import Decision
    from raman_edge.quality import Quality

Answer = Literal["match", "ambiguous", "unknown", "rejected"]


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
class Nearest:
    """The library's label whose best reference is most like the spectrum; the class head has no say in it."""

    label: str
    similarity: float
    """Cosine, -1..1."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one spectrum."""

    decision: Answer
    ranked: tuple[Match, ...]
    """The best candidates first, whatever the decision."""
    doubts: tuple[str, ...]
    """Why the answer is not, or not plainly, the first candidate; plain words."""

    @property
    def best(self) -> Match | None:
        """The answer, or None where the truth is "unknown"."""
        return self.ranked[0] if self.ranked and self.decision in {"match", "ambiguous"} else None


def rank(
    labels: Sequence[str],
    similarity: NDArray[np.float32],
    logits: NDArray[np.float32],
    class_of: NDArray[np.intp],
    decision: Decision,
    top: int,
) -> tuple[Match, ...]:
    """Return the ``top`` candidates, best first.

    ``similarity`` is (k,), one a label; ``logits`` (classes,); ``class_of`` (k,) says which
    logit belongs to a label, -1 where the network was never taught it: such a label is
    scored by similarity alone and ranks like any other.
    """
    heads = np.where(class_of >= 0, logits[class_of] / decision.logit_scale, similarity)
    scores = (1 - decision.head_weight) * similarity + decision.head_weight * heads
    odds = np.exp((scores - scores.max()) / decision.temperature)
    odds /= odds.sum()
    order = np.argsort(-scores, kind="stable")[:top]
    return tuple(Match(labels[i], round(float(odds[i]), 4), round(float(similarity[i]), 4)) for i in order)


def nearest(labels: Sequence[str], similarity: NDArray[np.float32]) -> Nearest:
    """Return the label with the largest ``similarity``, (k,), one a label."""
    best = int(similarity.argmax())
    return Nearest(labels[best], round(float(similarity[best]), 4))


def decide(ranked: tuple[Match, ...], nearest: Nearest, quality: Quality, decision: Decision) -> Verdict:
    """Turn a ranking into an answer; ``nearest`` is of the whole library, and need not be among the ``ranked``."""
    doubts = list(quality.doubts)
    answer: Answer = "match"
    if quality.problems:
        answer = "rejected"
        doubts = [*quality.problems, *doubts]
    elif nearest.similarity < decision.unknown_below:
        answer = "unknown"
        doubts.insert(
            0,
            f"nothing in the library is near enough: the nearest, {nearest.label}, has a similarity of "
            f"{nearest.similarity:.3f}; {decision.unknown_below:.3f} is the least for a name",
        )
    elif ranked[0].score < decision.ambiguous_below:
        answer = "ambiguous"
        names = _likely(ranked)
        doubts.insert(0, f"one of {', '.join(names)}: together {sum(m.score for m in ranked[: len(names)]):.0%}")
    return Verdict(answer, ranked, tuple(doubts))


def _likely(ranked: tuple[Match, ...]) -> list[str]:
    """Return the labels that a careful reader would keep: at least two, down to a tenth of the best."""
    kept = [match.label for match in ranked if match.score >= ranked[0].score / 10]
    return kept if len(kept) > 1 else [match.label for match in ranked[:2]]
