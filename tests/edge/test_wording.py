"""Every surface says the same of an answer: screen, description, page, lists, table, record and saved file follow one decision."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import build
import journals
import pytest
import report_pages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge import records, wording
from raman_edge.cli import journal_records, record_text
from raman_edge.matching.identify import identify
from raman_edge.matching.ranking import Candidate, PredictionSets, Ranking, decide, objections
from raman_edge.outputs.files import COLUMNS, cells
from raman_edge.peaks import MatchedPeak, PeakMatch, UnmatchedPeak
from raman_edge.quality import Quality
from raman_edge.service import display
from raman_edge.terminal import theme
from raman_edge.terminal.headline import describe
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import fold
from raman_edge.wording import ANSWERS, IF, MEANING, NAMED, title
from rich.console import Console
from screens import EMPTY

if TYPE_CHECKING:
    from raman_edge.matching.identify import Reading
    from raman_edge.records import ResultRecord

LABELS = ("Quartz", "Calcite", "Gypsum", "Zircon")
HEIGHTS = st.sampled_from([0.05, 0.19, 0.2, 0.5, 1.0])


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """One real reading with whatever may be known of it, and the decision that follows."""
    model, library = journals.pair()
    seen = identify(build.spectrum("Quartz", 3), model, library)
    lone = st.lists(st.builds(UnmatchedPeak, st.sampled_from([281.0, 712.0, 1086.0]), HEIGHTS), max_size=2).map(tuple)
    found = PeakMatch((MatchedPeak(at=464.0, reference=464.0, delta=0.0, height=1.0, reference_height=1.0),), draw(lone), draw(lone))
    scores = draw(st.sampled_from([(0.97, 0.02, 0.01, 0.0), (0.7, 0.2, 0.1, 0.0), (0.4, 0.3, 0.2, 0.1)]))
    similarity = draw(st.sampled_from([0.2, 0.48, 0.52, 0.6, 0.95]))
    matches = tuple(Candidate(label, score, similarity, found) for label, score in zip(LABELS, scores, strict=True))
    size = draw(st.integers(1, 3))
    ranking = Ranking(matches, PredictionSets(LABELS[:size], LABELS[: size + 1]), 0.9, "Quartz", similarity)
    quality = draw(st.sampled_from([seen.quality, Quality(2.0, None, 1.0), replace(seen.quality, saturated=True)]))
    claims = model.card.claims if draw(st.booleans()) else model.card.claims._replace(sets=False, known=False)
    rule = model.card.decision
    return replace(seen, quality=quality, verdict=decide(ranking, quality, rule, claims))


def recorded(reading: Reading) -> ResultRecord:
    """Return the record of a reading, as it comes back from its line."""
    model, library = journals.pair()
    record = records.decode(records.encode(records.of(reading, records.provenance(model, library))))
    assert isinstance(record, records.ResultRecord)
    return record


def surfaces(reading: Reading) -> dict[str, str]:
    """Return the text of everything that shows an answer, by name."""
    record = recorded(reading)
    line = records.encode(record).decode()
    console = Console(file=io.StringIO(), width=200)
    console.print(describe(reading))
    return {
        "screen": render(fold(EMPTY, reading), 200, 60).text,
        "description": console.file.getvalue(),  # type: ignore[attr-defined]  # the StringIO above
        "page": report_pages.Taken(report_pages.text(report_pages.subject(record, reading.spectrum, report_pages.at_hand()))).text,
        "list": record_text.brief(line, 30),
        "show": "\n".join(f"{name} {value}" for name, value in journal_records._result(record)),
        "table": "; ".join(cells(record)),
        "record": line,
        "saved": "\n".join(display._lines(reading)).split("Raman shift")[0],
    }


@given(readings())
@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
def test_every_surface_follows_the_decision(reading: Reading) -> None:
    """Words, names, probabilities and sets on every surface are those of the one decision, and none contradicts it."""
    verdict, record, shown = reading.verdict, recorded(reading), surfaces(reading)
    words = str(title(verdict.decision, verdict.names))
    assert (record.decision, record.names, record.why) == (verdict.decision, verdict.names, verdict.doubts)
    for name in ("screen", "description", "page", "show", "saved"):
        assert words in shown[name], name
    assert str(title(verdict.decision, verdict.names, record_text.MOST)) in shown["list"]
    for reason in verdict.doubts:
        assert all(reason in shown[name] for name in ("page", "show", "table", "record"))
    assert MEANING[verdict.decision] in shown["page"]
    # A tick, and "match", only where the answer is one.
    for name in ("screen", "description", "page"):
        assert ("✓" in shown[name]) is (verdict.decision == "match"), name
    # What names nothing has no probability and no set, nor has a model that was not measured.
    claimed = verdict.decision in NAMED and record.one_of is not None
    for name in ("description", "page", "show"):
        assert (IF in shown[name]) is claimed or (verdict.decision == "match" and name == "description"), name
        assert ("of 100 cases one of" in shown[name]) <= claimed, name
    row = dict(zip(COLUMNS, cells(record), strict=True))
    assert (row["label"] != "") is bool(verdict.names)
    assert (row["score"] != "") is (row["one_of_90"] != "") is claimed
    assert (row["known"] != "") is (record.known is not None)
    document = json.loads(shown["record"])
    assert all((match["score"] is not None) is claimed for match in document["matches"])
    assert (document["one_of"] is not None) is claimed
    # The one rule of the issue, on the record itself.
    if record.decision == "match":
        assert record.known is None or record.known >= 0.5
        assert not objections(record.matches[0], record.known)


@pytest.mark.parametrize("answer", [*ANSWERS, "fault"])
def test_every_answer_has_a_sign_of_its_own(answer: str) -> None:
    """No two answers share a sign, in Unicode or in ASCII, and each has a style and a meaning."""
    for one in (theme.UNICODE, theme.ASCII):
        assert [name for name in (*ANSWERS, "fault") if one.sign[name] == one.sign[answer]] == [answer]
    assert answer in theme.STYLE
    assert answer in MEANING
    assert (theme.UNICODE.sign["match"], theme.UNICODE.sign["possible"]) == ("✓", "?")


@pytest.mark.parametrize(
    ("decision", "names", "words"),
    [
        ("match", ("Quartz",), "Quartz"),
        ("possible", ("Quartz",), "perhaps Quartz"),
        ("possible", ("A", "B"), "perhaps one of A, B"),
        ("ambiguous", ("A", "B", "C", "D", "E"), "one of A, B, C, D or 1 more"),
        ("unknown", (), "unknown"),
        ("unknown", ("Quartz",), "unknown"),
        ("rejected", (), "rejected"),
    ],
)
def test_titles(decision: str, names: tuple[str, ...], words: str) -> None:
    """An answer is a name, perhaps one, one of several, or its decision; what names nothing has no name, whatever a record holds."""
    assert str(title(decision, names)) == words


def test_a_report_marks_an_old_match_that_would_not_match_today() -> None:
    """A record of version 1 keeps its decision; its page has the rules, and today's evidence against it."""
    fields = json.loads(records.encode(report_pages.result())) | {"v": 1, "known": 0.22}
    del fields["names"]
    old = records.decode(json.dumps(fields))
    assert isinstance(old, records.ResultRecord)
    shown = report_pages.Taken(report_pages.text(report_pages.subject(old, report_pages.spectrum()))).text
    assert "Decided by the rules of version 1" in shown
    assert "more likely not in the library than in it" in shown
    assert (
        "version 1"
        not in report_pages.Taken(report_pages.text(report_pages.subject(report_pages.result(), report_pages.spectrum()))).text.split(
            "Journal"
        )[0]
    )


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.5, 0, "50%"),
        (0.998, 0, ">99%"),
        (0.9999, 1, ">99.9%"),
        (1.0, 0, "100%"),
        (0.0, 1, "0.0%"),
        (0.0004, 1, "<0.1%"),
        (0.0004, 2, "0.04%"),
        (0.00004, 2, "<0.01%"),
        (0.994, 0, "99%"),
    ],
)
def test_rounding_makes_neither_nothing_nor_certainty(share: float, digits: int, text: str) -> None:
    """A small probability is not shown as 0, and one below certainty not as 100."""
    assert wording.percent(share, digits) == text


