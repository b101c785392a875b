"""Whether a confidence means what it says (Guo et al., ICML 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_train import metrics
from raman_train.figures import style
from raman_train.figures.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from raman_train.confidence import Asked

BINS = 15
"""As many as :func:`raman_train.metrics.calibration_error` has by default."""


@style.sheet()
def draw(measured: Asked, heading: str) -> Figure:
    """Draw accuracy against confidence, and how often each confidence is given, in 15 bins of equal width."""
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
        f"Fitted on one half of the specimens kept apart, asked of the other, and the other way round; {right.size} spectra: "
        f"{100 * right.mean():.1f} % right, {100 * confidence.mean():.1f} % sure on average. Dashed: as right as sure. "
        "Bars: Wilson's 95 % interval.",
    )
    return figure


def _accuracy(axes: Axes, confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: NDArray[np.intp]) -> None:
    axes.plot([0, 1], [0, 1], color=style.QUIET, linestyle="--", linewidth=1)
    present = np.unique(bins)
    sure = np.array([confidence[bins == i].mean() for i in present])
    share = np.array([right[bins == i].mean() for i in present])
    low, high = np.array([wilson(int(right[bins == i].sum()), int((bins == i).sum())) for i in present]).T
    reach = np.maximum([share - low, high - share], 0)
    axes.errorbar(sure, share, reach, fmt="o", color=style.BLUE, capsize=2.5, linewidth=1.2)
    axes.set(ylabel="share that was right", xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.yaxis.set_major_formatter(style.percent())
    axes.grid()
