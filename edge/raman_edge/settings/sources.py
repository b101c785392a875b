"""Several places that may say the same thing, and which of them is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Setting(NamedTuple):
    """A value and who said it."""

    value: object
    origin: str
    """``file:line``, the name of an environment variable, "command line" or "default"."""


def first(keys: Iterable[str], layers: Sequence[Mapping[str, Setting]]) -> dict[str, Setting]:
    """Return for each key what the first layer says that says anything; the last one knows every key."""
    return {key: next(layer[key] for layer in layers if key in layer) for key in keys}
