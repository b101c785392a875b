"""A record as one row of a table: the same in a file that grows and in what `journal export` writes."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.wording import NAMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.records import Record

COLUMNS = (
    "id",  # the same for the same content, model and configuration: drop what you have seen
    "ts",  # when it was said, UTC, ISO 8601
    "path",  # the file
    "sha256",  # of its bytes; empty where it could not be read
    "index",  # which spectrum of the file, from 0
    "event",  # result or fault
    "decision",  # match, possible, ambiguous, unknown or rejected; empty for a fault
    "label",  # the material, the likeliest where several are named; empty where none is (unknown, rejected, fault), as are the next two
    "score",  # its probability if it is in the library, 0..1; empty where the model's were not measured
    "similarity",  # cosine to its best reference, -1..1
    "known",  # probability that the material is in the library at all, 0..1; empty where that was not measured
    "one_of_90",  # names among which the truth is in 90 of 100 cases if it is in the library, with "; " between them; empty like score
    "snr",  # signal to noise
    "saturated",  # true or false; empty is unknown
    "coverage",  # share of the model's axis that was measured, 0..1
    "model",  # name and digest of the network
    "why",  # doubts, or why there is no answer, with "; " between them
)
"""The table's columns; a text that begins as a formula does has a ' before it, what does not print is escaped."""
FORMULA = re.compile(r"[=+\-@]")
"""How a cell begins that a spreadsheet would calculate (OWASP, CSV Injection); tabs and returns are escaped before."""


def cells(said: Record) -> tuple[str, ...]:
    """Return the cells of a record, in the order of :data:`COLUMNS`."""
    source = said.source
    begin = (said.id, said.ts, _text(source.path), source.sha256 or "", str(source.index))
    if isinstance(said, records.FaultRecord):
        return (*begin, "fault", *[""] * (len(COLUMNS) - len(begin) - 2), _text(said.why))
    best = said.matches[0] if said.matches and said.decision in NAMED else None
    quality = said.quality
    return (
        *begin,
        "result",
        said.decision,
        _text(best.label) if best else "",
        f"{best.score:.4f}" if best and best.score is not None else "",
        f"{best.similarity:.4f}" if best else "",
        "" if said.known is None else f"{said.known:.4f}",
        _text("; ".join(said.one_of.p90)) if best and said.one_of else "",
        f"{quality.snr:.1f}",
        {None: "", True: "true", False: "false"}[quality.saturated],
        f"{quality.coverage:.3f}",
        _text(said.model.id),
        _text("; ".join(said.why)),
    )


def _text(text: str) -> str:
    """Return ``text`` on one line and without what a spreadsheet would obey."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"'{shown}" if FORMULA.match(shown) else shown


def encoded(row: Sequence[str]) -> bytes:
    """Return a row as it stands in the file, with its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(row)
    return line.getvalue().encode()
