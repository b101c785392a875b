"""Source and target on one axis.

The axis follows from the target by rule: the range that at least 90 % of its spectra cover, from 30 cm⁻¹ on, in
steps of 1 cm⁻¹, or of 2 where the spectra are coarser or the axis would have more than 2048 points.
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
"""Share of the target's spectra that cover the whole axis, at least."""
LOWEST = 30.0
"""cm⁻¹; nearer the laser there is little but its filter's edge."""
LEAST = 200.0
"""cm⁻¹; on less no material is told from another."""
FINE = 1.5
"""cm⁻¹; spectra with points further apart than this say no more in steps of 1 than in steps of 2."""
MOST_POINTS = 2048
SHARED = 0.5
"""Share of the axis that a source spectrum has to cover; the rest is held at its last value."""


@dataclass(frozen=True, eq=False, slots=True)
class Ground:
    """A dataset through one recipe."""

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
        """Distance of two points, cm⁻¹."""
        return float(self.axis.shift[1] - self.axis.shift[0])

    @property
    def everything(self) -> NDArray[np.intp]:
        """Every index, (n,)."""
        return np.arange(self.classes.size)


def recipe_for(target: Dataset) -> Recipe:
    """Return the preprocessing for a target; :class:`ConfigError` where its spectra have too little in common."""
    starts, stops = _ends(target)
    # As many may fail at either end: together at most a tenth.
    spare = int(starts.size * (1 - COVERED) / 2 + 1e-9)
    low = max(LOWEST, float(np.ceil(np.sort(starts)[-1 - spare])))
    high = float(np.floor(np.sort(stops)[spare]))
    if high - low < LEAST:
        msg = (
            f"the target's spectra have {low:.0f}..{high:.0f} cm⁻¹ in common, expected at least {LEAST:.0f} cm⁻¹ that "
            f"{COVERED:.0%} of them cover: are all of them Raman shifts, of comparable instruments?"
        )
        raise ConfigError(msg)
    spacing = float(np.median((stops - starts) / np.maximum(np.diff(target.start) - 1, 1)))
    step = 1.0 if spacing <= FINE and high - low < MOST_POINTS else 2.0
    return Recipe((Resample(start=low, stop=high - (high - low) % step, step=step, outside="hold"), MinMax()))


def target(dataset: Dataset, recipe: Recipe) -> Ground:
    """Return the target through ``recipe``; :class:`ConfigError` names the spectra that cannot be used."""
    ground, faults = _through(dataset, recipe, np.arange(len(dataset)))
    if faults:
        msg = f"{len(faults)} spectra of the target cannot be used; take them out: " + "; ".join(faults[:3])
        raise ConfigError(msg)
    return ground


def source(dataset: Dataset, recipe: Recipe) -> Ground:
    """Return those source spectra that cover at least half of the axis; :class:`ConfigError` where none does."""
    axis = recipe.axis
    starts, stops = _ends(dataset)
    shared = (np.minimum(stops, axis.stop) - np.maximum(starts, axis.start)) / (axis.stop - axis.start)
    enough = np.flatnonzero(shared >= SHARED)
    if enough.size:
        ground, _ = _through(dataset, recipe, enough)
        return ground
    msg = (
        f"the source's spectra lie on {starts.min():.0f}..{stops.max():.0f} cm⁻¹, the target's axis is {axis.start:.0f}..{axis.stop:.0f} "
        f"cm⁻¹; expected source spectra that cover at least {SHARED:.0%} of it: choose another --source"
    )
    raise ConfigError(msg)


def digest(dataset: Dataset) -> str:
    """Return the digest of a dataset, lower-case hex: the same for the same spectra, wherever they lie."""
    total = hashlib.sha256()
    for column in (dataset.shift, dataset.counts, dataset.start):
        total.update(np.ascontiguousarray(column).tobytes())
    for words in (dataset.labels, dataset.specimens, dataset.names):
        total.update("\0".join(words.tolist()).encode())
    return total.hexdigest()


def _ends(dataset: Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last Raman shift of every spectrum, cm⁻¹, (n,) each."""
    return dataset.shift[dataset.start[:-1]].astype(np.float64), dataset.shift[dataset.start[1:] - 1].astype(np.float64)


def _through(dataset: Dataset, recipe: Recipe, which: NDArray[np.intp]) -> tuple[Ground, list[str]]:
    """Return those of ``which`` that the recipe accepts, and what it says of the others."""
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
    return Ground(chosen, np.stack(rows), tuple(names.tolist()), classes, recipe.axis), faults
