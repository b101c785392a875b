"""Accuracy by the size of the class in the training set, and by the confidence of the answer (Guo et al., ICML 2017)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MultipleLocator
from raman_edge.errors import ConfigError

from raman_train import metrics
from raman_train.figures import style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from raman_train.confidence import HeldOutPredictions

FIRST = np.array([0, 1, 2, 3, 6, 11, 21])
"""Smallest class size of each bin."""
NAMES = ("none", "1", "2", "3–5", "6–10", "11–20", "> 20")
STEPS, MAX_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2), 6
"""The axis uses the smallest step that gives at most this many labels: near 99 % steps of a tenth show nothing."""
GROUP = 0.5
"""Width of the systems side by side, in bins."""
BINS = 15
"""As in :func:`raman_train.metrics.calibration_error`."""


def specimens_of(classes: NDArray[np.intp], specimens: NDArray[np.str_], count: int) -> NDArray[np.intp]:
    """Return the number of different specimens of each class, (count,), from the class and specimen of each spectrum."""
    _, number = np.unique(specimens, return_inverse=True)
    pairs = np.unique(np.stack([classes, number], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=count)


@style.sheet()
def draw_class_size(right: Mapping[str, NDArray[np.bool_]], spectra: NDArray[np.intp], specimens: NDArray[np.intp], heading: str) -> Figure:
    """Draw top-1 of systems by name, from whether each answer was correct, (queries,).

    ``spectra`` and ``specimens``, (queries,), are their numbers in the library for the class of each query.

    Raises:
        ConfigError: without systems or queries.
    """
    if not right or not spectra.size:
        msg = "no test spectra: accuracy by class size needs at least one run with a test part"
        raise ConfigError(msg)
    figure = style.blank(5.6 + style.LINE * len(right))
    style.title(figure, heading)
    panels = figure.subplots(2, 1, sharey=True)
    points = _size_panel(panels[0], right, spectra, "spectra")
    _size_panel(panels[1], right, specimens, "specimens")
    _scale(panels[0], min(axes.dataLim.ymin for axes in panels))
    style.legend(panels[0], points, list(right))
    style.caption(
        figure,
        "Bars: Wilson's 95 % interval, which takes test spectra as independent; those of one specimen are not. "
        "The library is everything outside the test part, including validation.",
    )
    return figure


def _size_panel(axes: Axes, right: Mapping[str, NDArray[np.bool_]], sizes: NDArray[np.intp], what: str) -> list[ErrorbarContainer]:
    bins = np.searchsorted(FIRST, sizes, side="right") - 1
    present = np.unique(bins)
    drawn = [_points(axes, number, len(right), own, bins) for number, own in enumerate(right.values())]
    axes.set_xticks(np.arange(present.size), [f"{NAMES[i]}\n{np.count_nonzero(bins == i)} queries" for i in present])
    axes.set(xlabel=f"{what} of the query's class in the library", ylabel="top-1", xlim=(-0.5, present.size - 0.5))
    axes.grid(axis="y")
    return drawn


def _scale(axes: Axes, lowest: float) -> None:
    """Set the range of the common axis from below the ``lowest`` end of an interval to 100 %."""
    room = 1 - lowest
    step = next(step for step in STEPS if room <= MAX_STEPS * step)
    bottom = 1 - step * math.ceil(room / step)
    axes.set_ylim(bottom - 0.03 * (1 - bottom), 1 + 0.03 * (1 - bottom))
    axes.yaxis.set_major_locator(MultipleLocator(step))
    axes.yaxis.set_major_formatter(style.percent())


def _points(axes: Axes, number: int, systems: int, right: NDArray[np.bool_], bins: NDArray[np.intp]) -> ErrorbarContainer:
    """Draw the share of each bin for one system, offset from those of the others."""
    present = np.unique(bins)
    count = np.array([np.count_nonzero(bins == i) for i in present])
    hits = np.array([np.count_nonzero(right[bins == i]) for i in present])
    share = hits / count
    low, high = np.array([metrics.wilson(s, int(n)) for s, n in zip(share.tolist(), count, strict=True)]).T
    place = np.arange(present.size) + GROUP * ((number + 0.5) / systems - 0.5)
    # Rounding can put an end of the interval on the wrong side of a share of 0 or 1.
    reach = np.maximum([share - low, high - share], 0)
    return axes.errorbar(place, share, reach, fmt=style.marker(number), color=style.colour(number), capsize=2.5, linewidth=1.2)


@style.sheet()
def draw_reliability(measured: HeldOutPredictions, heading: str) -> Figure:
    """Draw accuracy against confidence, and the number of answers at each confidence, in 15 bins of equal width."""
    confidence, right = measured.best, measured.right
    error = metrics.calibration_error(confidence, right, BINS)
    figure = style.blank(5.4)
    style.title(figure, f"{heading}: ECE {error:.3f}")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    _accuracy(upper, confidence, right, bins)
    bars = lower.bar((np.arange(BINS) + 0.5) / BINS, np.bincount(bins, minlength=BINS), 0.94 / BINS, color=style.BLUE)
    lower.bar_label(bars, fontsize=8, padding=1)
    lower.margins(y=0.2)
    lower.set(xlabel="confidence of the answer", ylabel="spectra")
    lower.xaxis.set_major_formatter(style.percent())
    style.caption(
        figure,
        f"Fitted on one half of the test specimens and measured on the other, in both directions; {right.size} spectra: "
        f"{100 * right.mean():.1f} % correct, mean confidence {100 * confidence.mean():.1f} %. Dashed: accuracy equals confidence. "
        "Bars: Wilson's 95 % interval.",
    )
    return figure


def _accuracy(axes: Axes, confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: NDArray[np.intp]) -> None:
    axes.plot([0, 1], [0, 1], color=style.QUIET, linestyle="--", linewidth=1)
    present = np.unique(bins)
    mean = np.array([confidence[bins == i].mean() for i in present])
    share = np.array([right[bins == i].mean() for i in present])
    low, high = np.array([metrics.wilson(float(right[bins == i].mean()), int((bins == i).sum())) for i in present]).T
    reach = np.maximum([share - low, high - share], 0)
    axes.errorbar(mean, share, reach, fmt="o", color=style.BLUE, capsize=2.5, linewidth=1.2)
    axes.set(ylabel="accuracy", xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.yaxis.set_major_formatter(style.percent())
    axes.grid()
