"""What stands in the user's own library, as JSON and as words."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.matching.user_library import UserReference

DIGEST = 12
"""Characters of a digest that are shown to a person."""


def encoded(entries: Sequence[UserReference], event: Literal["taught", "forgotten"] = "taught") -> Iterator[bytes]:
    """Yield one line of JSON a material, with all its references."""
    for name, own in _by_name(entries):
        references = [
            {
                "source": {"kind": one.kind, "path": one.path, "sha256": one.sha256, "index": one.index},
                "learned": one.learned,
                "raman_edge": one.version,
                "network": one.network,
                "note": one.note,
            }
            for one in own
        ]
        yield msgspec.json.encode({"v": 1, "event": event, "name": name, "references": references})


def words(entries: Sequence[UserReference]) -> list[str]:
    """Return lines for a person: each material, and below it what it was taught from."""
    lines = []
    for name, own in _by_name(entries):
        lines.append(f"{name}  {len(own)} reference{'s' if len(own) > 1 else ''}")
        for one in own:
            place = f"{one.path}#{one.index + 1}" if one.index else one.path
            note = f"  {one.note}" if one.note else ""
            lines.append(f"  {one.learned.replace('T', ' ').removesuffix('Z')}  {one.sha256[:DIGEST]}  {place}{note}")
    return lines or ["nothing was taught yet: raman-edge learn NAME FILE"]


def _by_name(entries: Sequence[UserReference]) -> Iterator[tuple[str, list[UserReference]]]:
    """Yield the materials in order of their names, their references in the order they were taught."""
    for name, own in groupby(sorted(entries, key=lambda one: one.name), key=lambda one: one.name):
        yield name, list(own)
