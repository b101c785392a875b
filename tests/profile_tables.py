"""The tables of docs/instruments.md, made from the code that reads profiles: ``python tests/profile_tables.py`` writes them anew."""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from itertools import pairwise
from pathlib import Path

import msgspec
from raman_edge.instruments.profiles import frame, profile

PAGE = Path(__file__).parents[1] / "docs" / "instruments.md"
TABLE = re.compile(r"<!-- keys of (\w+)\.(\w+) -->\n.*?<!-- end -->", re.DOTALL)
MODULES = {"profile": profile, "frame": frame}


TITLES = {
    "DeviceFacts": "Device",
    "ProfileProvenance": "Provenance",
    "PortMatch": "Match",
    "ProbeCommand": "Probe",
    "BaudSwitch": "Switch",
    "ReplyRules": "Answers",
    "FixedFrame": "Fixed",
    "DelimitedFrame": "Delimited",
    "LinesFrame": "Lines",
    "NamedFrame": "Codec",
    "DarkSettings": "Dark",
}
"""Class → the heading of its table, where that is another word."""
PLAIN: dict[object, str] = {bool: "`true`, `false`", str: "a text", int: "a whole number", float: "a number"}


def structs(found: type[msgspec.Struct] = profile.Profile) -> dict[str, type[msgspec.Struct]]:
    """Return every table that a profile may have, by the name of its marker."""
    named = {f"{found.__module__.rpartition('.')[2]}.{found.__name__}": found}
    for hint in typing.get_type_hints(found, include_extras=True).values():
        for part in _parts(hint):
            if isinstance(part, type) and issubclass(part, msgspec.Struct) and part is not found:
                named |= structs(part)
    return named | {"frame.FrameBase": frame.FrameBase}


def table(name: str) -> str:
    """Return a table between its markers."""
    module, _, cls = name.partition(".")
    return "\n".join([f"<!-- keys of {name} -->", *_rows(getattr(MODULES[module], cls)), "<!-- end -->"])


def rewritten(page: str) -> str:
    """Return the page with every table as the code has it."""
    return TABLE.sub(lambda found: table(f"{found[1]}.{found[2]}"), page)


def _rows(cls: type[msgspec.Struct]) -> list[str]:
    hints = typing.get_type_hints(cls, include_extras=True)
    texts = _docstrings(cls)
    shared = () if cls is frame.FrameBase else frame.FrameBase.__struct_fields__
    rows = ["| key | expects | default | meaning |", "| --- | --- | --- | --- |"]
    config = cls.__struct_config__
    if isinstance(config.tag, str) and cls is not frame.FrameBase:
        rows.append(f'| `{config.tag_field}` | `"{config.tag}"` | | which of the tables this is |')
    for field in msgspec.structs.fields(cls):
        if field.name in shared and issubclass(cls, frame.FrameBase):
            continue
        default = _default(field)
        rows.append(f"| `{field.encode_name}` | {_expected(hints[field.name])} | {default} | {_cell(texts.get(field.name, ''))} |")
    return rows


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "*needed*"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None or isinstance(value, msgspec.Struct):
        return ""
    text = msgspec.json.encode(value).decode()
    return f"`{text}`" if text not in ('""', "{}", "[]") else ""


def _expected(hint: object) -> str:
    """Return what a key takes, in the words of the profile's own messages."""
    metas = [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, msgspec.Meta)]
    if metas and metas[-1].description:
        return _cell(metas[-1].description)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        words = list(dict.fromkeys(_expected(part) for part in inner if part is not types.NoneType))
        return " or ".join([words[0], *(word.removeprefix("a table, ") for word in words[1:])])
    made = {
        typing.Annotated: lambda: _expected(inner[0]),
        typing.Literal: lambda: ", ".join(f"`{msgspec.json.encode(value).decode()}`" for value in inner),
        tuple: lambda: f"a list: {_expected(inner[0])}",
        dict: lambda: f"name = {_expected(inner[1])}, …",
    }
    if origin in made:
        return made[origin]()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        title = TITLES.get(hint.__name__, hint.__name__)
        return f"a table, [{title}](#{title.lower()})"
    return PLAIN[hint]


def _docstrings(cls: type) -> dict[str, str]:
    """Return what stands below each field, of the class and those it comes from."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("raman_edge"):
            (tree,) = ast.parse(inspect.getsource(base)).body
            body = tree.body if isinstance(tree, ast.ClassDef) else []
            for field, below in pairwise(body):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                    found[field.target.id] = str(ast.literal_eval(below.value))
    return found


def _cell(text: str) -> str:
    left_out = re.sub(r"(?<=[ ;,])None\b|^None\b", "left out", " ".join(text.split()))
    left_out = left_out[:1].upper() + left_out[1:] if left_out.startswith("left") else left_out
    return left_out.replace("``", "`").replace("|", "\\|")


def _parts(hint: object) -> list[object]:
    inner = typing.get_args(hint)
    return [part for one in inner for part in _parts(one)] if inner else [hint]


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text("utf-8")), "utf-8")
