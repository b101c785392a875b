"""How text looks on a terminal: the signs, in Unicode and in ASCII, the few colours, and text from outside made safe.

Colour is never the only sign: every state has its own character. The colours are blue and
orange, which stay apart in every common form of colour blindness (Okabe and Ito, 2008), at a
lightness that reads on a dark and on a light background.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from raman_edge.wording import encodable, escape

MOST_CHARACTERS = 2000
"""Longer text is cut first: no line of a screen is longer."""
MOST_MARKS = 3
"""Combining marks that may follow each other; a fourth one is shown as an escape."""


def safe_text(text: str, width: int | None = None, *, ascii_only: bool = False) -> str:
    """Return ``text`` without control characters, cut to ``width`` cells with an ellipsis."""
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 1] + "…"
    if not (text.isascii() and text.isprintable()):
        text = _escaped(unicodedata.normalize("NFC", text))
        if ascii_only:
            text = encodable(text, _code_page())
    return text if width is None else _cut(text, width, "..." if ascii_only else "…")


def _code_page() -> str:
    """Return the encoding of standard output where it is a code page, which may have letters beyond ASCII; else ASCII."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf").lower()
    return "ascii" if encoding.startswith("utf") else encoding


@lru_cache(maxsize=256)  # the same names stand in frame after frame
def _escaped(text: str) -> str:
    """Return ``text`` with visible escapes; runs of combining marks are bounded."""
    shown: list[str] = []
    marks = MOST_MARKS  # at the beginning there is no character to combine with
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
            harmless = marks < MOST_MARKS and not _selects(character)
            shown.append(character if harmless else escape(character))
            marks = marks + 1 if harmless else MOST_MARKS
        else:
            marks = 0
            shown.append(_visible(character))
    return "".join(shown)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else escape(character)


def _selects(character: str) -> bool:
    """Whether ``character`` is a variation selector, which changes the width of the one before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _cut(text: str, width: int, ellipsis: str) -> str:
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    if width < len(ellipsis):
        return set_cell_size(text, width)
    return set_cell_size(text, width - len(ellipsis)) + ellipsis


Light = Literal["good", "care", "bad", "out"]
"""A traffic light; ``out`` is unknown."""

PLAIN = Style.null()
QUIET = Style(dim=True)
STRONG = Style(bold=True)
BLUE = Style(color="#2a8fd8")
ORANGE = Style(color="#e07b1a")
CHIP = Style(bold=True, reverse=True)
"""A box that must not be overlooked; reversed with and without colour."""
ALARM = ORANGE + CHIP
GOOD = BLUE
CARE = ORANGE
BAD = ORANGE + STRONG
STYLE: dict[str, Style] = {
    "match": BLUE + STRONG,
    "group": BLUE + STRONG,
    "possible": ORANGE + STRONG,
    "ambiguous": ORANGE + STRONG,
    "unknown": ORANGE + STRONG,
    "rejected": BAD,
    "fault": BAD,
    "waiting": QUIET,
    "good": GOOD,
    "care": CARE,
    "bad": BAD,
    "out": QUIET,
    "matched": BLUE,
    "missing": ORANGE,
    "extra": ORANGE,
}


@dataclass(frozen=True, slots=True)
class Theme:
    """The signs of one kind of terminal."""

    ascii_only: bool
    sign: dict[str, str]
    """Sign of a decision (``match`` …), of a peak (``matched`` …) and of a light (``good`` …), one cell each."""
    rule: str
    bar: str
    """Pieces of a bar from the shortest to a whole cell."""
    arrow: str
    dot: str
    """Between two facts on a line."""
    unit: str
    """Of a Raman shift."""
    delta: str
    corner: str
    side: str
    mark: str
    """Sign of a labelled place on the horizontal axis."""
    range: str
    """Between the ends of a range."""
    ellipsis: str
    times: str
    """Between an exposure and how many of them."""

    def boxed(self, text: str) -> str:
        """Return ``text`` for a box: in brackets on a terminal that may not reverse."""
        return f"[{text}]" if self.ascii_only else text

    def safe(self, text: str, width: int | None = None) -> str:
        """Return outside text as this terminal can show it, cut to ``width`` cells."""
        return safe_text(text, width, ascii_only=self.ascii_only)


UNICODE = Theme(
    ascii_only=False,
    sign={
        "match": "✓",
        "group": "∈",
        "possible": "?",
        "ambiguous": "≈",
        "unknown": "–",
        "rejected": "✗",
        "fault": "!",
        "waiting": "○",
        "good": "●",
        "care": "◐",
        "bad": "✗",
        "out": "○",
        "matched": "▲",
        "missing": "△",
        "extra": "+",
    },
    rule="─",
    bar="╸━",
    arrow="▸",
    dot="·",
    unit="cm⁻¹",
    delta="Δ",
    corner="└",
    side="│",
    mark="┬",
    range="–",
    ellipsis="…",
    times="×",
)
ASCII = Theme(
    ascii_only=True,
    sign={
        "match": "*",
        "group": "#",
        "possible": "?",
        "ambiguous": "~",
        "unknown": "-",
        "rejected": "x",
        "fault": "!",
        "waiting": "o",
        "good": "*",
        "care": "~",
        "bad": "x",
        "out": "o",
        "matched": "^",
        "missing": "o",
        "extra": "+",
    },
    rule="-",
    bar="#",
    arrow=">",
    dot="-",
    unit="cm-1",
    delta="d",
    corner="+",
    side="|",
    mark="+",
    range="-",
    ellipsis="...",
    times="x",
)
