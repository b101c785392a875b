"""How things theme: the signs, in Unicode and in ASCII, and the few colours.

Colour is never the only sign: every state has its own character. The colours are blue and
orange, which stay apart in every common form of colour blindness (Okabe and Ito, 2008), at a
lightness that reads on a dark and on a light background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.style import Style

from raman_edge.terminal.safe import safe_text

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
