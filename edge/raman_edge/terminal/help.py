"""The keys and the signs, explained: shown instead of plot and tables while somebody asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.terminal.rows import EMPTY, block, fit, title, width_of
from raman_edge.terminal.theme import PLAIN, QUIET, STRONG, STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.terminal.controls import KeyBinding
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.theme import Theme

SIGN = 9
"""Cells of a key."""
ANSWERS = (
    *(("match", "a name"), ("possible", "perhaps"), ("ambiguous", "one of")),
    *(("unknown", "unknown"), ("rejected", "too bad"), ("fault", "fault")),
)
LEGEND = (
    ("answers", ANSWERS),
    ("peaks", (("matched", "in both"), ("missing", "only in the reference"), ("extra", "only in the spectrum"))),
    ("quality", (("good", "good"), ("care", "take care"), ("bad", "bad"), ("out", "not known"))),
)
"""What the signs stand for, by where they stand."""
GAPS = ("   ", "  ")
"""Between two hints, the wider where there is room."""
FIRST = ("help", "quit", "pause", "single", "dark", "results", "zoom", "save")
"""Actions in the order in which their keys get room at the foot of the screen."""


def help_rows(keys: Sequence[KeyBinding], width: int, height: int, look: Theme) -> list[Row]:
    """Return the page, ``height`` rows."""
    inner = width - 2
    rows: list[Row] = [title("keys", inner, look)]
    rows += [((f"   {key.sign:<{SIGN}}", STRONG), (look.safe(key.means, inner - SIGN - 3), PLAIN)) for key in keys]
    rows += [EMPTY, title("signs", inner, look)]
    for where, signs in LEGEND:
        row: Row = ((f"   {where:<{SIGN}}", QUIET),)
        for name, means in signs:
            row = (*row, (f"{look.sign[name]} ", STYLE[name]), (f"{means}   ", PLAIN))
        rows.append(row)
    return block([((" ", PLAIN), *fit(row, inner)) for row in rows], width, height)


def hints(keys: Sequence[KeyBinding], going_on: str, width: int) -> Row:
    """Return the keys in one row; the most needed of them where there is little room.

    ``going_on`` is what the pause key does: ``pause``, or what ends it.
    """
    gap = next((gap for gap in GAPS if width_of(_hints(keys, going_on, gap)) <= width), GAPS[-1])
    kept = list(keys)
    for action in reversed(FIRST):
        if width_of(_hints(kept, going_on, gap)) <= width:
            break
        kept = [key for key in kept if key.action != action]
    return _hints(kept, going_on, gap)


def _hints(keys: Sequence[KeyBinding], going_on: str, gap: str) -> Row:
    row: Row = ((" ", PLAIN),)
    for i, key in enumerate(keys):
        word = going_on if key.action == "pause" else key.word
        row = (*row, (gap if i else "", PLAIN), (key.sign, STRONG), (f" {word}", QUIET))
    return row
