"""Source and target on one axis, which follows from the target.

It is the range that at least 90 % of the target's spectra cover, from 30 cm⁻¹ on, in steps of 1 cm⁻¹, or of 2 if the spectra are
coarser or the axis would have more than 2048 points.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.preprocessing import MinMax, Recipe, Resample

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.spectrum import Axis

    from raman_train.data.datasets import Dataset

COVERED = 0.9
"""Smallest share of the target's spectra that cover the whole axis."""
MIN_START = 30.0
"""Smallest start of the axis, cm⁻¹; below it the edge filter dominates."""
MIN_RANGE = 200.0
"""Shortest axis, cm⁻¹; a shorter one does not separate materials."""
MAX_FINE_SPACING = 1.5
"""Largest spacing of spectra, cm⁻¹, for which steps of 1 contain more than steps of 2."""
MAX_POINTS = 2048
MIN_OVERLAP = 0.5
"""Smallest share of the axis that a source spectrum covers; the rest holds its last value."""


@dataclass(frozen=True, eq=False, slots=True)
class PreparedDataset:
    """A dataset preprocessed by one recipe."""

    dataset: Dataset
    features: NDArray[np.float32]
    """(n, length)."""
    labels: tuple[str, ...]
    classes: NDArray[np.intp]
    """Index into ``labels``, (n,)."""
    axis: Axis
    """Of the features."""

    @property
    def step(self) -> float:
        """Distance between points, cm⁻¹."""
        return float(self.axis.shift[1] - self.axis.shift[0])

    @property
    def everything(self) -> NDArray[np.intp]:
        """All indices, (n,)."""
        return np.arange(self.classes.size)


def recipe_for(target: Dataset) -> Recipe:
    """Return the preprocessing for a target; :class:`ConfigError` if its spectra have too short a range in common."""
    starts, stops = _ends(target)
    # The same number may be too short at either end, together at most a tenth.
    spare = int(starts.size * (1 - COVERED) / 2 + 1e-9)
    low = max(MIN_START, float(np.ceil(np.sort(starts)[-1 - spare])))
    high = float(np.floor(np.sort(stops)[spare]))
    if high - low < MIN_RANGE:
        msg = (
            f"got target spectra with {low:.0f}..{high:.0f} cm⁻¹ in common, expected at least {MIN_RANGE:.0f} cm⁻¹ that "
            f"{COVERED:.0%} of them cover: check that all are Raman shifts of comparable instruments"
        )
        raise ConfigError(msg)
    spacing = float(np.median((stops - starts) / np.maximum(np.diff(target.start) - 1, 1)))
    step = 1.0 if spacing <= MAX_FINE_SPACING and high - low < MAX_POINTS else 2.0
    return Recipe((Resample(start=low, stop=high - (high - low) % step, step=step, outside="hold"), MinMax()))


def target(dataset: Dataset, recipe: Recipe) -> PreparedDataset:
    """Return the target preprocessed by ``recipe``; :class:`ConfigError` if a spectrum cannot be used; the message names it."""
    prepared, faults = _prepared(dataset, recipe, np.arange(len(dataset)))
    if faults:
        msg = f"{len(faults)} spectra of the target cannot be used; remove them: " + "; ".join(faults[:3])
        raise ConfigError(msg)
    return prepared


def source(dataset: Dataset, recipe: Recipe) -> PreparedDataset:
    """Return the source spectra that cover at least half of the axis; :class:`ConfigError` if there are none."""
    axis = recipe.axis
    starts, stops = _ends(dataset)
    shared = (np.minimum(stops, axis.stop) - np.maximum(starts, axis.start)) / (axis.stop - axis.start)
    enough = np.flatnonzero(shared >= MIN_OVERLAP)
    if enough.size:
        prepared, _ = _prepared(dataset, recipe, enough)
        return prepared
    msg = (
        f"got source spectra on {starts.min():.0f}..{stops.max():.0f} cm⁻¹, expected some that cover at least {MIN_OVERLAP:.0%} of "
        f"the target's axis, {axis.start:.0f}..{axis.stop:.0f} cm⁻¹: choose another --source"
    )
    raise ConfigError(msg)


def digest(dataset: Dataset) -> str:
    """Return the digest of the spectra, labels, specimens and names of a dataset, lower-case hex."""
    total = hashlib.sha256()
    for column in (dataset.shift, dataset.counts, dataset.start):
        total.update(np.ascontiguousarray(column).tobytes())
    for words in (dataset.labels, dataset.specimens, dataset.names):
        total.update("\0".join(words.tolist()).encode())
    return total.hexdigest()


def _ends(dataset: Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last Raman shift of every spectrum, cm⁻¹, (n,) each."""
    return dataset.shift[dataset.start[:-1]].astype(np.float64), dataset.shift[dataset.start[1:] - 1].astype(np.float64)


def _prepared(dataset: Dataset, recipe: Recipe, which: NDArray[np.intp]) -> tuple[PreparedDataset, list[str]]:
    """Return the spectra of ``which`` that the recipe accepts, and its messages for the others."""
    rows, kept, faults = [], [], []
    for index in which.tolist():
        try:
            rows.append(recipe.features(dataset.spectrum(index)))
            kept.append(index)
        except SpectrumError as error:
            faults.append(f"{dataset.names[index]}: {error}")
    if not rows:
        msg = f"none of {which.size} spectra can be used, such as {faults[:2]}"
        raise ConfigError(msg)
    chosen = dataset.select(np.array(kept))
    names, classes = np.unique(chosen.labels, return_inverse=True)
    return PreparedDataset(chosen, np.stack(rows), tuple(names.tolist()), classes, recipe.axis), faults
