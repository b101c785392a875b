"""Evaluation of a system on the test spectra.

A *ranking* converts the outputs of a system to a score for every class: by the class head, by a search of the library with
the embedding, or by both as the edge does it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from raman_edge.errors import ConfigError

from raman_train import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from raman_train.data.splits import Split

Ranking = Literal["head", "embedding", "library"]
"""``library`` is the ranking of the edge: embedding search and class head together."""

HEAD_WEIGHT = 0.3
"""Weight of the class head in a score; chosen on another split than the reported one, see docs/benchmarks."""
KNOWN_KEPT = 0.95
"""Share of known species that the "unknown" threshold accepts."""
SHOTS = (1, 2, 5)
"""References per new species under ``few-shot``."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one ranking on the test spectra, each 0..1."""

    ranking: Ranking
    top1: float
    top3: float
    top5: float
    macro_top1: float
    precision: float
    """Weighted over the classes; a class that is never predicted counts 1 (scikit-learn's ``zero_division=1``, as published)."""
    recall: float
    f1: float
    interval: float
    """Half width of the binomial 95 % interval of ``top1``."""


@dataclass(frozen=True, eq=False, slots=True)
class SystemOutputs:
    """Outputs of a system for every spectrum of a dataset, (n, …)."""

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    logit_scale: float | None
    """Factor between a cosine and a logit; None if the logits are not cosines: `confidence.LOGIT_SPAN` then scales them."""


def figures(ranking: Ranking, scores: NDArray[np.float32], truth: NDArray[np.intp]) -> Figures:
    """Return the figures of ``scores`` (queries, classes) for the true classes ``truth`` (queries,)."""
    first = metrics.top(scores, truth, 1)
    precision, recall, f1 = metrics.weighted(metrics.predicted(scores, truth), truth)
    return Figures(
        ranking=ranking, top1=round(first, 4), top3=round(metrics.top(scores, truth, 3), 4), top5=round(metrics.top(scores, truth, 5), 4),
        macro_top1=round(metrics.macro_top1(scores, truth), 4), precision=round(precision, 4), recall=round(recall, 4), f1=round(f1, 4),
        interval=round(1.96 * float(np.sqrt(first * (1 - first) / truth.size)), 4),
    )  # fmt: skip


def main(figures: Sequence[Figures]) -> Figures:
    """Return the figures that represent a system: of the edge's ranking if there is one, else the class head, else the embedding."""
    ranked = {row.ranking: row for row in figures}
    return ranked.get("library") or ranked.get("head") or ranked["embedding"]


def rankings(outputs: SystemOutputs, classes: NDArray[np.intp], split: Split) -> dict[Ranking, NDArray[np.float32]]:
    """Return every ranking that these outputs allow, each (test, classes).

    Under ``few-shot`` that is only the search, with one reference of each new species among all references: a class head
    cannot name species outside its training set.
    """
    if split.enrolled.size:
        return {"embedding": embedding_scores(outputs, classes, with_references(split, classes, 1))}
    made: dict[Ranking, NDArray[np.float32]] = {
        "head": head_scores(outputs, classes, split),
        "embedding": embedding_scores(outputs, classes, split),
    }
    if outputs.logit_scale is not None:
        made["library"] = library_scores(outputs, classes, split)
    return made


