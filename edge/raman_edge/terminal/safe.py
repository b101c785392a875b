r"""Text from outside, made safe: a label, a file name or a message is data, never a command to the terminal.

Everything that does not print becomes a visible escape: control characters and escape codes (``\x1b``),
direction overrides and joiners (``\u202e``), the bytes of a file name that is not UTF-8 (``\xe9``).
The rest has the same width in all terminals, and is cut by cells, not by characters.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

MOST_CHARACTERS = 2000
"""Longer text is cut first: no line of a screen is longer."""
MOST_MARKS = 3
"""Combining marks that may follow each other; a fourth one is shown as an escape."""
PLAIN = str.maketrans({"⁻": "-", "¹": "1", "≥": ">=", "≤": "<=", "–": "-", "…": "...", "µ": "u", "·": "-", "«": '"', "»": '"'})
"""ASCII substitutes for signs in messages."""


def safe_text(text: str, width: int | None = None, *, ascii_only: bool = False) -> str:
    """Return ``text`` without control characters, cut to ``width`` cells with an ellipsis."""
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 1] + "…"
    if not (text.isascii() and text.isprintable()):
        text = _escaped(unicodedata.normalize("NFC", text))
        if ascii_only:
            text = text.translate(PLAIN).encode("ascii", "backslashreplace").decode("ascii")
    return text if width is None else _cut(text, width, "..." if ascii_only else "…")


@lru_cache(maxsize=256)  # the same names stand in frame after frame
def _escaped(text: str) -> str:
    """Return ``text`` with visible escapes; runs of combining marks are bounded."""
    shown: list[str] = []
    marks = MOST_MARKS  # at the beginning there is no character to combine with
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
            harmless = marks < MOST_MARKS and not _selects(character)
            shown.append(character if harmless else _escape(character))
            marks = marks + 1 if harmless else MOST_MARKS
        else:
            marks = 0
            shown.append(_visible(character))
    return "".join(shown)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if unicodedata.category(character) == "Zs" else _escape(character)


def _selects(character: str) -> bool:
    """Whether ``character`` is a variation selector, which changes the width of the one before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - how Python carries an undecodable byte (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _cut(text: str, width: int, ellipsis: str) -> str:
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    if width < len(ellipsis):
        return set_cell_size(text, width)
    return set_cell_size(text, width - len(ellipsis)) + ellipsis
