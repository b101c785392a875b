"""The story of ``raman-edge demo``: its acts, how they are judged, and what the proof counts."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import build
import pytest
from raman_edge.cli.demo import acts, instrument, judging, summary
from raman_edge.cli.demo.calibrated import Calibrated
from raman_edge.cli.demo.proof import Link, Proof
from raman_edge.cli.demo.story import Played
from raman_edge.errors import SourceUnavailable
from raman_edge.instruments.spectrometer import Counters, Exposure
from raman_edge.matching.identify import Timing
from raman_edge.matching.library import Library
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.quality import Quality
from raman_edge.records import FaultRecord, ModelRef, Record, RecordSource, ResultRecord
from raman_edge.terminal.rows import width_of
from raman_edge.terminal.theme import ASCII, UNICODE
from raman_edge.wording import NAMED

if TYPE_CHECKING:
    from raman_edge.cli.demo.acts import Mishap, Right
    from raman_edge.simulator.ports import TcpAt

LIBRARY = build.make_library()
FAULT = FaultRecord(id="2", ts="2026-01-01T00:00:01.500Z", source=RecordSource("serial", "/x"), why="the line went quiet")
BETTER = Calibrated(before=5.0, after=0.1, lines=8)


def said(decision: str, label: str = "Quartz", *, saturated: bool | None = None, among: tuple[str, ...] = ()) -> ResultRecord:
    """A record of an instrument that says this."""
    return ResultRecord(
        id="1",
        ts="2026-01-01T00:00:01.500Z",
        source=RecordSource("serial", "/x"),
        decision=decision,  # type: ignore[arg-type]  # one of the five
        names=among or ((label,) if decision in NAMED else ()),
        why=(),
        matches=(Candidate(label, 0.9, 0.9),),
        one_of=PredictionSets((label,), (label,)),
        known=0.9,
        quality=Quality(50.0, saturated, 1.0),
        model=ModelRef("m", "", "CPU"),
        ms=Timing(1.0, 1.0, 1.0, 3.0),
    )


def played(right: Right, *records: Record, sample: str = "Quartz", mishap: Mishap = "", spikes: int = 0, exposures: int = 1) -> Played:
    """One act with these records."""
    act = replace(acts.acts(LIBRARY)[0], right=right, sample=sample, mishap=mishap)
    results = sum(isinstance(record, ResultRecord) for record in records)
    faults = sum(isinstance(record, FaultRecord) for record in records)
    return Played(act, records, exposures + 1 + faults, 1, exposures, faults, spikes, results)


AMONG = said("ambiguous", among=("Calcite", "Quartz"))


@pytest.mark.parametrize(
    ("one", "judgement"),
    [
        (played("name", said("match")), "right"),
        (played("name", AMONG), "right"),
        (played("name", said("match", "Calcite")), "wrong"),
        (played("name", said("unknown")), "wrong"),
        (played("name", said("match", saturated=True)), "wrong"),
        (played("name"), "missing"),
        (played("name", FAULT), "missing"),
        (played("saturated", said("match", saturated=True)), "right"),
        (played("saturated", said("match")), "wrong"),
        (played("unknown", said("unknown")), "right"),
        (played("unknown", said("match")), "wrong"),
        (played("part", said("match", "Calcite"), sample="Quartz+Calcite"), "right"),
        (played("part", said("unknown"), sample="Quartz+Calcite"), "open"),
        (played("part", said("match", "Gypsum"), sample="Quartz+Calcite"), "wrong"),
        (played("anything", said("match", "Gypsum")), "open"),
        (played("anything"), "missing"),
        (played("name", FAULT, said("match"), mishap="damage"), "right"),
        (played("name", said("match"), mishap="damage"), "wrong"),
        (played("name", said("match"), mishap="unplug"), "wrong"),
        (played("name", said("match"), mishap="spike", spikes=2), "right"),
        (played("name", said("match"), mishap="spike"), "wrong"),
        (replace(played("axis"), calibrated=BETTER), "right"),
        (replace(played("axis"), calibrated=replace(BETTER, after=6.0)), "wrong"),
        (played("axis"), "missing"),
    ],
)
def test_an_act_is_judged_strictly(one: Played, judgement: str) -> None:
    """What has one right answer gets no other; what went wrong has to be told; no answer is none."""
    assert judging.of_act(one) == judgement


def test_the_story_has_every_turn() -> None:
    """A calibration, a mixture, an unknown, a spike, saturation, a damaged frame, a cable; one act has the picture."""
    story = acts.acts(LIBRARY)
    assert [act.right for act in story[:2]] == ["anything", "axis"]
    assert {act.right for act in story} == {"name", "saturated", "unknown", "part", "anything", "axis"}
    assert {act.mishap for act in story} == {"", "spike", "damage", "unplug"}
    assert sum(act.pictured for act in story) == 1
    assert all(act.plan.count == 1 for act in story)


def test_what_the_library_has_is_told_as_no_stranger() -> None:
    """Where every stranger is in the library, the story does without one."""
    names = ["Quartz", "Cyclohexane", "Polystyrene", "Silicon"]
    library = Library.build(build.NETWORK, names, build.templates()[:4], names, dict.fromkeys(names, build.table("Quartz")))
    assert "unknown" not in {act.right for act in acts.acts(library)}


def test_a_sample_shows_its_lines_in_the_library_that_is_in_use() -> None:
    """A label's lines are the library's; a standard's those of its certificate."""
    assert acts.find(LIBRARY, "Zircon").name == "Zircon"
    assert acts.find(LIBRARY, "Cyclohexane").name == "Cyclohexane"
    assert acts.find(LIBRARY, acts.STANDARD).name == "polystyrene"


