"""A frame as an SVG file, for documents: the same rows, without a terminal."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from raman_edge.terminal.rows import Frame, width_of

if TYPE_CHECKING:
    from raman_edge.terminal.rows import Piece

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
