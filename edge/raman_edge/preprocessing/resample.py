"""Onto the model's axis, with one explicit answer to "what lies outside the measured range?"."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge.errors import SpectrumError
from raman_edge.preprocessing.step import Points, StepBase, require
from raman_edge.spectrum import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_POINTS = 65_536
"""No model's axis is longer; a recipe from an untrusted file cannot ask for more memory."""
OFF_GRID = 1e-6
"""How far, in steps, the last point may be from a whole number of steps: rounding of decimal steps."""


@lru_cache(maxsize=8)
def _axis(start: float, stop: float, step: float) -> Axis:
    return Axis.linear(start, stop, step)


class Resample(StepBase, frozen=True, tag="resample@1"):
    """Linear interpolation onto ``start, start + step, … stop``.

    Where the target is coarser than the measured axis, the counts between two target
    points are averaged (trapezoidal), so that noise is not aliased into the features.
    """

    start: float
    """First Raman shift, cm⁻¹."""
    stop: float
    """Last Raman shift, cm⁻¹, inclusive."""
    step: float
    """Distance of two points, cm⁻¹."""
    outside: Literal["hold", "zero", "refuse"] = "hold"
    """Outside the measured range: ``hold`` repeats the nearest measured value (no false
    edge for a derivative to see), ``zero`` fills with 0 as the published arrays do,
    ``refuse`` raises."""

    def __post_init__(self) -> None:
        given = (self.start, self.stop, self.step)
        require(all(map(math.isfinite, given)), f"resample wants finite numbers; got start, stop, step = {given}")
        require(self.step > 0, f"resample wants a step above 0 cm⁻¹; got {self.step}")
        require(self.stop > self.start, f"resample wants stop above start; got {self.start}..{self.stop}")
        points = (self.stop - self.start) / self.step + 1
        require(points <= MAX_POINTS, f"resample gives at most {MAX_POINTS} points; got {points:.0f}")
        require(abs(points - round(points)) < OFF_GRID, f"resample wants stop whole steps from start; got {points - 1:g} steps")
        finest = max(math.ulp(self.start), math.ulp(self.stop))
        require(self.step > 4 * finest, f"resample wants steps that numbers near {self.stop:g} can tell apart; got {self.step}")

    @property
    def axis(self) -> Axis:
        """The axis after this step."""
        return _axis(self.start, self.stop, self.step)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        target = self.axis
        overlap = min(axis.stop, target.stop) - max(axis.start, target.start)
        if overlap <= 0 or (self.outside == "refuse" and (axis.start > target.start or axis.stop < target.stop)):
            msg = (
                f"the spectrum covers {axis.start:.0f}..{axis.stop:.0f} cm⁻¹, the model wants "
                f"{target.start:.0f}..{target.stop:.0f} cm⁻¹: is the axis a Raman shift, and of the right laser?"
            )
            raise SpectrumError(msg)
        if axis.same_as(target):
            return target, counts
        left, right = (0.0, 0.0) if self.outside == "zero" else (counts[0], counts[-1])
        return target, _interpolate(target.shift, axis.shift, counts, self.step, left, right)


def _interpolate(
    target: NDArray[np.floating], shift: NDArray[np.floating], counts: Points, step: float, left: float, right: float
) -> Points:
    """Interpolate, or average over each target cell where several measured points fall into it."""
    spacing = (shift[-1] - shift[0]) / (shift.size - 1)
    plain: Points = np.interp(target, shift, counts, left=left, right=right)
    if spacing * 1.5 > step:
        return plain
    area = np.concatenate([[0.0], np.cumsum(np.diff(shift) * (counts[1:] + counts[:-1]) / 2)])
    low = np.clip(target - step / 2, shift[0], shift[-1])
    high = np.clip(target + step / 2, shift[0], shift[-1])
    width = high - low
    inside = width > step / 2
    mean = (np.interp(high, shift, area) - np.interp(low, shift, area)) / np.where(inside, width, 1.0)
    averaged: Points = np.where(inside, mean, plain)
    return averaged
