"""The words of an answer. Every surface (screen, page, table, list, file) takes them from here, so that none contradicts another.

An answer is one decision and the names that it leaves; what speaks for and against it stands beside it as reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Answer = Literal["match", "possible", "ambiguous", "unknown", "rejected"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
"""The surest first."""
NAMED: frozenset[str] = frozenset({"match", "possible", "ambiguous"})
"""The decisions that name something. The others have neither a probability nor a set of names."""
MEANING = {
    "match": "One name, probable enough, and its lines agree with the spectrum.",
    "possible": "The nearest name, but something speaks against it.",
    "ambiguous": "More than one name is possible; one alone would say more than is known.",
    "unknown": "Its material is probably not in the library; what is listed is only nearest.",
    "rejected": "The spectrum is too poor to be named.",
    "fault": "There is no spectrum to name.",
}
"""What each answer means."""
IF = "if in the library"
"""The condition of every probability among the library's names, and of every set of names."""
SHORT = 4
"""Names of a title that are written out; the others are counted."""


class Title(NamedTuple):
    """An answer in words: what stands before, between the names, and after them."""

    before: str
    names: tuple[str, ...] = ()
    """Data, not yet safe to show."""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{', '.join(self.names)}{self.after}"

    def shown(self, safe: Callable[[str], str]) -> str:
        """Return the words with every name made safe for the place where they are shown."""
        return str(self._replace(names=tuple(safe(name) for name in self.names)))


def title(decision: str, names: Sequence[str], most: int = SHORT) -> Title:
    """Return the answer in words, with ``most`` of its names: ``Quartz``, ``perhaps Quartz``, ``one of …``, or the decision alone."""
    if decision not in NAMED or not names:
        return Title(decision)
    more = f" or {len(names) - most} more" if len(names) > most else ""
    perhaps = "perhaps " if decision == "possible" else ""
    return Title(f"{perhaps}one of " if len(names) > 1 else perhaps, tuple(names[:most]), more)


def named_before(decision: str, labels: Sequence[str], p90: Sequence[str], p95: Sequence[str]) -> tuple[str, ...]:
    """Return the names of an answer whose record, of version 1, does not list them; ``labels`` are its candidates, the best first."""
    if decision == "match":
        return tuple(labels[:1])
    if decision == "ambiguous":
        return tuple(next((names for names in (p90, p95) if len(names) > 1), labels[:2]))
    return ()
