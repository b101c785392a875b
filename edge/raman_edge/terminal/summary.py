"""One event in a few rows, for a terminal that scrolls: what ``raman-edge identify`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment

from raman_edge.matching.identify import Reading
from raman_edge.terminal import widgets
from raman_edge.terminal.rows import Frame, cells, wrapped
from raman_edge.terminal.state import answer, name_of
from raman_edge.terminal.theme import ASCII, PLAIN, QUIET, STRONG, STYLE, UNICODE
from raman_edge.wording import IF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.style import Style

    from raman_edge.spectrum import Fault
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.theme import Theme

NARROW = 40
"""Least columns that a description is made for."""
BROAD = 72
"""Columns of the table of candidates, where there are as many."""


def describe(event: Reading | Fault, *, ascii_only: bool = False) -> RenderableType:
    """Return ``event`` as something to print: file, answer, reasons, candidates, peaks, quality."""
    return _Description(event, ascii_only)


@dataclass(frozen=True, slots=True)
class _Description:
    """Knows its width only when it is printed."""

    event: Reading | Fault
    ascii_only: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Frame | Segment]:
        look = ASCII if self.ascii_only or options.ascii_only else UNICODE
        width = max(NARROW, console.width)
        yield Frame(tuple(_rows(self.event, width, look)))
        yield Segment.line()


def _rows(event: Reading | Fault, width: int, look: Theme) -> list[Row]:
    if not isinstance(event, Reading):
        return [_head("fault", "no spectrum", name_of(event.origin), width, look), *_indented(event.why, width, look)]
    verdict = event.verdict
    name, words = name_of(event.spectrum.origin), answer(verdict)
    rows = [_head(verdict.decision, words, name, width, look)]
    cut = () if cells(look.safe(words)) <= _room(name, width, look) else (words,)
    rows += [row for reason in (*cut, *verdict.doubts) for row in _indented(reason, width, look)]
    if verdict.ranked:
        claimed = any(match.score is not None for match in verdict.ranked)
        rows += _indented(f"candidates {IF}:" if claimed else "the nearest, by similarity:", width, look, QUIET)
    table = min(BROAD, width - 4)
    rows += [(("  ", PLAIN), *row) for row in widgets.matches(verdict, table, len(verdict.ranked), look)]
    if verdict.ranked:
        rows += _indented(f"{verdict.ranked[0].label}: {widgets.peak_summary(verdict.ranked[0].peaks, look)}", width, look, QUIET)
    return [*rows, _measured(event, look)]


def _head(sign: str, words: str, name: str, width: int, look: Theme) -> Row:
    shown = look.safe(name, max(8, width // 2))
    return ((f"{look.sign[sign]} ", STYLE[sign]), (shown, STRONG), ("  ", PLAIN), (look.safe(words, _room(name, width, look)), STYLE[sign]))


def _room(name: str, width: int, look: Theme) -> int:
    """Return the cells that the answer has beside the name; one that is longer is told again beneath, whole."""
    return width - cells(look.safe(name, max(8, width // 2))) - 5


def _indented(text: str, width: int, look: Theme, style: Style = PLAIN) -> list[Row]:
    return [(("  ", PLAIN), (line, style)) for line in wrapped(text, width - 3, 4, look)]


def _measured(reading: Reading, look: Theme) -> Row:
    """Return the lights of quality, the calibration where there is one, and the time, on one row."""
    row: Row = (("  ", PLAIN),)
    values = widgets.quality_values(reading.quality)
    for (name, light), value in zip(widgets.lights(reading.quality).items(), values, strict=True):
        row = (*row, (f"{look.sign[light]} ", STYLE[light]), (f"{name} {value}   ", QUIET))
    by = reading.spectrum.calibrated
    if by is not None:
        row = (*row, (f"{look.sign['good']} ", STYLE["good"]), (f"calibrated {by.made:%Y-%m-%d}   ", QUIET))
    return (*row, (f"{reading.timing.total:.1f} ms", QUIET))
