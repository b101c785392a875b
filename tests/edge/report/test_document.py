"""The page of a result says everything that is known of it, and nothing else; it needs nothing but itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import journals
import msgspec
import pytest
import raman_edge.report
import report_pages
from raman_edge import __version__
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.peaks import MatchedPeak, PeakMatch, UnmatchedPeak
from raman_edge.quality import Quality
from raman_edge.records import CalibrationRef, ModelRef, RecordSource, ResultRecord
from raman_edge.report import ENVIRONMENT
from raman_edge.wording import MEANING

HOSTILE = "<img src=x onerror=alert(1)>\"'\x1b\u202e"
SHOWN = "<img src=x onerror=alert(1)>\"'\\x1b\\u202e"
ZONE = timezone(timedelta(hours=5, minutes=30))


def matched() -> ResultRecord:
    """Return a match."""
    record = report_pages.result()
    assert record.decision == "match"
    return record


def page(record: ResultRecord, **options: object) -> report_pages.Taken:
    """Return the page of an answer to the first spectrum."""
    return report_pages.Taken(
        report_pages.text(report_pages.subject(record, report_pages.spectrum(), options.get("means", report_pages.at_hand())), zone=ZONE)
    )  # type: ignore[arg-type]  # an option of ours


def test_a_match_is_reported_completely() -> None:
    """Answer, candidates, sets, peaks, quality, source, calibration, model, times and journal are all there."""
    record = matched()
    model, library = journals.pair()
    seen = page(record).text
    for part in (
        "Quartz",
        "match",
        f"{record.matches[0].score:.1%}",
        "in 90 of 100 cases",
        "neither the file nor the instrument",
    ):
        assert part in seen
    for part in (record.source.path, record.source.sha256 or "", "as the instrument wrote it", model.sha256, library.sha256, record.id):
        assert part in seen
    for part in ("lines written down by hand", "e" * 64, "2026-03-01 12:00:00 UTC", "2026-03-01 17:30:00 +0530 local", __version__):
        assert part in seen
    assert f"total {record.ms.total:.1f} ms" in seen


def test_peaks_are_listed_by_kind() -> None:
    """The table names each peak as matched, missing or extra, in order, and the picture marks each by a sign of its own."""
    found = PeakMatch((MatchedPeak(464.2, 463.8, 0.4, 1.0, 1.0),), (UnmatchedPeak(206.0, 0.4),), (UnmatchedPeak(980.0, 0.3),))
    record = matched()
    best = replace(record.matches[0], peaks=found)
    taken = page(msgspec.structs.replace(record, matches=(best, *record.matches[1:])))
    assert re.search(r"△ missing – 206\.0 0\.40 ▲ matched 464\.2 463\.8 \+0\.4 1\.00 \+ extra 980\.0 – 0\.30", taken.text)
    drawn = taken.values("class")
    assert [drawn.count(f"sign {kind}") for kind in ("matched", "missing", "extra")] == [1, 1, 1]
    assert [drawn.count(f"stick {kind}") for kind in ("matched", "missing")] == [1, 1]


@pytest.mark.parametrize(
    ("decision", "names", "title"),
    [
        ("match", ("Quartz",), "Quartz"),
        ("possible", ("Quartz",), "perhaps Quartz"),
        ("possible", ("Quartz", "Gypsum"), "perhaps one of Quartz, Gypsum"),
        ("ambiguous", ("Quartz", "Calcite"), "one of Quartz, Calcite"),
        ("ambiguous", tuple("ABCDEFG"), "one of A, B, C, D or 3 more"),
        ("unknown", (), "unknown"),
        ("rejected", (), "rejected"),
    ],
)
def test_every_answer_has_its_title_and_reason(decision: str, names: tuple[str, ...], title: str) -> None:
    """What is no match is a title too, with what it means and why."""
    record = msgspec.structs.replace(matched(), decision=decision, names=names, why=("because of the test",))
    taken = page(record)
    assert str(report_pages.subject(record).title) == title
    assert title in taken.text
    assert MEANING[decision] in taken.text
    assert "because of the test" in taken.text
    assert ("Probability" in taken.text) is (decision == "match")


def test_a_fault_has_its_page() -> None:
    """A file that holds no spectrum is filed too: why, where, when, and its place in the journal."""
    seen = report_pages.Taken(report_pages.text(report_pages.subject(report_pages.fault()))).text
    assert "Not read" in seen
    assert "it is no spectrum" in seen
    assert "in/bad.csv" in seen
    assert "e" * 64 in seen
    assert "Candidates" not in seen


def test_everything_from_outside_is_escaped() -> None:
    """Labels, reasons, paths and model names with markup, controls, overrides and half pairs stay text in every place."""
    record = matched()
    hostile = msgspec.structs.replace(
        record,
        decision="ambiguous",
        names=(HOSTILE, "Quartz"),
        source=RecordSource("file", f"/in/{HOSTILE}", HOSTILE),
        why=(HOSTILE,),
        matches=(Candidate(HOSTILE, 0.5, 0.5, record.matches[0].peaks),),
        one_of=PredictionSets((HOSTILE, "Quartz"), (HOSTILE,)),
        model=ModelRef(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        calibration=CalibrationRef(HOSTILE, 1.0, None),
    )
    measured = replace(report_pages.spectrum(), meta={HOSTILE: f"{HOSTILE}\ud800"})
    document = report_pages.text(*2 * [report_pages.subject(hostile, measured, report_pages.at_hand())])
    document.encode()
    plain = report_pages.text(
        *2 * [report_pages.subject(msgspec.structs.replace(record, decision="ambiguous"), report_pages.spectrum(), report_pages.at_hand())]
    )
    taken = report_pages.Taken(document)
    assert set(taken.tags) <= set(report_pages.Taken(plain).tags) | {"ul", "li"}
    assert not [name for _, name, _ in taken.attributes if name.startswith("on")]
    assert taken.words.count(SHOWN) >= 10
    assert "\u202e" not in document


def test_the_page_is_self_contained() -> None:
    """Nothing is loaded, run or linked outside, and a policy forbids it to the browser."""
    taken = page(matched())
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in taken.values("content")
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(taken.tags)
    assert not taken.values("src") + taken.values("style")
    assert "url(" not in report_pages.text(report_pages.subject(matched()))
    assert "http" not in re.sub(r'http-equiv="', "", report_pages.text(report_pages.subject(report_pages.fault())))


def test_the_same_result_gives_the_same_bytes() -> None:
    """Nothing of the moment or of chance is on a page."""
    subjects = [report_pages.of(journals.answer(number, label)) for number, label in enumerate(("Quartz", "Calcite"))]
    assert report_pages.text(*subjects) == report_pages.text(*subjects)


@pytest.mark.parametrize("lost", ["model", "library", "all"])
def test_missing_means_are_reported_not_guessed(lost: str) -> None:
    """With another model or library, or none, the reference beyond the record is left out, and the page states it."""
    means = report_pages.at_hand()
    here = {
        "model": replace(means, sha256="a" * 64),
        "library": replace(means, library=replace(means.library, sha256="b" * 64)),
        "all": None,
    }
    taken = page(matched(), means=here[lost])
    assert "reference" not in taken.values("class")
    assert "Below are only the peaks of the candidate that the record contains" in taken.text
    expected = {"model": "Another model answered", "library": "Another library was searched", "all": "No model was opened"}
    assert expected[lost] in taken.text
    assert ("lines written down by hand" in taken.text) == (lost == "library")


def test_with_all_at_hand_nothing_is_lacking() -> None:
    """With model and library at hand the reference's lines are drawn from its table."""
    taken = page(matched())
    assert taken.values("class").count("reference") == 1
    assert "lacks" not in taken.values("class")


