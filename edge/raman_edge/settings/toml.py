"""TOML files become structs; all mistakes are reported at once, each with its line, what was got and what was expected.

A struct describes its keys: ``Annotated[float, Meta(gt=0, description="seconds, more than 0", examples=[1.0])]``
becomes "got -1, expected seconds, more than 0; such as: stable_s = 1.0".
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError
from raman_edge.masking import masked_setting
from raman_edge.settings.errors import SHOWN, KeyPath, mistakes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_BYTES = 2**20
"""A larger file is refused: settings never take a megabyte."""
SPACES = re.compile(r"[ \t]*")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
"""Between statements and inside lists: blanks, line ends, comments."""
KEY = re.compile(r'[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|\'[^\']*\'')
SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # the last two quotes of five are text
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|[^,\]}\n#]+",  # numbers, dates (which may hold a blank), true, false
    re.DOTALL,
)

Read = TypeVar("Read", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class TomlDocument:
    """A parsed TOML file."""

    name: str
    """Its path, as messages show it."""
    data: Mapping[str, object]
    lines: Mapping[KeyPath, int]
    """Line, from 1, of every key, table and list element."""

    def place(self, path: KeyPath) -> str:
        """Return ``file:line`` of a key, or of the nearest table around it; the file alone where there is none."""
        line = self.line(path)
        return f"{self.name}:{line}" if line else self.name

    def line(self, path: KeyPath) -> int:
        """Return the line of a key, or of the nearest table around it; 0 where there is none."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def refused(self, found: Iterable[tuple[KeyPath, str]]) -> ConfigError:
        """Return the error for ``found`` mistakes, in the order of their lines; each message starts with its place."""
        ordered = sorted(found, key=lambda mistake: self.line(mistake[0]))
        return ConfigError(*(f"{self.place(path)}: {message}" for path, message in ordered))


def load(path: Path, kind: type[Read]) -> Read:
    """Read the TOML file at ``path`` as a ``kind``.

    Raises :class:`ConfigError` with a message for every mistake: unreadable, not TOML, unknown and missing keys, wrong values.
    """
    return convert(read(path), kind)


def read(path: Path) -> TomlDocument:
    """Read a TOML file; :class:`ConfigError` where it cannot be read or is not TOML."""
    name = str(path)
    return parse(bounded(path, MAX_BYTES, ConfigError, place=name, advice="Name a TOML file that you may read"), name)


def parse(data: bytes, name: str) -> TomlDocument:
    """Parse TOML; a byte order mark, as editors on Windows write it, is skipped."""
    try:
        # Line ends as tomllib counts them.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        place, got = f"{name}:{data[: error.start].count(10) + 1}", f"byte {data[error.start]:#04x}"
        raise ConfigError(kind="not UTF-8", place=place, got=got, advice="Save the file as UTF-8") from error
    try:
        return TomlDocument(name, tomllib.loads(text), places(text))
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(name, text, str(error)) from error
    except RecursionError as error:
        raise ConfigError(kind="nested too deep", place=name, advice="Write lists and tables flat") from error


def _not_toml(name: str, text: str, problem: str) -> ConfigError:
    """Return the error for a text that tomllib refuses."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", problem, re.DOTALL)
    lines = text.splitlines() or [""]
    what, line = (found[1], int(found[2] or len(lines))) if found else (problem, len(lines))
    got = masked_setting(lines[min(line, len(lines)) - 1].strip())
    advice = "Write KEY = VALUE: texts in quotes, 1.5 and not 1,5, true or false"
    if "\\" in got:
        advice = "Put a path with \\ between single quotes: 'C:\\data'"
    column = f" at column {found[3]}" if found and found[3] else ""
    shown = f"{got if len(got) <= SHOWN else f'{got[:SHOWN]}…'!r} ({what}{column})"
    return ConfigError(kind="not TOML", place=f"{name}:{line}", got=shown, advice=advice)


def convert(document: TomlDocument, kind: type[Read]) -> Read:
    """Return the document as a ``kind``; :class:`ConfigError` with a message for every mistake."""
    try:
        return msgspec.convert(document.data, kind)
    except msgspec.ValidationError as error:
        raise document.refused(mistakes(document.data, kind)) from error


def places(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, on which each key, table and list element first stands, which tomllib does not tell.

    ``text`` must be a document that tomllib accepts. Raises :class:`RecursionError` where it nests deeper than Python allows.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """A position in the text, and the lines found so far."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._last: dict[KeyPath, int] = {}
        """Index of the latest element of every list written with ``[[headers]]``."""
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> None:
        here: KeyPath = ()
        while self._skip(BLANK) < len(self._text):
            if self._text[self._at] == "[":
                here = self._header()
            else:
                self._pair(here)

    def _header(self) -> KeyPath:
        """Read ``[a.b]`` or ``[[a.b]]``; return the path of the table that the next keys belong to."""
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
        """Read ``a.b = value``."""
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
        """Whether the list or table ends here; moves past its end, or past the comma before the next element."""
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
