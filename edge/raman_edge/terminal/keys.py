"""Bytes of a keyboard become names of keys, however they were cut: no I/O.

The names are those of the characters (``q``, ``+``), and ``space``, ``enter``, ``escape``, ``left``,
``right``, ``up``, ``down``. What a terminal sends besides (function keys, answers to questions that nobody
asked, letters that are not ASCII) is swallowed whole, so that no piece of it is taken for a key.
"""

from __future__ import annotations

ESCAPE = 0x1B
ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
"""Last byte of an arrow's sequence (ECMA-48 cursor control; the same after CSI and SS3)."""
NAMED = {0x20: "space", 0x0A: "enter", 0x0D: "enter"}
LONGEST = 32
"""Bytes after which a sequence without an end is given up."""
STRINGS = b"P]X^_"
"""What opens a string that ends with ST or BEL (ECMA-48: DCS, OSC, SOS, PM, APC)."""


class Decoder:
    """Takes bytes as they come; remembers the beginning of a sequence."""

    def __init__(self) -> None:
        self._begun = b""

    @property
    def waits(self) -> bool:
        """Whether a sequence has begun: alone, after a while, an escape is the key of that name."""
        return bool(self._begun)

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are complete with ``data``."""
        rest, keys = self._begun + data, []
        while rest:
            taken, key = _next(rest)
            if taken == 0:
                break
            rest = rest[taken:]
            if key:
                keys.append(key)
        self._begun = rest
        return keys

    def rest(self) -> list[str]:
        """Return what a sequence that never went on comes to: a lone escape is a key, the rest nothing."""
        begun, self._begun = self._begun, b""
        return ["escape"] if begun == b"\x1b" else []


def _next(data: bytes) -> tuple[int, str]:
    """Return how many bytes the first key takes, and its name; (0, "") where it is not whole yet, "" for none of ours."""
    first = data[0]
    if first != ESCAPE:
        if first in NAMED:
            return 1, NAMED[first]
        return 1, chr(first) if 0x20 < first < 0x7F else ""  # noqa: PLR2004 - what prints in ASCII
    if len(data) == 1:
        return 0, ""
    if data[1:2] in (b"[", b"O"):
        return _sequence(data)
    if data[1] in STRINGS:
        return _string(data)
    return (1, "escape") if data[1] == ESCAPE else (2, "")  # Alt and a key


def _sequence(data: bytes) -> tuple[int, str]:
    """Return an arrow, or the length of another sequence: parameters and then one byte from @ to ~."""
    for i, byte in enumerate(data[2:LONGEST], start=2):
        if 0x40 <= byte <= 0x7E:  # noqa: PLR2004 - final bytes (ECMA-48, 5.4)
            return i + 1, ARROWS.get(chr(byte), "") if i == 2 else ""  # noqa: PLR2004 - without parameters
        if byte < 0x20:  # noqa: PLR2004 - no part of a sequence: it ends unfinished
            return i, ""
    return (0, "") if len(data) < LONGEST else (LONGEST, "")


def _string(data: bytes) -> tuple[int, str]:
    ends = [at + len(end) for end in (b"\x07", b"\x1b\\") if (at := data.find(end, 2)) > 0]
    if ends:
        return min(ends), ""
    return (0, "") if len(data) < 8 * LONGEST else (len(data), "")
