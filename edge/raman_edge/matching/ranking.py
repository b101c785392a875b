"""From scores to a decision: ranking, probability, and one verdict.

:func:`decide` is the only place where a decision is made. It uses the quality of the spectrum, the probability that its material is
in the library at all, the probability of the names, and the lines of the first name; :mod:`raman_edge.wording` has the words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from raman_edge.peaks import PeakMatch
from raman_edge.wording import IF, NAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from raman_edge.matching.aligned import Aligned
    from raman_edge.model.card import Claims, Decision, OutOfLibraryRule
    from raman_edge.peaks import UnmatchedPeak
    from raman_edge.quality import Quality
    from raman_edge.wording import Answer

CauseKind = Literal["saturated", "weak", "fluorescence", "shifted axis", "mixture", "organic", "not in library"]
CANDIDATES = 200
"""Labels that share the probability; that of the labels after them is negligible."""
COVERED = (0.90, 0.95)
"""How often the two sets of a verdict hold the truth."""
LARGEST = 50.0
"""Log odds are cut at this value, which is practical certainty and does not overflow."""
EVEN = 0.5
"""Probability of being in the library below which no name is a match."""
LEAST_CHANCE = 0.775
"""Least probability of the name, times that of being in the library, of a match.

Chosen on species kept apart (`python benchmarks/decisions.py`, decision 21): one unknown mineral in twenty has a neighbour in the
library that it cannot be distinguished from, and at this value no more than those are matches.
"""
STRONG = 0.2
"""Least height, relative to the highest, of a peak that no reference of the name has, for the name to be no match: it takes .4 of
47 % right matches of Dataset_2 `open` away (decision 20), and it sees the lesser part of most mixtures of 80 to 20."""
REQUIRED = 0.3
"""Least height of a line that every reference of the name has and the spectrum lacks, for the name to be no match; it takes .1 of
47 % away."""
OFFSET = 6.0
"""Mean distance of the spectrum's lines from the name's, cm⁻¹, from which the name is no match; uncalibrated handhelds are off by 5."""
LISTED = 4
"""Peaks that a reason lists; the others are counted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate label."""

    label: str
    score: float | None
    """Probability among the library's labels, 0..1, if the material is in the library; None where none is claimed: of an answer
    that names nothing, and of a model that was not measured."""
    similarity: float
    """Cosine to the label's best reference, -1..1."""
    peaks: PeakMatch = field(default_factory=PeakMatch)
    """The spectrum's peaks beside the label's."""
    synonyms: tuple[str, ...] = ()
    """Other names of the material, such as that of the chemical."""
    formula: str = ""
    """Plain text; empty where it is unknown."""
    packs: tuple[str, ...] = ()
    """Packs that its references come from; ``user library`` is that of the user."""


@dataclass(frozen=True, slots=True)
class PredictionSets:
    """Names that contain the true one if the material is in the library, the most probable first; never empty.

    Split-conformal sets (Sadinle et al., J. Am. Stat. Assoc. 114 (2019) 223): of spectra of new specimens whose
    material is in the library, that share has its name in the set.
    """

    p90: tuple[str, ...] = ()
    p95: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best labels of the library in the order of their scores."""

    matches: tuple[Candidate, ...]
    """The best candidates first."""
    sets: PredictionSets
    energy: float
    """``temperature * log Σ exp(score / temperature)``: high where something scores high (Liu et al., NeurIPS 2020)."""
    nearest: str
    """The label whose best reference is most similar to the spectrum, without the class head."""
    similarity: float
    """Its cosine, -1..1."""
    leading: tuple[str, ...] = ()
    """The first :data:`CANDIDATES` labels."""


class Cause(msgspec.Struct, frozen=True):
    """Why a spectrum is unknown, probably."""

    kind: CauseKind
    text: str
    """For a person: what was found, and what to do."""
    names: tuple[str, ...] = ()
    """Labels that the text names."""
    shift: float | None = None
    """Error of the axis, cm⁻¹, of a shifted one: what the axis shows minus what it should."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about one spectrum, and what it is based on."""

    decision: Answer
    names: tuple[str, ...]
    """The names that the answer leaves, the likelier first: one of a match, one or more of a possible answer, two or more of a group
    and of an ambiguous one, none of the others."""
    ranked: tuple[Candidate, ...]
    """The best candidates first, whatever the decision; without probabilities where nothing is named."""
    doubts: tuple[str, ...] = ()
    """Reasons against the first candidate."""
    sets: PredictionSets | None = None
    """None where nothing is named, and of a model whose sets were not measured."""
    known: float | None = None
    """Probability that the material is in the library at all, 0..1, at equal prior odds; None of a model for which that was not
    measured."""
    group: str | None = None
    """Group that all of the names belong to, where there are several; None where they share none."""
    cause: Cause | None = None
    """Probable cause where nothing is named; None where something is."""
    aligned: Aligned | None = None
    """The whole reference spectrum that decided, where one did; then no probability is claimed, since none was measured."""

    @property
    def best(self) -> Candidate | None:
        """The first of the names; None where nothing is named."""
        return self.ranked[0] if self.ranked and self.decision in NAMED else None


