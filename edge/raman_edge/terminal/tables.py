"""The lower part of the screen: matches, peaks, quality and the last results, side by side or one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.matching.identify import Reading
from raman_edge.terminal import widgets
from raman_edge.terminal.navigation import place
from raman_edge.terminal.rows import EMPTY, GAP, beside, block, title
from raman_edge.terminal.state import LISTED
from raman_edge.terminal.theme import PLAIN, QUIET, STYLE
from raman_edge.terminal.widgets import calibration_row

if TYPE_CHECKING:
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.state import ScreenState
    from raman_edge.terminal.theme import Theme

WIDE = 150
"""Columns from which the last results stand beside the tables."""
THREE = 64
"""Columns from which the peaks have a table."""
ROOMY = 8
"""Rows from which the peaks' table has a heading."""
INSET = 1
"""Margin on either side, cells."""
QUALITY = 23
"""Cells of the table of quality."""


def tables(state: ScreenState, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the tables of the last reading, ``height`` rows with their titles."""
    if height < 1:
        return []
    width -= 2 * INSET
    reading = state.shown if isinstance(state.shown, Reading) else None
    peaks = widgets.PEAKS if width >= THREE else 0
    results = (width - peaks - QUALITY) // 2 if width >= WIDE else 0
    others = [size for size in (peaks, QUALITY, results) if size]
    first = max(0, width - sum(others) - GAP * len(others))
    name = widgets.candidates(reading.verdict) if reading else "candidates"
    columns = [_table(name, _matches(reading, first, height - 1, theme), first, height, theme)]
    if peaks:
        columns.append(_table(_against(reading), _peaks(reading, height - 1, theme), peaks, height, theme))
    columns.append(_table("quality", _quality(state, reading, height - 1, theme), QUALITY, height, theme))
    if results:
        columns.append(_table("last results", _results(state, results, height - 1, theme), results, height, theme))
    return [_inset(row) for row in beside(columns)]


def last_results(state: ScreenState, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the last results: a titled list, or one or two short rows."""
    if height > 2:  # noqa: PLR2004 - a title needs two rows beneath it
        inner = width - 2 * INSET
        return [_inset(row) for row in _table("last results", _results(state, inner, height - 1, theme), inner, height, theme)]
    lead = " last  "
    margin = (" " * len(lead), PLAIN)
    recent = state.recent
    rows: list[Row] = [((lead, QUIET), *widgets.chips(recent, width - len(lead), theme))] if recent else []
    failed = next((outcome for outcome in recent if outcome.decision == "fault"), None)
    if failed is not None:
        sign = (f"{theme.sign['fault']} ", STYLE["fault"])
        reported: Row = (sign, (theme.safe(f"{failed.name}: {failed.text}", max(0, width - len(lead) - 3)), QUIET))
        # A single row shows a new fault until the next result.
        rows = [rows[0], (margin, *reported)] if height > 1 else [((lead, QUIET), *reported)] if failed is recent[0] else rows
    return block(rows, width, height)


def _results(state: ScreenState, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the last results; the list moves so that the selected one is in it."""
    chosen = place(state) if state.view.at is not None else None
    rows = max(0, min(height, LISTED))
    first = 0 if chosen is None else max(0, min(chosen - rows + 1, len(state.past) - rows))
    return widgets.result_rows(state.listed(first, LISTED), None if chosen is None else chosen - first, width, theme)


def _inset(row: Row) -> Row:
    margin: Row = ((" " * INSET, PLAIN),)
    return (*margin, *row, *margin)


def _table(name: str, rows: list[Row], width: int, height: int, theme: Theme) -> list[Row]:
    return [title(name, width, theme), *block(rows, width, height - 1)]


def _against(reading: Reading | None) -> str:
    """Return the title of the peaks, which are compared with those of the first candidate."""
    ranked = reading.verdict.ranked if reading else ()
    return f"peaks, {ranked[0].label}" if ranked else "peaks"


def _matches(reading: Reading | None, width: int, height: int, theme: Theme) -> list[Row]:
    return widgets.matches(reading.verdict, width, height, theme) if reading else []


def _peaks(reading: Reading | None, height: int, theme: Theme) -> list[Row]:
    """Return the peaks compared with those of the first candidate, with a heading if there is room."""
    if reading is None or not reading.verdict.ranked:
        return []
    heading = [widgets.peak_heading(theme)] if height >= ROOMY else []
    return [*heading, *widgets.peak_rows(reading.verdict.ranked[0].peaks, height - len(heading), theme)]


def _quality(state: ScreenState, reading: Reading | None, height: int, theme: Theme) -> list[Row]:
    """Return quality, calibration and, if there is room, the time of each stage."""
    if reading is None:
        return []
    calibrated = calibration_row(reading.spectrum.calibrated, state.bench.expires, state.now, theme)
    lights, facts = widgets.quality_rows(reading, theme)
    rows, times = [*lights, calibrated, *facts], widgets.time_rows(reading.timing)
    return [*rows, EMPTY, *times] if height > len(rows) + len(times) else rows
