"""TOML files become structs; all mistakes are reported at once, each with its line, what was got and what was expected.

A struct describes its keys: ``Annotated[float, Meta(gt=0, description="seconds, more than 0", examples=[1.0])]``
becomes "got -1, expected seconds, more than 0; such as: stable_s = 1.0".
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from bisect import bisect_left
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError
from raman_edge.masking import masked, masked_setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Names of tables and keys, and list indices from 0: ``("step", 1, "order")``."""

SHOWN = 80
"""Most characters of a value that a message shows."""
WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
"""msgspec's name of a type → the TOML user's."""
BARE = re.compile(r"[A-Za-z0-9_-]+")
UNIONS = (Union, UnionType)
"""``Optional[X]`` and ``X | None`` have different origins."""
Mistake = tuple[KeyPath, str]
"""Path of the wrong key, and the message."""


def mistakes(data: Mapping[str, object], kind: type[msgspec.Struct]) -> list[Mistake]:
    """Return every mistake of a document that msgspec refuses as a ``kind``; none where msgspec accepts it."""
    return list(_in_table(data, kind, ()))


def named(path: KeyPath) -> str:
    """Return a path as TOML writes it: ``step[0].order``, with quotes around keys that need them."""
    parts = [f"[{key}]" if isinstance(key, int) else f".{key if BARE.fullmatch(key) else json.dumps(key)}" for key in path]
    return "".join(parts).removeprefix(".")


def _in_table(table: Mapping[str, object], kind: type[msgspec.Struct], path: KeyPath) -> Iterator[Mistake]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found: list[Mistake] = []
    for key, value in table.items():
        if key == kind.__struct_config__.tag_field:
            continue  # it has selected this struct
        here = (*path, key)
        if key in fields:
            found += _in_value(value, fields[key].type, here)
        else:
            advice = _near(str(key).lower().replace("-", "_"), fields) or f"; known are {', '.join(fields)}"
            found.append((here, f"{named(here)}: unknown key{advice}"))
    for key, field in fields.items():
        if field.required and key not in table:
            found.append((path, f"{named((*path, key))} is missing: expected {_expected(field.type)}{_such_as(field.type, key)}"))
    yield from found or _refused(table, kind, path)


def _in_value(value: object, annotation: object, path: KeyPath) -> list[Mistake]:
    """Return the mistakes inside a value, else those of the value as a whole."""
    inside: list[Mistake] = []
    structs, element = _structs_of(annotation), _element_of(annotation)
    if isinstance(value, dict) and structs:
        return list(_in_one_of(value, structs, path))
    if isinstance(value, list) and element is not None:
        for index, item in enumerate(value):
            inside += _in_value(item, element, (*path, index))
    return inside or list(_refused(value, annotation, path))


def _in_one_of(table: Mapping[str, object], structs: list[type[msgspec.Struct]], path: KeyPath) -> Iterator[Mistake]:
    """Give the mistakes of a table that may be one of several structs, which msgspec distinguishes by their tags."""
    tags = {struct.__struct_config__.tag: struct for struct in structs}
    key = structs[0].__struct_config__.tag_field
    if key is None:
        yield from _in_table(table, structs[0], path)
    elif key not in table:
        yield path, f"{named((*path, key))} is missing: expected {_choice(tags)}"
    elif (struct := next((struct for tag, struct in tags.items() if tag == table[key]), None)) is None:
        yield (*path, key), f"{named((*path, key))}: got {_shown(table[key])}, expected {_choice(tags)}{_near(table[key], tags)}"
    else:
        yield from _in_table(table, struct, path)


def _refused(value: object, annotation: object, path: KeyPath) -> Iterator[Mistake]:
    """Give the one mistake that msgspec finds, if any."""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        problem, _, inside = str(error).partition(" - at ")
        steps = _steps(inside)
        place = (*path, *steps)
        where = f"{named(place)}: " if place else ""
        got = _inside(value, steps)
        if isinstance(got, dict) and not problem.startswith("Expected"):
            yield place, f"{where}{_plain(problem)}"  # a struct's own check, which names its keys
        else:
            expected = _words(problem) if steps else _expected(annotation, problem)
            yield place, f"{where}got {_shown(got)}, expected {expected}{'' if steps else _such_as(annotation, path[-1])}"


