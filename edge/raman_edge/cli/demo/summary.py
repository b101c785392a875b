"""The story's end: what was measured beside what was answered, and the proof that nothing was lost."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console

from raman_edge import records, wording
from raman_edge.cli.demo import judging
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.terminal.rows import Frame, fit, title, wrapped
from raman_edge.terminal.terminal import needs_ascii
from raman_edge.terminal.theme import ASCII, PLAIN, QUIET, STRONG, STYLE, UNICODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from raman_edge.cli.demo.burst import Dropped
    from raman_edge.cli.demo.exposures import Exposure
    from raman_edge.cli.demo.judging import Judgement
    from raman_edge.cli.demo.proof import Proof
    from raman_edge.cli.demo.story import Played
    from raman_edge.journal import Journal
    from raman_edge.records import Record
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.theme import Theme

SIGNS = {"right": "match", "wrong": "rejected", "open": "ambiguous", "missing": "waiting"}
"""Name of the sign of each judgement."""
FAULTS = ("fault", "faults")
SHARE = 0.56
"""Of the width, for what happened; the answer has the rest."""
TIME = 10
"""Cells of the time."""
LISTED = 8
"""Files that have a line of their own, of those whose answer is not the right one; all are counted."""
NARROW = 100
"""Columns below which it is left out."""
CAVEAT = (
    "Simulated light, from the library's own peak tables: it shows that everything runs, not how well real spectra are named. "
    "? is the right name with a doubt, ≈ an answer beside which others are as honest."
)
BROAD = 120
"""Most cells of the table."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    happened: str
    answer: str
    """In words; data."""
    judgement: Judgement
    ms: float | None = None
    """From the last byte to the answer; None where there is none."""
    doubted: bool = False
    """Whether the name was given with a doubt: then even the right one has no tick."""


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
    held = map(records.decode, journal.records())
    said = {PurePath(record.source.path).name: record for record in held if record.source.kind == "file"}
    return [_compared(drop, said.get(drop.exposure.name)) for drop in dropped]


def of_story(played: Sequence[Played]) -> list[Line]:
    """Return a line for each act."""
    return [_line(one, judging.last(one.said)) for one in played]


def _line(one: Played, result: ResultRecord | None) -> Line:
    doubted = one.calibrated is None and result is not None and result.decision == "possible"
    return Line(one.act.title, _told(one), judging.of_act(one), _ms(result), doubted)


def _told(one: Played) -> str:
    """Return what came of an act, in words."""
    result, faults = judging.last(one.said), one.faults
    words = "nothing" if result is None else _words(result)
    if one.calibrated is not None:
        words = one.calibrated.words
    spikes = f", {one.spikes} spiked values left out" if one.spikes else ""
    return f"{words}{spikes}{f', {faults} {FAULTS[faults > 1]} told' if faults else ''}"


def _ms(said: Record | None) -> float | None:
    return said.ms.total if isinstance(said, ResultRecord) else None


def of_burst(rows: Sequence[Compared]) -> list[Line]:
    """Return one line for the burst, and one for each of the first files whose answer is not the right one."""
    if not rows:
        return []
    counts = Counter(row.judgement for row in rows)
    times = [row.ms for row in rows if row.ms is not None]
    delays = [row.after_s for row in rows if row.after_s is not None]
    words = ", ".join(f"{counts[name]} {name}" for name in ("right", "wrong", "missing") if counts[name])
    if delays:
        words += f", after {median(delays):.1f} s"
    verdict: Judgement = "missing" if counts["missing"] else "wrong" if counts["wrong"] else "right"
    first = Line(f"{len(rows)} files in a burst, one of them broken", words, verdict, median(times) if times else None)
    others = [row for row in rows if row.judgement != "right"]
    shown = others[:LISTED]
    return [first, *(Line(f"  {row.exposure.name}: {described(row.exposure)}", row.answer, row.judgement, row.ms) for row in shown)]


