"""The whole screen: a pure function from a state and a size to a frame.

The layout depends on the size, the instrument and the keyboard, not on the result, so that nothing
jumps from one result to the next. Parts without room are left out from the bottom up: last results,
tables, reasons, plot; the smallest screen shows the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.matching.identify import Reading
from raman_edge.terminal import plot, widgets
from raman_edge.terminal.headline import headline_of, is_old, link_rows, seconds
from raman_edge.terminal.rows import EMPTY, Frame, block, cells, fit, spread, title, width_of, wrapped
from raman_edge.terminal.state import enlarged, place
from raman_edge.terminal.theme import ASCII, CHIP, PLAIN, QUIET, STRONG, STYLE, UNICODE
from raman_edge.terminal.widgets import WIDE, last_results, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from rich.style import Style

    from raman_edge.matching.identify import Timing
    from raman_edge.peaks import PeakMatch
    from raman_edge.spectrum import Spectrum
    from raman_edge.terminal.controls import KeyBinding
    from raman_edge.terminal.plot import Window
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.state import ScreenState
    from raman_edge.terminal.theme import Theme

NARROW = 40
"""Columns below which there are neither tables nor last results."""
SMALLEST = 4
"""Rows below which only the answer is shown."""
KEYS_FROM = 12
"""Rows from which the keys are shown."""
NAME = 16
"""Cells of the answer's row that are not the answer; a longer answer is repeated in full below."""
LINK_FROM = ((30, 2), (8, 1))
"""(rows of the screen, rows of the link)."""


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Rows of each part; 0 leaves it out."""

    why: int
    plot: int
    model_plot: int
    tables: int
    """Rows of the tables, their titles included."""
    results: int
    """Rows of the last results beneath the tables, 1 or 2 without a title."""

    @property
    def below(self) -> int:
        """Rows between the reasons and the footer."""
        return self.plot + self.model_plot + self.tables + self.results


def layout(width: int, height: int) -> RowLayout:
    """Distribute ``height`` rows, without those of link and keys."""
    left = height - 3  # header, answer, footer
    why = _least(left, (18, 2), (3, 1))
    left -= why
    tables = _least(height, (52, 11), (40, 9), (34, 7), (21, 6)) if width >= NARROW else 0
    left -= tables
    beneath = NARROW <= width < WIDE
    results = _least(height, (44, 11), (36, 8), (28, 5), (23, 2), (19, 1)) if beneath else 0
    left -= results
    if left <= FEET:
        return RowLayout(why + left, 0, 0, tables, results)
    model_plot = left * 2 // 5 if left >= 24 else 0  # noqa: PLR2004 - two plots of ten rows at least
    return RowLayout(why, left - model_plot, model_plot, tables, results)


def _least(size: int, *steps: tuple[int, int]) -> int:
    """Return the value of the first step whose threshold ``size`` reaches, else 0."""
    return next((value for threshold, value in steps if size >= threshold), 0)


def render(state: ScreenState, width: int, height: int, *, ascii_only: bool = False) -> Frame:
    """Return the frame of ``state`` with exactly ``height`` rows of ``width`` cells."""
    theme = ASCII if ascii_only else UNICODE
    if height < SMALLEST:
        return Frame(tuple(block(_answer(state, layout(width, height).why, width, theme), width, height)))
    keys = [fit(_keys(state, width), width)] if state.keys and height >= KEYS_FROM else []
    lines = _least(height, *LINK_FROM)
    link = link_rows(state, state.link, width, lines, theme) if state.link and lines else []
    plan = layout(width, height - len(keys) - len(link))
    return Frame(
        (
            fit(_header(state, width, theme), width),
            *(fit(row, width) for row in link),
            *_answer(state, plan.why, width, theme),
            *_below(state, plan, width, theme),
            fit(_footer(state, width, theme), width),
            *keys,
        )
    )


def _below(state: ScreenState, plan: RowLayout, width: int, theme: Theme) -> list[Row]:
    """Return the part below the answer: plots and tables, or the help."""
    if state.view.help:
        return help_rows(state.keys, width, plan.below, theme)
    rows = [*block(_plots(state, plan, width, theme), width, plan.plot + plan.model_plot), *tables(state, width, plan.tables, theme)]
    if is_old(state):  # an old result is faint
        rows = [tuple((text, QUIET) for text, _ in row) for row in rows]
    return [*rows, *last_results(state, width, plan.results, theme)]


def _header(state: ScreenState, width: int, theme: Theme) -> Row:
    """Return the source and the counts."""
    tally = state.tally
    counts: Row = ((f"{tally.done} done {theme.dot} ", PLAIN), (f"{tally.fault} failed ", STYLE["fault"] if tally.fault else PLAIN))
    if state.waiting:
        left = "" if state.left_s is None else f", {lasting(state.left_s)} left"
        counts = ((f"{state.waiting} waiting{left} {theme.dot} ", STRONG), *counts)
    if width >= WIDE:
        named = (
            f"{tally.match} match",
            *([f"{tally.group} group"] if tally.group else []),
            f"{tally.possible} possible",
            f"{tally.ambiguous} one of several",
        )
        words = (*named, f"{tally.unknown} unknown", f"{tally.rejected} rejected")
        counts = ((f" {theme.dot} ".join(words) + f" {theme.dot} ", QUIET), *counts)
    for box in _chosen(state, theme):
        counts = ((f" {theme.boxed(box)} ", CHIP), (" ", PLAIN), *counts)
    room = width - width_of(counts) - 15
    source: Row = ((" raman-edge", STRONG), (f" {theme.dot} {theme.safe(state.source, room)}" if room > 0 else "", QUIET))
    return spread(source, counts, width)


def _chosen(state: ScreenState, theme: Theme) -> list[str]:
    """Return the selected view, if it is not all of the newest result."""
    boxes = []
    if state.view.zoom is not None:
        boxes.append(f"zoom {theme.times}{enlarged(state):.0f}")
    if state.view.at is not None:
        at = place(state)
        boxes.append("held" if at == 0 else "an older result" if at is None else f"result {at + 1} of {len(state.past)}")
    return boxes


def lasting(value: float) -> str:
    """Return a duration in a suitable unit: ``40 s``, ``12 min``, ``3.5 h``."""
    if value < 100:  # noqa: PLR2004 - two digits
        return seconds(max(1.0, round(value)))
    return f"{value / 60:.0f} min" if value < 6000 else f"{value / 3600:.1f} h"  # noqa: PLR2004 - a hundred minutes


def _answer(state: ScreenState, lines: int, width: int, theme: Theme) -> list[Row]:
    """Return the answer and, below it, ``lines`` rows of reasons."""
    headline = headline_of(state, theme)
    whole = "".join(text for text, _ in headline.words)
    why = f"{whole}; {headline.why}" if cells(whole) > width - NAME else headline.why
    rows: list[Row] = [((f"   {line}", PLAIN),) for line in wrapped(why, width - 4, lines, theme)] if lines else []
    return [fit(widgets.headline(headline.sign, headline.words, headline.name, width, theme), width), *block(rows, width, lines)]


def _plots(state: ScreenState, plan: RowLayout, width: int, theme: Theme) -> list[Row]:
    """Return the spectrum and, if there is room, the preprocessed one."""
    inside, zoom = (state.model.start, state.model.stop), state.view.zoom
    if not plan.plot:
        return []
    event = state.shown
    if event is None and state.preview is not None:
        return pixel_chart(state.preview, width, plan.plot + plan.model_plot, theme)
    if not isinstance(event, Reading):
        words = "" if event else f"{state.model.labels} names in the library"
        return empty_chart(inside, words, width, plan.plot + plan.model_plot, theme)
    rows = chart(event, inside, zoom, (width, plan.plot), theme)
    if plan.model_plot:
        shift = np.linspace(*inside, event.features.size)
        rows.append(fit(((" ", PLAIN), *title("what the model sees", width - 2, theme)), width))
        rows += model_chart(event, shift, zoom, (width, plan.model_plot - 1), theme)
    return rows


def _footer(state: ScreenState, width: int, theme: Theme) -> Row:
    """Return the note if there is one, else the model and the time of each stage."""
    if state.note:
        return ((f" {theme.arrow} ", STYLE["fault"]), (theme.safe(state.note, max(0, width - 4)), STYLE["care"]))
    model = state.model
    made = (f"made {model.created}",) if model.created else ()
    facts = (model.name, model.precision, model.provider, f"{model.labels} names", *made)
    timing = _milliseconds(state.shown.timing) if isinstance(state.shown, Reading) else ""
    timing = timing if len(timing) < width - len(model.name) else ""
    room = width - len(timing) - 2
    words = next((text for n in (5, 4, 3, 1) if len(text := f" {theme.dot} ".join(facts[:n])) < room), facts[0])
    return spread(((f" {theme.safe(words)}", QUIET),), ((f" {timing} ", QUIET),), width)


def _keys(state: ScreenState, width: int) -> Row:
    """Return the available keys."""
    return hints(state.keys, "continue" if state.acquisition.paused or state.view.at is not None else "pause", width)


def _milliseconds(timing: Timing) -> str:
    """Return the time of each stage and their sum."""
    *parts, (_, total) = widgets.stages(timing)
    return " + ".join(f"{name} {ms:.1f}" for name, ms in parts) + f" = {total:.1f} ms"


SIGN = 9
"""Cells of a key."""
ANSWERS = (
    *(("match", "name"), ("group", "group"), ("possible", "perhaps"), ("ambiguous", "one of")),
    *(("unknown", "unknown"), ("rejected", "poor"), ("fault", "fault")),
)
LEGEND = (
    ("answers", ANSWERS),
    ("peaks", (("matched", "in both"), ("missing", "only in the reference"), ("extra", "only in the spectrum"))),
    ("quality", (("good", "good"), ("care", "caution"), ("bad", "bad"), ("out", "not known"))),
)
"""Meaning of the signs, by place."""
GAPS = ("   ", "  ")
"""Between two keys, the wider if there is room."""
FIRST = ("help", "quit", "pause", "calibrate", "single", "dark", "results", "zoom", "save")
"""Actions in the order of priority in the footer."""


def help_rows(keys: Sequence[KeyBinding], width: int, height: int, theme: Theme) -> list[Row]:
    """Return the help page, ``height`` rows."""
    inner = width - 2
    rows: list[Row] = [title("keys", inner, theme)]
    rows += [((f"   {key.sign:<{SIGN}}", STRONG), (theme.safe(key.means, inner - SIGN - 3), PLAIN)) for key in keys]
    rows += [EMPTY, title("signs", inner, theme)]
    for where, signs in LEGEND:
        widest, narrow = (_legend(where, signs, gap, theme) for gap in GAPS)
        rows.append(widest if width_of(widest) <= inner else narrow)
    return block([((" ", PLAIN), *fit(row, inner)) for row in rows], width, height)


def _legend(where: str, signs: Sequence[tuple[str, str]], gap: str, theme: Theme) -> Row:
    row: Row = ((f"   {where:<{SIGN}}", QUIET),)
    for number, (name, means) in enumerate(signs):
        row = (*row, (gap if number else "", PLAIN), (f"{theme.sign[name]} ", STYLE[name]), (means, PLAIN))
    return row


def hints(keys: Sequence[KeyBinding], pause_word: str, width: int) -> Row:
    """Return the keys in one row; only the most important ones if there is little room.

    ``pause_word`` names the action of the pause key: ``pause``, or ``continue``.
    """
    gap = next((gap for gap in GAPS if width_of(_hints(keys, pause_word, gap)) <= width), GAPS[-1])
    kept = list(keys)
    for action in reversed(FIRST):
        if width_of(_hints(kept, pause_word, gap)) <= width:
            break
        kept = [key for key in kept if key.action != action]
    return _hints(kept, pause_word, gap)


def _hints(keys: Sequence[KeyBinding], pause_word: str, gap: str) -> Row:
    row: Row = ((" ", PLAIN),)
    for i, key in enumerate(keys):
        word = pause_word if key.action == "pause" else key.word
        row = (*row, (gap if i else "", PLAIN), (key.sign, STRONG), (f" {word}", QUIET))
    return row


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
    signs = [(theme.sign[columns[i]], STYLE[columns[i]]) if i in columns else (" ", PLAIN) for i in range(across)]
    row: Row = ((f"{'peaks':>{GUTTER - 1}} ", QUIET),)
    for style, run in groupby(signs, key=lambda cell: cell[1]):
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
