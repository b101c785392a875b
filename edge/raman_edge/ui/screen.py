"""The whole screen: a pure function from what is known and a size to a frame.

The layout depends on the size alone, so that nothing jumps from one result to the next. What
there is no room for is left out from the bottom up: last results, tables, reasons, plot; the
answer itself is on the smallest screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.pipeline import Reading
from raman_edge.ui import chart, sections
from raman_edge.ui.look import ASCII, PLAIN, QUIET, STRONG, STYLE, UNICODE
from raman_edge.ui.rows import Frame, block, fit, spread, title, width_of, wrapped
from raman_edge.ui.state import answer, name_of, reasons
from raman_edge.ui.tables import WIDE, last_results, tables

if TYPE_CHECKING:
    from raman_edge.pipeline import Timing
    from raman_edge.spectrum import Fault
    from raman_edge.ui.look import Look
    from raman_edge.ui.rows import Row
    from raman_edge.ui.state import ScreenState

NARROW = 40
"""Columns beneath which there are neither tables nor last results."""
SMALLEST = 4
"""Rows beneath which only the answer is shown."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many rows each part gets; 0 leaves it out."""

    why: int
    plot: int
    model_plot: int
    tables: int
    """Rows of the tables, their titles included."""
    results: int
    """Rows of the last results beneath the tables, 1 or 2 without a title."""


def layout(width: int, height: int) -> Layout:
    """Share out ``height`` rows."""
    left = height - 3  # header, answer, footer
    why = _least(left, (18, 2), (3, 1))
    left -= why
    tables = _least(height, (52, 11), (40, 9), (34, 7), (21, 6)) if width >= NARROW else 0
    left -= tables
    beneath = NARROW <= width < WIDE
    results = _least(height, (44, 11), (36, 8), (28, 5), (23, 2), (19, 1)) if beneath else 0
    left -= results
    if left <= chart.FEET:
        return Layout(why + left, 0, 0, tables, results)
    model_plot = left * 2 // 5 if left >= 24 else 0  # noqa: PLR2004 - two plots of ten rows at least
    return Layout(why, left - model_plot, model_plot, tables, results)


def _least(size: int, *steps: tuple[int, int]) -> int:
    """Return the value of the first step whose threshold ``size`` reaches, else 0."""
    return next((value for threshold, value in steps if size >= threshold), 0)


def render(state: ScreenState, width: int, height: int, *, ascii_only: bool = False) -> Frame:
    """Return the frame of ``state`` with exactly ``height`` rows of ``width`` cells."""
    look = ASCII if ascii_only else UNICODE
    plan = layout(width, height)
    said = _said(state, plan.why, width, look)
    if height < SMALLEST:
        return Frame(tuple(block(said, width, height)))
    return Frame(
        (
            fit(_header(state, width, look), width),
            *said,
            *block(_plots(state, plan, width, look), width, plan.plot + plan.model_plot),
            *tables(state, width, plan.tables, look),
            *last_results(state, width, plan.results, look),
            fit(_footer(state, width, look), width),
        )
    )


def _header(state: ScreenState, width: int, look: Look) -> Row:
    """Return where spectra come from, and how many came."""
    tally = state.tally
    counts: Row = ((f"{tally.done} done {look.dot} ", PLAIN), (f"{tally.fault} failed ", STYLE["fault"] if tally.fault else PLAIN))
    if state.waiting:
        counts = ((f"{state.waiting} waiting {look.dot} ", STRONG), *counts)
    if width >= WIDE:
        words = (f"{tally.match} match", f"{tally.ambiguous} one of several", f"{tally.unknown} unknown", f"{tally.rejected} rejected")
        counts = ((f" {look.dot} ".join(words) + f" {look.dot} ", QUIET), *counts)
    room = width - width_of(counts) - 15
    left: Row = ((" raman-edge", STRONG), (f" {look.dot} {look.safe(state.source, room)}" if room > 0 else "", QUIET))
    return spread(left, counts, width)


def _said(state: ScreenState, lines: int, width: int, look: Look) -> list[Row]:
    """Return the answer to the last event and, beneath it, ``lines`` rows of reasons."""
    sign, words, name, why = _answer(state.latest, look)
    rows: list[Row] = [((f"   {line}", PLAIN),) for line in wrapped(why, width - 4, lines, look)] if lines else []
    return [fit(sections.headline(sign, words, name, width, look), width), *block(rows, width, lines)]


def _answer(event: Reading | Fault | None, look: Look) -> tuple[str, Row, str, str]:
    """Return the sign, the answer in words, where it came from, and the reasons."""
    if event is None:
        return "waiting", (("waiting for the first spectrum", QUIET),), "", ""
    if isinstance(event, Reading):
        return event.verdict.decision, _named(event, look), name_of(event.spectrum.origin), _why(event, look)
    return "fault", (("no spectrum", STYLE["fault"]),), name_of(event.origin), event.why


def _named(reading: Reading, look: Look) -> Row:
    """Return the answer in words, with its probability where it is one label."""
    verdict = reading.verdict
    words: Row = ((look.safe(answer(verdict)), STYLE[verdict.decision]),)
    return (*words, (f"  {verdict.ranked[0].score:.1%}", PLAIN)) if verdict.decision == "match" else words


def _why(reading: Reading, look: Look) -> str:
    """Return the reasons in plain words; for a name, what the peaks say of it."""
    words = list(reasons(reading.verdict))
    if reading.verdict.best is not None:
        words.insert(0, sections.peak_summary(reading.verdict.best.peaks, look))
    return "; ".join(words)


def _plots(state: ScreenState, plan: Layout, width: int, look: Look) -> list[Row]:
    """Return the exposure and, where there is room, what the model sees of it."""
    inside = (state.model.start, state.model.stop)
    if not plan.plot:
        return []
    if not isinstance(state.latest, Reading):
        words = "" if state.latest else f"{state.model.labels} names to choose from"
        return chart.empty_chart(inside, words, width, plan.plot + plan.model_plot, look)
    rows = chart.chart(state.latest, inside, width, plan.plot, look)
    if plan.model_plot:
        shift = np.linspace(*inside, state.latest.features.size)
        rows.append(fit(((" ", PLAIN), *title("what the model sees", width - 2, look)), width))
        rows += chart.model_chart(state.latest, shift, width, plan.model_plot - 1, look)
    return rows


def _footer(state: ScreenState, width: int, look: Look) -> Row:
    """Return a note where there is one, else the model and the milliseconds by stage."""
    if state.note:
        return ((f" {look.sign['fault']} ", STYLE["fault"]), (look.safe(state.note, max(0, width - 4)), STYLE["care"]))
    model = state.model
    facts = (model.name, model.precision, model.provider, f"{model.labels} names")
    timing = _milliseconds(state.latest.timing) if isinstance(state.latest, Reading) else ""
    timing = timing if len(timing) < width - len(model.name) else ""
    room = width - len(timing) - 2
    words = next((text for n in (4, 3, 1) if len(text := f" {look.dot} ".join(facts[:n])) < room), facts[0])
    return spread(((f" {look.safe(words)}", QUIET),), ((f" {timing} ", QUIET),), width)


def _milliseconds(timing: Timing) -> str:
    """Return the time of each stage and their sum."""
    *parts, (_, total) = sections.stages(timing)
    return " + ".join(f"{name} {ms:.1f}" for name, ms in parts) + f" = {total:.1f} ms"
