"""A record in one line, for a person: read for the few fields it shows, because a list is fast."""

from __future__ import annotations

import msgspec

from raman_edge.errors import JournalDamaged
from raman_edge.escaping import printable
from raman_edge.wording import named_before, title

ID = 8
"""Characters of an id that are shown: they tell a million records apart."""
MOST = 2
"""Names of an answer that are written out."""


class _Place(msgspec.Struct):
    path: str
    index: int = 0


class _Named(msgspec.Struct):
    label: str
    score: float | None = None


class _Sets(msgspec.Struct):
    p90: tuple[str, ...] = ()
    p95: tuple[str, ...] = ()


class _Said(msgspec.Struct):
    """What is shown of a record (:mod:`raman_edge.records`, whose module takes longer to load)."""

    id: str
    ts: str
    source: _Place
    why: str | tuple[str, ...]
    decision: str = "fault"
    matches: tuple[_Named, ...] = ()
    names: tuple[str, ...] | None = None
    """None in a record of version 1."""
    one_of: _Sets | None = None

    @property
    def answer(self) -> str:
        """The answer in words, a match with its probability."""
        names = self.names
        if names is None:
            sets = self.one_of or _Sets()
            names = named_before(self.decision, [match.label for match in self.matches], sets.p90, sets.p95)
        words = printable(str(title(self.decision, names, MOST)))
        score = self.matches[0].score if self.decision == "match" and self.matches else None
        return words if score is None else f"{words} {score:.0%}"


def brief(line: str, room: int) -> str:
    """Return a record as id, time, answer, place in ``room`` columns, and reason."""
    try:
        said = msgspec.json.decode(line, type=_Said)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        msg = f"a line of the journal is no record: {str(error)[:200]}. `raman-edge journal verify` tests the whole of it"
        raise JournalDamaged(msg) from error
    reasons = (said.why,) if isinstance(said.why, str) else said.why
    place = printable(said.source.path + (f" [{said.source.index + 1}]" if said.source.index else ""))
    if len(place) > room:
        place = f"…{place[1 - room :]}"
    why = reasons[0] if reasons else ""
    return f"{printable(said.id)[:ID]}  {said.ts[:19].replace('T', ' ')}  {said.answer:<20}  {place:<{room}}  {why}".rstrip()
