"""The parts of the journal: keys, filters against a slow oracle, comparison, lines for a person."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import journal_bench
import journals
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge import records
from raman_edge.cli.record_text import brief
from raman_edge.journal import Filters, Journal, JournalEntry, rows
from raman_edge.matching.ranking import Candidate
from raman_edge.wording import NAMED

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.records import ResultRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("Quartz", "Calcite", "Gypsum")
PLACES = ("/a/one.csv", "/a/two.txt", "/b/one.csv", "/b/[x].csv")


# Keys


@given(st.one_of(st.text(max_size=70), st.binary(max_size=32).map(bytes.hex)))
def test_digests_come_back(text: str) -> None:
    """Whatever an id or a digest is, it comes back as it was; hexadecimal digits take half."""
    packed = rows.packed(text)
    assert rows.unpacked(packed) == text
    if re.fullmatch("([0-9a-f]{2})+", text):
        assert len(packed) == len(text) // 2


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_times_come_back(when: datetime) -> None:
    """A time as records write it is kept as a number and comes back as it was written."""
    text = when.isoformat(timespec="milliseconds") + "Z"
    moment = rows.moment(text)
    assert isinstance(moment, int)
    assert rows.written(moment) == text


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00.000+01:00", "2026-01-01T00:00:00.0001Z"])
def test_other_times_stay_text(text: str) -> None:
    """What is no time, or is written otherwise, is kept as it is."""
    assert rows.moment(text) == text


def test_the_id_has_the_length_that_records_give_it() -> None:
    """Prefixes are filled up to the length of an id."""
    assert rows.ID_CHARACTERS == records.ID_CHARACTERS == len(journals.answer(0).record.id)


@given(st.integers(0, 16**32 - 1), st.integers(1, 32))
def test_the_beginning_of_an_id(number: int, length: int) -> None:
    """An id lies between the least and the largest that begin like it, and its neighbours outside do not."""
    whole = f"{number:032x}"
    least, most = rows.beginning(whole[:length].upper())
    assert isinstance(least, bytes)
    assert isinstance(most, bytes)
    assert least <= bytes.fromhex(whole) <= most
    assert least.hex()[:length] == most.hex()[:length] == whole[:length]


@given(st.tuples(*[st.integers(-(2**63), 2**64 - 1)] * 5), st.integers(0, 4), st.integers(1, 1000))
def test_states_differ(state: tuple[int, int, int, int, int], place: int, by: int) -> None:
    """Two states of a file that differ in any number are different."""
    other = tuple(value + by * (index == place) for index, value in enumerate(state))
    assert rows.state(state) == rows.state(state)
    assert rows.state(state) != rows.state(other)


# Filters, against the slow way


def spread(path: Path) -> list[ResultRecord]:
    """Write sixty answers over time, names, places and decisions, and return them in the order of writing."""
    first = journals.answer(0).record
    assert isinstance(first, records.ResultRecord)
    made = []
    for number in range(60):
        decision = ("match", "match", "unknown", "ambiguous", "rejected", "possible")[number % 6]
        source = records.RecordSource("file", PLACES[number % 4], f"{number:064x}")
        ts = rows.written(rows.milliseconds(START + timedelta(hours=(number * 37) % 60)))  # not in order: a clock was set back
        matches = (replace(first.matches[0], label=NAMES[number % 3]), *first.matches[1:])
        names = (NAMES[number % 3],) if decision in NAMED else ()
        made.append(
            msgspec.structs.replace(first, id=f"{number:032x}", ts=ts, source=source, decision=decision, names=names, matches=matches)
        )
    journals.write(path, *(JournalEntry(record, None) for record in made))
    return made


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ResultRecord]]:
    """A journal, and what is in it."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    return path, spread(path)


MOMENTS = st.none() | st.integers(-2, 62).map(lambda hours: START + timedelta(hours=hours))
FILTERS = st.builds(
    Filters,
    since=MOMENTS,
    until=MOMENTS,
    decision=st.sampled_from([None, "match", "possible", "unknown", "ambiguous", "rejected", "fault"]),
    label=st.sampled_from([None, "quartz", "CALCITE", "Opal"]),
    path=st.sampled_from([None, "*", "/a/*", "*.csv", "*/one.???", "/b/[[]x].csv", "one.csv"]),
)


