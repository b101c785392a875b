"""Rows of styled text, exact to the cell: the elements of a screen."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.terminal_theme import TerminalTheme

from raman_edge.terminal.theme import PLAIN, QUIET, STRONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import ConsoleOptions
    from rich.style import Style

    from raman_edge.terminal.theme import Theme

Piece = tuple[str, "Style"]
"""Text without control characters, and its style."""
Row = tuple[Piece, ...]
EMPTY: Row = ()
GAP = 2
"""Cells between two columns."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The contents of a terminal; a rich renderable."""

    rows: tuple[Row, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the rows unchanged: no markup, no wrapping, no highlighting."""
        for i, row in enumerate(self.rows):
            if i:
                yield Segment.line()  # none after the last row: it would scroll a full screen
            yield from (Segment(text, style) for text, style in row)

    @property
    def text(self) -> str:
        """The rows without their styles, one a line."""
        return "\n".join("".join(text for text, _ in row) for row in self.rows)


def cells(text: str) -> int:
    """Return the cells that ``text``, without control characters, takes."""
    return len(text) if text.isascii() else cell_len(text)


def width_of(row: Row) -> int:
    """Return the cells that ``row`` takes."""
    return sum(cells(text) for text, _ in row)


def fit(row: Row, width: int) -> Row:
    """Return ``row`` cut or padded to exactly ``width`` cells."""
    fitted: list[Piece] = []
    left = max(0, width)
    for text, style in row:
        taken = len(text) if text.isascii() else cell_len(text)  # as `cells`: this is the screen's innermost loop
        if taken > left:
            fitted.append((set_cell_size(text, left), style))
            return tuple(fitted)
        fitted.append((text, style))
        left -= taken
    if left:
        fitted.append((" " * left, PLAIN))
    return tuple(fitted)


def spread(left: Row, right: Row, width: int) -> Row:
    """Return ``left`` and ``right`` at the two ends of ``width`` cells; if both do not fit, the left one is cut."""
    room = width - width_of(right)
    return (*fit(left, room), *right) if room > 0 else fit(right, width)


def block(rows: Iterable[Row], width: int, height: int) -> list[Row]:
    """Return exactly ``height`` rows of exactly ``width`` cells."""
    kept = list(rows)[:height]
    return [fit(row, width) for row in kept] + [fit(EMPTY, width)] * (height - len(kept))


def beside(blocks: Sequence[Sequence[Row]], gap: int = GAP) -> list[Row]:
    """Return blocks of the same height side by side."""
    space: Piece = (" " * gap, PLAIN)
    joined: list[Row] = []
    for rows in zip(*blocks, strict=True):
        line: list[Piece] = []
        for row in rows:
            line.extend((*row, space))
        joined.append(tuple(line[:-1]))
    return joined


def title(text: str, width: int, theme: Theme) -> Row:
    """Return a horizontal rule with ``text`` in it."""
    shown = theme.safe(text, max(0, width - 6))
    head: Row = ((theme.rule * 2 + " ", QUIET), (shown, STRONG), (" ", PLAIN))
    return fit((*head, (theme.rule * max(0, width - width_of(head)), QUIET)), width)


def wrapped(text: str, width: int, lines: int, theme: Theme) -> list[str]:
    """Return ``text`` broken at spaces into at most ``lines`` lines of ``width`` cells; the last one is cut."""
    rest = theme.safe(text)
    found: list[str] = []
    while rest and len(found) < lines - 1 and cells(rest) > width:
        head = set_cell_size(rest, width)
        at = head.rfind(" ")
        cut = at if at > width // 3 else len(head.rstrip())
        found.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*found, theme.safe(rest, width)] if rest else found


SIZE = (100, 30)
"""Columns and rows of the picture in the README."""
ASPECT = 0.602
"""Width of a cell over its height in the fonts named below (DejaVu Sans Mono, Menlo)."""
THEME = TerminalTheme(
    (13, 17, 23),
    (216, 222, 233),
    [(13, 17, 23), (224, 123, 26), (42, 143, 216), (224, 123, 26), (42, 143, 216), (224, 123, 26), (42, 143, 216), (216, 222, 233)],
)
"""Nearly black and nearly white; all other colours come from the frame."""
TEMPLATE = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, "Cascadia Mono", Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 16px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Without web fonts, so that the picture loads nothing."""


def svg(frame: Frame, name: str) -> str:
    """Return ``frame`` as an SVG document with ``name`` in its title bar."""
    width = max((width_of(row) for row in frame.rows), default=1)
    console = Console(record=True, width=width, height=len(frame.rows), file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Frame(tuple(tuple(part for piece in row for part in _words(piece)) for row in frame.rows)), end="")
    return console.export_svg(title=name, theme=THEME, code_format=TEMPLATE, font_aspect_ratio=ASPECT, unique_id="screen")


def _words(piece: Piece) -> list[Piece]:
    """Cut a piece at its wide gaps, a plot at every gap: each part has its own position, independent of the font."""
    text, style = piece
    drawn = any("\u2800" <= character <= "\u28ff" for character in text)
    parts = re.split(r"( +)" if drawn else r"(^ +|  +| +$)", text)
    return [(part, style) for part in parts if part]
