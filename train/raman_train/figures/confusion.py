"""The confusion matrix: an overview, and its worst parts with names (Zhou et al. 2022, Figs. 4 and 6).

An axis has no room for two hundred names, and nearly every cell is empty. The classes are therefore sorted so that confused ones
are neighbours, in *blocks* of a few classes; the blocks with the most confusions are drawn large, with names and counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator, StrMethodFormatter
from raman_edge.errors import ConfigError
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from raman_train.figures import style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MAX_BLOCK = 8
"""Classes of a block; the panel has no room for more names."""
SHOWN = 8
"""Blocks drawn large."""
LISTED = 12
"""Confusions listed beside the overview."""
CELL = 0.25
"""Height of a cell of a block, inches."""
SMALLEST = 1 / 150
"""Smallest side of a cell in the overview, as a share of the axis: with 1332 classes a true cell has a third of a pixel."""
FIGURE_SPACE = "\u2007"
"""A space as wide as a digit."""
LETTERED = 1 / 30
"""Smallest block with room for a letter in the overview, as a share of the axis."""
NOT_CONFUSED = ListedColormap(["#f4f4f4", "#d9d9d9"])
"""Greys of a block: empty, and correct."""


class ConfusedPair(NamedTuple):
    """A number of ``spectra`` of class ``true`` that were identified as ``answered``."""

    true: int
    answered: int
    spectra: int


def counted(truth: NDArray[np.intp], answered: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
    """Return the confusion matrix: the number of spectra by true class (row) and answer (column), (classes, classes)."""
    counts = np.zeros((classes, classes), dtype=np.intp)
    np.add.at(counts, (truth, answered), 1)
    return counts


def most_confused(counts: NDArray[np.intp], most: int) -> list[ConfusedPair]:
    """Return up to ``most`` of the most frequent confusions; ties in the order of the classes."""
    wrong = counts - np.diag(np.diag(counts))
    true, answered = np.nonzero(wrong)
    number = wrong[true, answered]
    order = np.argsort(-number, kind="stable")[:most]
    return [ConfusedPair(int(true[i]), int(answered[i]), int(number[i])) for i in order]


def blocks(counts: NDArray[np.intp], most: int = MAX_BLOCK) -> list[list[int]]:
    """Return groups of two to ``most`` classes that are confused with each other, those with the most confusions first.

    The most confused classes are joined first, as in Kruskal's spanning forest, up to ``most`` classes: without this limit a
    chain of single errors connects half of 1332 classes.
    """
    both = np.triu(counts + counts.T, 1)
    group = {index: [index] for index in range(len(counts))}
    for first, second, _ in most_confused(both, int(np.count_nonzero(both))):
        left, right = group[first], group[second]
        if left is not right and len(left) + len(right) <= most:
            left.extend(right)
            group.update(dict.fromkeys(right, left))
    joined = {id(members): members for members in group.values() if len(members) > 1}
    made = [_neighbours(both, members) for members in joined.values()]
    return sorted(made, key=lambda members: (-confusions(counts, members), members))


def _neighbours(both: NDArray[np.intp], members: Sequence[int]) -> list[int]:
    """Return these classes in an order with the most confused ones next to each other."""
    members = sorted(members)
    if len(members) == 2:  # noqa: PLR2004 - a pair has one order
        return members
    part = both[np.ix_(members, members)]
    apart = squareform(1 / (1 + part + part.T), checks=False)
    return [members[leaf] for leaf in hierarchy.leaves_list(hierarchy.linkage(apart, "average", optimal_ordering=True))]


def confusions(counts: NDArray[np.intp], members: Sequence[int]) -> int:
    """Return the number of spectra of these classes that were identified as another one of them."""
    part = counts[np.ix_(members, members)]
    return int(part.sum() - np.trace(part))


@style.sheet()
def draw(counts: NDArray[np.intp], labels: Sequence[str], heading: str) -> Figure:
    """Draw counts (true, answered) of classes with these labels; :class:`ConfigError` if all counts are zero."""
    if not counts.sum():
        msg = "no test spectra: a confusion matrix needs a test part"
        raise ConfigError(msg)
    found = blocks(counts)
    shown = found[:SHOWN]
    rows = [shown[i : i + 2] for i in range(0, len(shown), 2)]
    heights = [max(len(members) for members in row) * CELL + 1.3 for row in rows]
    figure = style.blank(5.1 + sum(heights))
    style.title(figure, heading, _summary(counts, found, shown))
    grid = figure.add_gridspec(1 + len(rows), 1, height_ratios=[4.5, *heights])
    norm = LogNorm(1, max(10, int(counts.max())))
    top = figure.add_subfigure(grid[0]).subplots(1, 2, width_ratios=[1.55, 1])
    _overview(top[0], counts, found, len(shown), norm)
    _list(top[1], counts, labels)
    for number, row in enumerate(rows):
        panels = figure.add_subfigure(grid[1 + number]).subplots(1, 2)
        for side, axes in enumerate(panels):
            if side < len(row):
                _block(axes, counts, labels, row[side], letter(2 * number + side), norm)
                axes.set(xlim=(0, MAX_BLOCK + 1), ylim=(max(len(members) for members in row), 0))
            else:
                axes.set_axis_off()
    return figure


def letter(number: int) -> str:
    """Return the name of a block."""
    return chr(ord("A") + number)


def _summary(counts: NDArray[np.intp], found: Sequence[Sequence[int]], shown: Sequence[Sequence[int]]) -> str:
    total, wrong = int(counts.sum()), int(counts.sum() - np.trace(counts))
    if not wrong:
        return f"no confusion, all {total} spectra correct"
    inside = sum(confusions(counts, members) for members in shown)
    which = f", the worst {len(shown)} of {len(found)}" if len(shown) < len(found) else ""
    return f"{wrong} of {total} spectra confused, {inside} of them within the blocks below{which}"


def _overview(axes: Axes, counts: NDArray[np.intp], found: Sequence[Sequence[int]], shown: int, norm: LogNorm) -> None:
    """Draw every cell that is not empty, with the classes in the order of their blocks and those without confusion last."""
    size = len(counts)
    confused = [index for members in found for index in members]
    order = np.array(confused + sorted(set(range(size)) - set(confused)))
    cells = _cells(counts[np.ix_(order, order)], norm)
    axes.add_collection(cells)
    axes.set(xlim=(-0.01 * size, 1.01 * size), ylim=(1.01 * size, -0.01 * size), aspect="equal")
    axes.set(xlabel="answered class", ylabel="true class")
    ends = sorted({0, len(confused), size})
    axes.set_xticks(ends)
    axes.set_yticks(ends)
    for end in ends[1:-1]:
        axes.axhline(end, color=style.QUIET, linewidth=0.7, linestyle=":")
        axes.axvline(end, color=style.QUIET, linewidth=0.7, linestyle=":")
    _frames(axes, found[:shown], size)
    bar = axes.figure.colorbar(
        cells, ax=axes, label="spectra in a cell", ticks=(1, 3, 10, 30, 100, 300), format=StrMethodFormatter("{x:g}"), shrink=0.7, pad=0.02
    )
    bar.ax.yaxis.set_minor_locator(NullLocator())


def _cells(counts: NDArray[np.intp], norm: LogNorm) -> PolyCollection:
    """Return a square for each cell that is not empty, the largest counts on top."""
    row, column = np.nonzero(counts)
    rising = np.argsort(counts[row, column], kind="stable")
    row, column = row[rising], column[rising]
    side = max(1.0, SMALLEST * len(counts))
    corner = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * side
    squares = np.stack([column, row], axis=1)[:, None, :] + 0.5 + corner
    return PolyCollection(list(squares), array=counts[row, column], cmap=style.COUNTS, norm=norm, linewidths=0)


def _frames(axes: Axes, shown: Sequence[Sequence[int]], size: int) -> None:
    """Frame the blocks that are drawn large; with one frame if they are too small for letters."""
    sides = [len(members) for members in shown]
    if sides and min(sides) < LETTERED * size:
        _frame(axes, 0, sum(sides), f"{letter(0)}–{letter(len(sides) - 1)}" if len(sides) > 1 else letter(0))
        return
    for number, side in enumerate(sides):
        _frame(axes, sum(sides[:number]), side, letter(number))


def _frame(axes: Axes, start: int, side: int, name: str) -> None:
    axes.add_patch(Rectangle((start, start), side, side, fill=False, edgecolor="black", linewidth=0.9))
    axes.annotate(name, (start + side, start + side / 2), (3, 0), textcoords="offset points", va="center", fontsize=9, fontweight="bold")


def _list(axes: Axes, counts: NDArray[np.intp], labels: Sequence[str]) -> None:
    """Write the most frequent confusions as text."""
    axes.set_axis_off()
    lines = [_line(pair, labels) for pair in most_confused(counts, LISTED)]
    heading = "most frequent:\ntrue → answered" if lines else "no confusion"
    axes.text(0, 1, "\n".join([heading, "", *lines]), transform=axes.transAxes, va="top", fontsize=8, linespacing=1.3)


def _line(pair: ConfusedPair, labels: Sequence[str]) -> str:
    true, answered = (style.plain(labels[index], 20) for index in pair[:2])
    return f"{str(pair.spectra).rjust(3, FIGURE_SPACE)} × {true}\n{7 * FIGURE_SPACE}→ {answered}"


def _block(axes: Axes, counts: NDArray[np.intp], labels: Sequence[str], members: Sequence[int], name: str, norm: LogNorm) -> None:
    """Draw one block with names; the last column counts the answers outside the block."""
    part = counts[np.ix_(members, members)]
    total = counts[members].sum(axis=1)
    table = np.column_stack([part, total - part.sum(axis=1)])
    right = np.eye(*table.shape) > 0
    axes.pcolormesh(right, cmap=NOT_CONFUSED, edgecolors="white", linewidth=1)
    axes.pcolormesh(np.ma.masked_where((table == 0) | right, table), cmap=style.COUNTS, norm=norm, edgecolors="white", linewidth=1)
    for (row, column), number in np.ndenumerate(table):
        if number:
            dark = not right[row, column] and norm(number) > 0.45  # noqa: PLR2004 - from here on white is more readable
            axes.text(column + 0.5, row + 0.5, str(number), ha="center", va="center", fontsize=8, color="white" if dark else "black")
    axes.vlines(len(members), 0, len(members), color="black", linewidth=1)
    names = [style.plain(labels[index], 18) for index in members]
    axes.set_xticks(np.arange(len(members) + 1) + 0.5, [*names, "others"], rotation=45, ha="left", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(np.arange(len(members)) + 0.5, [f"{own} ({n})" for own, n in zip(names, total, strict=True)], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    wrong = confusions(counts, members)
    axes.set_title(f"{name}: {wrong} confusion{'s' if wrong > 1 else ''}")