def test_a_deleted_spectrum_is_reported() -> None:
    """Without its spectrum a result has a page with its digest and without a picture."""
    taken = report_pages.Taken(report_pages.text(report_pages.subject(matched(), None, report_pages.at_hand())))
    assert "figure" not in taken.tags
    assert "not kept; its SHA-256 is" in taken.text


def test_names_in_a_title_do_not_turn_each_other() -> None:
    """Each name of several stands in an element of its own: one that is written from right to left moves no comma."""
    record = msgspec.structs.replace(matched(), decision="ambiguous", names=("Quartz", "قلقديس", "石英"))
    document = report_pages.text(report_pages.subject(record, report_pages.spectrum()))
    assert "<h1>one of <bdi>Quartz</bdi>, <bdi>قلقديس</bdi>, <bdi>石英</bdi></h1>" in document


def test_a_card_has_room_for_its_answer_only() -> None:
    """A long answer and a long file name are cut on the contact sheet and whole on the page."""
    long = "Magnesio-hornblende " * 20
    record = msgspec.structs.replace(matched(), source=RecordSource("file", f"/in/{long}.csv"), decision="match")
    record = msgspec.structs.replace(record, names=(long,), matches=(replace(record.matches[0], label=long), *record.matches[1:]))
    document = report_pages.text(report_pages.subject(record, report_pages.spectrum()), report_pages.subject(report_pages.fault()))
    sheet, page = document.split("<article")[:2]
    assert "Magnesio-hornblende" in sheet
    assert long[:100] not in sheet
    assert long.strip() in page


