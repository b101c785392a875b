"""Measure how well spectra of species outside the library are told from those of species inside it (AUROC), by more evidence than today.

``python benchmarks/unknown_species.py --data runs/rruff.npz`` takes the splits of protocol ``open`` of Dataset_2: 15 % of the species are in
no library, the other test spectra are of specimens outside it. Evidence comes from the √-derivative search, with ``--network RUN`` from a
run of ``raman-train evaluate --set data.protocol=open`` on its own split. Each row of the table is a logistic function of some evidence,
fitted on four fifths of the species (known and unknown) and applied to the rest.
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
from raman_edge.peaks import MaterialLines
from raman_train import checkpoint, confidence, evaluate, loop, metrics, runs
from raman_train.benchmark import grid, intervals
from raman_train.confidence import ScoredQueries
from raman_train.models.search import LibrarySearch
from raman_train.packs.measure import MineralGroups
from raman_export import out_of_library
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from raman_train.runs import PreparedData

    Rows = NDArray[np.float64]

FOLDS = 5
"""Parts of the species; the function for one part is fitted on the others."""
PRIOR = 3.0
"""References that the mean over all labels counts as, when the spread of one label is estimated."""
SMOOTHED = 4.0
"""Standard deviation of the smoothing in the second search, points."""
WINDOW, STEP, REACH = 64, 32, 8
"""Windows in which the nearest reference is moved, their distance, and how far it is moved, points."""
TODAY = ("similarity", "energy", "explained")
SETS = {
    "similarity": ("similarity",),
    "rule of today": TODAY,
    "and the spread of the label": (*TODAY, "below", "deviations"),
    "and the lead over other groups": (*TODAY, "lead", "lead_group", "crowd", "crowd_group"),
    "and lines": (*TODAY, "found", "extra", "missing", "offset", "scatter"),
    "and agreement of searches": (*TODAY, "smoothed", "cosine", "agree_smoothed", "agree_cosine"),
    "and the fit in windows": (*TODAY, "windows", "gained", "moved"),
    "all of these": (),
}
"""Evidence of each row."""


class OpenSplit(NamedTuple):
    """The test spectra of one split, known and unknown, (n, …) each."""

    evidence: dict[str, Rows]
    known: NDArray[np.bool_]
    species: NDArray[np.intp]
    group_inside: NDArray[np.bool_]
    """Whether another species of the spectrum's group is in the library."""
    neighbour: NDArray[np.bool_]
    """Whether an unknown species is as near to a known one as two specimens of one species are."""


class Figures(NamedTuple):
    """Figures of one row of the table on one split."""

    auroc: float
    fpr95: float
    group_unseen: float
    """AUROC of unknown spectra whose groups have no species in the library."""
    apart: float
    """AUROC of unknown spectra without a neighbour in the library."""


def collect(prepared: PreparedData, network: checkpoint.Checkpoint | None) -> OpenSplit:
    """Return the evidence of one split."""
    split, classes = prepared.split, prepared.classes
    queries = np.concatenate([split.test, split.unknown])
    features = torch.from_numpy(prepared.features)
    search = LibrarySearch(features.shape[1], len(prepared.labels), "root-derivative")
    derivative = search.embed(features).numpy()
    outputs = runs.predict(network, prepared) if network else evaluate.SystemOutputs(np.zeros((len(features), len(prepared.labels)), np.float32), derivative, None)
    scored = ScoredQueries.of(outputs, classes, split, queries)
    return OpenSplit({}, np.arange(queries.size) < split.test.size, classes[queries], np.zeros(0, bool), np.zeros(0, bool))
