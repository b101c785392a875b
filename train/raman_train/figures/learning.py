"""Learning curves of several runs (Zhou et al. 2022, Fig. 3), and the level weights of recursive networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from raman_edge.errors import ConfigError

from raman_train.figures import style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from raman_train.loop import Epoch

NO_VALIDATION = "No validation curve: without early stopping the validation part is used for training."
CHECKED = {"validation": "validation recall (top-1)", "precision": "precision", "auc": "AUC"}
"""Figures of the validation part, and the labels of their axes."""
DECADE = (1, 2, 5)
"""Labelled values of a decade on a logarithmic axis."""
GROUP = 0.8
"""Width of all bars of one recursion together."""


@style.sheet()
def draw(histories: Mapping[str, Sequence[Epoch]]) -> Figure:
    """Draw loss, and recall, precision and AUC of the validation part, against epochs, for histories by name.

    Raises:
        ConfigError: if no run has an epoch.
    """
    trained = {name: history for name, history in histories.items() if history}
    if not trained:
        msg = "no run has an epoch: a library search has no training and no learning curve"
        raise ConfigError(msg)
    checked = [name for name in CHECKED if any(getattr(done, name) is not None for history in trained.values() for done in history)]
    figure = style.blank(3.6 + 1.8 * len(checked) + style.LINE * len(trained))
    panels = figure.subplots(1 + len(checked), sharex=True, squeeze=False)[:, 0]
    lines = _loss(panels[0], trained)
    for axes, name in zip(panels[1:], checked, strict=True):
        _validation(axes, trained, name)
    if not checked:
        style.caption(figure, NO_VALIDATION)
    panels[-1].set(xlabel="epoch", xlim=(0.5, max(map(len, trained.values())) + 0.5))
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    style.legend(panels[0], lines, list(trained))
    return figure


def _loss(axes: Axes, histories: Mapping[str, Sequence[Epoch]]) -> list[Line2D]:
    lines = [_line(axes, number, [(done.epoch, done.loss) for done in history]) for number, history in enumerate(histories.values())]
    losses = [done.loss for history in histories.values() for done in history]
    axes.set_ylabel("training loss")
    axes.grid(axis="y")
    if 0 < 10 * min(losses) < max(losses):  # within one decade a logarithmic axis may have no label
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=DECADE, numticks=100))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    return lines


def _validation(axes: Axes, histories: Mapping[str, Sequence[Epoch]], name: str) -> None:
    """Draw one figure of the validation part; the axis starts at the tenth below its lowest value."""
    lowest = 1.0
    for number, history in enumerate(histories.values()):
        points = [(done.epoch, value) for done in history if (value := getattr(done, name)) is not None]
        _line(axes, number, points)
        lowest = min([lowest, *(value for _, value in points)])
    floor = max(0.0, math.floor(10 * lowest - 1e-9) / 10)
    axes.set(ylabel=CHECKED[name], ylim=(floor, 1 + 0.02 * (1 - floor)))
    axes.grid(axis="y")


def _line(axes: Axes, number: int, points: Sequence[tuple[int, float]]) -> Line2D:
    """Draw (epoch counted from 0, value) pairs as the run with this number."""
    (line,) = axes.plot(
        [epoch + 1 for epoch, _ in points], [value for _, value in points],
        color=style.colour(number), linestyle=style.dash(number), marker=style.marker(number), markersize=3.5, linewidth=1.6,
    )  # fmt: skip
    return line


@style.sheet()
def draw_levels(weights: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Draw the trained level weights of systems by name, each (recursions,), as wᵢ / Σ w: the share of each recursion in the sum.

    Raises:
        ConfigError: if ``weights`` is empty.
    """
    if not weights:
        msg = "no run has level weights: expected a run of drcnn or drcnn-edge"
        raise ConfigError(msg)
    shares = {name: np.asarray(own, dtype=np.float64) / np.sum(own, dtype=np.float64) for name, own in weights.items()}
    figure = style.blank(3.8 + style.LINE * len(shares))
    axes = figure.subplots()
    width, bars = GROUP / len(shares), []
    for number, own in enumerate(shares.values()):
        place = np.arange(1, own.size + 1) + (number - (len(shares) - 1) / 2) * width
        bars.append(axes.bar(place, own, 0.92 * width, color=style.colour(number)))
    for depth in sorted({own.size for own in shares.values()}):
        axes.hlines(1 / depth, 0.5, depth + 0.5, color="black", linestyle="--", linewidth=1)
        axes.annotate(f"1/{depth}", (depth + 0.5, 1 / depth), (3, 0), textcoords="offset points", va="center")
    axes.set(xlabel="recursion i", ylabel="level weight wᵢ / Σ w")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    style.legend(axes, bars, list(shares))
    style.caption(figure, remark(shares))
    return figure


def remark(shares: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the largest level weight in the paper and in these runs."""
    found = "; ".join(f"{style.plain(name, 60)}: the {ordinal(int(own.argmax()) + 1)} of {own.size}" for name, own in shares.items())
    return f"Highest in Zhou et al. 2022: the 6th of 9. Here {found}. Dashed: equal weights, 1/D, as at the start of the training."


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th and so on."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