def _near(got: object, known: Iterable[object]) -> str:
    near = difflib.get_close_matches(str(got), map(str, known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _choice(values: Iterable[object]) -> str:
    return " or ".join(map(_shown, values))


def _expected(annotation: object, problem: str = "") -> str:
    """Return what was expected: the struct's own description, else what msgspec's ``problem`` says."""
    meta = _meta(annotation)
    if meta is not None and meta.description:
        return meta.description
    choices = [value for leaf in _leaves(annotation) if get_origin(leaf) is Literal for value in get_args(leaf)]
    if choices:
        return _choice(choices)
    if not problem:
        try:
            msgspec.convert(object(), annotation)
        except msgspec.ValidationError as error:
            problem = str(error)
    return _words(problem or "a value")


def _words(problem: str) -> str:
    """Return what msgspec expected, without what it got."""
    return _plain(re.sub(r"^Expected |, got .*$", "", problem))


def _plain(problem: str) -> str:
    """Return msgspec's message without its quotes, with types by TOML's names."""

    def translated(quoted: re.Match[str]) -> str:
        return " or ".join(WORDS.get(name, name) for name in quoted[1].split(" | ") if name != "null")

    return re.sub(r"`([^`]*)`", translated, problem)


def _such_as(annotation: object, key: object) -> str:
    """Return the struct's example of a key or of a list element; "" where it has none."""
    element = _element_of(annotation)
    meta = _meta(annotation if element is None else element)
    if not (meta and meta.examples):
        return ""
    example = _shown(meta.examples[0] if element is None else [meta.examples[0]])
    return f"; such as: {example if isinstance(key, int) else f'{key} = {example}'}"


def _meta(annotation: object) -> msgspec.Meta | None:
    """Return the struct's description of a key, optional ones included."""
    metas = [part for part in get_args(annotation) if isinstance(part, msgspec.Meta)] if get_origin(annotation) is Annotated else []
    inside = [] if _element_of(annotation) is not None else [_meta(part) for part in get_args(annotation)]
    return next((meta for meta in (*metas, *inside) if meta is not None and meta.description), None)


def _leaves(annotation: object) -> list[object]:
    """Return the types of a union, without their annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _leaves(get_args(annotation)[0])
    if origin in UNIONS:
        return [leaf for part in get_args(annotation) for leaf in _leaves(part)]
    return [annotation]


def _structs_of(annotation: object) -> list[type[msgspec.Struct]]:
    """Return the structs that a table may become here."""
    return [leaf for leaf in _leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, msgspec.Struct)]


def _element_of(annotation: object) -> object | None:
    """Return the element type of a list; None where this is not a list."""
    lists = [leaf for leaf in _leaves(annotation) if get_origin(leaf) in {list, tuple}]
    return get_args(lists[0])[0] if len(lists) == 1 and get_args(lists[0])[1:] in {(), (...,)} else None


def _steps(inside: str) -> KeyPath:
    """Return the path in msgspec's message, such as ``$.step[0].order``, as far as it goes."""
    known = inside.strip("`").removeprefix("$").partition("[...]")[0]
    return tuple(int(index) if index else key for key, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", known))


def _inside(value: object, steps: KeyPath) -> object:
    for step in steps:
        value = value[step]  # type: ignore[index]  # msgspec followed this path
    return value


def _shown(value: object) -> str:
    """Return a value much as in the file, on one line, cut to :data:`SHOWN`."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        text = f"[{', '.join(map(_shown, value[:SHOWN]))}]"
    elif isinstance(value, (str, bool)):
        text = json.dumps(masked(value) if isinstance(value, str) else value, ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


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
    """Return the line, from 1, on which each key, table and list element first stands, which tomllib does not give.

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
