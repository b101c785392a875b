"""Accuracy by how much there was to learn from: the spectra, and the specimens, of the class that was asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MultipleLocator
from raman_edge.errors import ConfigError

from raman_train.figures import style
from raman_train.figures.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

FIRST = np.array([0, 1, 2, 3, 6, 11, 21])
"""Smallest class size of each bin."""
NAMES = ("none", "1", "2", "3–5", "6–10", "11–20", "> 20")
STEPS, MOST_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2), 6
"""The finest of these is labelled that leaves no more labels: at 99 % a tenth would be no scale at all."""
GROUP = 0.5
"""Room for the systems side by side, in bins."""


def specimens_of(classes: NDArray[np.intp], specimens: NDArray[np.str_], count: int) -> NDArray[np.intp]:
    """Return the number of different specimens of each class, (count,), from the class and specimen of each spectrum."""
    _, number = np.unique(specimens, return_inverse=True)
    pairs = np.unique(np.stack([classes, number], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=count)


@style.sheet()
def draw(right: Mapping[str, NDArray[np.bool_]], spectra: NDArray[np.intp], specimens: NDArray[np.intp], heading: str) -> Figure:
    """Draw top-1 of systems by name, each (queries,): whether the answer was right.

    ``spectra`` and ``specimens``, (queries,), are how many of the query's class could be learned
    from. :class:`ConfigError` without systems or queries.
    """
    if not right or not spectra.size:
        msg = "nothing was asked: accuracy by class size needs at least one run with a test part"
        raise ConfigError(msg)
    figure = style.blank(5.6 + style.LINE * len(right))
    style.title(figure, heading)
    panels = figure.subplots(2, 1, sharey=True)
    points = _panel(panels[0], right, spectra, "spectra")
    _panel(panels[1], right, specimens, "specimens")
    _scale(panels[0], min(axes.dataLim.ymin for axes in panels))
    style.legend(panels[0], points, list(right))
    style.caption(
        figure,
        "Bars: Wilson's 95 % interval, as if the spectra asked were independent; those of one specimen are not. "
        "What could be learned from is everything that was not asked, validation included.",
    )
    return figure


def _panel(axes: Axes, right: Mapping[str, NDArray[np.bool_]], sizes: NDArray[np.intp], what: str) -> list[ErrorbarContainer]:
    bins = np.searchsorted(FIRST, sizes, side="right") - 1
    present = np.unique(bins)
    drawn = [_points(axes, number, len(right), own, bins) for number, own in enumerate(right.values())]
    axes.set_xticks(np.arange(present.size), [f"{NAMES[i]}\n{np.count_nonzero(bins == i)} asked" for i in present])
    axes.set(xlabel=f"{what} of the asked class that could be learned from", ylabel="top-1", xlim=(-0.5, present.size - 0.5))
    axes.grid(axis="y")
    return drawn


def _scale(axes: Axes, lowest: float) -> None:
    """Let the axis, which both panels share, reach from below the ``lowest`` end of an interval to 100 %."""
    room = 1 - lowest
    step = next(step for step in STEPS if room <= MOST_STEPS * step)
    bottom = 1 - step * math.ceil(room / step)
    axes.set_ylim(bottom - 0.03 * (1 - bottom), 1 + 0.03 * (1 - bottom))
    axes.yaxis.set_major_locator(MultipleLocator(step))
    axes.yaxis.set_major_formatter(style.percent())


def _points(axes: Axes, number: int, systems: int, right: NDArray[np.bool_], bins: NDArray[np.intp]) -> ErrorbarContainer:
    """Draw the shares of one system, a bin each, a little beside those of the others."""
    present = np.unique(bins)
    asked = np.array([np.count_nonzero(bins == i) for i in present])
    hits = np.array([np.count_nonzero(right[bins == i]) for i in present])
    share = hits / asked
    low, high = np.array([wilson(int(h), int(n)) for h, n in zip(hits, asked, strict=True)]).T
    place = np.arange(present.size) + GROUP * ((number + 0.5) / systems - 0.5)
    # Rounding may put an end of the interval a hair on the wrong side of a share of 0 or 1.
    reach = np.maximum([share - low, high - share], 0)
    return axes.errorbar(place, share, reach, fmt=style.marker(number), color=style.colour(number), capsize=2.5, linewidth=1.2)
