"""On which line each key of a TOML document was written: what tomllib does not tell.

For documents that tomllib has accepted: the scanner finds its way and judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

KeyPath = tuple[str | int, ...]
"""Names of tables and keys, and places in lists from 0: ``("step", 1, "order")``."""

SPACES = re.compile(r"[ \t]*")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
"""What may stand between statements and inside of lists: blanks, line ends, comments."""
KEY = re.compile(r'[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|\'[^\']*\'')
SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # the last two quotes of five are text
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}\n#]+",  # numbers, dates (which may hold a blank), true, false
    re.DOTALL,
)


def places(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, on which each key, table and element of a list was first written.

    ``text`` is a document that tomllib reads; raises :class:`RecursionError` where it nests deeper than Python does.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """A place in the text, and what was found before it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._last: dict[KeyPath, int] = {}
        """Index of the newest element of every list that is written with ``[[headers]]``."""
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> None:
        here: KeyPath = ()
        while self._skip(BLANK) < len(self._text):
            if self._text[self._at] == "[":
                here = self._header()
            else:
                self._pair(here)

    def _header(self) -> KeyPath:
        """Take in ``[a.b]`` or ``[[a.b]]`` and return the table that the next keys belong to."""
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        keys = self._dotted()
        self._at += brackets
        path: KeyPath = ()
        for depth, key in enumerate(keys, 1):
            path = self._note((*path, key))
            if brackets > 1 and depth == len(keys):
                self._last[path] = self._last.get(path, -1) + 1
            if path in self._last:
                path = self._note((*path, self._last[path]))
        return path

    def _pair(self, here: KeyPath) -> None:
        """Take in ``a.b = value``."""
        path = here
        for key in self._dotted():
            path = self._note((*path, key))
        self._at += 1  # the equals sign
        self._value(path)

    def _dotted(self) -> list[str]:
        keys = []
        while True:
            self._skip(SPACES)
            begin, end = self._at, self._skip(KEY)
            keys.append(_decoded(self._text[begin:end]))
            self._skip(SPACES)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        self._skip(SPACES)
        opening = self._text[self._at]
        if opening == "{":
            self._at += 1
            while not self._closed("}"):
                self._pair(path)
        elif opening == "[":
            self._at += 1
            index = 0
            while not self._closed("]"):
                self._value(self._note((*path, index)))
                index += 1
        else:
            self._skip(SCALAR)

    def _closed(self, mark: str) -> bool:
        """Whether the list or table ends here; past its end, or past the comma before the next element."""
        if self._text[self._skip(BLANK)] == ",":
            self._at += 1
            self._skip(BLANK)
        closed = self._text[self._at] == mark
        self._at += closed
        return closed

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _note(self, path: KeyPath) -> KeyPath:
        self.lines.setdefault(path, bisect_left(self._ends, self._at) + 1)
        return path


def _decoded(key: str) -> str:
    """Return a key without its quotes and escapes."""
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key