def head_scores(
    outputs: SystemOutputs, classes: NDArray[np.intp], split: Split, queries: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """Return the logits of ``queries`` (default: the test part), (queries, classes); -inf for classes outside the library."""
    learned = np.zeros(outputs.logits.shape[1], dtype=bool)
    learned[classes[split.library]] = True
    return np.where(learned, outputs.logits[split.test if queries is None else queries], np.float32(-np.inf))


def embedding_scores(
    outputs: SystemOutputs, classes: NDArray[np.intp], split: Split, queries: NDArray[np.intp] | None = None
) -> NDArray[np.float32]:
    """Return the highest cosine of each class's references to ``queries`` (default: the test part), (queries, classes)."""
    similarity = outputs.embedding[split.test if queries is None else queries] @ outputs.embedding[split.library].T
    return metrics.best_of_class(similarity, classes[split.library], outputs.logits.shape[1])


def library_scores(
    outputs: SystemOutputs,
    classes: NDArray[np.intp],
    split: Split,
    queries: NDArray[np.intp] | None = None,
) -> NDArray[np.float32]:
    """Return the score of the edge, (queries, classes): highest cosine of the library and class head, weighted.

    The same rule as :func:`raman_edge.matching.ranking.rank`, for all ``queries`` (default: the test part) at once.

    Raises:
        ConfigError: if the logits of the system are not cosines.
    """
    if outputs.logit_scale is None:
        msg = "the score of the edge adds cosines, but the logits of this system are not cosines: use its class head or its embedding"
        raise ConfigError(msg)
    best = embedding_scores(outputs, classes, split, queries)
    logits = outputs.logits[split.test if queries is None else queries]
    scores: NDArray[np.float32] = (1 - HEAD_WEIGHT) * best + HEAD_WEIGHT * logits / outputs.logit_scale
    return scores


def protocol_figures(outputs: SystemOutputs, classes: NDArray[np.intp], split: Split) -> dict[str, float]:
    """Return the figures that only some protocols have: few-shot and open set."""
    if split.enrolled.size:
        return few_shot(outputs, classes, split)
    return open_set(outputs, classes, split) if split.unknown.size else {}


def with_references(split: Split, classes: NDArray[np.intp], references: int) -> Split:
    """Return a ``few-shot`` split in which every new species has its first ``references`` (or all, if it has fewer).

    The test part contains the species with that many references.
    """
    species = classes[split.enrolled]
    place = np.array([int((species[:index] == label).sum()) for index, label in enumerate(species)], dtype=np.intp)
    having = species[place == references - 1]
    return replace(split, enrolled=split.enrolled[place < references], test=split.test[np.isin(classes[split.test], having)])


def few_shot(outputs: SystemOutputs, classes: NDArray[np.intp], split: Split) -> dict[str, float]:
    """Return top-1 of species outside the training set, by the number of their references.

    ``novel_…`` compares with the new species only, ``all_…`` with every label of the library. A number of references that no
    species has is left out.
    """
    known = np.isin(np.arange(outputs.logits.shape[1]), classes[split.enrolled])
    measured: dict[str, float] = {}
    for shots in SHOTS:
        now = with_references(split, classes, shots)
        if not now.test.size:
            continue
        truth = classes[now.test]
        scores = embedding_scores(outputs, classes, now)
        measured |= {
            f"novel_top1_{shots}_shot": round(metrics.top(np.where(known, scores, np.float32(-np.inf)), truth, 1), 4),
            f"all_top1_{shots}_shot": round(metrics.top(scores, truth, 1), 4),
            f"asked_{shots}_shot": float(truth.size),
            f"species_{shots}_shot": float(np.unique(truth).size),
        }
    return measured


def open_set(outputs: SystemOutputs, classes: NDArray[np.intp], split: Split) -> dict[str, float]:
    """Return how well spectra of species outside the library are separated from the others.

    The measure is the highest score of a spectrum: in the library, of the class head (softmax probability, or cosine), and of
    both as the edge combines them. ``fpr95`` is the share of unknown spectra accepted by the threshold that accepts 95 % of
    the known ones.
    """
    known, unknown = (_familiarity(outputs, classes, split, queries) for queries in (split.test, split.unknown))
    auroc = {f"open_auroc_{by}": round(metrics.auroc(known[by], unknown[by]), 4) for by in known}
    return auroc | {f"open_fpr95_{by}": round(metrics.fpr_at_tpr(known[by], unknown[by], KNOWN_KEPT), 4) for by in known}


def _familiarity(
    outputs: SystemOutputs, classes: NDArray[np.intp], split: Split, queries: NDArray[np.intp]
) -> dict[str, NDArray[np.floating]]:
    """Return the highest score of each query by each ranking, (queries,)."""
    head = head_scores(outputs, classes, split, queries)
    scores: dict[str, NDArray[np.floating]] = {"library": embedding_scores(outputs, classes, split, queries).max(axis=1)}
    if outputs.logit_scale is None:
        return scores | {"head": metrics.probabilities(head, 1.0).max(axis=1)}
    return scores | {"head": head.max(axis=1), "fused": library_scores(outputs, classes, split, queries=queries).max(axis=1)}
