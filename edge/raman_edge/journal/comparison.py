"""Whether a spectrum answered again gives the answer in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.record import Result

LEAST = 0.0005
"""Scores that differ by no more are the same: they are kept with four digits, and processors round each in their way."""


def differences(before: Result, again: Result) -> tuple[str, ...]:
    """Return what ``again`` says otherwise than ``before``, a line each; none where decision, names and scores are the same."""
    said = []
    if before.decision != again.decision:
        said.append(f"decision {before.decision}, now {again.decision}")
    if _named(before) != _named(again):
        said.append(f"named {_named(before) or 'nothing'}, now {_named(again) or 'nothing'}")
    was, now = ({match.label: match.score for match in result.matches} for result in (before, again))
    for label in {**was, **now}:
        old, new = was.get(label, 0.0), now.get(label, 0.0)
        if abs(old - new) > LEAST:
            said.append(f"{label} {old:.2%}, now {new:.2%}")
    if abs(before.known - again.known) > LEAST:
        said.append(f"known {before.known:.2%}, now {again.known:.2%}")
    return tuple(said)


def other_means(before: Result, again: Result) -> tuple[str, ...]:
    """Return what answers now that did not answer then, a line each."""
    said = []
    if before.model.sha256 != again.model.sha256:
        said.append(f"the model is another one: it was {_short(before.model.sha256)}, it is {_short(again.model.sha256)}")
    if before.model.library and before.model.library != again.model.library:
        said.append(f"the library is another one: it was {_short(before.model.library)}, it is {_short(again.model.library)}")
    return tuple(said)


def _named(result: Result) -> str | None:
    return result.matches[0].label if result.matches and result.decision in {"match", "ambiguous"} else None


def _short(digest: str) -> str:
    return digest[:12]
