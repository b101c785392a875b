"""Settings: TOML files, and the layers that a setting may come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Setting(NamedTuple):
    """A value and its origin."""

    value: object
    origin: str
    """``file:line``, the name of an environment variable, "command line" or "default"."""


def first(keys: Iterable[str], layers: Sequence[Mapping[str, Setting]]) -> dict[str, Setting]:
    """Return each key's setting from the first layer that has it; the last layer must have every key."""
    return {key: next(layer[key] for layer in layers if key in layer) for key in keys}
