r"""Text and JSON for a terminal: control characters, escape codes and direction overrides become visible escapes."""

from __future__ import annotations

UNDECODABLE = range(0xDC80, 0xDD00)
"""How Python carries a byte of a file name that is not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    r"""Return ``text`` with every character that does not print as a visible escape, such as ``\x1b`` or ``\u202e``."""
    return text if text.isprintable() else "".join(character if character.isprintable() else _escape(character) for character in text)


def printable_json(line: bytes, encoding: str = "utf-8") -> bytes:
    r"""Return a line of JSON, UTF-8, with every character that does not print as JSON's own escape, such as ``\u009b``.

    It is the same JSON value: outside of its texts JSON has no such characters but blanks and line ends, which stay. A terminal
    of another ``encoding`` would take bytes of UTF-8 for control characters: it gets ASCII.
    """
    text = line.decode("utf-8", "backslashreplace")
    ascii_only = encoding.lower().replace("-", "") != "utf8"
    return "".join(_shown(character, ascii_only=ascii_only) for character in text).encode()


def _shown(character: str, *, ascii_only: bool) -> str:
    harmless = character in "\n\r\t" or (character.isprintable() and not (ascii_only and not character.isascii()))
    return character if harmless else _json_escape(character)


def _escape(character: str) -> str:
    code = ord(character)
    if code in UNDECODABLE:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")  # JSON names characters by their UTF-16 code units
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
