"""A record as one line for a person."""

from __future__ import annotations

import msgspec

from raman_edge.errors import JournalDamaged
from raman_edge.wording import named_before, percent, printable, title

ID = 8
"""Characters of an id that are shown; they distinguish a million records."""
ANSWER = 20
"""Columns of an answer in a list."""
MOST = 2
"""Names of an answer that are written out in a list."""


class _SourceText(msgspec.Struct):
    path: str
    index: int = 0


class _MatchText(msgspec.Struct):
    label: str
    score: float | None = None
    packs: tuple[str, ...] = ()


class _SetsText(msgspec.Struct):
    p90: tuple[str, ...] = ()
    p95: tuple[str, ...] = ()


class _RecordText(msgspec.Struct):
    """The fields of a record that a list shows; :mod:`raman_edge.records` takes longer to import and to decode."""

    id: str
    ts: str
    source: _SourceText
    why: str | tuple[str, ...]
    decision: str = "fault"
    matches: tuple[_MatchText, ...] = ()
    names: tuple[str, ...] | None = None
    """None in a record of version 1."""
    one_of: _SetsText | None = None
    group: str | None = None

    @property
    def reason(self) -> str:
        """The first reason, or nothing."""
        return self.why if isinstance(self.why, str) else (self.why[0] if self.why else "")

    @property
    def answer(self) -> str:
        """The answer in words, a match with its probability."""
        names = self.names
        if names is None:
            sets = self.one_of or _SetsText()
            names = named_before(self.decision, [match.label for match in self.matches], sets.p90, sets.p95)
        words = printable(str(title(self.decision, names, MOST, group=self.group, candidates=self.matches)))
        score = self.matches[0].score if self.decision == "match" and self.matches else None
        return words if score is None else f"{words} {percent(score)}"


def brief(line: str, room: int) -> str:
    """Return a record as id, time, answer, path in ``room`` columns, and reason."""
    record = _decoded(line)
    when = f"{record.ts[:19].replace('T', ' ')}Z"
    return f"{printable(record.id)[:ID]}  {when}  {record.answer:<{ANSWER}}  {_place(record, room):<{room}}  {record.reason}".rstrip()


def row(line: str, room: int, *, cut: bool) -> tuple[str, str]:
    """Return the decision of a record, and its file in at least ``room`` columns (no more with ``cut``), answer and reason as one line."""
    record = _decoded(line)
    answer = "no spectrum" if record.decision == "fault" else record.answer
    place = _place(record, room if cut else None)
    return record.decision, f"{place:<{room}}  {answer:<{ANSWER}}  {record.reason}".rstrip()


def _decoded(line: str) -> _RecordText:
    try:
        return msgspec.json.decode(line, type=_RecordText)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise JournalDamaged(
            kind="a line is no record", place="journal", cause=str(error)[:200], advice="`raman-edge journal verify` checks all of it"
        ) from error


def _place(record: _RecordText, room: int | None = None) -> str:
    """Return the file of a record, with the number of the spectrum if it is not the first of its file.

    A path that is longer than ``room`` loses its beginning.
    """
    place = printable(record.source.path + (f" [{record.source.index + 1}]" if record.source.index else ""))
    return place if room is None or len(place) <= room else f"…{place[1 - room :]}"
