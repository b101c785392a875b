"""An answer in the words that stand over a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge import wording
from raman_edge.matching.ranking import objections
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.terminal.safe import safe_text
from raman_edge.wording import Title

if TYPE_CHECKING:
    from raman_edge.records import Record, RecordSource

LONGEST = 80
"""Cells of one name in a title."""
EARLIER = "Decided by the rules of version 1, which asked less of a match. Today's rules say: "
"""Before what speaks against a match that an older raman-edge recorded."""


def decision(said: Record) -> str:
    """Return the kind of answer."""
    return said.decision if isinstance(said, ResultRecord) else "fault"


def title(said: Record) -> Title:
    """Return the answer: a name, perhaps one, one of several, or that there is none; each name is cut to :data:`LONGEST`."""
    if isinstance(said, FaultRecord):
        return Title("Not read")
    words = wording.title(said.decision, said.names)
    return words._replace(names=tuple(safe_text(name, LONGEST) for name in words.names))


def reasons(said: Record) -> tuple[str, ...]:
    """Return what speaks for that answer, or against another."""
    if isinstance(said, FaultRecord):
        return (said.why,)
    if said.v == 1 and said.decision == "match" and said.matches:
        return (*(f"{EARLIER}{reason}" for reason in objections(said.matches[0], said.known)[:1]), *said.why)
    return said.why


def file_name(source: RecordSource) -> str:
    """Return the last part of a path, and which spectrum of the file where it is not the first."""
    name = source.path.replace("\\", "/").rstrip("/").rpartition("/")[2] or source.path or source.kind
    return f"{name} [{source.index + 1}]" if source.index else name
