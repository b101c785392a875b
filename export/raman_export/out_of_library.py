"""The decision "unknown": a probability that a material is in the library, fitted on species outside it.

Its features are those of :func:`raman_edge.matching.ranking.known`: the highest similarity, the energy of the scores, and the share of the
spectrum's peaks that the first candidate explains. No weight is negative, so that a higher similarity never makes a material
less known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from raman_edge import peaks
from raman_edge.matching.library import TABLE
from raman_edge.matching.ranking import CANDIDATES
from raman_edge.model.card import OutOfLibraryRule
from raman_edge.peaks import MaterialLines
from raman_train import confidence, evaluate, loop, metrics
from raman_train.confidence import ScoredQueries
from raman_train.models.search import LibrarySearch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.peaks import PeakMatch
    from raman_edge.spectrum import Axis
    from raman_train.confidence import Fusion
    from raman_train.evaluate import SystemOutputs
    from raman_train.runs import PreparedData

STEEPNESS = 20.0
"""Of the logistic function without a fit: a similarity .1 above the threshold gives .88."""
PENALTY = 1e-3
"""Penalty of the squared weights of the scaled features."""
NEIGHBOUR = 0.7
"""Smallest √-derivative similarity of an unknown species and a known neighbour, such as in a solid solution: about that of two
specimens of one species."""


class Features(NamedTuple):
    """Features of each spectrum, (n,) each."""

    similarity: NDArray[np.float64]
    energy: NDArray[np.float64]
    explained: NDArray[np.float64]

    def rows(self, which: NDArray[np.bool_]) -> Features:
        """Return some of the spectra."""
        return Features(*(part[which] for part in self))


def features(prepared: PreparedData, axis: Axis, outputs: SystemOutputs, fusion: Fusion, queries: NDArray[np.intp]) -> Features:
    """Return the features of ``queries`` as the edge computes them, with the library of the split."""
    scored = ScoredQueries.of(outputs, prepared.classes, prepared.split, queries)
    scores = confidence.fused(scored, fusion.head_weight)
    leading = -np.sort(-scores, axis=1)[:, :CANDIDATES].astype(np.float64)
    above = np.exp((leading - leading[:, :1]) / fusion.temperature).sum(axis=1)
    first = scores.argmax(axis=1)
    lines = {label: reference_lines(prepared, axis, label) for label in np.unique(first).tolist()}
    pairs = zip(queries.tolist(), first.tolist(), strict=True)
    explained = [explain(prepared, axis, index, lines[label]).explained for index, label in pairs]
    return Features(
        scored.similarity.max(axis=1).astype(np.float64), leading[:, 0] + fusion.temperature * np.log(above), np.array(explained)
    )


def fit(known: Features, unknown: Features) -> OutOfLibraryRule:
    """Return the logistic function that separates both, with equal total weight, and the threshold that accepts 95 % of the known."""
    from scipy.optimize import minimize  # noqa: PLC0415 - 0.5 s, used only for fitting

    rows = np.concatenate([np.stack(known, axis=1), np.stack(unknown, axis=1)])
    sign = np.where(np.arange(len(rows)) < known.similarity.size, 1.0, -1.0)
    share = np.where(sign > 0, 0.5 / known.similarity.size, 0.5 / unknown.similarity.size)
    centre, spread = rows.mean(axis=0), rows.std(axis=0) + np.finfo(float).eps
    scaled = (rows - centre) / spread

    def loss(weights: NDArray[np.float64]) -> float:
        odds = weights[0] + scaled @ weights[1:]
        return float((share * np.logaddexp(0.0, -sign * odds)).sum() + PENALTY * (weights[1:] ** 2).sum())

    found = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=[(None, None), *[(0.0, None)] * 3]).x
    weights = found[1:] / spread
    chosen = OutOfLibraryRule(
        similarity=round(float(weights[0]), 5), energy=round(float(weights[1]), 5), explained=round(float(weights[2]), 5),
        bias=round(float(found[0] - weights @ centre), 5), least=0.0,
    )  # fmt: skip
    kept = float(np.quantile(probability(chosen, known), 1 - evaluate.KNOWN_KEPT))
    return OutOfLibraryRule(**{name: getattr(chosen, name) for name in ("similarity", "energy", "explained", "bias")}, least=round(kept, 5))


def by_similarity(known: NDArray[np.floating]) -> OutOfLibraryRule:
    """Return the rule without species outside the library: the similarity that 95 % of the known spectra reach."""
    least = float(np.quantile(known, 1 - evaluate.KNOWN_KEPT))
    return OutOfLibraryRule(similarity=STEEPNESS, energy=0.0, explained=0.0, bias=round(-STEEPNESS * least, 5), least=0.5)


def probability(familiar: OutOfLibraryRule, of: Features) -> NDArray[np.float64]:
    """Return the probability of :func:`raman_edge.matching.ranking.known` for each spectrum, (n,)."""
    odds = familiar.bias + familiar.similarity * of.similarity + familiar.energy * of.energy + familiar.explained * of.explained
    return 1.0 / (1.0 + np.exp(-odds))


def measure(prepared: PreparedData, known: Features, unknown: Features) -> dict[str, float]:
    """Return how well unknown species are detected: each half with the fit of the other one, and by each feature alone.

    ``…_apart`` leaves out the unknown species with a neighbour in the library, see :data:`NEIGHBOUR`.
    """
    split = prepared.split
    halves = [confidence.halves(names) for names in (prepared.dataset.specimens[split.test], prepared.dataset.labels[split.unknown])]
    probabilities = [np.empty(side.similarity.size) for side in (known, unknown)]
    for first in (True, False):
        fitted, other = [half == first for half in halves], [half != first for half in halves]
        familiar = fit(known.rows(fitted[0]), unknown.rows(fitted[1]))
        for values, side, half in zip(probabilities, (known, unknown), other, strict=True):
            values[half] = probability(familiar, side.rows(half))
    inside, outside = probabilities
    figures = {"auroc": metrics.auroc(inside, outside), "fpr95": metrics.fpr_at_tpr(inside, outside, evaluate.KNOWN_KEPT)}
    figures |= {f"auroc_{name}": metrics.auroc(getattr(known, name), getattr(unknown, name)) for name in Features._fields}
    apart = ~neighbours(prepared)
    figures["spectra_apart"] = float(apart.mean())
    if apart.any():
        figures |= {
            "auroc_apart": metrics.auroc(inside, outside[apart]),
            "fpr95_apart": metrics.fpr_at_tpr(inside, outside[apart], evaluate.KNOWN_KEPT),
        }
    return {name: round(value, 4) for name, value in figures.items()}


def neighbours(prepared: PreparedData) -> NDArray[np.bool_]:
    """Return which spectra of unknown species have a species with a high median √-derivative similarity to a known one, (unknown,)."""
    split, classes = prepared.split, prepared.classes
    spectra = torch.from_numpy(prepared.features)
    search = LibrarySearch(spectra.shape[1], len(prepared.labels), "root-derivative")
    search.prepare(spectra[split.library], torch.from_numpy(classes[split.library]))
    _, embedding = loop.outputs(search, spectra)
    nearest = (embedding[split.unknown] @ embedding[split.library].T).max(axis=1)
    species = classes[split.unknown]
    median = {label: float(np.median(nearest[species == label])) for label in np.unique(species).tolist()}
    return np.array([median[label] >= NEIGHBOUR for label in species.tolist()], dtype=bool)


def reference_lines(prepared: PreparedData, axis: Axis, label: int) -> MaterialLines:
    """Return the lines of a label in the library of the split."""
    library = prepared.split.library
    own = library[prepared.classes[library] == label]
    return MaterialLines.of([peaks.find(axis, prepared.features[index].astype(np.float64), most=TABLE) for index in own.tolist()])


def explain(prepared: PreparedData, axis: Axis, index: int, lines: MaterialLines) -> PeakMatch:
    """Return the comparison of a spectrum's peaks with the lines of a label, as the edge makes it."""
    found = peaks.find(axis, prepared.features[index].astype(np.float64))
    measured = prepared.dataset.spectrum(index).axis
    return peaks.match(found, lines, (max(axis.start, measured.start), min(axis.stop, measured.stop)))
