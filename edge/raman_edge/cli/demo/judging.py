"""Whether an answer is what it should be: strict where one is right, open where more than one is honest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.simulator.materials import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.cli.demo.exposures import Exposure
    from raman_edge.cli.demo.story import Played
    from raman_edge.records import Record

Judgement = Literal["right", "wrong", "open", "missing"]
"""``open``: nobody can say which answer would be right; ``missing``: there is none."""


def of_file(exposure: Exposure, said: Record | None) -> Judgement:
    """Judge the answer to a file: a name, "one of" names with it among them, "unknown", a doubt, or a fault."""
    if said is None:
        return "missing"
    if exposure.kind == "broken" or isinstance(said, FaultRecord):
        return _right(exposure.kind == "broken" and isinstance(said, FaultRecord))
    if exposure.kind == "stranger":
        return _right(said.decision == "unknown")
    return _right(_named(said, [exposure.label]) and (exposure.kind != "saturated" or said.quality.saturated is True))


def of_act(one: Played) -> Judgement:
    """Judge an act by its records and, of one that calibrates, by what came of that; whatever went wrong has to be told as well."""
    act = one.act
    if act.right == "axis":
        return "missing" if one.calibrated is None else _right(one.calibrated.is_better)
    result = last(one.said)
    if result is None:
        return "missing"
    if not _is_told(one):
        return "wrong"
    if act.right == "anything" or (act.right == "part" and result.decision == "unknown"):
        return "open"
    if act.right == "unknown":
        return _right(result.decision == "unknown")
    return _right(_named(result, act.sample.split(SEPARATOR)) and (result.quality.saturated is True) is (act.right == "saturated"))


def last(said: Sequence[Record]) -> ResultRecord | None:
    """Return the last record that is no fault."""
    return next((record for record in reversed(said) if isinstance(record, ResultRecord)), None)


def _is_told(one: Played) -> bool:
    """Whether what went wrong was noticed: a spike left out, a damaged frame or a cable told as a fault."""
    mishap = one.act.mishap
    return not mishap or (one.spikes if mishap == "spike" else one.faults) > 0


def _named(said: ResultRecord, labels: Sequence[str]) -> bool:
    """Whether one of ``labels`` was named, surely, perhaps, or as one of several."""
    return any(label in said.names for label in labels)


def _right(is_right: bool) -> Judgement:  # noqa: FBT001 - the one thing it says
    return "right" if is_right else "wrong"
