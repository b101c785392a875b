"""A record as one row of a table: what ``export --format csv`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.record import FaultRecord, Record, Result

COLUMNS = {
    "id": "of the record, stable",
    "ts": "when it was answered, UTC",
    "decision": "match, ambiguous, unknown, rejected, or fault for a file that could not be answered",
    "name": "what it is; empty unless match or ambiguous",
    "score": "probability of the first candidate among the library's labels, 0..1",
    "similarity": "cosine of the first candidate to its best reference, -1..1",
    "known": "probability that the material is in the library at all, 0..1",
    "snr": "signal to noise",
    "saturated": "true, false, or empty for not known",
    "coverage": "share of the model's range that was measured, 0..1",
    "candidates": "names and probabilities of the nearest, the best first",
    "why": "reasons, separated by semicolons",
    "path": "of the file",
    "index": "which spectrum of the file, from 0",
    "sha256": "of the file's bytes",
    "model": "its name",
    "model_sha256": "of the model file",
}
"""Column → what is in it; the first line of the table names them."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet runs instead of showing it (OWASP, "CSV injection")."""


def row(record: Record) -> list[str]:
    """Return the cells of a record, in the order of :data:`COLUMNS`.

    Text from outside that a spreadsheet would run as a formula gets an apostrophe in front, which
    a spreadsheet takes for "this is text"; JSON lines carry it as it is.
    """
    from raman_edge import record as records  # noqa: PLC0415 - numpy: the names of the columns are needed without it

    cells = {"id": record.id, "ts": record.ts, "path": record.source.path, "index": str(record.source.index)}
    cells |= {"sha256": record.source.sha256 or ""} | (_result(record) if isinstance(record, records.Result) else _fault(record))
    return [cells[name] if name in NUMBERS else _harmless(cells.get(name, "")) for name in COLUMNS]


NUMBERS = frozenset({"score", "similarity", "known", "snr", "coverage", "index"})
"""Columns that are written as they are: a similarity may begin with a minus."""


def _result(result: Result) -> dict[str, str]:
    first = result.matches[0] if result.matches else None
    named = first is not None and result.decision in {"match", "ambiguous"}
    saturated = {True: "true", False: "false", None: ""}
    return {
        "decision": result.decision,
        "name": first.label if first and named else "",
        "score": repr(first.score) if first else "",
        "similarity": repr(first.similarity) if first else "",
        "known": repr(result.known),
        "snr": repr(result.quality.snr),
        "saturated": saturated[result.quality.saturated],
        "coverage": repr(result.quality.coverage),
        "candidates": "; ".join(f"{match.label} {match.score:.4f}" for match in result.matches),
        "why": "; ".join(result.why),
        "model": result.model.id,
        "model_sha256": result.model.sha256,
    }


def _fault(fault: FaultRecord) -> dict[str, str]:
    return {"decision": "fault", "why": fault.why} | dict.fromkeys(NUMBERS - {"index"}, "")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
