"""What the tests of the pictures share: small things to draw, and what a figure holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from raman_train.figures import confused_pairs
from raman_train.loop import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def texts(figure: Figure) -> list[str]:
    """Return every text of a figure."""
    ticks = [label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    return [text.get_text() for text in (*figure.findobj(mpl.text.Text), *ticks) if text.get_text()]


def points(axes: Axes) -> list[NDArray[np.float64]]:
    """Return the (x, y) of each line of data, in drawing order."""
    return [np.asarray(line.get_xydata()) for line in axes.lines]


def history(*losses: float, validation: tuple[float | None, ...] = (), **more: tuple[float, ...]) -> list[Epoch]:
    """Return the history of a training with these losses; ``more`` are precision and auc."""
    columns = {"validation": validation, **more}
    return [Epoch(i, loss, 1.0, **{name: values[i] for name, values in columns.items() if values}) for i, loss in enumerate(losses)]


def mistakes(*given: tuple[int, int, int], classes: int = 12, right: int = 5) -> NDArray[np.intp]:
    """Return counts in which every class is ``right`` times right, and (true, answered, times) wrong."""
    counts = right * np.eye(classes, dtype=np.intp)
    for true, answered, times in given:
        counts[true, answered] += times
    return counts


def confused(*labels: str) -> list[confused_pairs.ConfusedSpectrum]:
    """Return confusions of each label with the next one."""
    rng = np.random.default_rng(0)

    def reference(label: str) -> confused_pairs.NearestReference:
        return confused_pairs.NearestReference(label, label, rng.random(50, dtype=np.float32), 0.5)

    return [
        confused_pairs.ConfusedSpectrum(true, wrong, 2, 3, true, rng.random(50, dtype=np.float32), reference(true), reference(wrong))
        for true, wrong in zip(labels, [*labels[1:], labels[0]], strict=True)
    ]
