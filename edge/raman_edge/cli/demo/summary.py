"""What was dropped beside what the journal says of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from statistics import median
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from raman_edge import record as records
from raman_edge.record import FaultRecord, Result
from raman_edge.ui.look import ASCII, PLAIN, QUIET, STRONG, STYLE, UNICODE
from raman_edge.ui.rows import Frame, fit, title, wrapped
from raman_edge.ui.terminal import needs_ascii

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from raman_edge.cli.demo.exposures import Exposure
    from raman_edge.cli.demo.instrument import Dropped
    from raman_edge.journal import Journal
    from raman_edge.record import Record
    from raman_edge.ui.look import Look
    from raman_edge.ui.rows import Row

Judgement = Literal["right", "wrong", "open"]
SIGNS = {"right": "match", "wrong": "rejected", "open": "waiting"}
"""Name of the sign of each judgement."""
FILE, MEASURED, TIME, AFTER = 20, 30, 12, 9
"""Cells of the columns; the answer has the rest."""
NARROW = 100
"""Columns below which the time of the identification is left out."""
CAVEAT = "Simulated exposures of library minerals: they show that everything runs, not how well real spectra are named."
BROAD = 110
"""Most cells of the table."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One dropped file and its answer."""

    exposure: Exposure
    answer: str
    """In words; data."""
    judgement: Judgement
    ms: float | None
    """From the bytes to the answer; None where there is none."""
    after_s: float | None
    """From the last byte on disk to the record, s; None where there is none."""


def compare(dropped: Sequence[Dropped], journal: Journal) -> list[Compared]:
    """Return a row for every dropped file."""
    said = {PurePath(record.source.path).name: record for record in map(records.decode, journal.records())}
    return [_compared(drop, said.get(drop.exposure.name)) for drop in dropped]


def unanswered(rows: Sequence[Compared]) -> int:
    """Return how many files have no record."""
    return sum(row.judgement == "open" for row in rows)


def print_summary(rows: Sequence[Compared], *, to_stdout: bool) -> None:
    """Print the table and what it comes to, on standard output or, where that carries records, on standard error."""
    console = Console(file=sys.stdout if to_stdout else sys.stderr, highlight=False)
    look = ASCII if needs_ascii(console) else UNICODE
    width = min(BROAD, console.width) if console.is_terminal else BROAD
    console.print(Frame(tuple(table(rows, width, look))), soft_wrap=True)
    console.line()


def table(rows: Sequence[Compared], width: int, look: Look) -> list[Row]:
    """Return the summary as rows of ``width`` cells."""
    time = TIME if width >= NARROW else 0
    sizes = (FILE, MEASURED, max(0, width - FILE - MEASURED - time - AFTER), time, AFTER)
    heads = ("  file", "measured (simulated)", "answered", "identified", "after")
    lines: list[Row] = [title("demo", width, look), _line(heads, [QUIET] * 5, sizes, look)]
    for row in rows:
        sign = SIGNS[row.judgement]
        ms = "" if row.ms is None else f"{row.ms:6.1f} ms"
        after = "" if row.after_s is None else f"{row.after_s:5.2f} s"
        texts = (row.exposure.name, described(row.exposure), row.answer, ms, after)
        styles = (PLAIN, QUIET, PLAIN if row.judgement == "right" else STYLE[sign], QUIET, QUIET)
        lines.append(((f"{look.sign[sign]} ", STYLE[sign]), *_line(texts, styles, (sizes[0] - 2, *sizes[1:]), look)))
    said = [((line, STRONG),) for line in wrapped(totals(rows), width, 3, look)]
    return [fit(row, width) for row in (*lines, (), *said, *(((line, QUIET),) for line in wrapped(CAVEAT, width, 3, look)))]


def totals(rows: Sequence[Compared]) -> str:
    """Return what the table comes to, in one sentence."""
    missing = unanswered(rows)
    right = sum(row.judgement == "right" for row in rows)
    words = f"{len(rows)} files dropped, {len(rows) - missing} in the journal, "
    words += f"{missing} not answered when it ended" if missing else "nothing lost"
    times = [row.ms for row in rows if row.ms is not None]
    delays = [row.after_s for row in rows if row.after_s is not None]
    if times and delays:
        words += f"; {right} right; identified in {median(times):.1f} ms, answered {median(delays):.2f} s after the last byte (medians)"
    return words


def described(exposure: Exposure) -> str:
    """Return what was measured, in words."""
    more = {"mineral": "", "stranger": ", not in library", "saturated": ", saturated", "broken": ""}
    return exposure.label + more[exposure.kind]


def _line(texts: Sequence[str], styles: Sequence[Style], sizes: Sequence[int], look: Look) -> Row:
    """Return one row of the table, the columns two cells apart."""
    row: Row = ()
    for text, style, size in zip(texts, styles, sizes, strict=True):
        row = (*row, *fit(((look.safe(text, max(0, size - 2)), style),), size))
    return row


def _compared(drop: Dropped, said: Record | None) -> Compared:
    if said is None:
        return Compared(drop.exposure, "not yet", "open", None, None)
    after_s = (datetime.fromisoformat(said.ts) - drop.at).total_seconds()
    ms = said.ms.total if isinstance(said, Result) else None
    return Compared(drop.exposure, _words(said), "right" if is_right(drop.exposure, said) else "wrong", ms, after_s)


def _words(said: Record) -> str:
    if isinstance(said, FaultRecord):
        return "no spectrum"
    words = {"match": said.matches[0].label, "ambiguous": said.why[0] if said.why else "ambiguous"}.get(said.decision, said.decision)
    return f"{words}, saturated" if said.quality.saturated else words


def is_right(exposure: Exposure, said: Record) -> bool:
    """Whether the answer is what it should be: a name, "one of" names with it among them, "unknown", a doubt, or a fault."""
    if exposure.kind == "broken" or isinstance(said, FaultRecord):
        return exposure.kind == "broken" and isinstance(said, FaultRecord)
    if exposure.kind == "stranger":
        return said.decision == "unknown"
    named = said.decision == "match" and said.matches[0].label == exposure.label
    among = said.decision == "ambiguous" and exposure.label in (said.why[0] if said.why else "")
    return (named or among) and (exposure.kind != "saturated" or said.quality.saturated is True)