def print_summary(lines: Sequence[Line], proof: Proof, seconds: float, *, to_stdout: bool) -> None:
    """Print the table and what it comes to, on standard output or, where that carries records, on standard error."""
    console = Console(file=sys.stdout if to_stdout else sys.stderr, highlight=False)
    look = ASCII if needs_ascii(console) else UNICODE
    width = min(BROAD, console.width) if console.is_terminal else BROAD
    console.print(Frame(tuple(table(lines, proof, seconds, width, look))), soft_wrap=True)
    console.line()


def table(lines: Sequence[Line], proof: Proof, seconds: float, width: int, look: Theme) -> list[Row]:
    """Return the summary as rows of ``width`` cells."""
    time = TIME if width >= NARROW else 0
    happened = int((width - time) * SHARE)
    sizes = (happened, width - happened - time, time)
    rows: list[Row] = [title("demo", width, look), _row(("  what happened", "answered", "named in"), [QUIET] * 3, sizes, look)]
    for line in lines:
        sign = "possible" if line.doubted and line.judgement == "right" else SIGNS[line.judgement]
        ms = "" if line.ms is None else f"{line.ms:.1f} ms"
        styles = (PLAIN, PLAIN if line.judgement == "right" else STYLE[sign], QUIET)
        cells = _row((line.happened, line.answer, ms), styles, (sizes[0] - 2, *sizes[1:]), look)
        rows.append(((f"{look.sign[sign]} ", STYLE[sign]), *cells))
    said: list[Row] = [(), *(((text, STRONG),) for part in proved(proof, seconds) for text in wrapped(look.safe(part), width, 3, look))]
    said += [((text, QUIET),) for text in wrapped(look.safe(CAVEAT), width, 3, look)]
    return [fit(row, width) for row in (*rows, *said)]


def proved(proof: Proof, seconds: float) -> list[str]:
    """Return the proof in sentences: instrument, folder, journal, and what it comes to."""
    link, whole = proof.link, proof.wrong or "each as it was written"
    parts = (
        (link.in_spectra, f"in {link.spectra} spectra"),
        (link.searching, "to find the exposure"),
        (link.counters.stale, "still of the exposure before"),
        (link.told, "broken and told"),
        (link.unfinished, "of spectra that were not finished"),
        (link.lost, "on the line when it ended" if proof.early else "LOST"),
    )
    again = f"; link opened again: {link.counters.reconnects}" if link.counters.reconnects else ""
    return [
        f"Instrument: {link.sent} exposures sent = {' + '.join(f'{count} {what}' for count, what in parts if count) or 'none'}{again}.",
        f"Folder: {proof.dropped} files dropped, {proof.filed} in the journal.",
        f"Journal: {proof.expected} answers given, {proof.rows} rows verified, {whole}; chain {proof.head[:16]}.",
        f"{'Nothing lost' if proof.holds else 'NOT PROVED'}{', ended early' if proof.early else ''}; {seconds:.0f} s.",
    ]


def described(exposure: Exposure) -> str:
    """Return what was measured, in words."""
    more = {"mineral": "", "stranger": ", not in library", "saturated": ", saturated", "broken": ""}
    return exposure.label + more[exposure.kind]


def _row(texts: Sequence[str], styles: Sequence[Style], sizes: Sequence[int], look: Theme) -> Row:
    """Return one row of the table, the columns two cells apart."""
    row: Row = ()
    for text, style, size in zip(texts, styles, sizes, strict=True):
        row = (*row, *fit(((look.safe(text, max(0, size - 2)), style),), size))
    return row


def _compared(drop: Dropped, said: Record | None) -> Compared:
    judgement = judging.of_file(drop.exposure, said)
    if said is None:
        return Compared(drop.exposure, "not yet", judgement, None, None)
    after_s = (datetime.fromisoformat(said.ts) - drop.at).total_seconds()
    return Compared(drop.exposure, _words(said), judgement, _ms(said), after_s)


def _words(said: Record) -> str:
    if isinstance(said, FaultRecord):
        return "no spectrum"
    words = wording.title(said.decision, said.names)
    return f"{words}, saturated" if said.quality.saturated else str(words)
