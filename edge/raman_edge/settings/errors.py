"""Every mistake in a document that is to become a struct, in the order of its lines.

msgspec stops at the first one and knows no lines; here each key is tried by itself.
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

    from raman_edge.settings.toml import TomlDocument
    from raman_edge.settings.toml_lines import KeyPath

SHOWN = 80
"""Characters of a value that a message shows."""
WORDS = {
    "float": "a number",
    "int": "a whole number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
"""What msgspec calls a type, in TOML's words."""
BARE = re.compile(r"[A-Za-z0-9_-]+")
UNIONS = (Union, UnionType)
"""``Optional[X]`` and ``X | None`` have different origins."""
Found = tuple["KeyPath", str]
"""Where, and what is to be told."""


def mistakes(document: TomlDocument, kind: type[msgspec.Struct]) -> list[str]:
    """Return what is wrong, a line for each mistake with its place; the document is one that msgspec refuses as a ``kind``."""
    found = list(_in_table(document.data, kind, ()))
    found.sort(key=lambda mistake: _line(document, mistake[0]))
    return [f"{document.place(path)}: {said}" for path, said in found]


def _line(document: TomlDocument, path: KeyPath) -> int:
    return int(document.place(path).removeprefix(document.name).lstrip(":") or 0)


def _in_table(table: Mapping[str, object], kind: type[msgspec.Struct], path: KeyPath) -> Iterator[Found]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    any_found = False
    for key, value in table.items():
        if key == kind.__struct_config__.tag_field:
            continue  # it has chosen this struct
        here = (*path, key)
        wrong = _in_value(value, fields[key].type, here) if key in fields else [(here, _unknown(here, list(fields)))]
        for mistake in wrong:
            any_found = True
            yield mistake
    for key, field in fields.items():
        if field.required and key not in table:
            any_found = True
            yield path, f"{_named((*path, key))} is missing: expected {_expected(field.type)}{_such_as(field.type, key)}"
    if not any_found:
        yield from _refused(table, kind, path)


def _in_value(value: object, annotation: object, path: KeyPath) -> list[Found]:
    """Return what is wrong inside of a value, or with it as a whole."""
    inside: list[Found] = []
    structs, element = _structs_of(annotation), _element_of(annotation)
    if isinstance(value, dict) and structs:
        return list(_in_one_of(value, structs, path))
    if isinstance(value, list) and element is not None:
        for index, item in enumerate(value):
            inside += _in_value(item, element, (*path, index))
    return inside or list(_refused(value, annotation, path))


def _in_one_of(table: Mapping[str, object], structs: list[type[msgspec.Struct]], path: KeyPath) -> Iterator[Found]:
    """Give what is wrong with a table that is one of several structs; msgspec tells them by their tags."""
    tags = {struct.__struct_config__.tag: struct for struct in structs}
    key = structs[0].__struct_config__.tag_field
    if key is None:
        yield from _in_table(table, structs[0], path)
    elif key not in table:
        yield path, f"{_named((*path, key))} is missing: expected {_choice(tags)}"
    elif (struct := next((struct for tag, struct in tags.items() if tag == table[key]), None)) is None:
        yield (*path, key), f"{_named((*path, key))}: got {_shown(table[key])}, expected {_choice(tags)}{_near(table[key], tags)}"
    else:
        yield from _in_table(table, struct, path)


def _refused(value: object, annotation: object, path: KeyPath) -> Iterator[Found]:
    """Give the one mistake that msgspec finds, if it finds one."""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as error:
        said, _, inside = str(error).partition(" - at ")
        steps = _steps(inside)
        place = (*path, *steps)
        where = f"{_named(place)}: " if place else ""
        got = _inside(value, steps)
        if isinstance(got, dict) and not said.startswith("Expected"):
            yield place, f"{where}{_plain(said)}"  # what a struct says of several keys names them itself
        else:
            meant = _words(said) if steps else _expected(annotation, said)
            yield place, f"{where}got {_shown(got)}, expected {meant}{'' if steps else _such_as(annotation, path[-1])}"