def meant(record: ResultRecord, filters: Filters) -> bool:
    """Say whether a record is meant, the slow way."""
    when = datetime.fromisoformat(record.ts)
    named = record.matches[0].label if record.decision in {"match", "possible", "ambiguous"} else ""
    return (
        (filters.since is None or when >= filters.since)
        and (filters.until is None or when < filters.until)
        and (filters.decision is None or record.decision == filters.decision)
        and (filters.label is None or named.lower() == filters.label.lower())
        and (filters.path is None or fnmatch.fnmatchcase(record.source.path, filters.path))
    )


@given(FILTERS, st.none() | st.integers(1, 70))
def test_filters_against_the_slow_way(written: tuple[Path, list[ResultRecord]], filters: Filters, limit: int | None) -> None:
    """Whatever is requested, records, their number and their order are those of looking at each one."""
    path, made = written
    expected = [record.id for record in made if meant(record, filters)]
    with Journal.open(path) as journal:
        newest = [json.loads(line)["id"] for line in journal.records(limit, filters)]
        oldest = [json.loads(line)["id"] for line in journal.records(limit, filters, oldest=True)]
        assert newest == expected[::-1][:limit]
        assert oldest == expected[:limit]
        assert journal.count(filters) == len(expected)
        assert [one.row.id for one in journal.results(limit, filters)] == newest


def test_records_written_meanwhile(tmp_path: Path) -> None:
    """A slow reader gets what was there when reading began, and blocks no other."""
    path = tmp_path / "journal.sqlite3"
    journals.write(path, *(journals.failure(number, f"in/{number}") for number in range(600)))
    with Journal.open(path) as journal:
        slow = journal.records()
        first = next(slow)
        journals.write(path, journals.answer(1))
        assert len([first, *slow]) == 600
        assert journal.count() == 601


# Comparison


def result() -> ResultRecord:
    """Return an answer."""
    record = journals.answer(0).record
    assert isinstance(record, records.ResultRecord)
    return record


def test_the_same_answer_has_no_differences() -> None:
    """An answer is itself, whenever it was given and however long it took."""
    before = result()
    later = msgspec.structs.replace(before, id="x", ts="later", ms=dataclasses.replace(before.ms, total=99.0))
    assert records.differences(before, later) == ()
    assert records.other_provenance(before, later) == ()


def test_rounding_is_no_difference() -> None:
    """Scores are kept with four digits, and the last one may differ; a larger difference is reported with both numbers."""
    before = result()
    best = before.matches[0]
    rounded = msgspec.structs.replace(before, matches=(replace(best, score=best.score - 0.0004), *before.matches[1:]))
    assert records.differences(before, rounded) == ()
    other = msgspec.structs.replace(before, matches=(replace(best, score=best.score - 0.01), *before.matches[1:]))
    (line,) = records.differences(before, other)
    assert line == f"{best.label} {best.score:.2%}, now {best.score - 0.01:.2%}"


def test_candidates_that_come_and_go() -> None:
    """A new or missing candidate is reported, unless its probability is next to nothing."""
    before = result()
    none, some = Candidate("Opal", 0.0001, 0.1), Candidate("Opal", 0.02, 0.1)
    assert records.differences(before, msgspec.structs.replace(before, matches=(*before.matches, none))) == ()
    assert records.differences(before, msgspec.structs.replace(before, matches=(*before.matches, some))) == ("Opal 0.00%, now 2.00%",)
    assert records.differences(msgspec.structs.replace(before, matches=(*before.matches, some)), before) == ("Opal 2.00%, now 0.00%",)


def test_decision_name_and_knowledge() -> None:
    """Another decision, another name, and another probability of being known at all are each reported."""
    before = result()
    assert before.known is not None
    unknown = msgspec.structs.replace(before, decision="unknown", names=(), known=before.known - 0.2, one_of=None, why=("too far",))
    lines_found = records.differences(before, unknown)
    assert lines_found[0].startswith("decision match, now unknown")
    assert "(too far)" in lines_found[0]
    assert lines_found[1] == "named Quartz, now nothing"
    assert lines_found[-1].startswith("known ")


