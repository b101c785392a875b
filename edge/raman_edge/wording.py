r"""Text for people: the words of a result, and visible escapes for what does not print.

A result is one decision and the labels that it leaves possible, with its reasons. Labels, names and messages are data:
control characters, escape codes and direction overrides become visible escapes such as ``\x1b``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Answer = Literal["match", "possible", "ambiguous", "unknown", "rejected"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
"""The most certain first."""
NAMED: frozenset[str] = frozenset({"match", "possible", "ambiguous"})
"""The decisions that name a label. The others have neither a probability nor a set of labels."""
MEANING = {
    "match": "One name, probable enough, and its lines agree with the spectrum.",
    "possible": "The nearest name, but something speaks against it.",
    "ambiguous": "More than one name is possible; one alone would say more than is known.",
    "unknown": "Its material is probably not in the library; what is listed is only nearest.",
    "rejected": "The spectrum is too poor to be named.",
    "fault": "There is no spectrum to name.",
}
"""What each decision means."""
IF = "if in the library"
"""The condition of every probability among the library's labels, and of every set of labels."""
SHORT = 4
"""Labels of a title that are written out; the others are counted."""


class Title(NamedTuple):
    """A result in words: the text before its labels, the labels, the text after them."""

    before: str
    names: tuple[str, ...] = ()
    """Data, not yet escaped."""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{', '.join(self.names)}{self.after}"

    def shown(self, safe: Callable[[str], str]) -> str:
        """Return the words, with every label passed through ``safe``."""
        return str(self._replace(names=tuple(safe(name) for name in self.names)))


def title(decision: str, names: Sequence[str], most: int = SHORT) -> Title:
    """Return the result in words, with ``most`` of its labels: ``Quartz``, ``perhaps Quartz``, ``one of …``, or the decision alone."""
    if decision not in NAMED or not names:
        return Title(decision)
    more = f" or {len(names) - most} more" if len(names) > most else ""
    perhaps = "perhaps " if decision == "possible" else ""
    return Title(f"{perhaps}one of " if len(names) > 1 else perhaps, tuple(names[:most]), more)


def named_before(decision: str, labels: Sequence[str], p90: Sequence[str], p95: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a result whose record, of version 1, does not list them; ``labels`` are its candidates, the best first."""
    if decision == "match":
        return tuple(labels[:1])
    if decision == "ambiguous":
        return tuple(next((names for names in (p90, p95) if len(names) > 1), labels[:2]))
    return ()


UNDECODABLE = range(0xDC80, 0xDD00)
"""How Python carries a byte of a file name that is not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    r"""Return ``text`` with every character that does not print as a visible escape, such as ``\x1b`` or ``\u202e``."""
    return text if text.isprintable() else "".join(character if character.isprintable() else escape(character) for character in text)


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


def escape(character: str) -> str:
    r"""Return a visible escape, such as ``\x1b``; ``\xe9`` for a byte of a file name that is not UTF-8."""
    code = ord(character)
    if code in UNDECODABLE:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")  # JSON names characters by their UTF-16 code units
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def percent(share: float, digits: int = 0) -> str:
    """Return a share, 0..1, in percent with ``digits`` decimals; what is neither none nor all never looks like it: ``<1%``, ``>99%``."""
    text, least = f"{share:.{digits}%}", 10.0**-digits
    if share > 0 and float(text[:-1]) == 0:
        return f"<{least:.{digits}f}%"
    return f">{100 - least:.{digits}f}%" if share < 1 and float(text[:-1]) == 100 else text  # noqa: PLR2004 - per cent


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``2 files``; ``several`` is a plural that does not end with s."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def tally(counts: Mapping[str, int]) -> str:
    """Return how many results there are of each decision, the most certain first, and how many files failed."""
    words = ", ".join(counted(counts[name], name, "matches" if name == "match" else name) for name in ANSWERS if counts.get(name))
    return f"{words or 'nothing identified'}; {counts.get('fault', 0)} failed"