def test_a_calibration_is_shown() -> None:
    """The calibration's id, age and residual stand on the page."""
    record = msgspec.structs.replace(matched(), calibration=CalibrationRef("f" * 64, 3.25, 0.41))
    seen = page(record).text
    assert "f" * 64 in seen
    assert "3.25 days at identification" in seen
    assert "0.41 cm⁻¹ rms" in seen


def test_bad_quality_is_a_word_and_a_sign() -> None:
    """A light that is not good is also written as words as well."""
    seen = page(msgspec.structs.replace(matched(), quality=Quality(2.0, True, 0.5))).text  # noqa: FBT003 - saturated
    assert "bad: 2 (at least 5)" in seen
    assert "bad: yes" in seen
    assert "caution: 50%" in seen


def test_several_results_have_a_contact_sheet() -> None:
    """Before the pages stands a card for each result, in their order, that leads to its page."""
    subjects = [report_pages.of(journals.answer(number, label)) for number, label in enumerate(("Quartz", "Calcite", "Gypsum"))]
    taken = report_pages.Taken(report_pages.text(*subjects, report_pages.subject(report_pages.fault())))
    links = taken.values("href")
    assert links == [f"#{subject.anchor}" for subject in subjects] + [f"#r-{report_pages.fault().id}"]
    assert [link[1:] for link in links] == [value for tag, name, value in taken.attributes if (tag, name) == ("article", "id")]
    assert "4 results" in taken.text
    assert "3 match, 1 fault" in taken.text
    assert [taken.tags.count(tag) for tag in ("nav", "h1", "h2")] == [1, 1, 4]


def test_one_result_is_one_page_alone() -> None:
    """A single result has no contact sheet, and its answer is the title."""
    taken = page(matched())
    assert [taken.tags.count(tag) for tag in ("nav", "h1", "h2", "article")] == [0, 1, 0, 1]
    assert "Quartz – raman-edge" in taken.text


def test_counts_outside_the_models_range_do_not_flatten_the_rest() -> None:
    """A laser line outside what the model sees is cut at the picture's edge, and the page gives its height."""
    measured = report_pages.spectrum()
    counts = measured.counts.copy()
    counts[-1] = 9e6
    model = report_pages.at_hand()
    assert measured.axis.stop < model.card.recipe.axis.stop
    inside = report_pages.subject(matched(), replace(measured, counts=counts), model)
    assert "the counts reach" not in report_pages.text(inside)
    axis = replace(measured.axis, shift=measured.axis.shift + 200.0)
    assert "the counts reach 9e+06" in report_pages.text(
        report_pages.subject(matched(), replace(measured, counts=counts, axis=axis), model)
    )


def test_templates_go_into_the_wheel() -> None:
    """The templates are files of the package, which the wheel takes whole, and are not ignored by git."""
    root = Path(__file__).parents[3]
    if not (root / "edge" / "raman_edge").is_dir():
        pytest.skip("needs the repository")
    folder = Path(raman_edge.report.__file__).parent / "templates"
    assert {path.name for path in folder.iterdir()} == set(ENVIRONMENT.list_templates())
    build = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert "edge/raman_edge" in build["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_without_jinja_the_message_names_the_extra() -> None:
    """Without the package that renders the templates, the command ends with what to install."""
    program = "import sys; sys.modules['jinja2'] = None; import raman_edge.report"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert "pip install 'raman-edge[report]'" in ended.stderr.splitlines()[-1]
    assert "ConfigError" in ended.stderr.splitlines()[-1]
