"""A record in one line, for a person: read for the few fields it shows, because a list is fast."""

from __future__ import annotations

import msgspec

from raman_edge.errors import JournalDamaged
from raman_edge.escaping import printable

ID = 8
"""Characters of an id that are shown: they tell a million records apart."""


class _Place(msgspec.Struct):
    path: str
    index: int = 0


class _Named(msgspec.Struct):
    label: str
    score: float


class _Said(msgspec.Struct):
    """What is shown of a record (:mod:`raman_edge.record`, whose module takes longer to load)."""

    id: str
    ts: str
    source: _Place
    why: str | tuple[str, ...]
    decision: str = "fault"
    matches: tuple[_Named, ...] = ()


def brief(line: str, room: int) -> str:
    """Return a record as id, time, answer, place in ``room`` columns, and reason."""
    try:
        said = msgspec.json.decode(line, type=_Said)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        msg = f"a line of the journal is no record: {str(error)[:200]}. `raman-edge journal verify` tests the whole of it"
        raise JournalDamaged(msg) from error
    named = said.decision == "match" and said.matches
    answer = f"{said.matches[0].label} {said.matches[0].score:.0%}" if named else said.decision
    reasons = (said.why,) if isinstance(said.why, str) else said.why
    place = printable(said.source.path + (f" [{said.source.index + 1}]" if said.source.index else ""))
    if len(place) > room:
        place = f"…{place[1 - room :]}"
    why = reasons[0] if reasons else ""
    return f"{printable(said.id)[:ID]}  {said.ts[:19].replace('T', ' ')}  {answer:<20}  {place:<{room}}  {why}".rstrip()
