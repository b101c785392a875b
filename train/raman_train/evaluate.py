"""Measure a system on the spectra that were kept apart.

A *ranking* is one way to turn a system's outputs into a score for every class: its class
head, a search of the library with its embedding, or both together as the edge does it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from raman_edge.errors import ConfigError

from raman_train import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.data.splits import Split

Ranking = Literal["head", "embedding", "library"]
"""``library`` is the edge's own: the embedding's search and the class head together."""

HEAD_WEIGHT = 0.3
"""Share of the class head in a score; chosen on another split than the reported one, see docs/benchmarks."""
KNOWN_KEPT = 0.95
"""The "unknown" threshold keeps this share of known species."""
SHOTS = (1, 2, 5)
"""References a new species is given under ``few-shot``."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one ranking of a system scores on the spectra that were kept apart."""

    ranking: Ranking
    top1: float
    top3: float
    top5: float
    macro_top1: float
    precision: float
    """Weighted over the classes asked or answered; a class never answered counts 1 (scikit-learn's ``zero_division=1``, as published)."""
    recall: float
    f1: float
    interval: float
    """Half width of the 95 % interval of top1, binomial, over the spectra asked."""


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """A system's outputs for every spectrum of a dataset, (n, …)."""

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    logit_scale: float | None
    """A logit is this times a cosine; None where the logits are no cosines, and cannot be added to similarities."""


def figures(ranking: Ranking, scores: NDArray[np.float32], truth: NDArray[np.intp]) -> Figures:
    """Return the figures of a score table, (queries, classes)."""
    first = metrics.top(scores, truth, 1)
    precision, recall, f1 = metrics.weighted(metrics.answers(scores, truth), truth)
    return Figures(
        ranking=ranking,
        top1=round(first, 4),
        top3=round(metrics.top(scores, truth, 3), 4),
        top5=round(metrics.top(scores, truth, 5), 4),
        macro_top1=round(metrics.macro_top1(scores, truth), 4),
        precision=round(precision, 4),
        recall=round(recall, 4),
        f1=round(f1, 4),
        interval=round(1.96 * float(np.sqrt(first * (1 - first) / truth.size)), 4),
    )


def rankings(answers: Answers, classes: NDArray[np.intp], split: Split) -> dict[Ranking, NDArray[np.float32]]:
    """Return every ranking these outputs allow, each (test, classes).

    Under ``few-shot`` that is the search alone, with one reference of each new species and everything competing: no head
    can name what it was never taught.
    """
    if split.enrolled.size:
        return {"embedding": embedding_scores(answers, classes, given(split, classes, 1))}
    made: dict[Ranking, NDArray[np.float32]] = {
        "head": head_scores(answers, classes, split),
        "embedding": embedding_scores(answers, classes, split),
    }
    if answers.logit_scale is not None:
        made["library"] = library_scores(answers, classes, split)
    return made


def head_scores(answers: Answers, classes: NDArray[np.intp], split: Split, asked: NDArray[np.intp] | None = None) -> NDArray[np.float32]:
    """Return the logits of ``asked`` (the test part), (asked, classes); -inf where a class was not learned: it cannot be named."""
    learned = np.zeros(answers.logits.shape[1], dtype=bool)
    learned[classes[split.library]] = True
    return np.where(learned, answers.logits[split.test if asked is None else asked], np.float32(-np.inf))


