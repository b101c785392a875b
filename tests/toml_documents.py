"""Random TOML documents, and the line on which each of their keys was written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=6)
BARE = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
COMMENTS = st.sampled_from(["", "  ", " # a comment", "\t# [no.header] = {", ' # """'])
SCALARS = st.one_of(
    st.integers(-99, 99).map(str),
    st.sampled_from(["1.5", "-1e-3", "inf", "true", "1979-05-27 07:32:00", "07:32:00", "0x1F", "1_000", "[]", "{}", "''", '""']),
    st.sampled_from(['"a # b"', '"q\\" = ["', r"'C:\data\'", "'''", '"""']).map(lambda mark: mark if len(mark) > 3 else f"{mark}{mark}"),
    st.sampled_from(['"""\nkey = 1\n[no.table]\n"""', '"""a""b\\"""\n"""""', "'''\n}]\n''''", '"""\\\n  x"""']),
)


@dataclass
class Writer:
    """A text that grows, and what was written on which line."""

    text: str = ""
    lines: dict[Path, int] = field(default_factory=dict)

    def write(self, text: str) -> None:
        """Append."""
        self.text += text

    def note(self, path: Path) -> None:
        """Remember that ``path`` is written here, for the first time."""
        self.lines.setdefault(path, self.text.count("\n") + 1)


@st.composite
def documents(draw: st.DrawFn) -> Writer:
    """Draw a document: keys first, then tables and lists of tables, some below one another."""
    made = Writer(draw(st.sampled_from(["", "\n", "# first\n\n"])))
    _pairs(draw, made, ())
    taken: set[str] = {path[0] for path in made.lines if isinstance(path[0], str)}
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        if name not in taken:
            _tables(draw, made, name)
    return made


def _tables(draw: st.DrawFn, made: Writer, name: str) -> None:
    """Write ``[name]`` or some ``[[name]]``, each perhaps with a ``[name.below]`` and a ``[[name.many]]``."""
    many = draw(st.booleans())
    for index in range(draw(st.integers(1, 3)) if many else 1):
        path: Path = (name, index) if many else (name,)
        brackets = ("[[", "]]") if many else ("[", "]")
        _header(draw, made, [name], brackets, [(name,), path])
        _pairs(draw, made, path)
        if draw(st.booleans()) and (*path, "below") not in made.lines:
            _header(draw, made, [name, "below"], ("[", "]"), [(*path, "below")])
            _pairs(draw, made, (*path, "below"))
        if draw(st.booleans()) and (*path, "many") not in made.lines:
            for inner in range(2):
                _header(draw, made, [name, "many"], ("[[", "]]"), [(*path, "many"), (*path, "many", inner)])
                _pairs(draw, made, (*path, "many", inner))


def _header(draw: st.DrawFn, made: Writer, keys: list[str], brackets: tuple[str, str], paths: list[Path]) -> None:
    made.write(draw(st.sampled_from(["", "\n", "  ", "# before\n"])))
    for path in paths:
        made.note(path)
    blank = draw(st.sampled_from(["", " ", "\t"]))
    dot = draw(st.sampled_from([".", " . "]))
    made.write(f"{brackets[0]}{blank}{dot.join(_key(draw, key) for key in keys)}{blank}{brackets[1]}{draw(COMMENTS)}\n")


def _pairs(draw: st.DrawFn, made: Writer, here: Path) -> None:
    for name in draw(st.lists(NAMES | BARE, unique=True, max_size=3)):
        made.write(draw(st.sampled_from(["", " ", "\n\n", "# note\n"])))
        _pair(draw, made, here, name, depth=0)
        made.write(f"{draw(COMMENTS)}\n")


def _pair(draw: st.DrawFn, made: Writer, here: Path, name: str, *, depth: int) -> None:
    """Write ``name = value``, or ``name.of.it = value``."""
    path = (*here, name)
    made.note(path)
    made.write(_key(draw, name))
    for part in draw(st.lists(BARE, max_size=2)):
        path = (*path, part)
        made.note(path)
        made.write(draw(st.sampled_from([".", " . "])) + _key(draw, part))
    made.write(draw(st.sampled_from(["=", " = ", "\t=  "])))
    _value(draw, made, path, depth)


def _value(draw: st.DrawFn, made: Writer, path: Path, depth: int) -> None:
    kind = draw(st.sampled_from(["scalar", "list", "table"])) if depth < 3 else "scalar"
    if kind == "scalar":
        made.write(draw(SCALARS))
    elif kind == "list":
        _list(draw, made, path, depth)
    else:
        made.write("{ ")
        for index, name in enumerate(draw(st.lists(BARE, unique=True, max_size=3))):
            made.write(", " if index else "")
            _pair(draw, made, path, name, depth=depth + 1)
        made.write("}")


def _list(draw: st.DrawFn, made: Writer, path: Path, depth: int) -> None:
    blanks = st.sampled_from(["", " ", "\n", " # in the list ]\n  ", "\n\n"])
    made.write("[")
    count = draw(st.integers(0, 3))
    for index in range(count):
        made.write(draw(blanks))
        made.note((*path, index))
        _value(draw, made, (*path, index), depth + 1)
        made.write(draw(blanks) + ("," if index < count - 1 or draw(st.booleans()) else ""))
    made.write(draw(blanks) + "]")


def _key(draw: st.DrawFn, name: str) -> str:
    """Return a key as one of the ways to write it."""
    ways = [json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")]
    if all(ord(character) <= 0xFFFF for character in name):  # JSON writes the others as two escapes, which are none in TOML
        ways.append(json.dumps(name))
    if name and all(character.isascii() and (character.isalnum() or character in "_-") for character in name):
        ways.append(name)
    if "'" not in name and all(character.isprintable() for character in name):
        ways.append(f"'{name}'")
    return draw(st.sampled_from(ways))


def paths(value: object, here: Path = ()) -> Iterator[Path]:
    """Give the path of everything that a parsed document holds."""
    if here:
        yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*here, index))
