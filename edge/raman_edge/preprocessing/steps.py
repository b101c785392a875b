"""The steps of a recipe: each a frozen, versioned transformation of a spectrum."""

from __future__ import annotations

import importlib
import math
import warnings
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.spectrum import Axis

if TYPE_CHECKING:
    from types import ModuleType

Points = NDArray[np.float64]
"""Counts on an axis, (n,)."""


class StepBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """One frozen, versioned transformation of a spectrum; subclasses set ``tag="name@version"``."""

    @property
    def tag(self) -> str:
        """The step's versioned name, such as ``minmax@1``."""
        return str(self.__struct_config__.tag)

    def load(self) -> None:
        """Import what the step needs beyond numpy; :class:`ConfigError` where it is not installed."""

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        """Return the axis and counts after this step; the inputs are left as they are."""
        raise NotImplementedError


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse a field's value; msgspec adds the path of the field to the message."""
    if not condition:
        raise ValueError(message)


def imported(name: str, tag: str) -> ModuleType:
    """Return a module of the extra ``baseline``, which the step ``tag`` needs; :class:`ConfigError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = error.name or name
        raise ConfigError(
            kind="package not installed",
            place=f"preprocessing step {tag}",
            expected=missing.partition(".")[0],
            advice="pip install 'raman-edge[baseline]'",
        ) from error


MAX_POINTS = 65_536
"""No model's axis is longer; a recipe from an untrusted file cannot require more memory."""
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
        require(all(map(math.isfinite, given)), f"resample: got start, stop, step = {given}, expected finite numbers")
        require(self.step > 0, f"resample: got a step of {self.step} cm⁻¹, expected more than 0")
        require(self.stop > self.start, f"resample: got {self.start}..{self.stop}, expected stop above start")
        points = (self.stop - self.start) / self.step + 1
        require(points <= MAX_POINTS, f"resample: got {points:.0f} points, expected at most {MAX_POINTS}")
        require(abs(points - round(points)) < OFF_GRID, f"resample: got {points - 1:g} steps from start to stop, expected a whole number")
        finest = max(math.ulp(self.start), math.ulp(self.stop))
        require(self.step > 4 * finest, f"resample: got a step of {self.step}, expected more than rounding near {self.stop:g}")

    @property
    def axis(self) -> Axis:
        """The axis after this step."""
        return _axis(self.start, self.stop, self.step)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        target = self.axis
        overlap = min(axis.stop, target.stop) - max(axis.start, target.start)
        if overlap <= 0 or (self.outside == "refuse" and (axis.start > target.start or axis.stop < target.stop)):
            raise SpectrumError(
                kind="outside the model's axis",
                got=f"a spectrum of {axis.start:.0f} to {axis.stop:.0f} cm⁻¹",
                expected=f"{target.start:.0f} to {target.stop:.0f} cm⁻¹",
                advice="Check that the axis is a Raman shift, and of the right laser",
            )
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


NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal variable; Whitaker & Hayes 2018, eq. 2."""
GROW = 1
"""Points beside a spike that are replaced with it: it leaks into its neighbours."""
SHOULDER = 0.5
"""Share of the threshold above which a step still belongs to the rise or fall beside it: a line climbs over several points."""


class Despike(StepBase, frozen=True, tag="despike@1"):
    """Replace what rises and falls within a few points by interpolating its neighbours.

    Whitaker & Hayes, Chemometr. Intell. Lab. Syst. 179 (2018) 82: modified z-scores of the
    differenced spectrum. Apply it before any resampling: a spike is one to three pixels wide,
    a Raman line is wider, and interpolation makes them alike.
    """

    threshold: float = 8.0
    """Modified z-score above which a point is a spike, > 0; the paper's plots use 3.5 to 10."""
    width: int = 3
    """Points between the foot of the rise and the foot of the fall, at most, ≥ 1; what is wider is a line and is left alone."""

    def __post_init__(self) -> None:
        require(self.threshold > 0, f"despike: got a threshold of {self.threshold}, expected more than 0")
        require(self.width >= 1, f"despike: got a width of {self.width}, expected at least 1 point")

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        flagged = self._spikes(counts)
        if not flagged.any():
            return axis, counts
        good = ~flagged
        return axis, np.interp(axis.shift, axis.shift[good], counts[good])

    def _spikes(self, counts: Points) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which points belong to a spike: a whole rise and a whole fall within ``width`` points."""
        steps = np.diff(counts)
        centred = steps - np.median(steps)
        mad = float(np.median(np.abs(centred)))
        spikes = np.zeros(counts.size, dtype=bool)
        if mad == 0:
            return spikes
        with np.errstate(over="ignore"):  # an infinite score is above any threshold
            score = NORMAL_MAD * centred / mad
        falls = _runs(-score, self.threshold)
        for start, top in _runs(score, self.threshold):
            following = falls[bisect_left(falls, (top, 0)) :][:1]
            # Step i leads from point i to i + 1: the feet are the points start and stop.
            if following and (stop := following[0][1]) - start - 1 <= self.width:
                spikes[max(0, start + 1 - GROW) : stop + GROW] = True
        # The first and last points anchor the interpolation.
        spikes[[0, -1]] = False
        return spikes


def _runs(score: Points, threshold: float) -> list[tuple[int, int]]:
    """Return where neighbouring scores stay above the shoulder and reach ``threshold``, as [start, stop)."""
    edges = np.flatnonzero(np.diff(score > SHOULDER * threshold, prepend=False, append=False)).tolist()
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in runs if score[start:stop].max() > threshold]


class Baseline(StepBase, frozen=True, tag="baseline@1"):
    """Subtract a baseline fitted by pybaselines.

    Needs the extra ``baseline``. Importing pybaselines takes about a second, so only a recipe with this step does it.
    """

    method: Literal["arpls", "asls", "airpls", "snip", "modpoly"] = "arpls"
    """The algorithm, by pybaselines' name; arpls is Baek et al., Analyst 140 (2015) 250."""
    lam: float = 1e5
    """Smoothness of the Whittaker methods (arpls, asls, airpls); their literature uses 1e2 to 1e9."""
    half_window: int = 40
    """Largest half window of snip, points."""
    poly_order: int = 5
    """Order of modpoly."""

    def __post_init__(self) -> None:
        require(self.lam > 0, f"baseline: got lam {self.lam}, expected more than 0")
        require(self.half_window >= 1, f"baseline: got half_window {self.half_window}, expected at least 1 point")
        require(0 <= self.poly_order <= 20, f"baseline: got poly_order {self.poly_order}, expected 0 to 20")  # noqa: PLR2004

    def load(self) -> None:
        imported("pybaselines", self.tag)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        try:
            with warnings.catch_warnings():
                # A fit that stops early prints a note on standard error; what it had by then is used.
                warnings.simplefilter("ignore")
                fitted = self._fit(axis, counts)
        except ValueError as error:
            raise SpectrumError(
                kind="no baseline", cause=str(error), got=f"{counts.size} points", expected=f"a fit by {self.method}"
            ) from error
        return axis, counts - fitted

    def _fit(self, axis: Axis, counts: Points) -> Points:
        options: dict[str, float]
        if self.method == "snip":
            options = {"max_half_window": self.half_window}
        elif self.method == "modpoly":
            options = {"poly_order": self.poly_order}
        else:
            options = {"lam": self.lam}
        fitter = imported("pybaselines", self.tag).Baseline(x_data=axis.shift, check_finite=False)
        fitted: Points = getattr(fitter, self.method)(counts, **options)[0]
        return fitted


class Smooth(StepBase, frozen=True, tag="smooth@1"):
    """Savitzky-Golay smoothing (Anal. Chem. 36 (1964) 1627), edges fitted, by scipy.

    Needs the extra ``baseline``. Importing scipy.signal takes about a second, so only a recipe with this step does it.
    """

    window: int = 11
    """Points in the window, odd, above ``order``."""
    order: int = 3
    """Order of the polynomial, ≥ 0."""

    def __post_init__(self) -> None:
        require(self.window % 2 == 1, f"smooth: got window {self.window}, expected an odd number")
        require(0 <= self.order < self.window, f"smooth: got order {self.order}, expected 0 to {self.window - 1}, below the window")

    def load(self) -> None:
        imported("scipy.signal", self.tag)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        if counts.size < self.window:
            raise SpectrumError(kind="too few points to smooth", got=f"{counts.size}", expected=f"at least {self.window}")
        savgol_filter = imported("scipy.signal", self.tag).savgol_filter
        smoothed: Points = np.asarray(savgol_filter(counts, self.window, self.order), dtype=np.float64)
        return axis, smoothed


class MinMax(StepBase, frozen=True, tag="minmax@1"):
    """Subtract the lowest value and divide by the range: the result spans exactly 0..1."""

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        low, high = float(counts.min()), float(counts.max())
        if not high > low:
            got = f"{low:g} at every point of the model's axis"
            raise SpectrumError(kind="flat spectrum", got=got, expected="counts that differ")
        # Dividing first keeps the range finite where high - low would overflow.
        scale = max(abs(low), abs(high))
        low, high = low / scale, high / scale
        return axis, (counts / scale - low) / (high - low)