def test_a_tally_counts_in_the_order_of_certainty() -> None:
    """With plurals, and the failed files always."""
    assert wording.tally({"unknown": 1, "match": 2, "fault": 3}) == "2 matches, 1 unknown; 3 failed"
    assert wording.tally({"match": 1}) == "1 match; 0 failed"
    assert wording.tally({}) == "nothing identified; 0 failed"


def test_a_noun_has_its_plural() -> None:
    """An irregular one is given."""
    assert [wording.counted(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert wording.counted(2, "spectrum", "spectra") == "2 spectra"


@pytest.mark.parametrize(
    ("decision", "names", "group", "words"),
    [
        ("group", ("Albite", "Oligoclase"), "plagioclase feldspar", "plagioclase feldspar: Albite or Oligoclase"),
        ("group", ("A", "B", "C"), "g", "g: A, B or C"),
        ("group", ("A", "B", "C", "D", "E", "F"), "g", "g: A, B, C, D or 2 more"),
        ("possible", ("A", "B"), "g", "perhaps g: A or B"),
        ("ambiguous", ("A", "B"), None, "one of A, B"),
    ],
)
def test_a_group_in_words(decision: str, names: tuple[str, ...], group: str | None, words: str) -> None:
    """The group stands before its members, the last of them after "or"."""
    assert str(wording.title(decision, names, group=group)) == words


def test_what_the_user_added_is_marked() -> None:
    """A label that only the user's references have is marked in the answer; one that a pack has too is not."""
    candidates = (Candidate("Beaker 7", 0.9, 0.9, packs=(wording.USER,)), Candidate("Quartz", 0.1, 0.5, packs=("minerals", wording.USER)))
    assert str(wording.title("ambiguous", ("Beaker 7", "Quartz"), candidates=candidates)) == "one of Beaker 7 (user library), Quartz"
    assert [wording.marked(one) for one in candidates] == ["Beaker 7 (user library)", "Quartz"]


def test_chemistry_beside_a_name() -> None:
    """The first synonym and the formula, with its numbers below the line where the terminal can."""
    assert wording.chemistry(("calcium carbonate", "chalk"), "CaCO3") == "calcium carbonate, CaCO₃"
    assert wording.chemistry((), "CaSO4·2H2O") == "CaSO₄·2H₂O"
    assert wording.chemistry(("polyethylene",), "(C2H4)n", ascii_only=True) == "polyethylene, (C2H4)n"
    assert wording.chemistry((), "") == ""
