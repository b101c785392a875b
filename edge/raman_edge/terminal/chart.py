"""The spectrum with its axis and the reference's peaks: rows of the screen."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from raman_edge.terminal import plot
from raman_edge.terminal.rows import EMPTY, cells, fit
from raman_edge.terminal.theme import PLAIN, QUIET, STYLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.style import Style

    from raman_edge.matching.identify import Reading
    from raman_edge.peaks import PeakMatch
    from raman_edge.spectrum import Spectrum
    from raman_edge.terminal.plot import Window
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.theme import Theme

GUTTER = 9
"""Cells left of the plot: numbers and the vertical axis."""
MARGIN = 1
"""Cells right of the plot."""
FEET = 3
"""Rows beneath the plot: axis, numbers, reference peaks."""
REACH = 1
"""Columns on either side of a peak that are drawn in its colour."""


Range = tuple[float, float]
"""From and to, cm⁻¹."""


def chart(reading: Reading, inside: Range, zoom: Range | None, size: tuple[int, int], theme: Theme) -> list[Row]:
    """Return the spectrum as measured, its axis and the peaks of the best reference.

    ``inside`` is the model's range, ``zoom`` the part that is drawn, None for all of it; ``size`` is (columns, rows).
    """
    width, height = size
    shift, counts = reading.spectrum.axis.shift, reading.spectrum.counts
    view = plot.window(shift, counts, inside) if zoom is None else plot.part(shift, counts, zoom)
    ranked = reading.verdict.ranked
    found = ranked[0].peaks if ranked else None
    across = max(0, width - GUTTER - MARGIN)
    columns = plot.marks(view, across, places(found)) if found else {}
    rows = curve(shift, counts, view, columns, ("counts", across, height - FEET), theme)
    return [*rows, *feet(view, across, theme), ticks(columns, across, theme)]


def model_chart(reading: Reading, shift: NDArray[np.floating], zoom: Range | None, size: tuple[int, int], theme: Theme) -> list[Row]:
    """Return the preprocessed spectrum on the axis of the model; ``size`` is (columns, rows)."""
    width, height = size
    view = plot.part(shift, reading.features, zoom or (float(shift[0]), float(shift[-1])))
    across = max(0, width - GUTTER - MARGIN)
    return [*curve(shift, reading.features, view, {}, ("", across, height - FEET + 1), theme), *feet(view, across, theme)]


def pixel_chart(spectrum: Spectrum, width: int, height: int, theme: Theme) -> list[Row]:
    """Return a spectrum by pixel, ``height`` rows."""
    pixels, counts = spectrum.axis.shift, spectrum.counts
    view = plot.window(pixels, counts, (float(pixels[0]), float(pixels[-1])))
    across = max(0, width - GUTTER - MARGIN)
    rows = curve(pixels, counts, view, {}, ("counts", across, height - FEET), theme)
    return [*rows, *feet(view, across, theme, "pixel"), EMPTY]


def empty_chart(inside: Range, words: str, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the model's axis without a spectrum, with ``words`` in the middle, ``height`` rows."""
    view = plot.Window(*inside, 0.0, 1.0)
    across = max(0, width - GUTTER - MARGIN)
    rows: list[Row] = [_gutter("", theme)] * max(0, height - FEET)
    if rows:
        middle = len(rows) // 2
        shown = theme.safe(words, across)
        rows[middle] = (*rows[middle], (" " * ((across - cells(shown)) // 2), PLAIN), (shown, QUIET))
    return [*rows, *feet(view, across, theme), EMPTY]


def places(found: PeakMatch) -> list[tuple[float, str]]:
    """Return (cm⁻¹, kind) of all peaks, the most important last: if two share a column, the missing one shows."""
    extra = [(peak.at, "extra") for peak in found.extra]
    matched = [(peak.at, "matched") for peak in found.matched]
    return [*extra, *matched, *((peak.at, "missing") for peak in found.missing)]


def curve(
    shift: NDArray[np.floating],
    counts: NDArray[np.floating],
    view: Window,
    columns: dict[int, str],
    shape: tuple[str, int, int],
    theme: Theme,
) -> list[Row]:
    """Return the plot with its vertical axis; ``shape`` is (quantity, columns, rows)."""
    quantity, across, down = shape
    draw = plot.ascii_plot if theme.ascii_only else plot.braille
    lines = draw(shift, counts, view, across, down)
    labels = {0: plot.short(view.high), down - 1: plot.short(view.low)}
    if down > 4:  # noqa: PLR2004 - room between the two numbers
        labels[down // 2] = quantity
    paint = _paint(columns, across)
    return [(*_gutter(labels.get(i, ""), theme), *_painted(line, paint)) for i, line in enumerate(lines)]


def feet(view: Window, across: int, theme: Theme, unit: str | None = None) -> list[Row]:
    """Return the horizontal axis and its numbers; ``unit`` None is cm⁻¹."""
    line, numbers = plot.axis(view, across, theme, unit)
    pad = " " * (GUTTER - 1)
    return [((f"{pad}{theme.corner}{line}", QUIET),), ((f"{pad} {numbers}", QUIET),)]


def ticks(columns: dict[int, str], across: int, theme: Theme) -> Row:
    """Return the signs of the peaks in their columns."""
    cells = [(theme.sign[columns[i]], STYLE[columns[i]]) if i in columns else (" ", PLAIN) for i in range(across)]
    row: Row = ((f"{'peaks':>{GUTTER - 1}} ", QUIET),)
    for style, run in groupby(cells, key=lambda cell: cell[1]):
        row = (*row, ("".join(sign for sign, _ in run), style))
    return row


def _gutter(label: str, theme: Theme) -> Row:
    return (*fit(((f"{label:>{GUTTER - 2}} ", QUIET),), GUTTER - 1), (theme.side, QUIET))


def _paint(columns: dict[int, str], across: int) -> list[tuple[int, int, Style]]:
    """Return (first, last + 1, style) of the runs of columns that share a colour."""
    kinds: list[str] = [""] * across
    for column, kind in columns.items():
        if kind != "missing":
            near = range(max(0, column - REACH), min(across, column + REACH + 1))
            for i in near:
                kinds[i] = kind
    runs: list[tuple[int, int, Style]] = []
    for kind, group in groupby(range(across), key=lambda i: kinds[i]):
        run = list(group)
        runs.append((run[0], run[-1] + 1, STYLE[kind] if kind else PLAIN))
    return runs


def _painted(line: str, paint: list[tuple[int, int, Style]]) -> Row:
    """Return ``line`` in colours; blank cells get no colour."""
    if line.isspace():
        return ((line, PLAIN),)
    row: list[tuple[str, Style]] = []
    for first, last, style in paint:
        text = line[first:last]
        style_here = PLAIN if text.isspace() else style
        if row and row[-1][1] is style_here:
            row[-1] = (row[-1][0] + text, style_here)
        else:
            row.append((text, style_here))
    return tuple(row)