def _unknown(path: KeyPath, known: list[str]) -> str:
    advice = _near(str(path[-1]).lower().replace("-", "_"), known) or f"; known are {', '.join(known)}"
    return f"{_named(path)} is no key that is known here{advice}"


def _near(got: object, known: Iterable[object]) -> str:
    near = difflib.get_close_matches(str(got), map(str, known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _choice(values: Iterable[object]) -> str:
    return " or ".join(map(_shown, values))


def _expected(annotation: object, said: str = "") -> str:
    """Return what was expected: in the words of the struct where it has some, else in what msgspec ``said``."""
    meta = _meta(annotation)
    if meta is not None and meta.description:
        return meta.description
    choices = [value for leaf in _leaves(annotation) if get_origin(leaf) is Literal for value in get_args(leaf)]
    return _choice(choices) if choices else _words(said or _said_of(annotation))


def _words(said: str) -> str:
    """Return what msgspec expected, without what it got."""
    return _plain(re.sub(r"^Expected |, got .*$", "", said))


def _said_of(annotation: object) -> str:
    """Return how msgspec calls what it expects."""
    try:
        msgspec.convert(object(), annotation)
    except msgspec.ValidationError as error:
        return str(error)
    return "a value"


def _plain(said: str) -> str:
    """Return msgspec's words without its quotes, types by TOML's names."""

    def named(quoted: re.Match[str]) -> str:
        return " or ".join(WORDS.get(name, name) for name in quoted[1].split(" | ") if name != "null")

    return re.sub(r"`([^`]*)`", named, said)


def _such_as(annotation: object, key: object) -> str:
    """Return an example of a key, or of an element of a list, where the struct has one."""
    element = _element_of(annotation)
    meta = _meta(annotation if element is None else element)
    if not (meta and meta.examples):
        return ""
    example = _shown(meta.examples[0] if element is None else [meta.examples[0]])
    return f"; such as: {example if isinstance(key, int) else f'{key} = {example}'}"


def _meta(annotation: object) -> msgspec.Meta | None:
    """Return what the struct says about a key, also of one that may be absent."""
    metas = [part for part in get_args(annotation) if isinstance(part, msgspec.Meta)] if get_origin(annotation) is Annotated else []
    inside = [] if _element_of(annotation) is not None else [_meta(part) for part in get_args(annotation)]
    return next((meta for meta in (*metas, *inside) if meta is not None and meta.description), None)


def _leaves(annotation: object) -> list[object]:
    """Return the types of a union, without what annotates them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _leaves(get_args(annotation)[0])
    if origin in UNIONS:
        return [leaf for part in get_args(annotation) for leaf in _leaves(part)]
    return [annotation]


def _structs_of(annotation: object) -> list[type[msgspec.Struct]]:
    """Return the structs that a table can be here."""
    return [leaf for leaf in _leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, msgspec.Struct)]


def _element_of(annotation: object) -> object | None:
    """Return what the elements of a list are here; None where it is no list."""
    lists = [leaf for leaf in _leaves(annotation) if get_origin(leaf) in {list, tuple}]
    return get_args(lists[0])[0] if len(lists) == 1 and get_args(lists[0])[1:] in {(), (...,)} else None


def _steps(inside: str) -> KeyPath:
    """Return the path in what msgspec says, such as ``$.step[0].order``, as far as it tells."""
    known = inside.strip("`").removeprefix("$").partition("[...]")[0]
    return tuple(int(index) if index else key for key, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", known))


def _inside(value: object, steps: KeyPath) -> object:
    for step in steps:
        value = value[step]  # type: ignore[index]  # msgspec has gone this way
    return value


def _named(path: KeyPath) -> str:
    """Return a path as TOML writes it: ``step[0].order``, keys in quotes where they need them."""
    parts = [f"[{key}]" if isinstance(key, int) else f".{key if BARE.fullmatch(key) else json.dumps(key)}" for key in path]
    return "".join(parts).removeprefix(".")


def _shown(value: object) -> str:
    """Return a value much as the file has it, on one line, cut where it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        text = f"[{', '.join(map(_shown, value[:SHOWN]))}]"
    elif isinstance(value, (str, bool)):
        text = json.dumps(masked(value) if isinstance(value, str) else value, ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
