"""An answer in words, and what can be shown of it."""

from __future__ import annotations

import msgspec
import pages
import pytest
from raman_edge.matching.ranking import PredictionSets
from raman_edge.records import FaultRecord, RecordSource, ResultRecord
from raman_edge.report import words
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
    assert words.file_name(source) == name


def test_an_answer_without_names_is_still_an_answer() -> None:
    """A record that names nothing, such as one of another version, has its decision as title."""
    said = msgspec.structs.replace(pages.result(), matches=(), names=(), one_of=PredictionSets())
    assert str(words.title(said)) == "match"
    assert str(words.title(msgspec.structs.replace(said, decision="ambiguous"))) == "ambiguous"
    assert "match" in pages.Taken(pages.text(pages.subject(said, pages.spectrum()))).said


def test_every_decision_has_its_meaning_and_sign() -> None:
    """Whatever a record may say is told in words, on the page and on the contact sheet."""
    said: list[ResultRecord | FaultRecord] = [pages.result(decision=one) for one in ANSWERS]
    for record in (*said, pages.fault()):
        kind = words.decision(record)
        taken = pages.Taken(pages.text(pages.subject(record), pages.subject(pages.fault())))
        assert MEANING[kind] in taken.said
        assert kind in taken.values("class")


def test_long_names_are_cut_in_a_title_and_whole_in_the_set() -> None:
    """A title stays readable; the names of the set beneath it are not cut."""
    long = "Magnesio-hornblende-" * 20
    said = msgspec.structs.replace(
        pages.result(), decision="ambiguous", names=(long, "Quartz"), one_of=PredictionSets((long, "Quartz"), (long, "Quartz"))
    )
    assert all(len(name) <= words.LONGEST for name in words.title(said).names)
    assert long in pages.Taken(pages.text(pages.subject(said))).words
