"""Loss and validation accuracy by epoch, several runs over each other (Zhou et al. 2022, Fig. 3)."""

from __future__ import annotations

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
DECADE = (1, 2, 5)
"""Where a logarithmic axis is labelled."""


@style.sheet()
def draw(histories: Mapping[str, Sequence[Epoch]]) -> Figure:
    """Draw the histories by name; :class:`ConfigError` where none has an epoch."""
    trained = {name: history for name, history in histories.items() if history}
    if not trained:
        msg = "no run has an epoch: a library search is not trained and has no learning curve"
        raise ConfigError(msg)
    checked = any(done.validation is not None for history in trained.values() for done in history)
    figure = style.blank((5.4 if checked else 3.6) + style.LINE * len(trained))
    panels = figure.subplots(2 if checked else 1, sharex=True, squeeze=False)[:, 0]
    lines = _loss(panels[0], trained)
    if checked:
        _validation(panels[1], trained)
    else:
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


def _validation(axes: Axes, histories: Mapping[str, Sequence[Epoch]]) -> None:
    for number, history in enumerate(histories.values()):
        _line(axes, number, [(done.epoch, done.validation) for done in history if done.validation is not None])
    axes.set(ylabel="validation top-1", ylim=(0, 1.02))
    axes.grid(axis="y")


def _line(axes: Axes, number: int, points: Sequence[tuple[int, float]]) -> Line2D:
    """Draw (epoch counted from 0, value) pairs as the run with this number."""
    (line,) = axes.plot(
        [epoch + 1 for epoch, _ in points], [value for _, value in points],
        color=style.colour(number), linestyle=style.dash(number), marker=style.marker(number), markersize=3.5, linewidth=1.6,
    )  # fmt: skip
    return line
