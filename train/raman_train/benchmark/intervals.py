"""Means and differences over runs, with confidence intervals.

All intervals are two-sided 95 % intervals of Student's t. Splits of one dataset share most of their spectra: an interval shows
how a figure varies between splits, not how it would vary on new specimens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, or a difference of means."""

    value: float
    half: float | None
    """Half width of the interval; None for a single run."""
    n: int
    """Runs, or splits in common."""


def mean(values: Sequence[float]) -> Estimate:
    """Return the mean of one or more values; mean ± t(n - 1) s / √n."""
    n = len(values)
    half = _t(n - 1) * float(np.std(values, ddof=1)) / np.sqrt(n) if n > 1 else None
    return Estimate(float(np.mean(values)), half, n)


def paired(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Estimate | None:
    """Return the mean of ours - theirs over the common splits; None if there are none."""
    common = sorted(ours.keys() & theirs.keys())
    return mean([ours[split] - theirs[split] for split in common]) if common else None


def unpaired(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """Return the difference of two means of different splits (Welch 1947); n is the smaller number of runs."""
    difference, n = float(np.mean(ours) - np.mean(theirs)), min(len(ours), len(theirs))
    if n < 2:  # noqa: PLR2004 - a variance needs two
        return Estimate(difference, None, n)
    squares = [float(np.var(values, ddof=1)) / len(values) for values in (ours, theirs)]
    if not sum(squares):
        return Estimate(difference, 0.0, n)
    freedom = sum(squares) ** 2 / sum(s**2 / (len(v) - 1) for s, v in zip(squares, (ours, theirs), strict=True))
    return Estimate(difference, _t(freedom) * float(np.sqrt(sum(squares))), n)


def _t(freedom: float) -> float:
    """Return the half width of the interval in standard errors."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
