"""Measure what a third voter adds to the √-derivative search and to drcnn-edge, on specimens kept apart.

``python benchmarks/third_voters.py --data runs/rruff.npz`` fits each voter on each split, appends its line to ``--results``, and prints
top-1 of the search, of the voter and of both together. The weight of the voter and the probabilities are fitted on one half of the test
specimens and applied to the other half, as for the class head of drcnn-edge. ``--network RUN`` takes a run of ``raman-train evaluate`` in
place of the search: its embedding search and class head are what the voter is added to, on the split of that run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import torch
from raman_train import checkpoint, confidence, evaluate, metrics, runs
from raman_train.benchmark import grid, intervals, results
from raman_train.confidence import ScoredQueries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from raman_train.evaluate import SystemOutputs
    from raman_train.runs import PreparedData, RunResult

SEARCH = "root-derivative"
VOTERS = ("logistic", "random-convolution")
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Weights of the voter to choose from; with 0 the base decides alone."""
LEAD, PLACES = 0.3, 10
"""Median lead of the first class over the tenth after scaling, about that of the cosines of the search."""
RESAMPLES = 2000
"""Bootstrap samples of specimens for the interval of a single split."""


class Comparison(NamedTuple):
    """Which test spectra of one split are named rightly, (n,) each."""

    base: NDArray[np.bool_]
    """By the search, or by the network with its search."""
    voter: NDArray[np.bool_]
    both: NDArray[np.bool_]
    specimens: NDArray[np.str_]

    @property
    def gain(self) -> float:
        """Top-1 of both minus top-1 of the base."""
        return float(self.both.mean() - self.base.mean())

    def half_width(self) -> float:
        """Return half of the 95 % bootstrap interval of the gain, over specimens."""
        _, place = np.unique(self.specimens, return_inverse=True)
        gained = np.bincount(place, self.both.astype(float) - self.base)
        spectra = np.bincount(place)
        drawn = np.random.default_rng(0).integers(0, spectra.size, (RESAMPLES, spectra.size))
        low, high = np.quantile(gained[drawn].sum(axis=1) / spectra[drawn].sum(axis=1), [0.025, 0.975])
        return float(high - low) / 2


def fitted(cell: grid.Cell, data: str) -> tuple[RunResult, SystemOutputs, PreparedData]:
    """Fit a system that has no epochs, and return its figures, its outputs and its data."""
    config = grid.configuration(cell, grid.DatasetFiles(data))
    with tempfile.TemporaryDirectory() as folder:
        runs.fit(config, Path(folder), torch.device("cpu"), lambda _: None)
        prepared = runs.prepare(config)
        return *runs.measure(checkpoint.load(Path(folder)), prepared), prepared


def of_search(cell: grid.Cell, data: str) -> tuple[NDArray[np.float32], PreparedData]:
    """Return the scores of the √-derivative search on a split, (test, classes), and the data."""
    _, outputs, prepared = fitted(cell, data)
    return evaluate.embedding_scores(outputs, prepared.classes, prepared.split), prepared


def of_network(folder: Path) -> tuple[NDArray[np.float32], PreparedData]:
    """Return the scores of a network's embedding search and class head, whose weight is fitted on the other half of the specimens."""
    trained = checkpoint.load(folder)
    prepared = runs.prepare(trained.about.config)
    scored = ScoredQueries.of(runs.predict(trained, prepared), prepared.classes, prepared.split)
    first = confidence.halves(prepared.dataset.specimens[prepared.split.test])
    base = np.empty_like(scored.similarity)
    for half in (first, ~first):
        base[~half] = confidence.fused(scored.rows(~half), confidence.fit(scored.rows(half)).head_weight)
    return base, prepared


def compare(base: NDArray[np.float32], outputs: SystemOutputs, prepared: PreparedData) -> Comparison:
    """Compare the scores of the base, (test, classes), with the class head of a voter, and with both together."""
    split = prepared.split
    head = evaluate.head_scores(outputs, prepared.classes, split)
    return combined(base, head, prepared.classes[split.test], prepared.dataset.specimens[split.test])


def combined(base: NDArray[np.float32], head: NDArray[np.float32], truth: NDArray[np.intp], specimens: NDArray[np.str_]) -> Comparison:
    """Add a voter's scores ``head``, (n, classes), scaled like cosines, with a weight that the other half of the specimens chooses."""
    alone = metrics.among(head, truth, 1)
    head = np.where(np.isfinite(head), head, head[np.isfinite(head)].min())
    leading = -np.sort(-head, axis=1)[:, :PLACES]
    head *= np.float32(LEAD / np.median(leading[:, 0] - leading[:, -1]))
    both = confidence.cross_fit(ScoredQueries(base, head, truth, WEIGHTS), specimens)
    return Comparison(metrics.among(base, truth, 1), alone, both.right, specimens)


def row(name: str, found: Sequence[Comparison]) -> str:
    """Return a row of the table: means over the splits; the interval of the gain is over splits, or of one split over specimens."""
    means = [np.mean([getattr(one, part).mean() for one in found]) for part in ("base", "voter", "both")]
    gains = [one.gain for one in found]
    half = found[0].half_width() if len(found) == 1 else intervals.mean(gains).half
    shown = " | ".join(f"{value:.4f}" for value in means)
    return f"| {name} | {shown} | {np.mean(gains):+.4f} ± {half:.4f} | {len(found)} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="runs/rruff.npz", metavar="FILE.npz", help="a dataset of raman-train import")
    parser.add_argument("--dataset", default="dataset_2", choices=grid.DATASETS, help="default: dataset_2")
    parser.add_argument("--protocol", default="sample", choices=grid.PROTOCOLS, help="default: sample")
    parser.add_argument("--seeds", default="0-4", metavar="0-4", help="splits")
    parser.add_argument("--voters", nargs="+", default=VOTERS, choices=VOTERS, help="default: both")
    parser.add_argument("--network", type=Path, metavar="RUN", help="a run of raman-train evaluate in place of the search, on its split")
    parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="append the lines of the voters")
    options = parser.parse_args()
    found: dict[str, list[Comparison]] = {name: [] for name in options.voters}
    for seed in grid.seeds(options.seeds):
        cell = grid.Cell(SEARCH, options.dataset, options.protocol, seed)
        base, prepared = of_network(options.network) if options.network else of_search(cell, options.data)
        for name in options.voters:
            result, outputs, its = fitted(msgspec.structs.replace(cell, system=name), options.data)
            if not np.array_equal(its.split.test, prepared.split.test):
                parser.error(f"--network has another split than {options.dataset}, {options.protocol}, seed {seed}")
            if options.results:
                results.append(options.results, result)
            found[name].append(compare(base, outputs, prepared))
            print(f"seed {seed}, {name}: {row(name, found[name][-1:])}", file=sys.stderr)
    print("| voter | without it | voter alone | together | gain | splits |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(row(name, rows) for name, rows in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
