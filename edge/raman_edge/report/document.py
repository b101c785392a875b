"""The whole document: one result is one page; several have a contact sheet before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.records import ResultRecord
from raman_edge.report import evidence, figure, provenance, sheet, words
from raman_edge.report.markup import NOTHING, Html, datum, escaped, joined, tag
from raman_edge.report.style import STYLE
from raman_edge.terminal.theme import UNICODE
from raman_edge.wording import IF, MEANING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from raman_edge.report.subject import ReportedResult
    from raman_edge.wording import Title

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may load for the page: nothing."""
HEAD = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>{STYLE}</style></head><body>
"""


def document(subjects: Sequence[ReportedResult], zone: tzinfo | None = None) -> Iterator[str]:
    """Give the lines of one HTML document about one result or more: the same ones for the same results.

    Times are in UTC and in ``zone``; None is that of this machine.
    """
    single = len(subjects) == 1
    name = str(words.title(subjects[0].record)) if single else f"{len(subjects)} results"
    yield HEAD.replace("%s", escaped(f"{name} – raman-edge"))
    if not single:
        yield from (f"{part.text}\n" for part in sheet.sheet(subjects))
    for subject in subjects:
        yield f"{page(subject, zone, 'h1' if single else 'h2').text}\n"
    yield "</body></html>\n"


def page(subject: ReportedResult, zone: tzinfo | None, heading: str) -> Html:
    """Return the page of one result under a heading of that level."""
    said, spectrum = subject.record, subject.held.spectrum
    drawn = figure.picture(subject, spectrum) if spectrum is not None else NOTHING
    parts = evidence.sections(said) if isinstance(said, ResultRecord) else ()
    facts = tag("div", *parts, *provenance.sections(subject, zone), _signature(), class_="facts-of")
    return tag("article", _head(subject, heading), drawn, facts, id=subject.anchor)


def _head(subject: ReportedResult, heading: str) -> Html:
    said = subject.record
    kind = words.decision(said)
    first = tag("p", tag("span", f"{UNICODE.sign[kind]} {kind}", class_=kind), " · ", datum(words.file_name(said.source)), class_="kind")
    score = said.matches[0].score if isinstance(said, ResultRecord) and kind == "match" and said.matches else None
    sure = "" if score is None else f" Probability {score:.1%} {IF}."
    why = tag("ul", *(tag("li", datum(reason)) for reason in words.reasons(said))) if words.reasons(said) else NOTHING
    return tag("header", first, tag(heading, _listed(words.title(said))), tag("p", MEANING[kind] + sure), why)


def _listed(title: Title) -> Html:
    """Return an answer in which each name keeps its direction of writing to itself."""
    names = [part for name in title.names for part in (", ", datum(name))][1:]
    return joined([title.before, *names, title.after])


def _signature() -> Html:
    """Return where a person writes on the paper."""
    lines = (tag("div", tag("span", name)) for name in ("checked by", "date", "signature"))
    return tag("section", tag("h3", "Notes"), tag("div", class_="room"), tag("div", *lines, class_="lines"), class_="sign-off")