def link(*acts_played: Played, sent: int, **counted: int) -> Link:
    """What instrument and link say."""
    return Link(sent=sent, counters=Counters(**counted), played=acts_played)


def proven(of: Link, *, dropped: int = 1, filed: int = 1, rows: int = 2, wrong: str | None = None, early: bool = False) -> Proof:
    """A proof with two answers given."""
    return Proof(link=of, dropped=dropped, filed=filed, rows=rows, expected=2, head="ab" * 16, wrong=wrong, early=early)


WHOLE = link(played("name", FAULT, said("match")), sent=3, stale=1)


def test_every_exposure_is_accounted_for() -> None:
    """Sent is in spectra, of the exposure before, or broken; the sum is shown."""
    assert WHOLE.lost == 0
    assert proven(WHOLE).holds
    assert (
        "3 exposures sent = 1 in 1 spectra + 1 still of the exposure before + 1 broken and told." in summary.proved(proven(WHOLE), 1.0)[0]
    )


def test_a_fault_accounts_for_one_exposure_and_for_none_where_none_was_sent() -> None:
    """Two exposures that gave nothing need two faults; a cable that was pulled between two exposures is a fault and none of them."""
    one = played("name", FAULT, said("match"))
    assert link(replace(one, sent=4), sent=4, stale=1).lost == 1
    assert link(replace(one, sent=4, faults=2), sent=4, stale=1).lost == 0
    assert link(replace(one, sent=2), sent=2, stale=1).told == 0
    assert link(replace(one, sent=2), one, sent=6, stale=2).lost == 1


def test_a_search_may_take_more_exposures_than_its_spectrum_has() -> None:
    """Exposures that only found the exposure are counted as such; elsewhere they are of a spectrum that was not finished."""
    one = played("name", said("match"), exposures=4)
    searched = replace(one, act=replace(one.act, plan=replace(one.act.plan, auto_exposure=True)))
    assert (link(searched, sent=4).searching, link(searched, sent=4).unfinished) == (3, 0)
    assert (link(one, sent=4).searching, link(one, sent=4).unfinished) == (0, 3)
    assert not proven(link(one, sent=4)).holds


@pytest.mark.parametrize(
    "bad",
    [
        proven(replace(WHOLE, sent=4)),
        proven(WHOLE, filed=0),
        proven(WHOLE, rows=1),
        proven(WHOLE, wrong="row 1 is not as it was written"),
        proven(WHOLE, rows=1, early=True),
        proven(WHOLE, wrong="row 1 is not as it was written", early=True),
    ],
)
def test_what_is_missing_is_not_proved(bad: Proof) -> None:
    """One exposure, file or row too few, or a broken chain, and the last line says so."""
    assert not bad.holds
    assert summary.proved(bad, 1.0)[-1].startswith("NOT PROVED")


def test_what_was_under_way_when_somebody_ended_it_is_no_loss() -> None:
    """Ended early, an exposure on the line and a file without an answer are told, and held against nobody."""
    early = proven(replace(WHOLE, sent=4), filed=0, early=True)
    assert early.holds
    assert "1 on the line when it ended" in summary.proved(early, 1.0)[0]


@pytest.mark.parametrize("width", [40, 80, 100, 120])
@pytest.mark.parametrize("look", [ASCII, UNICODE])
def test_the_table_fits_its_terminal(width: int, look: object) -> None:
    """Every row of the summary is as wide as it was asked to be, in plain ASCII where that is all there is."""
    lines = summary.of_story([played("name", FAULT, said("match")), replace(played("axis"), calibrated=BETTER), played("part")])
    rows = summary.table(lines, proven(WHOLE), 50.0, width, look)  # type: ignore[arg-type]  # one of the two
    assert {width_of(row) for row in rows} == {width}
    text = "".join(piece for row in rows for piece, _ in row)
    assert text.isascii() or look is UNICODE


def test_what_was_told_stands_beside_the_answer() -> None:
    """Faults, spikes and the axis before and after are in the line of their act."""
    story = [played("name", FAULT, AMONG, spikes=2), replace(played("axis"), calibrated=BETTER)]
    first, second = (line.answer for line in summary.of_story(story))
    assert first == "one of Calcite, Quartz, 2 spiked values left out, 1 fault told"
    assert second == "off by 5.0, now by 0.10 cm⁻¹"


def test_without_pseudo_terminals_it_is_told_over_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no pseudo-terminal the same instrument answers on a TCP port."""

    def none() -> TcpAt:
        msg = "no pseudo-terminal is left"
        raise SourceUnavailable(msg)

    monkeypatch.setattr(instrument, "PtyAt", none)
    with instrument.connected(LIBRARY, threading.Event(), pacing=False) as connected:
        assert connected.simulated.port.startswith("socket://")
        connected.prepare(acts.acts(LIBRARY)[0])
        while (got := connected.spectrometer.expose()) is None:
            pass
        assert isinstance(got, Exposure)


def test_a_cable_that_nobody_needs_any_more_is_put_in_again() -> None:
    """An act that is over before its time leaves the instrument connected for the next one."""
    over = threading.Event()
    over.set()
    cable = next(act for act in acts.acts(LIBRARY) if act.mishap == "unplug")
    with instrument.connected(LIBRARY, threading.Event(), pacing=False) as connected:
        connected.prepare(cable)
        connected.plug_in_again(over, 60.0)
        while not isinstance(connected.spectrometer.expose(), Exposure):
            pass
        assert connected.spectrometer.status.counters.reconnects == 1
