"""An answer in the words that stand over a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from raman_edge.record import FaultRecord, Result
from raman_edge.ui.safe import safe_text

if TYPE_CHECKING:
    from raman_edge.record import Record, Source

NAMED = 4
"""Names in a title; the others are counted, and stand in the set beneath."""
LONGEST = 80
"""Cells of one name in a title."""
MEANING = {
    "match": "One name, and nothing that speaks against it.",
    "ambiguous": "More than one name is possible; one alone would say more than is known.",
    "unknown": "Its material is probably not in the library; what is listed is only nearest.",
    "rejected": "The spectrum is too poor to be named.",
    "fault": "There is no spectrum to name.",
}
"""What each answer means."""


def decision(said: Record) -> str:
    """Return the kind of answer."""
    return said.decision if isinstance(said, Result) else "fault"


class Title(NamedTuple):
    """An answer in words: what stands before, between the names, and after them."""

    before: str
    names: tuple[str, ...] = ()
    """Data, each cut to :data:`LONGEST`."""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{', '.join(self.names)}{self.after}"


def title(said: Record) -> Title:
    """Return the answer: a name, one of several, or that there is none."""
    if isinstance(said, FaultRecord):
        return Title("Not read")
    names = tuple(safe_text(label, LONGEST) for label in candidates(said))
    if said.decision == "match" and names:
        return Title("", names)
    if said.decision == "ambiguous" and names:
        more = f" or {len(names) - NAMED} more" if len(names) > NAMED else ""
        return Title("One of {", names[:NAMED], f"}}{more}")
    return Title(said.decision.capitalize())


def candidates(said: Result) -> tuple[str, ...]:
    """Return the names that the answer leaves; empty where it names nothing."""
    if said.decision == "match":
        return tuple(match.label for match in said.matches[:1])
    if said.decision == "ambiguous":
        sets = (said.one_of.p90, said.one_of.p95)
        return next((names for names in sets if len(names) > 1), tuple(match.label for match in said.matches[:2]))
    return ()


def reasons(said: Record) -> tuple[str, ...]:
    """Return what speaks for that answer, or against another."""
    return (said.why,) if isinstance(said, FaultRecord) else said.why


def file_name(source: Source) -> str:
    """Return the last part of a path, and which spectrum of the file where it is not the first."""
    name = source.path.replace("\\", "/").rstrip("/").rpartition("/")[2] or source.path or source.kind
    return f"{name} [{source.index + 1}]" if source.index else name
