"""Whether a spectrum that is identified again gives the record of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.records import ResultRecord

LEAST = 0.0005
"""Scores that differ by no more are equal: records have four digits, and processors round differently."""

OTHER_LINES = 0.06
"""Largest difference from the probability of being in the library in a record of version 1. There the peaks of one reference counted
as the material's: the share of explained peaks, which has a small weight in it, was smaller."""


def differences(before: ResultRecord, again: ResultRecord) -> tuple[str, ...]:
    """Return the differences of ``again`` from ``before``, a line each; none where decision, names and scores are equal.

    A different decision comes with the first new reason.
    """
    return (*_decided(before, again), *_numbers(before, again))


def _decided(before: ResultRecord, again: ResultRecord) -> list[str]:
    """Return the differences of decision and names."""
    found = []
    if before.decision != again.decision:
        why = next((f" ({reason})" for reason in again.why if reason not in before.why), "")
        found.append(f"decision {before.decision}, now {again.decision}{why}")
    if _named(before) != _named(again):
        found.append(f"named {_named(before) or 'nothing'}, now {_named(again) or 'nothing'}")
    return found


def _numbers(before: ResultRecord, again: ResultRecord) -> list[str]:
    """Return the differences of the probabilities, or of the similarities where one record has no probabilities."""
    found = []
    was, now = ({match.label: match for match in result.matches} for result in (before, again))
    for label in {**was, **now}:
        old, new = was.get(label), now.get(label)
        if old and new and (old.score is None or new.score is None):
            if abs(old.similarity - new.similarity) > LEAST:
                found.append(f"similarity of {label} {old.similarity:.4f}, now {new.similarity:.4f}")
            continue
        # A candidate that is not listed has less than the last listed one.
        scores = [match.score if match and match.score is not None else 0.0 for match in (old, new)]
        if abs(scores[0] - scores[1]) > LEAST:
            found.append(f"{label} {scores[0]:.2%}, now {scores[1]:.2%}")
    within = LEAST if before.v == again.v else OTHER_LINES
    if before.known is not None and again.known is not None and abs(before.known - again.known) > within:
        found.append(f"known {before.known:.2%}, now {again.known:.2%}")
    return found


def other_means(before: ResultRecord, again: ResultRecord) -> tuple[str, ...]:
    """Return the differences of model, rules and library, a line each."""
    found = []
    if before.model.sha256 != again.model.sha256:
        found.append(f"the model is another one: it was {_short(before.model.sha256)}, it is {_short(again.model.sha256)}")
    if before.v != again.v:
        same = "; the numbers are the same" if _decided(before, again) and not _numbers(before, again) else ""
        found.append(f"the rules of the decision differ: the record is of version {before.v}, the rules now are of version {again.v}{same}")
    if before.model.library and before.model.library != again.model.library:
        found.append(f"the library is another one: it was {_short(before.model.library)}, it is {_short(again.model.library)}")
    return tuple(found)


def _named(result: ResultRecord) -> str | None:
    return result.names[0] if result.names else None


def _short(digest: str) -> str:
    return digest[:12]
