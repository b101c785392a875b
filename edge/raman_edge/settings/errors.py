"""All mistakes of a document that msgspec refuses, in the order of its lines.

msgspec stops at the first mistake and knows no lines, so each key is converted on its own here.
"""

from __future__ import annotations

import difflib
import json
import re
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Literal, Union, get_args, get_origin

import msgspec

from raman_edge.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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
    """Give the mistakes of a table that may be one of several structs, which msgspec tells apart by their tags."""
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
