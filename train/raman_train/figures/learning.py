"""Loss, and precision, recall and AUC of the validation part by epoch, several runs over each other (Zhou et al. 2022, Fig. 3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from raman_edge.errors import ConfigError

from raman_train.figures import style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from raman_train.loop import Epoch

NO_VALIDATION = "No validation curve: without early stopping a run keeps no validation part and learns from it too."
CHECKED = {"validation": "validation recall (top-1)", "precision": "precision", "auc": "AUC"}
"""Figures of the validation part, and what their axes are called."""
DECADE = (1, 2, 5)
"""Where a logarithmic axis is labelled."""


@style.sheet()
def draw(histories: Mapping[str, Sequence[Epoch]]) -> Figure:
    """Draw the histories by name; :class:`ConfigError` where none has an epoch."""
    trained = {name: history for name, history in histories.items() if history}
    if not trained:
        msg = "no run has an epoch: a library search is not trained and has no learning curve"
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
    if 0 < 10 * min(losses) < max(losses):  # within a decade, a logarithmic axis may be left without a label
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
