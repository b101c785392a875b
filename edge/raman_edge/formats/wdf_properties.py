"""Named values in the property sets of a Renishaw WDF file (PSET), such as the exposure time.

A set is a run of items: type, flags, key and value; a name ("k") gives the name of a key, and
may stand behind the item it names or in the set around it, so that all of a block is one list here.
"""

from __future__ import annotations

import struct

_SIZES = {"c": 1, "?": 1, "s": 2, "i": 4, "w": 8, "r": 4, "q": 8, "t": 8}
"""Bytes of a value, by type: letters and truths, integers, reals, times."""
_LONG = frozenset("ubk")
"""Types that begin with their length: text, bytes, names."""
_SET = "p"
_ARRAY, _COMPRESSED = 0x80, 0x40
_MOST = 100_000
"""Items that are looked at."""


def integers(data: bytes, names: frozenset[str]) -> dict[str, int]:
    """Return the first integer of each name in a block's property sets; nothing of what cannot be followed."""
    called: dict[int, str] = {}
    values: dict[int, int] = {}
    at = 8 if data.startswith(b"PSET") else len(data)
    for _ in range(_MOST):
        if at + 4 > len(data):
            break
        kind, flags, key = chr(data[at]), data[at + 1], int.from_bytes(data[at + 2 : at + 4], "little")
        at += 4
        if kind == _SET:
            at += 4  # what is inside comes next
            continue
        size = _size(data, at, kind, flags)
        if size is None or at + size > len(data):
            break
        if kind == "k":
            called[key] = data[at + 4 : at + size].decode("utf-8", "replace")
        elif kind == "i" and not flags:
            values.setdefault(key, struct.unpack_from("<i", data, at)[0])
        at += size
    return {name: values[key] for key, name in called.items() if name in names and key in values}


def _size(data: bytes, at: int, kind: str, flags: int) -> int | None:
    """Return the bytes of an item's value; None where its form is unknown."""
    if flags & _COMPRESSED:  # its length stands before it, whatever is packed
        return 4 + int.from_bytes(data[at : at + 4], "little")
    if kind not in _SIZES and kind not in _LONG:
        return None
    if not flags & _ARRAY and kind in _SIZES:
        return _SIZES[kind]
    count = int.from_bytes(data[at : at + 4], "little")
    if kind in _LONG:
        return None if flags & _ARRAY else 4 + count
    return 4 + count * _SIZES[kind]
