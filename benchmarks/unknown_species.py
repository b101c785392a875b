"""Measure how well more evidence than the rule has separates spectra of species outside the library from those of species inside it.

``python benchmarks/unknown_species.py --data runs/rruff.npz`` takes the splits of protocol ``open`` of Dataset_2: 15 % of the species are
in no library, and the other test spectra are of specimens outside it. The scores are those of the √-derivative search; with ``--network
RUN`` those of a run of ``raman-train evaluate --set data.protocol=open``, on its split. Each row of the table is a logistic function of
some evidence. It is fitted on four fifths of the species, of all splits, and measured on the others; the AUROC is the mean over the fifths.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from raman_edge import peaks
from raman_edge.matching import ranking
from raman_export import out_of_library
from raman_train import checkpoint, confidence, metrics, runs
from raman_train.benchmark import grid, intervals
from raman_train.confidence import ScoredQueries
from raman_train.data import splits
from raman_train.models.search import LibrarySearch
from raman_train.packs.measure import MineralGroups
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from raman_train.runs import PreparedData

    Rows = NDArray[np.floating]
    Mask = NDArray[np.bool_]

FOLDS = 5
"""Parts of the species; the function for one part is fitted on the others."""
PRIOR = 3.0
"""References that the mean over all labels counts as, where the spread of one label is estimated."""
SMOOTHED = 4.0
"""Standard deviation of the smoothing of the second search, points."""
WINDOW, STEP, REACH = 64, 32, 8
"""Windows in which the nearest reference is moved, their distance, and how far it is moved, points."""
TODAY = ("similarity", "energy", "explained")
"""Evidence of :func:`raman_edge.matching.ranking.known`."""
SETS: dict[str, tuple[str, ...]] = {
    "similarity": ("similarity",),
    "class head": ("head",),
    "the rule of today": TODAY,
    "and the spread of the label": (*TODAY, "below", "deviations"),
    "and the lead over other labels and groups": (*TODAY, "lead", "lead_group", "crowd", "crowd_group"),
    "and lines: strongest unexplained, missing, scatter": (*TODAY, "found", "extra", "missing", "offset", "scatter"),
    "and agreement with other searches and the head": (
        *TODAY,
        "head",
        "smoothed",
        "cosine",
        "agree_smoothed",
        "agree_cosine",
        "agree_head",
    ),
    "and the fit of the nearest reference in windows": (*TODAY, "windows", "gained", "moved"),
    "all of these": (),
}
"""Evidence of each row; the last row has all of it."""


class OpenSplit(NamedTuple):
    """Known and unknown test spectra of one split, (n, …)."""

    evidence: dict[str, Rows]
    known: Mask
    species: NDArray[np.intp]
    group_inside: Mask
    """Whether the library has another species of the spectrum's group."""
    neighbour: Mask
    """Of an unknown species: whether it is as near to a known one as two specimens of one species are."""


class Figures(NamedTuple):
    """Figures of one row on one split, one for each fifth of the species."""

    auroc: list[float]
    group_unseen: list[float]
    """AUROC with those unknown spectra whose group has no species in the library."""
    apart: list[float]
    """AUROC with those that have no neighbour in the library."""


class Library(NamedTuple):
    """Vectors of the references, and which references belong together."""

    vectors: NDArray[np.float32]
    classes: NDArray[np.intp]
    specimens: NDArray[np.str_]
    related: Mask
    """Whether two labels share a group, (labels, labels); a label is related to itself."""

    def spread(self) -> tuple[Rows, Rows]:
        """Return mean and deviation of the within-label similarity of each label, (labels,), shrunk towards those of all labels.

        The similarity of a reference is that to the nearest reference of its label from another specimen.
        """
        similarity = self.vectors @ self.vectors.T
        mine = (self.classes[:, None] == self.classes) & (self.specimens[:, None] != self.specimens)
        within = np.where(mine, similarity, -np.inf).max(axis=1)
        pairs = np.isfinite(within)
        count = len(self.related)
        labels, within = self.classes[pairs], within[pairs]
        number = np.bincount(labels, minlength=count) + PRIOR
        mean = (np.bincount(labels, within, count) + PRIOR * within.mean()) / number
        squares = np.bincount(labels, (within - mean[labels]) ** 2, count) + PRIOR * within.var()
        return mean, np.sqrt(squares / number)

    def crowd(self, *, groups: bool) -> Rows:
        """Return the similarity of each reference to the nearest one of another label, or of another group, (references,)."""
        apart = ~(self.related if groups else np.eye(len(self.related), dtype=bool))[np.ix_(self.classes, self.classes)]
        nearest: Rows = np.where(apart, self.vectors @ self.vectors.T, -1.0).max(axis=1)
        return nearest