def embedding_scores(
    answers: Answers, classes: NDArray[np.intp], split: Split, asked: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """Return the best cosine of each class's references to ``asked`` (the test part), (asked, classes)."""
    similarity = answers.embedding[split.test if asked is None else asked] @ answers.embedding[split.library].T
    return metrics.best_of_class(similarity, classes[split.library], answers.logits.shape[1])


def library_scores(
    answers: Answers, classes: NDArray[np.intp], split: Split, head_weight: float = HEAD_WEIGHT, asked: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """Return the edge's own score, (asked, classes): best cosine of the library and the class head.

    The very rule of :func:`raman_edge.matching.ranking.rank`, over ``asked`` (the test part) at once. Raises :class:`ConfigError`
    for a system whose logits are no cosines.
    """
    if answers.logit_scale is None:
        msg = "the edge's score adds cosines: this system's logits are none, ask its class head or its embedding instead"
        raise ConfigError(msg)
    best = embedding_scores(answers, classes, split, asked)
    logits = answers.logits[split.test if asked is None else asked]
    scores: NDArray[np.float32] = (1 - head_weight) * best + head_weight * logits / answers.logit_scale
    return scores


def more(answers: Answers, classes: NDArray[np.intp], split: Split) -> dict[str, float]:
    """Return what only some splits can be asked: few-shot and open-set figures."""
    if split.enrolled.size:
        return few_shot(answers, classes, split)
    return open_set(answers, classes, split) if split.unknown.size else {}


def given(split: Split, classes: NDArray[np.intp], references: int) -> Split:
    """Return a ``few-shot`` split in which every new species has its first ``references`` (or all, if it has fewer).

    Asked are the species that have as many.
    """
    species = classes[split.enrolled]
    place = np.array([int((species[:index] == label).sum()) for index, label in enumerate(species)], dtype=np.intp)
    having = species[place == references - 1]
    return replace(split, enrolled=split.enrolled[place < references], test=split.test[np.isin(classes[split.test], having)])


def few_shot(answers: Answers, classes: NDArray[np.intp], split: Split) -> dict[str, float]:
    """Return top-1 of species that the network was never taught, by the number of references they are given.

    ``novel_…`` lets the new species alone compete, ``all_…`` every label of the library. Where no species has as many
    references, nothing is said.
    """
    known = np.isin(np.arange(answers.logits.shape[1]), classes[split.enrolled])
    measured: dict[str, float] = {}
    for shots in SHOTS:
        now = given(split, classes, shots)
        if not now.test.size:
            continue
        truth = classes[now.test]
        scores = embedding_scores(answers, classes, now)
        measured |= {
            f"novel_top1_{shots}_shot": round(metrics.top(np.where(known, scores, np.float32(-np.inf)), truth, 1), 4),
            f"all_top1_{shots}_shot": round(metrics.top(scores, truth, 1), 4),
            f"asked_{shots}_shot": float(truth.size),
            f"species_{shots}_shot": float(np.unique(truth).size),
        }
    return measured


def open_set(answers: Answers, classes: NDArray[np.intp], split: Split) -> dict[str, float]:
    """Return how well spectra of species that stand nowhere are told from those that can be named.

    A spectrum is as known as its highest score: of the library, of the class head (its softmax probability, or its cosine
    where it has one), and of both together as the edge does it. ``fpr95`` is the share of unknown spectra that is
    accepted where 95 % of the known ones are.
    """
    known, unknown = (_familiarity(answers, classes, split, asked) for asked in (split.test, split.unknown))
    auroc = {f"open_auroc_{by}": round(metrics.auroc(known[by], unknown[by]), 4) for by in known}
    return auroc | {f"open_fpr95_{by}": round(metrics.fpr_at_tpr(known[by], unknown[by], KNOWN_KEPT), 4) for by in known}


def _familiarity(answers: Answers, classes: NDArray[np.intp], split: Split, asked: NDArray[np.intp]) -> dict[str, NDArray[np.floating]]:
    """Return how known each spectrum ``asked`` looks, by each ranking, (asked,)."""
    head = head_scores(answers, classes, split, asked)
    looks = {"library": embedding_scores(answers, classes, split, asked).max(axis=1)}
    if answers.logit_scale is None:
        return looks | {"head": metrics.probabilities(head, 1.0).max(axis=1)}
    return looks | {"head": head.max(axis=1), "fused": library_scores(answers, classes, split, asked=asked).max(axis=1)}
