"""From an axis column and a counts column as they are in the file to a strictly rising, gapless spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.spectrum import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_POINTS = 16
"""Fewer points are no spectrum."""
LARGEST = 1e30
"""No detector gives larger counts; squares and sums of what is below stay finite."""
_FEW = 0.05
"""Share of the rows between the first and the last number that may be without one."""
_LEFT = 0.5
"""Share of the rows that must be left after rows of the same Raman shift were averaged."""


@dataclass(frozen=True, eq=False, slots=True)
class Points:
    """An axis, the counts on it, and what was done to the rows to get there."""

    axis: Axis
    counts: NDArray[np.float64]
    """(n,), finite."""
    notes: tuple[str, ...]
    """As in "12 of 2048 rows without a number left out"."""


def tidy(shift: NDArray[np.float64], counts: NDArray[np.float64], least: int = MIN_POINTS) -> Points:
    """Leave out rows without a number, sort by Raman shift, average rows of the same shift.

    ``shift`` (cm⁻¹) and ``counts`` are (rows,), NaN where the file has no number. Rows
    without one at the ends (pixels that were not read out) are trimmed; a few between are
    left out; more raise :class:`FormatError`, and so do fewer than ``least`` rows.
    """
    notes: list[str] = []
    shift, counts = _numbers(shift, counts, notes, least)
    steps = np.diff(shift)
    if (steps <= 0).any():
        shift, counts = _rising(shift, counts, steps, notes)
    return Points(Axis(shift), counts, tuple(notes))


def _numbers(
    shift: NDArray[np.float64], counts: NDArray[np.float64], notes: list[str], least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the rows that have both numbers."""
    good = np.isfinite(shift) & (np.abs(counts) < LARGEST)
    kept = int(good.sum())
    if kept < least:
        raise FormatError(
            kind="too few points",
            got=f"{kept} of {good.size} rows with a Raman shift and counts{' (others are empty, NaN or inf)' * (kept < good.size)}",
            expected=f"at least {least}",
            advice="Check that the file is complete and the columns are the right ones",
        )
    if kept == good.size:
        return shift, counts
    first, last = np.flatnonzero(good)[[0, -1]]
    inside = int(last - first + 1) - kept
    if inside > _FEW * (last - first + 1):
        raise FormatError(
            kind="too many rows without a number",
            got=f"{inside} of {last - first + 1} rows inside the spectrum (empty, NaN or inf)",
            expected=f"at most {_FEW:.0%}",
            advice="Measure or export it again",
        )
    notes.append(f"{good.size - kept} of {good.size} rows without a number left out")
    return shift[good], counts[good]


def _rising(
    shift: NDArray[np.float64], counts: NDArray[np.float64], steps: NDArray[np.float64], notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn, sort and merge until the shift rises strictly."""
    if (steps < 0).all():
        return shift[::-1], counts[::-1]
    order = np.argsort(shift, kind="stable")
    if not ((steps <= 0).all() or (steps >= 0).all()):
        notes.append("rows sorted by Raman shift")
    unique, where, copies = np.unique(shift[order], return_inverse=True, return_counts=True)
    if unique.size < max(MIN_POINTS, _LEFT * shift.size):
        raise FormatError(
            kind="repeated Raman shifts",
            got=f"{unique.size} different Raman shifts in {shift.size} rows",
            expected="one row per shift",
            advice="If this is a map or a series, export one spectrum per file",
        )
    if unique.size < shift.size:
        notes.append(f"{shift.size - unique.size} rows of the same Raman shift averaged")
    return unique, np.bincount(where, weights=counts[order]) / copies
