"""When to say "unknown": a probability that a material is in the library, fitted on species that were kept apart.

What is weighed is what the edge knows of a spectrum (:func:`raman_edge.matching.ranking.known`): the best similarity, the energy
of the scores, and how much of the spectrum's peaks the first candidate explains. No weight may be negative: a spectrum
is never stranger for being more alike.
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
from raman_train.confidence import Questions
from raman_train.models.search import Search

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.peaks import PeakMatch
    from raman_edge.spectrum import Axis
    from raman_train.confidence import Fusion
    from raman_train.evaluate import Answers
    from raman_train.runs import Material

STEEPNESS = 20.0
"""Of the logistic function where no species were kept apart to fit one: a similarity .1 above the threshold is .88."""
PENALTY = 1e-3
"""On the squared weights of the scaled features."""
NEIGHBOUR = 0.7
"""√-derivative similarity of an unknown species and its nearest known one from which the two are neighbours, such as members of a
solid solution: about what two specimens of one species have."""


class Looks(NamedTuple):
    """What is known of each spectrum, (n,) each."""

    similarity: NDArray[np.float64]
    energy: NDArray[np.float64]
    explained: NDArray[np.float64]

    def rows(self, which: NDArray[np.bool_]) -> Looks:
        """Return some of the spectra."""
        return Looks(*(part[which] for part in self))


def look(material: Material, axis: Axis, answers: Answers, fusion: Fusion, asked: NDArray[np.intp]) -> Looks:
    """Look at the spectra ``asked`` as the edge does, with a library of what was learned from."""
    questions = Questions.of(answers, material.classes, material.split, asked)
    scores = confidence.fused(questions, fusion.head_weight)
    leading = -np.sort(-scores, axis=1)[:, :CANDIDATES].astype(np.float64)
    above = np.exp((leading - leading[:, :1]) / fusion.temperature).sum(axis=1)
    first = scores.argmax(axis=1)
    lines = {label: _lines(material, axis, label) for label in np.unique(first).tolist()}
    pairs = zip(asked.tolist(), first.tolist(), strict=True)
    explained = [explain(material, axis, index, lines[label]).explained for index, label in pairs]
    return Looks(
        questions.similarity.max(axis=1).astype(np.float64), leading[:, 0] + fusion.temperature * np.log(above), np.array(explained)
    )


def fit(known: Looks, strange: Looks) -> OutOfLibraryRule:
    """Return the logistic function that tells both, each side counting half, and the threshold that keeps 95 % of the known."""
    from scipy.optimize import minimize  # noqa: PLC0415 - only fitting needs it

    rows = np.concatenate([np.stack(known, axis=1), np.stack(strange, axis=1)])
    sign = np.where(np.arange(len(rows)) < known.similarity.size, 1.0, -1.0)
    share = np.where(sign > 0, 0.5 / known.similarity.size, 0.5 / strange.similarity.size)
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
    """Return the rule where no species were kept apart: the similarity that 95 % of the known spectra reach."""
    least = float(np.quantile(known, 1 - evaluate.KNOWN_KEPT))
    return OutOfLibraryRule(similarity=STEEPNESS, energy=0.0, explained=0.0, bias=round(-STEEPNESS * least, 5), least=0.5)


def probability(familiar: OutOfLibraryRule, looks: Looks) -> NDArray[np.float64]:
    """Return what :func:`raman_edge.matching.ranking.known` says of each spectrum, (n,)."""
    odds = familiar.bias + familiar.similarity * looks.similarity + familiar.energy * looks.energy + familiar.explained * looks.explained
    return 1.0 / (1.0 + np.exp(-odds))


def measure(material: Material, known: Looks, strange: Looks) -> dict[str, float]:
    """Return how well unknown species are told, each half by the other's fit, and by each part alone.

    ``…_apart`` leaves out the unknown species that have a neighbour in the library, see :data:`NEIGHBOUR`.
    """
    split = material.split
    halves = [confidence.halves(names) for names in (material.dataset.specimens[split.test], material.dataset.labels[split.unknown])]
    sure = [np.empty(side.similarity.size) for side in (known, strange)]
    for first in (True, False):
        fitted, other = [half == first for half in halves], [half != first for half in halves]
        familiar = fit(known.rows(fitted[0]), strange.rows(fitted[1]))
        for values, side, asked in zip(sure, (known, strange), other, strict=True):
            values[asked] = probability(familiar, side.rows(asked))
    told = {"auroc": metrics.auroc(sure[0], sure[1]), "fpr95": metrics.fpr_at_tpr(sure[0], sure[1], evaluate.KNOWN_KEPT)}
    told |= {f"auroc_{name}": metrics.auroc(getattr(known, name), getattr(strange, name)) for name in Looks._fields}
    apart = ~neighbours(material)
    told["spectra_apart"] = float(apart.mean())
    if apart.any():
        told |= {
            "auroc_apart": metrics.auroc(sure[0], sure[1][apart]),
            "fpr95_apart": metrics.fpr_at_tpr(sure[0], sure[1][apart], evaluate.KNOWN_KEPT),
        }
    return {name: round(value, 4) for name, value in told.items()}


def neighbours(material: Material) -> NDArray[np.bool_]:
    """Return which spectra of unknown species are of one whose median √-derivative similarity to a known species is high, (unknown,)."""
    split, classes = material.split, material.classes
    features = torch.from_numpy(material.features)
    search = Search(features.shape[1], len(material.labels), "root-derivative")
    search.prepare(features[split.library], torch.from_numpy(classes[split.library]))
    _, embedding = loop.outputs(search, features)
    nearest = (embedding[split.unknown] @ embedding[split.library].T).max(axis=1)
    species = classes[split.unknown]
    median = {label: float(np.median(nearest[species == label])) for label in np.unique(species).tolist()}
    return np.array([median[label] >= NEIGHBOUR for label in species.tolist()], dtype=bool)


def _lines(material: Material, axis: Axis, label: int) -> MaterialLines:
    """Return the lines that a library of what was learned from has for a label."""
    learned = material.split.library
    own = learned[material.classes[learned] == label]
    return MaterialLines.of([peaks.find(axis, material.features[index].astype(np.float64), most=TABLE) for index in own.tolist()])


def explain(material: Material, axis: Axis, index: int, lines: MaterialLines) -> PeakMatch:
    """Return the peaks of a spectrum beside the lines of a label, as the edge compares them."""
    found = peaks.find(axis, material.features[index].astype(np.float64))
    measured = material.dataset.spectrum(index).axis
    return peaks.match(found, lines, (max(axis.start, measured.start), min(axis.stop, measured.stop)))