def collect(prepared: PreparedData, trained: checkpoint.Checkpoint | None) -> OpenSplit:
    """Return the evidence of one split, of the √-derivative search or of a trained network."""
    split, classes = prepared.split, prepared.classes
    queries = np.concatenate([split.test, split.unknown])
    known: Mask = np.arange(queries.size) < split.test.size
    spectra = torch.from_numpy(prepared.features)
    derivative = LibrarySearch(spectra.shape[1], len(prepared.labels), "root-derivative").embed(spectra).numpy()
    related = relations(prepared.labels)
    if trained:
        outputs = runs.predict(trained, prepared)
        scored = ScoredQueries.of(outputs, classes, split, queries)
        embedding = outputs.embedding
    else:  # a search has no class head
        best = metrics.best_of_class(derivative[queries] @ derivative[split.library].T, classes[split.library], len(prepared.labels))
        scored, embedding = ScoredQueries(best, best, classes[queries], (0.0,)), derivative
    library = Library(embedding[split.library], classes[split.library], prepared.dataset.specimens[split.library], related)
    nearest = (embedding[queries] @ library.vectors.T).argmax(axis=1)
    first = library.classes[nearest]
    evidence = of_scores(scored, confidence.fit(scored.rows(known)), library, nearest)
    evidence |= of_lines(prepared, queries, first)
    evidence |= of_searches(derivative, prepared, queries, first)
    evidence |= in_windows(derivative[queries], derivative[split.library[nearest]])
    neighbour = np.concatenate([np.zeros(split.test.size, dtype=bool), out_of_library.neighbours(prepared)])
    others: Mask = related & ~np.eye(len(related), dtype=bool)
    inside = others[:, np.unique(library.classes)].any(axis=1)[classes[queries]]
    return OpenSplit(evidence, known, classes[queries], inside, neighbour)


def relations(labels: Sequence[str]) -> Mask:
    """Return whether two labels share a group of the pack of minerals, (labels, labels)."""
    groups = MineralGroups()
    names = sorted({group for label in labels for group in groups.of(label)})
    member = np.array([[name in groups.of(label) for name in names] for label in labels], dtype=np.float32)
    related: Mask = (member @ member.T > 0) | np.eye(len(labels), dtype=bool)
    return related


def of_scores(scored: ScoredQueries, fusion: confidence.Fusion, library: Library, nearest: NDArray[np.intp]) -> dict[str, Rows]:
    """Return similarity and energy, and the first label beside its own spread and beside the other labels and groups."""
    leading = -np.sort(-confidence.fused(scored, fusion.head_weight), axis=1)[:, : ranking.CANDIDATES].astype(np.float64)
    above = np.exp((leading - leading[:, :1]) / fusion.temperature).sum(axis=1)
    first, best = library.classes[nearest], scored.similarity.max(axis=1)
    mean, deviation = library.spread()
    alone = np.eye(len(library.related), dtype=bool)
    lead, lead_group = (best - np.where(mask[first], -1.0, scored.similarity).max(axis=1) for mask in (alone, library.related))
    return {
        "similarity": best, "energy": leading[:, 0] + fusion.temperature * np.log(above), "head": scored.head.max(axis=1),
        "agree_head": (scored.head.argmax(axis=1) == first).astype(np.float64),
        "below": best - mean[first], "deviations": (best - mean[first]) / deviation[first], "lead": lead, "lead_group": lead_group,
        "crowd": best - library.crowd(groups=False)[nearest], "crowd_group": best - library.crowd(groups=True)[nearest],
    }  # fmt: skip


def of_lines(prepared: PreparedData, queries: NDArray[np.intp], first: NDArray[np.intp]) -> dict[str, Rows]:
    """Return what the lines of the first label explain, the highest lines on either side alone, and how the pairs scatter."""
    axis = splits.COMMON_RECIPE.axis
    lines = {label: out_of_library.reference_lines(prepared, axis, label) for label in np.unique(first).tolist()}
    rows = []
    for index, label in zip(queries.tolist(), first.tolist(), strict=True):
        found = out_of_library.explain(prepared, axis, index, lines[label])
        weights = np.array([min(pair.height, pair.reference_height) for pair in found.matched])
        deltas = np.array([pair.delta for pair in found.matched])
        scatter = float(np.sqrt(np.average((deltas - found.offset) ** 2, weights=weights))) if weights.sum() else peaks.TOLERANCE
        extra, missing = (max((peak.height for peak in alone), default=0.0) for alone in (found.extra, found.missing))
        rows.append((found.explained, found.found, extra, missing, abs(found.offset), scatter))
    return dict(zip(("explained", "found", "extra", "missing", "offset", "scatter"), np.array(rows).T, strict=True))


def of_searches(derivative: Rows, prepared: PreparedData, queries: NDArray[np.intp], first: NDArray[np.intp]) -> dict[str, Rows]:
    """Return the best similarity of two other searches, and whether they name the same label."""
    library = prepared.split.library
    found: dict[str, Rows] = {}
    for name, vectors in (("smoothed", gaussian_filter1d(derivative, SMOOTHED, axis=1)), ("cosine", prepared.features)):
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).eps)
        similarity = unit[queries] @ unit[library].T
        found[name] = similarity.max(axis=1)
        found[f"agree_{name}"] = (prepared.classes[library[similarity.argmax(axis=1)]] == first).astype(np.float64)
    return found