def odds(scores: NDArray[np.floating], temperature: float, rank_prior: float) -> NDArray[np.float64]:
    """Return the probability of each candidate from ``scores`` (…, k) in falling order.

    A softmax in which the r-th candidate counts ``r ** -rank_prior``: many distant labels together count less than
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
    scores = _scores(similarity, logits, class_of, decision)
    order = _leading(scores)
    leading = scores[order]
    shares = odds(leading, decision.temperature, decision.rank_prior)
    best = zip(order[:top].tolist(), shares[:top].tolist(), similarity[order[:top]].tolist(), strict=True)
    first = tuple(Candidate(labels[i], round(share, 4), round(cosine, 4)) for i, share, cosine in best)
    above = np.exp((leading - leading[0]).astype(np.float64) / decision.temperature).sum()
    nearest = int(similarity.argmax())
    return Ranking(
        first,
        PredictionSets(*(_members(labels, order, shares, least) for least in (decision.least_90, decision.least_95))),
        float(leading[0]) + decision.temperature * math.log(above),
        labels[nearest],
        round(float(similarity[nearest]), 4),
        tuple(labels[i] for i in order.tolist()),
    )


def probabilities(
    similarity: NDArray[np.float32], logits: NDArray[np.float32], class_of: NDArray[np.intp], decision: Decision
) -> NDArray[np.float64]:
    """Return the probability of every label, (k,), with the arguments of :func:`rank`; those after :data:`CANDIDATES` have 0."""
    scores = _scores(similarity, logits, class_of, decision)
    order = _leading(scores)
    shares = np.zeros(scores.size)
    shares[order] = odds(scores[order], decision.temperature, decision.rank_prior)
    return shares


def _scores(
    similarity: NDArray[np.float32], logits: NDArray[np.float32], class_of: NDArray[np.intp], decision: Decision
) -> NDArray[np.floating]:
    """Return the score of every label, (k,)."""
    heads = np.where(class_of >= 0, logits[class_of] / decision.logit_scale, similarity)
    scores: NDArray[np.floating] = (1 - decision.head_weight) * similarity + decision.head_weight * heads
    return scores


def _leading(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the candidates, best first; of equal ones the library's order counts."""
    if scores.size > CANDIDATES:
        least = np.partition(scores, scores.size - CANDIDATES)[scores.size - CANDIDATES]
        inside = np.flatnonzero(scores >= least)
    else:
        inside = np.arange(scores.size)
    return inside[np.argsort(-scores[inside], kind="stable")][:CANDIDATES]


def known(ranking: Ranking, explained: PeakMatch, familiar: OutOfLibraryRule) -> float:
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


def no_group(names: Sequence[str]) -> str | None:
    """Return None: without packs no label has a group."""
    _ = names
    return None


def decide(
    ranking: Ranking, quality: Quality, decision: Decision, claims: Claims, group_of: Callable[[Sequence[str]], str | None] = no_group
) -> Verdict:
    """Turn a ranking, whose candidates have their peaks, into a verdict.

    ``claims`` is what the model was measured for, ``group_of`` the group that several labels share. Where one name would say more than
    is known, and all that are left share a group, the group is the answer.
    """
    ranked, first = ranking.matches, ranking.matches[0]
    in_library = known(ranking, first.peaks, decision.familiar)
    claimed = round(in_library, 4) if claims.known else None
    nameless = tuple(sorted((replace(match, score=None) for match in ranked), key=lambda match: -match.similarity))
    if quality.reject_reasons:
        return Verdict("rejected", (), nameless, (*quality.reject_reasons, *quality.warnings), None, claimed)
    if in_library < decision.familiar.least:
        return Verdict("unknown", (), nameless, (_strange(ranking), *quality.warnings), None, claimed)
    names, several = _names(ranking, decision.ambiguous_below, claimed=claims.sets)
    best = first if claims.sets else nameless[0]
    if len(names) == 1 and len(ranking.sets.p95) > 1 and is_unsure(best, claimed) and group_of(ranking.sets.p95):
        names, several = ranking.sets.p95, _several(95, claimed=claims.sets)
    group = group_of(names) if len(names) > 1 else None
    against = objections(best, claimed, alone=len(names) == 1)
    answer: Answer = "possible" if against else "group" if group else "ambiguous" if len(names) > 1 else "match"
    doubts = (*against, *several, *quality.warnings)
    if not claims.sets:
        return Verdict(answer, names, nameless, doubts, None, claimed, group)
    return Verdict(answer, names, ranked, doubts, ranking.sets, claimed, group)


