"""Many results at one look: a small plot and the answer of each, linked to its page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from raman_edge.records import ResultRecord
from raman_edge.report import figure, words
from raman_edge.report.markup import NOTHING, Html, datum, tag
from raman_edge.terminal.safe import safe_text
from raman_edge.terminal.theme import UNICODE
from raman_edge.wording import ANSWERS, IF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.report.subject import ReportedResult

ROOM = 72
"""Cells of an answer, and of a file's name, on a card."""
ORDER = (*ANSWERS, "fault")


def sheet(subjects: Sequence[ReportedResult]) -> Iterator[Html]:
    """Give the heading, the counts, and one card a result."""
    counts = Counter(words.decision(subject.record) for subject in subjects)
    yield tag("h1", f"{len(subjects)} results")
    yield tag("p", ", ".join(f"{counts[kind]} {kind}" for kind in ORDER if counts[kind]))
    yield tag("nav", *(_card(subject) for subject in subjects), class_="sheet")


def _card(subject: ReportedResult) -> Html:
    said, spectrum = subject.record, subject.held.spectrum
    kind = words.decision(said)
    drawn = figure.small(subject, spectrum) if spectrum is not None else tag("div", "no spectrum", class_="none")
    sure = said.matches[0].score if isinstance(said, ResultRecord) and kind == "match" and said.matches else None
    score = NOTHING if sure is None else tag("span", f"{sure:.0%} {IF}", class_="score")
    name = tag("small", datum(safe_text(words.file_name(said.source), ROOM)))
    head = tag("strong", tag("span", UNICODE.sign[kind], class_=kind), " ", datum(safe_text(str(words.title(said)), ROOM)))
    return tag("a", drawn, tag("div", head, " ", score), name, href=f"#{subject.anchor}")