def in_windows(query: Rows, reference: Rows) -> dict[str, Rows]:
    """Return the mean correlation in windows, what moving the reference in each gains, and how far apart these moves are."""
    starts = np.arange(0, query.shape[1] - WINDOW, STEP)

    def summed(values: Rows) -> Rows:
        whole = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
        return whole[:, starts + WINDOW] - whole[:, starts]

    energy = summed(query**2)
    moved = (np.roll(reference, by, axis=1) for by in range(-REACH, REACH + 1))
    fit = np.stack([summed(query * one) / np.sqrt(energy * summed(one**2) + np.finfo(np.float32).eps) for one in moved], axis=2)
    weights = np.sqrt(energy * summed(reference**2))
    weights /= weights.sum(axis=1, keepdims=True) + np.finfo(np.float32).eps
    moves = fit.argmax(axis=2) - REACH
    mean = (weights * moves).sum(axis=1, keepdims=True)
    return {
        "windows": (weights * fit[:, :, REACH]).sum(axis=1),
        "gained": (weights * (fit.max(axis=2) - fit[:, :, REACH])).sum(axis=1),
        "moved": np.sqrt((weights * (moves - mean) ** 2).sum(axis=1)),
    }


def measure(found: Sequence[OpenSplit], names: Sequence[str]) -> list[Figures]:
    """Return the figures of each split, for a logistic function of the named evidence; without names, of all evidence."""
    rows = [np.stack([one.evidence[name] for name in names or one.evidence], axis=1) for one in found]
    species = np.unique(np.concatenate([one.species for one in found]))
    part = np.random.default_rng(0).permutation(species.size) % FOLDS
    parts = [part[np.searchsorted(species, one.species)] for one in found]
    figures = [Figures([], [], []) for _ in found]
    for fold in range(FOLDS):
        learned, known = (
            np.concatenate([values[mine != fold] for values, mine in zip(every, parts, strict=True)])
            for every in (rows, [one.known for one in found])
        )
        centre, scale = learned.mean(axis=0), learned.std(axis=0) + np.finfo(float).eps
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit((learned - centre) / scale, known)
        for one, values, mine, its in zip(found, rows, parts, figures, strict=True):
            score = model.decision_function((values - centre) / scale)
            inside, outside = one.known & (mine == fold), ~one.known & (mine == fold)
            its.auroc.append(metrics.auroc(score[inside], score[outside]))
            for kept, values_of in ((~one.group_inside, its.group_unseen), (~one.neighbour, its.apart)):
                if (outside & kept).any():
                    values_of.append(metrics.auroc(score[inside], score[outside & kept]))
    return figures


def table(found: Sequence[OpenSplit]) -> str:
    """Return the table; the interval is of the difference from the rule of today, over splits, or over the fifths of one split."""
    lines = [
        "| evidence | species unseen | minus the rule of today | species and group unseen | no neighbour |",
        "| --- | --- | --- | --- | --- |",
    ]
    today = measure(found, TODAY)
    for title, names in SETS.items():
        figures = measure(found, names)
        means = [np.mean([np.mean(getattr(one, part)) for one in figures]) for part in Figures._fields]
        differences = [np.subtract(one.auroc, base.auroc) for one, base in zip(figures, today, strict=True)]
        half = intervals.mean([float(one.mean()) for one in differences] if len(found) > 1 else differences[0].tolist())
        shown = f"{half.value:+.4f} ± {half.half:.4f}" if names != TODAY else "–"
        lines.append(f"| {title} | {means[0]:.4f} | {shown} | {means[1]:.4f} | {means[2]:.4f} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="runs/rruff.npz", metavar="FILE.npz", help="a dataset of raman-train import")
    parser.add_argument("--seeds", default="0-4", metavar="0-4", help="splits")
    parser.add_argument("--network", type=Path, metavar="RUN", help="a run of raman-train evaluate in place of the search, on its split")
    options = parser.parse_args()
    if options.network:
        trained = checkpoint.load(options.network)
        found = [collect(runs.prepare(trained.about.config), trained)]
    else:
        cells = [grid.Cell("root-derivative", "dataset_2", "open", seed) for seed in grid.seeds(options.seeds)]
        found = [collect(runs.prepare(grid.configuration(cell, grid.DatasetFiles(options.data))), None) for cell in cells]
    for one in found:
        unknown = ~one.known
        shares = [float(mask[unknown].mean()) for mask in (one.group_inside, one.neighbour)]
        print(f"{one.known.sum()} known, {unknown.sum()} unknown spectra; group in the library {shares[0]:.3f}, neighbour {shares[1]:.3f}")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