def by_aligned(verdict: Verdict, first: Candidate, found: Aligned, quality: Quality, *, settles: bool = True) -> Verdict:
    """Return the verdict that a convincing whole reference spectrum leaves: ``first``, with its peaks at the offset that was found.

    Without ``settles`` it is at most `possible`, see :class:`raman_edge.matching.aligned.AlignedSearch`.
    """
    against = _unlike(first)
    if not settles:
        against += (f"only its whole reference in your pack supports {first.label}; similar materials may not be in a pack",)
    if abs(found.offset) >= OFFSET:
        against += (f"its lines are {found.offset:+.0f} cm⁻¹ off those of {first.label}: calibrate the wavenumber axis",)
    others = (replace(other, score=None) for other in verdict.ranked if other.label != first.label)
    ranked = (replace(first, score=None), *others)[: len(verdict.ranked)]
    answer: Answer = "possible" if against else "match"
    return Verdict(answer, (first.label,), ranked, (*against, *quality.warnings), aligned=found)


def is_unsure(first: Candidate, known: float | None) -> bool:
    """Whether the name is too uncertain for a match: see :data:`LEAST_CHANCE`."""
    return (1.0 if known is None else known) * (1.0 if first.score is None else first.score) < LEAST_CHANCE


def objections(first: Candidate, known: float | None, *, alone: bool = True) -> tuple[str, ...]:
    """Return the reasons against the first candidate as a match, the strongest first.

    ``known`` is the probability of being in the library, None where it was not measured; ``alone`` is whether no other name is left.
    """
    found = []
    if known is not None and known < EVEN:
        found.append(f"more likely not in the library than in it: of spectra as near as this, {1 - known:.0%} are of other materials")
    elif alone and is_unsure(first, known):
        chance = (1.0 if known is None else known) * (1.0 if first.score is None else first.score)
        found.append(f"not sure enough for a match: {first.label} is right in {chance:.0%} of such cases, a match needs {LEAST_CHANCE:.0%}")
    found += _unlike(first)
    if abs(offset := first.peaks.offset) >= OFFSET:
        found.append(f"its lines are {offset:+.1f} cm⁻¹ off those of {first.label}: calibrate the wavenumber axis")
    return tuple(found)


def _unlike(first: Candidate) -> tuple[str, ...]:
    """Return what the lines say against the first candidate."""
    found = []
    if strong := [peak for peak in first.peaks.extra if peak.height >= STRONG]:
        found.append(f"{first.label} does not explain the {_places(strong)}: a mixture, or another material")
    if lacking := [peak for peak in first.peaks.missing if peak.height >= REQUIRED]:
        found.append(f"the spectrum lacks the {_places(lacking)} of {first.label}")
    return tuple(found)


def _places(peaks: Sequence[UnmatchedPeak]) -> str:
    """Return where peaks are, the highest first: ``peak at 1086 cm⁻¹``."""
    highest = sorted(peaks, key=lambda peak: -peak.height)
    more = f" and {len(highest) - LISTED} more" if len(highest) > LISTED else ""
    return f"{'peaks' if len(highest) > 1 else 'peak'} at {', '.join(f'{peak.at:.0f}' for peak in highest[:LISTED])}{more} cm⁻¹"


def _names(ranking: Ranking, ambiguous_below: float, *, claimed: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the remaining names, and how often the true one is among them where there are several."""
    sets, first = ranking.sets, ranking.matches[0]
    if len(sets.p90) < 2 and (first.score or 0.0) >= ambiguous_below:  # noqa: PLR2004 - several
        return (first.label,), ()
    share, names = next(((share, names) for share, names in ((90, sets.p90), (95, sets.p95)) if len(names) > 1), (0, ()))
    if not names:
        return tuple(match.label for match in ranking.matches[:2]), ("no name is more likely than not",)
    return names, _several(share, claimed=claimed)


def _several(share: int, *, claimed: bool) -> tuple[str, ...]:
    return (f"{IF}, it is one of these in {share} of 100 cases" if claimed else "these names are too near to each other",)


def _members(labels: Sequence[str], order: NDArray[np.intp], shares: NDArray[np.float64], least: float) -> tuple[str, ...]:
    """Return the labels with at least that probability, or the first alone."""
    count = max(1, int((shares >= least).sum()))
    return tuple(labels[i] for i in order[:count].tolist())


def _strange(ranking: Ranking) -> str:
    """Return the reason against every material of the library."""
    first = ranking.matches[0]
    peaks = first.peaks
    against = [f"the nearest, {ranking.nearest}, has a similarity of {ranking.similarity:.3f}"]
    if peaks.extra:
        against.append(f"{1 - peaks.explained:.0%} of the peaks are none of {first.label}")
    if peaks.missing:
        against.append(f"{1 - peaks.found:.0%} of the peaks of {first.label} are missing")
    return f"nothing in the library is near enough: {'; '.join(against)}"
