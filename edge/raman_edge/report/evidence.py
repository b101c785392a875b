"""Why an answer is what it is: candidates, the sets that hold the truth, peaks, quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.quality import MIN_COVERAGE, MIN_SNR
from raman_edge.report.markup import NOTHING, Html, datum, facts, joined, section, tag
from raman_edge.terminal.theme import UNICODE
from raman_edge.terminal.widgets import lights
from raman_edge.wording import IF, NAMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.matching.ranking import Candidate
    from raman_edge.peaks import PeakMatch
    from raman_edge.records import ResultRecord

BAR = 120
"""Length of a bar for the probability 1, units of its picture."""
IN_A_SET = 40
"""Names of a set that are written out; the others are counted."""
SATURATED = {True: "yes", False: "no", None: "not known: neither file nor instrument says at how many counts"}


def sections(said: ResultRecord) -> tuple[Html, ...]:
    """Return them as sections."""
    best = said.matches[0] if said.matches else None
    return (_candidates(said.matches), _library(said), _peaks(best) if best else NOTHING, _quality(said))


def _candidates(matches: Sequence[Candidate]) -> Html:
    claimed = any(match.score is not None for match in matches)
    names = ("", *((f"probability, {IF}", "") if claimed else ()), "similarity", "peaks")
    rows = [tag("tr", *(tag("th", name, scope="col") for name in names))]
    rows += [_candidate(match) for match in matches]
    return section("Candidates" if claimed else "Nearest in the library", tag("table", *rows, class_="numbers"))


def _candidate(match: Candidate) -> Html:
    found = match.peaks
    of = len(found.matched) + len(found.missing)
    sure = () if match.score is None else (f"{match.score:.1%}", _bar(match.score))
    cells = (*sure, f"{match.similarity:.3f}", f"{len(found.matched)} of {of}" if of else "–")
    return tag("tr", tag("th", datum(match.label), scope="row"), *(tag("td", cell) for cell in cells))


def _bar(share: float) -> Html:
    filled = tag("rect", width=round(min(max(share, 0.0), 1.0) * BAR), height=10, class_="filled")
    return tag(
        "svg",
        tag("rect", width=BAR, height=10, class_="empty"),
        filled,
        viewBox=f"0 0 {BAR} 10",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )


def _library(said: ResultRecord) -> Html:
    """Return how probable it is that the material is in the library and, where something is named, what holds if it is."""
    rows: list[tuple[str, Html | str]] = [] if said.known is None else [("in the library at all", f"{said.known:.0%}")]
    if said.one_of and said.decision in NAMED:
        sets = (("90", said.one_of.p90), ("95", said.one_of.p95))
        rows += [(f"{IF}, in {share} of 100 cases one of", _names(names)) for share, names in sets]
    return section("Is it in the library?", facts(rows)) if rows else NOTHING


def _names(names: Sequence[str]) -> Html:
    shown: list[Html | str] = []
    for name in names[:IN_A_SET]:
        shown += [", " if shown else "", datum(name)]
    return joined([*shown, f" and {len(names) - IN_A_SET} more" if len(names) > IN_A_SET else ""])


def _peaks(best: Candidate) -> Html:
    """Return the peaks in order of Raman shift."""
    found = best.peaks
    rows = [tag("tr", *(tag("th", name, scope="col") for name in ("", "measured", "reference", "Δ", "height")))]
    rows += [_peak(*row) for row in sorted(_rows(found))]
    title = joined(["Peaks beside those of ", datum(best.label), ", cm⁻¹"])
    table = tag("table", *rows, class_="numbers") if len(rows) > 1 else tag("p", "Neither the spectrum nor the reference has one here.")
    return tag("section", tag("h3", title), table)


def _rows(found: PeakMatch) -> list[tuple[float, str, str, str, str, float]]:
    """Return place, kind, measured, reference, difference and height of each peak."""
    rows = [(p.at, "matched", f"{p.at:.1f}", f"{p.reference:.1f}", f"{p.delta + 0.0:+.1f}", p.height) for p in found.matched]
    rows += [(p.at, "missing", "–", f"{p.at:.1f}", "", p.height) for p in found.missing]
    return rows + [(p.at, "extra", f"{p.at:.1f}", "–", "", p.height) for p in found.extra]


def _peak(_: float, kind: str, measured: str, reference: str, delta: str, height: float) -> Html:
    sign = tag("th", f"{UNICODE.sign[kind]} {kind}", scope="row", class_=kind)
    return tag("tr", sign, *(tag("td", cell) for cell in (measured, reference, delta, f"{height:.2f}")))


def _quality(said: ResultRecord) -> Html:
    quality = said.quality
    values = {
        "signal/noise": f"{quality.snr:g} (at least {MIN_SNR:g})",
        "saturated": SATURATED[quality.saturated],
        "coverage": f"{quality.coverage:.0%} of the model's range (at least {MIN_COVERAGE:.0%})",
    }
    words = {"good": "", "care": "take care: ", "bad": "bad: ", "out": ""}
    judged = lights(quality)
    rows = [(name, joined([tag("span", UNICODE.sign[judged[name]], class_=judged[name]), f" {words[judged[name]]}{value}"]))
            for name, value in values.items()]  # fmt: skip
    return section("Quality", facts(rows))
