"""What was learned just now, as JSON and as words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from raman_edge.matching.user_library import storable
from raman_edge.wording import title

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Verdict
    from raman_edge.matching.user_library import AddedReference


def encoded(name: str, one: AddedReference, library: Library) -> bytes:
    """Return one line of JSON."""
    origin = one.spectrum.origin
    return msgspec.json.encode(
        {
            "v": 1,
            "event": "learned",
            "name": name,
            "source": {"kind": origin.kind, "path": storable(origin.path), "sha256": origin.sha256, "index": origin.index},
            "new": one.new,
            "before": _verdict(one.before),
            "now": _verdict(one.now),
            "alike": one.alike,
            "warnings": warnings(name, one, library),
            "ms": {"enrol": round(one.enrol_ms, 3)},
        }
    )


def place(one: AddedReference) -> str:
    """Return where the spectrum was read, in words."""
    origin = one.spectrum.origin
    return f"{origin.path}#{origin.index + 1}" if origin.index else origin.path


def words(name: str, one: AddedReference) -> str:
    """Return a line for a person."""
    done = f"learned in {one.enrol_ms:.0f} ms" if one.new else "known already"
    return f"{place(one)}: {name} {done}; before {_said(one.before)}, now {_said(one.now)}"


def warnings(name: str, one: AddedReference, library: Library) -> list[str]:
    """Return what to know before relying on the new reference; ``library`` is the one before."""
    said = [*one.quality.reject_reasons, *one.quality.warnings]
    if not one.new:
        said.append(f"{name} had this very spectrum already")
    if not one.is_named(name):
        said.append(
            f"learned, but this very spectrum is still {_said(one.now)}; `raman-edge learn --forget` takes back all taught by that name"
        )
    if one.alike:
        others = ", ".join(f"{other.label} ({other.similarity:.3f})" for other in one.alike)
        said.append(f"{name} is indistinguishable from {others}: a spectrum of one may be named the other")
    written = [label for label in library.labels if label != name and label.casefold() == name.casefold()]
    if written:
        said.append(f"the library has {written[0]!r}, which is another label than {name!r}")
    return said


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {"decision": verdict.decision, "match": verdict.ranked[0].label, "score": verdict.ranked[0].score,
            "similarity": verdict.ranked[0].similarity}  # fmt: skip


def _said(verdict: Verdict) -> str:
    """Return a verdict in few words."""
    first = verdict.ranked[0]
    if verdict.best is None:
        return f"{verdict.decision} (nearest {first.label}, similarity {first.similarity:.2f})"
    sure = "" if first.score is None or verdict.decision != "match" else f" {first.score:.0%}"
    return f"{title(verdict.decision, verdict.names)}{sure}"
