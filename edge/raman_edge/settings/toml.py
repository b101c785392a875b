"""A TOML file into a struct: every mistake in it at once, each with its line, what was got and what was expected.

A struct says what its keys expect: ``Annotated[float, Meta(gt=0, description="seconds, more than 0", examples=[1.0])]``
becomes "got -1, expected seconds, more than 0; such as: stable_s = 1.0".
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from raman_edge.errors import ConfigError
from raman_edge.masking import masked_setting
from raman_edge.settings.toml_lines import KeyPath, places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 2**20
"""A larger file is refused: nobody writes a megabyte of settings."""
SHOWN = 80
"""Characters of the file's text that a message shows."""

Read = TypeVar("Read", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class TomlDocument:
    """A TOML file as it was read."""

    name: str
    """What messages call it: its path."""
    data: Mapping[str, object]
    lines: Mapping[KeyPath, int]
    """Line, from 1, of every key, table and element of a list."""

    def place(self, path: KeyPath) -> str:
        """Return ``file:line`` of a key, or of the nearest table around it; the file alone where that is all of it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines[path]}" if path else self.name


def load(path: Path, kind: type[Read]) -> Read:
    """Read the TOML file at ``path`` as a ``kind``.

    Raises :class:`ConfigError`, a line for every mistake: cannot be read, is no TOML, unknown and missing keys, wrong values.
    """
    return convert(read(path), kind)


def read(path: Path) -> TomlDocument:
    """Read a TOML file; :class:`ConfigError` where it cannot be read or is no TOML."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"{name}: cannot be read: {error.strerror}. Name a file that is there and that you may read"
        raise ConfigError(msg) from error
    if len(data) > MAX_BYTES:
        msg = f"{name}: more than {MAX_BYTES} bytes, which no file of settings has: name another file"
        raise ConfigError(msg)
    return parse(data, name)


def parse(data: bytes, name: str) -> TomlDocument:
    """Read TOML from bytes; a byte order mark, as Windows' editors write it, is skipped."""
    try:
        # Lines as tomllib counts them.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        msg = f"{name}:{line}: byte {data[error.start]:#04x} is no UTF-8: save the file as UTF-8"
        raise ConfigError(msg) from error
    try:
        return TomlDocument(name, tomllib.loads(text), places(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_no_toml(name, text, str(error))) from error
    except RecursionError as error:
        msg = f"{name}: lists or tables nested too deep to be read: write them flat"
        raise ConfigError(msg) from error


def _no_toml(name: str, text: str, said: str) -> str:
    """Return what to tell of a text that tomllib refuses."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", said, re.DOTALL)
    lines = text.splitlines() or [""]
    what, line = (found[1], int(found[2] or len(lines))) if found else (said, len(lines))
    got = lines[min(line, len(lines)) - 1].strip()
    advice = "write KEY = VALUE: texts in quotes, 1.5 and not 1,5, true or false"
    if "\\" in got:
        advice = "a path with \\ in it stands between single quotes: 'C:\\data'"
    column = f" at column {found[3]}" if found and found[3] else ""
    return f"{name}:{line}: no TOML{column} ({what}): got {_cut(masked_setting(got))}; {advice}"


def convert(document: TomlDocument, kind: type[Read]) -> Read:
    """Return the document as a ``kind``; :class:`ConfigError` with a line for every mistake."""
    from raman_edge.settings.errors import mistakes  # noqa: PLC0415 - only where there are some

    try:
        return msgspec.convert(document.data, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(*mistakes(document, kind)) from error


def _cut(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
