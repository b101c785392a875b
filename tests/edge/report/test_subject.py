"""An answer in words, and what can be shown of it."""

from __future__ import annotations

import msgspec
import pytest
import report_pages
from raman_edge.matching.ranking import PredictionSets
from raman_edge.records import FaultRecord, RecordSource, ResultRecord
from raman_edge.report import NAME_CELLS
from raman_edge.wording import ANSWERS, MEANING


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (RecordSource("file", "/data/in/quartz.csv"), "quartz.csv"),
        (RecordSource("file", "C:\\data\\quartz.csv"), "quartz.csv"),
        (RecordSource("file", "map.wdf", None, 41), "map.wdf [42]"),
        (RecordSource("serial", "/dev/ttyUSB0"), "ttyUSB0"),
        (RecordSource("demo", ""), "demo"),
        (RecordSource("file", "/data/folder/"), "folder"),
    ],
)
def test_a_source_has_a_short_name(source: RecordSource, name: str) -> None:
    """The last part of a path on any system, and which spectrum of the file where it is not the first."""
    assert report_pages.subject(report_pages.fault(source=source)).file_name == name


def test_an_answer_without_names_is_still_an_answer() -> None:
    """A record that names nothing, such as one of another version, has its decision as title."""
    record = msgspec.structs.replace(report_pages.result(), matches=(), names=(), one_of=PredictionSets())
    assert str(report_pages.subject(record).title) == "match"
    assert str(report_pages.subject(msgspec.structs.replace(record, decision="ambiguous")).title) == "ambiguous"
    assert "match" in report_pages.Taken(report_pages.text(report_pages.subject(record, report_pages.spectrum()))).text


def test_every_decision_has_its_meaning_and_sign() -> None:
    """Whatever a record may say is explained in words, on the page and on the contact sheet."""
    results: list[ResultRecord | FaultRecord] = [report_pages.result(decision=one) for one in ANSWERS]
    for record in (*results, report_pages.fault()):
        kind = report_pages.subject(record).kind
        taken = report_pages.Taken(report_pages.text(report_pages.subject(record), report_pages.subject(report_pages.fault())))
        assert MEANING[kind] in taken.text
        assert kind in taken.values("class")


def test_long_names_are_cut_in_a_title_and_whole_in_the_set() -> None:
    """A title stays readable; the names of the set beneath it are not cut."""
    long = "Magnesio-hornblende-" * 20
    record = msgspec.structs.replace(
        report_pages.result(), decision="ambiguous", names=(long, "Quartz"), one_of=PredictionSets((long, "Quartz"), (long, "Quartz"))
    )
    assert all(len(name) <= NAME_CELLS for name in report_pages.subject(record).title.names)
    assert long in report_pages.Taken(report_pages.text(report_pages.subject(record))).words
