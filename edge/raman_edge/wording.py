r"""Text for people: the words of a result, and visible escapes for what does not print.

A result is one decision and the labels that it leaves possible, with its reasons. Labels, names and messages are data:
control characters, escape codes and direction overrides become visible escapes such as ``\x1b``.
"""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Answer = Literal["match", "group", "possible", "ambiguous", "unknown", "rejected"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
"""The most certain first."""
NAMED: frozenset[str] = frozenset({"match", "group", "possible", "ambiguous"})
"""The decisions that name a label. The others have neither a probability nor a set of labels."""
MEANING = {
    "match": "One name, probable enough, and its lines agree with the spectrum.",
    "group": "A group of materials; which of its members is not certain.",
    "possible": "The nearest name, but something speaks against it.",
    "ambiguous": "More than one name is possible; one alone would say more than is known.",
    "unknown": "Its material is probably not in the library; what is listed is only nearest.",
    "rejected": "The spectrum is too poor to be named.",
    "fault": "There is no spectrum to name.",
}
"""What each decision means."""
IF = "if in the library"
"""The condition of every probability among the library's labels, and of every set of labels."""
USER = "user library"
"""The pack of the references that the user added."""
SUBSCRIPTS = str.maketrans("0123456789n", "₀₁₂₃₄₅₆₇₈₉ₙ")
SHORT = 4
"""Labels of a title that are written out; the others are counted."""


class Named(Protocol):
    """What a title uses of a candidate."""

    @property
    def label(self) -> str:
        """Data, not yet escaped."""

    @property
    def packs(self) -> tuple[str, ...]:
        """Packs of its references."""


class Title(NamedTuple):
    """A result in words: the text before its labels, the labels, the text after them."""

    before: str
    names: tuple[str, ...] = ()
    """Data, not yet escaped."""
    after: str = ""
    group: str = ""
    """Group of the labels, data; empty where none is named."""

    def __str__(self) -> str:
        if not self.group:
            return f"{self.before}{', '.join(self.names)}{self.after}"
        *others, last = self.names
        listed = last if not others else f"{', '.join(others)}{',' if self.after else ' or'} {last}"
        return f"{self.before}{self.group}: {listed}{self.after}"

    def shown(self, safe: Callable[[str], str]) -> str:
        """Return the words, with every label and the group passed through ``safe``."""
        return str(self._replace(names=tuple(safe(name) for name in self.names), group=safe(self.group)))


def title(decision: str, names: Sequence[str], most: int = SHORT, *, group: str | None = None, candidates: Sequence[Named] = ()) -> Title:
    """Return the result in words, with ``most`` of its labels.

    ``Quartz``, ``perhaps Quartz``, ``one of …``, ``feldspar group: Albite or Oligoclase``, or the decision alone. Labels of which
    ``candidates`` say that only the user's references have them are marked.
    """
    if decision not in NAMED or not names:
        return Title(decision)
    own = {one.label for one in candidates if one.packs == (USER,)}
    shown = tuple(f"{name} ({USER})" if name in own else name for name in names[:most])
    more = f" or {len(names) - most} more" if len(names) > most else ""
    perhaps = "perhaps " if decision == "possible" else ""
    if group:
        return Title(perhaps, shown, more, group)
    return Title(f"{perhaps}one of " if len(names) > 1 else perhaps, shown, more)


def marked(candidate: Named) -> str:
    """Return a candidate's label, marked where only the user's references have it; data, not yet escaped."""
    return f"{candidate.label} ({USER})" if candidate.packs == (USER,) else candidate.label


def chemistry(synonyms: Sequence[str], formula: str, *, ascii_only: bool = False) -> str:
    """Return what stands beside a name, such as ``calcium carbonate, CaCO₃``; empty where nothing is known. Data, not yet escaped."""
    shown = formula if ascii_only else subscripted(formula)
    return ", ".join(filter(None, (*synonyms[:1], shown)))


def subscripted(formula: str) -> str:
    """Return a formula with its numbers below the line: ``CaSO₄·2H₂O``."""
    return re.sub(r"(?<=[A-Za-z)\]])\d+|(?<=\))n", lambda found: found[0].translate(SUBSCRIPTS), formula)


def named_before(decision: str, labels: Sequence[str], p90: Sequence[str], p95: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a result whose record, of version 1, does not list them; ``labels`` are its candidates, the best first."""
    if decision == "match":
        return tuple(labels[:1])
    if decision == "ambiguous":
        return tuple(next((names for names in (p90, p95) if len(names) > 1), labels[:2]))
    return ()


_SIGNS = (
    '⁻- ¹1 ²2 ³3 ≥>= ≤<= –- —- −- …... ·- ×x µu μu ±+- ≈~ √sqrt →-> Δd ÅA «" »" ’\' ‘\' “" ”" ✓* ∈# ✗x ○o ●* ◐~ ▲^ △o ▸> ─- ━# ╸# └+ │| ┬+'
)
SUBSTITUTES = {sign[0]: sign[1:] for sign in _SIGNS.split()} | {chr(low): chr(plain) for plain, low in SUBSCRIPTS.items()} | {"°": " deg"}
"""What stands for a sign of ours where an encoding lacks it, such as cp1252 and cp437 of Windows consoles, and ASCII."""
QUOTED = re.compile(r"'[^'\n]*'")
UNDECODABLE = range(0xDC80, 0xDD00)
"""How Python carries a byte of a file name that is not UTF-8 (PEP 383)."""


def printable(text: str) -> str:
    r"""Return ``text`` with every character that does not print as a visible escape, such as ``\x1b`` or ``\u202e``."""
    return text if text.isprintable() else "".join(character if character.isprintable() else escape(character) for character in text)


def encodable(text: str, encoding: str | None) -> str:
    r"""Return ``text`` as a stream of this encoding can show it; None is UTF-8.

    A sign of ours that the encoding lacks gets its plain substitute, such as ``cm-1``; another character a visible escape.
    """
    encoding = encoding or "utf-8"
    if _has(encoding, text):
        return text
    text = text.replace("⁻¹", "-1")  # not half of it
    return "".join(one if _has(encoding, one) else SUBSTITUTES.get(one) or escape(one) for one in text)


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


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


def with_plain_paths(text: str) -> str:
    r"""Return a message, on Windows with quoted paths as a person types them: ``repr`` writes ``C:\\data`` for ``C:\data``."""
    return QUOTED.sub(lambda found: found[0].replace("\\\\", "\\"), text) if sys.platform == "win32" else text


def quoted(*words: str) -> str:
    """Return the words of a command as a person types them, quoted for the shells of Windows there, and for a POSIX shell elsewhere."""
    if sys.platform == "win32":
        from subprocess import list2cmdline  # noqa: PLC0415 - 5 ms that only Windows needs

        return list2cmdline(words)
    return shlex.join(words)


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
