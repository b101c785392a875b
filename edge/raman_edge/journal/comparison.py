"""Whether a spectrum answered again gives the answer in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.records import ResultRecord

LEAST = 0.0005
"""Scores that differ by no more are the same: they are kept with four digits, and processors round each in their way."""

OTHER_LINES = 0.06
"""As far the probability of being in the library may differ from that of a record of version 1, in which the peaks of one reference
counted as the material's: the share of explained peaks, which it weighs a little, was smaller then."""


def differences(before: ResultRecord, again: ResultRecord) -> tuple[str, ...]:
    """Return what ``again`` says otherwise than ``before``, a line each; none where decision, names and scores are the same.

    A decision that differs brings the first reason that is new: it says why.
    """
    return (*_decided(before, again), *_numbers(before, again))


def _decided(before: ResultRecord, again: ResultRecord) -> list[str]:
    """Return where decision and names differ."""
    said = []
    if before.decision != again.decision:
        why = next((f" ({reason})" for reason in again.why if reason not in before.why), "")
        said.append(f"decision {before.decision}, now {again.decision}{why}")
    if _named(before) != _named(again):
        said.append(f"named {_named(before) or 'nothing'}, now {_named(again) or 'nothing'}")
    return said


def _numbers(before: ResultRecord, again: ResultRecord) -> list[str]:
    """Return where the numbers differ: the probabilities, or the similarities where one answer has no probabilities."""
    said = []
    was, now = ({match.label: match for match in result.matches} for result in (before, again))
    for label in {**was, **now}:
        old, new = was.get(label), now.get(label)
        if old and new and (old.score is None or new.score is None):
            if abs(old.similarity - new.similarity) > LEAST:
                said.append(f"similarity of {label} {old.similarity:.4f}, now {new.similarity:.4f}")
            continue
        # A candidate that is not listed has less than the last one that is.
        scores = [match.score if match and match.score is not None else 0.0 for match in (old, new)]
        if abs(scores[0] - scores[1]) > LEAST:
            said.append(f"{label} {scores[0]:.2%}, now {scores[1]:.2%}")
    within = LEAST if before.v == again.v else OTHER_LINES
    if before.known is not None and again.known is not None and abs(before.known - again.known) > within:
        said.append(f"known {before.known:.2%}, now {again.known:.2%}")
    return said


def other_means(before: ResultRecord, again: ResultRecord) -> tuple[str, ...]:
    """Return what answers now that did not answer then, a line each."""
    said = []
    if before.model.sha256 != again.model.sha256:
        said.append(f"the model is another one: it was {_short(before.model.sha256)}, it is {_short(again.model.sha256)}")
    if before.v != again.v:
        same = "; the numbers are the same" if _decided(before, again) and not _numbers(before, again) else ""
        said.append(f"the rules of the decision are others: the record is of version {before.v}, today's of version {again.v}{same}")
    if before.model.library and before.model.library != again.model.library:
        said.append(f"the library is another one: it was {_short(before.model.library)}, it is {_short(again.model.library)}")
    return tuple(said)


def _named(result: ResultRecord) -> str | None:
    return result.names[0] if result.names else None


def _short(digest: str) -> str:
    return digest[:12]