def old(record: ResultRecord, **changes: object) -> ResultRecord:
    """Return what an older raman-edge would have recorded: version 1 lists no names, and has probabilities and sets everywhere."""
    fields = json.loads(records.encode(record))
    fields |= {"v": 1, "one_of": {"p90": ["Quartz"], "p95": ["Quartz", "Opal"]}} | changes
    del fields["names"]
    for match in fields["matches"]:
        match["score"] = 0.2 if match["score"] is None else match["score"]
    read = records.decode(json.dumps(fields))
    assert isinstance(read, records.ResultRecord)
    return read


def test_a_record_of_version_1_is_read_as_it_is_meant() -> None:
    """It names what it named; an unknown one has neither probabilities nor sets, whatever its line holds."""
    assert old(result()).names == ("Quartz",)
    assert old(result(), decision="ambiguous").names == ("Quartz", "Opal")
    unknown = old(result(), decision="unknown")
    assert (unknown.names, unknown.one_of, {match.score for match in unknown.matches}) == ((), None, {None})


def test_an_older_answer_is_compared_by_the_common_fields() -> None:
    """Another version alone is no difference; another decision is one, with its reason and the rules as a note."""
    now = result()
    assert records.differences(old(now), now) == ()
    assert "of version 1" in records.other_provenance(old(now), now)[0]
    unknown = msgspec.structs.replace(
        now, decision="unknown", names=(), one_of=None, matches=tuple(replace(m, score=None) for m in now.matches)
    )
    assert records.differences(old(now, decision="unknown"), unknown) == ()
    possible = msgspec.structs.replace(now, decision="possible", why=("not sure enough",))
    assert records.differences(old(now), possible) == ("decision match, now possible (not sure enough)",)
    (note,) = records.other_provenance(old(now), possible)
    assert "the numbers are the same" in note
    assert records.other_provenance(now, possible) == ()


def test_another_library_where_the_record_names_one() -> None:
    """A record of an older raman-edge names no library, and no difference is reported."""
    now = result()
    old = msgspec.structs.replace(now, model=records.ModelRef(now.model.id, now.model.sha256, "CPU"))
    assert records.other_provenance(old, now) == ()
    other = msgspec.structs.replace(now, model=records.ModelRef(now.model.id, now.model.sha256, "CPU", "e" * 64))
    assert "library is another one: it was eeeeeeeeeeee" in records.other_provenance(other, now)[0]


# A line for a person


@given(st.text(min_size=1, max_size=60), st.text(max_size=60), st.integers(0, 20), st.integers(24, 80))
def test_a_brief_line_is_one_line(path: str, why: str, index: int, room: int) -> None:
    """Whatever a record says, its line has no control characters in the path, and the columns stand under each other."""
    source = {"kind": "file", "path": path, "index": index}
    line = json.dumps({"event": "fault", "id": "\x1b[31m0", "ts": "2026-01-01T00:00:00.000Z", "source": source, "why": why})
    shown = brief(line, room)
    assert shown.startswith("\\x1b[31m"[:8])
    assert shown[10:32] == "2026-01-01 00:00:00Z  "
    assert shown[32:52].rstrip() == "fault"  # the last column that is not empty ends the line
    assert all(character.isprintable() for character in shown[: 54 + room])


def test_a_brief_line_reads_every_record() -> None:
    """A line shows the answer in words, a match with its probability, and the first reason."""
    record = result()
    assert f"Quartz {record.matches[0].score:.0%}" in brief(records.encode(record).decode(), 30)
    doubtful = msgspec.structs.replace(record, decision="possible", why=("one of two", "and more"))
    shown = brief(records.encode(doubtful).decode(), 30)
    assert "  perhaps Quartz  " in shown
    assert shown.endswith("  one of two")


# The benchmark


def test_the_benchmark_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small year is filled, whole, and its numbers are there."""
    monkeypatch.setattr(journal_bench, "MATERIALS", 5)
    entries = journal_bench.answers(200, 2000.0)
    path = tmp_path / "journal.sqlite3"
    journal_bench.fill(path, entries, 300, spectra=True)
    measured = journal_bench.measure(path, 300)
    assert {"list_ms", "verify_s", "seen_each_us", "process_ms"} <= set(measured)
    assert len(journals.ids(path)) == len(set(journals.ids(path))) == 300
