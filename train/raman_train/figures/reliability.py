"""Whether a confidence means what it says (Guo et al., ICML 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from raman_edge.errors import ConfigError

from raman_train import metrics
from raman_train.figures import style
from raman_train.figures.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

BINS = 15
"""As many as :func:`raman_train.metrics.calibration_error` has by default."""
FEWEST = 4
"""Two spectra to fit the temperature on and two to draw are no measurement, but fewer are not even a picture."""


class Calibrated(NamedTuple):
    """Confidences of the half that the temperature was not fitted on."""

    confidence: NDArray[np.float64]
    """Of the answer, 0..1, (n,)."""
    right: NDArray[np.bool_]
    """Whether it was right, (n,)."""
    temperature: float


def calibrated(scores: NDArray[np.float32], truth: NDArray[np.intp]) -> Calibrated:
    """Fit the temperature on every other spectrum, from the first, and return the confidences of the rest.

    The very halves of :func:`raman_train.evaluate.decision`. Scores that are no cosines (logits) are
    brought to their size first, because the temperatures that are tried are made for cosines.
    """
    if truth.size < FEWEST:
        msg = f"a reliability diagram needs at least {FEWEST} asked spectra, half of them for the temperature; got {truth.size}"
        raise ConfigError(msg)
    size = np.abs(scores, where=np.isfinite(scores), out=np.zeros_like(scores)).max()
    scores = scores / max(1.0, float(size))
    fitted = np.arange(truth.size) % 2 == 0
    temperature = metrics.fit_temperature(scores[fitted], truth[fitted])
    odds = metrics.probabilities(scores[~fitted], temperature)
    return Calibrated(odds.max(axis=1), odds.argmax(axis=1) == truth[~fitted], temperature * max(1.0, float(size)))


@style.sheet()
def draw(measured: Calibrated, heading: str) -> Figure:
    """Draw accuracy against confidence, and how often each confidence is given, in 15 bins of equal width."""
    confidence, right, temperature = measured
    error = metrics.calibration_error(confidence, right, BINS)
    figure = style.blank(5.4)
    style.title(figure, f"{heading}: ECE {error:.3f} at temperature {temperature:.3g}")
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
        f"Temperature fitted on one half of the test part, drawn are the {right.size} spectra of the other: "
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
