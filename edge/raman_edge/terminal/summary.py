"""One event in a few rows, as ``raman-edge identify`` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment

from raman_edge.matching.identify import Reading
from raman_edge.terminal import widgets
from raman_edge.terminal.rows import Frame, cells, wrapped
from raman_edge.terminal.state import answer, name_of
from raman_edge.terminal.theme import ASCII, PLAIN, QUIET, STRONG, STYLE, UNICODE
from raman_edge.wording import IF, chemistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.style import Style

    from raman_edge.spectrum import Fault
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.theme import Theme

NARROW = 40
"""Least columns of a description."""
BROAD = 72
"""Most columns of the table of candidates."""


def describe(event: Reading | Fault, *, ascii_only: bool = False) -> RenderableType:
    """Return a printable description of ``event``: file, answer, reasons, candidates, peaks, quality."""
    return _Description(event, ascii_only)


@dataclass(frozen=True, slots=True)
class _Description:
    """Its width is known when it is printed."""

    event: Reading | Fault
    ascii_only: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Frame | Segment]:
        theme = ASCII if self.ascii_only or options.ascii_only else UNICODE
        width = max(NARROW, console.width)
        yield Frame(tuple(_rows(self.event, width, theme)))
        yield Segment.line()


def _rows(event: Reading | Fault, width: int, theme: Theme) -> list[Row]:
    if not isinstance(event, Reading):
        return [_head("fault", "no spectrum", name_of(event.origin), width, theme), *_indented(event.why, width, theme)]
    verdict = event.verdict
    name, words = name_of(event.spectrum.origin), answer(verdict)
    rows = [_head(verdict.decision, words, name, width, theme)]
    cut = () if cells(theme.safe(words)) <= _room(name, width, theme) else (words,)
    rows += [row for reason in (*cut, *verdict.doubts) for row in _indented(reason, width, theme)]
    if verdict.best is not None and (beside := chemistry(verdict.best.synonyms, verdict.best.formula, ascii_only=theme.ascii_only)):
        rows += _indented(f"{verdict.best.label}: {beside}", width, theme)
    if verdict.ranked:
        claimed = any(match.score is not None for match in verdict.ranked)
        rows += _indented(f"candidates {IF}:" if claimed else "the nearest, by similarity:", width, theme, QUIET)
    table = min(BROAD, width - 4)
    rows += [(("  ", PLAIN), *row) for row in widgets.matches(verdict, table, len(verdict.ranked), theme)]
    if verdict.ranked:
        rows += _indented(f"{verdict.ranked[0].label}: {widgets.peak_summary(verdict.ranked[0].peaks, theme)}", width, theme, QUIET)
    if verdict.aligned:
        rows += _indented(verdict.aligned.text, width, theme, QUIET)
    return [*rows, _measured(event, theme)]


def _head(sign: str, words: str, name: str, width: int, theme: Theme) -> Row:
    shown, answer = theme.safe(name, max(8, width // 2)), theme.safe(words, _room(name, width, theme))
    return ((f"{theme.sign[sign]} ", STYLE[sign]), (shown, STRONG), ("  ", PLAIN), (answer, STYLE[sign]))


def _room(name: str, width: int, theme: Theme) -> int:
    """Return the cells for the answer beside the name; a longer one is repeated in full below."""
    return width - cells(theme.safe(name, max(8, width // 2))) - 5


def _indented(text: str, width: int, theme: Theme, style: Style = PLAIN) -> list[Row]:
    return [(("  ", PLAIN), (line, style)) for line in wrapped(text, width - 3, 4, theme)]


def _measured(reading: Reading, theme: Theme) -> Row:
    """Return quality, calibration and time in one row."""
    row: Row = (("  ", PLAIN),)
    values = widgets.quality_values(reading.quality)
    for (name, light), value in zip(widgets.lights(reading.quality).items(), values, strict=True):
        row = (*row, (f"{theme.sign[light]} ", STYLE[light]), (f"{name} {value}   ", QUIET))
    by = reading.spectrum.calibrated
    if by is not None:
        row = (*row, (f"{theme.sign['good']} ", STYLE["good"]), (f"calibrated {by.made:%Y-%m-%d}   ", QUIET))
    return (*row, (f"{reading.timing.total:.1f} ms", QUIET))
