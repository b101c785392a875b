"""The keys of a configuration: which there are, what they take, and what they mean.

One place for ``raman-train fit --keys``, docs/training.md and the message for a misspelt ``--set``.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from raman_edge.errors import ConfigError

from raman_train import config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROLE = re.compile(r":\w+:(`[^`]+`)")
"""A cross-reference of Sphinx, such as ``:mod:`raman_train.raw` ``."""
TAKES = {
    "Positive": "a number above 0", "NonNegative": "0 or more", "Fraction": "0 to 1", "Count": "a whole number from 1",
    "Annotated[int, msgspec.Meta(ge=0)]": "a whole number from 0", "int": "a whole number", "bool": "true or false", "str": "text",
    "tuple[str, ...]": "a list of texts",
}  # fmt: skip
"""Annotations of :mod:`raman_train.config`, for a person."""
TABLES: dict[str, Any] = {"data": config.DataConfig, "training": config.TrainingConfig, "training.augment": config.AugmentConfig,
          "training.augment.raw": config.RawConfig}  # fmt: skip
"""Tables of a configuration besides ``model``, which has its own keys for each system, and ``recipe``."""


class Key(NamedTuple):
    """One key."""

    path: str
    """Such as ``training.epochs``; of a system's own keys ``model.recursions (drcnn)``."""
    takes: str
    """Values, for a person."""
    default: str
    """As JSON; empty where the key is required."""
    meaning: str
    """The first sentences of its docstring; may be empty."""


def every() -> list[Key]:
    """Return every key of a configuration but those of recipes, in the order of the source."""
    found = [key for table, struct in TABLES.items() for key in _of(struct, table, "")]
    for system in get_args(config.ModelConfig):
        found += _of(system, "model", f" ({system.__struct_config__.tag})")
    return found


def table() -> str:
    """Return the keys as a Markdown table."""
    rows = ["| key | takes | default | meaning |", "| --- | --- | --- | --- |"]
    for key in every():
        default = f"`{key.default}`" if key.default else "required"
        rows.append(f"| `{key.path}` | {key.takes} | {default} | {key.meaning} |")
    return "\n".join(rows)


def text() -> str:
    """Return the keys as lines for a person."""
    width = max(len(key.path) for key in every())
    return "\n".join(f"{key.path.ljust(width)}  {key.default or 'required':10}  {key.meaning}".rstrip() for key in every())


def check(raw: Mapping[str, Any], text: str) -> None:
    """Raise :class:`ConfigError` where the key of ``text``, a ``key.path=value`` put into ``raw``, is unknown.

    The message names the keys there are.
    """
    path = text.partition("=")[0].strip().split(".")
    there: object = raw
    struct: type[msgspec.Struct] | None = config.Config
    for place, part in enumerate(path):
        if struct is None:
            return
        known = _names(struct)
        if part not in known:
            where = ".".join(path[:place]) or "a configuration"
            msg = f"--set {text}: unknown key {part!r}; {where} has {', '.join(known)}"
            raise ConfigError(msg)
        there = there.get(part) if isinstance(there, dict) else None
        struct = _struct(get_type_hints(struct, include_extras=True).get(part), there)


def _names(struct: type[msgspec.Struct]) -> list[str]:
    tag = struct.__struct_config__.tag_field
    return [*([tag] if tag else []), *struct.__struct_fields__]


def _struct(hint: object, value: object) -> type[msgspec.Struct] | None:
    """Return the struct that ``hint`` stands for; of several systems the one that ``value`` names; None for a plain value."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint if hint.__module__ == config.__name__ else None
    if get_origin(hint) is Annotated:
        return _struct(get_args(hint)[0], value)
    if get_origin(hint) not in (Union, types.UnionType):
        return None
    found = [one for part in get_args(hint) if (one := _struct(part, value)) is not None]
    named = value.get("name") if isinstance(value, dict) else None
    return next((one for one in found if one.__struct_config__.tag == named), found[0] if len(found) == 1 else None)


def _takes(annotation: str) -> str:
    """Return what an annotation takes, for a person."""
    plain = annotation.replace(" | msgspec.UnsetType", "").replace(" | None", "")
    if plain.startswith("Literal["):
        return " or ".join(part.strip("' ") for part in plain.removeprefix("Literal[").rstrip("]").split(","))
    return TAKES.get(plain, "a table" if plain.endswith("Config") else plain)


def _of(struct: type[msgspec.Struct], table: str, suffix: str) -> Iterator[Key]:
    """Yield the keys of a struct; annotation and docstring are read from the source."""
    body: Sequence[ast.stmt] = ast.parse(inspect.getsource(config)).body
    (own,) = (node for node in body if isinstance(node, ast.ClassDef) and node.name == struct.__name__)
    defaults = {field.name: field for field in msgspec.structs.fields(struct)}
    for statement, following in zip(own.body, [*own.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        said = following.value.value if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant) else ""
        default = defaults[statement.target.id].default
        shown = "" if default is msgspec.NODEFAULT else "unset" if default is msgspec.UNSET else msgspec.json.encode(default).decode()
        yield Key(
            f"{table}.{statement.target.id}{suffix}", _takes(ast.unparse(statement.annotation)), shown,
            ROLE.sub(r"\1", " ".join(str(said).split())).replace("``", "`"),
        )  # fmt: skip
