"""Forwarding: neither the journal nor an output waits for another output, nothing is lost, and a failure is reported once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import scripted_outputs
from raising import refused
from raman_edge.errors import ConfigError, JournalDamaged, JournalError, JournalUnavailable, OutputError, SinkError
from raman_edge.journal import Journal
from raman_edge.outputs import forwarding as module
from raman_edge.outputs.forwarding import Forwarding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFUSED = "nobody there"


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Next attempts come soon."""
    monkeypatch.setattr(module, "FIRST_REST_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_REST_S", 0.02)
    monkeypatch.setattr(module, "STOPPED_S", 0.3)
    monkeypatch.setattr(module, "POLL_S", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal that holds three records."""
    scripted_outputs.write(tmp_path / "journal.sqlite3", 3)
    return tmp_path / "journal.sqlite3"


class Run:
    """Deliveries to scripts, and what they noted."""

    def __init__(self, path: Path, *sinks: scripted_outputs.Script, from_start: bool = False) -> None:
        self.notes: list[str] = []
        self.stop = threading.Event()
        self.deliveries = Forwarding(lambda: Journal.open(path, create=False), self.notes.append, self.stop, from_start=from_start)
        for sink in sinks:
            self.deliveries.add_sink(sink)


def refusing(_: int) -> None:
    """Refuse everything."""
    raise SinkError(REFUSED)


def once(error: Exception, at: int) -> Callable[[int], None]:
    """Return a behaviour: ``error`` before row ``at`` of a batch, the first time only."""
    left = [error]

    def behave(number: int) -> None:
        if number == at and left:
            raise left.pop()

    return behave


def test_a_new_sink_begins_with_what_comes(path: Path) -> None:
    """An output that the journal does not know gets what is written from now on, or everything with `from_start`."""
    late, early = scripted_outputs.Script("late"), scripted_outputs.Script("early")
    with Run(path, late).deliveries, Run(path, early, from_start=True).deliveries:
        written = scripted_outputs.write(path, 2, first=4)
    assert late.taken == written
    assert early.taken == [row.id for row in scripted_outputs.rows(3)] + written


@pytest.mark.parametrize("there", [0, 3])
def test_a_known_sink_misses_nothing(tmp_path: Path, there: int) -> None:
    """A sink that never got anything is known after its first run, also in an empty journal: the next run gives it all since then."""
    path = tmp_path / "new.sqlite3"
    scripted_outputs.write(path, there)
    first = scripted_outputs.Script()
    first.behave = refusing
    run = Run(path, first)
    with run.deliveries:
        written = scripted_outputs.write(path, 5, first=there + 1)
        run.stop.set()
    again = scripted_outputs.Script()
    with Run(path, again).deliveries:
        pass
    assert (first.taken, again.taken) == ([], written)


def test_what_forgets_begins_anew(path: Path) -> None:
    """A sink that does not remember gets what is written in its own run, and leaves no mark in the journal."""
    for number in (4, 5):
        sink = scripted_outputs.Script("pipe", remembers=False)
        with Run(path, sink).deliveries:
            written = scripted_outputs.write(path, 1, first=number)
        assert sink.taken == written
    with Journal.open(path) as journal:
        assert journal.cursor("pipe") is None


def test_another_process_writes(path: Path) -> None:
    """What is written without a word is found soon."""
    sink = scripted_outputs.Script()
    with Run(path, sink).deliveries:
        written = scripted_outputs.write(path, 1, first=4)
        scripted_outputs.wait_until(lambda: sink.taken == written, "the record of another process")


def test_a_stuck_sink_holds_up_nothing(path: Path) -> None:
    """While one sink waits for ever, records are written and the other sink gets them; ending is bounded and says what is owed."""
    free, held = scripted_outputs.Script("free"), scripted_outputs.Script("held")
    let_go = threading.Event()

    def wait(_: int) -> None:
        let_go.wait(120)

    held.behave = wait
    run = Run(path, free, held)
    with run.deliveries:
        for number in range(4, 24):
            scripted_outputs.write(path, 1, first=number)
            run.deliveries.wake()
        scripted_outputs.wait_until(lambda: len(free.taken) == 20, "all records at the free sink")
        run.stop.set()
    let_go.set()
    assert held.taken == []
    assert run.notes == ["held: 20 records are still owed; they go at the next start"]
    assert run.deliveries.owed() == 20


def test_troubles_are_reported_once(path: Path) -> None:
    """However often a sink fails, one line reports it, and one says that all that waited is delivered."""
    sink = scripted_outputs.Script()
    attempts = [0]

    def behave(_: int) -> None:
        attempts[0] += 1
        if attempts[0] <= 5:
            raise SinkError(REFUSED)

    sink.behave = behave
    run = Run(path, sink, from_start=True)
    with run.deliveries:
        scripted_outputs.wait_until(lambda: len(run.notes) == 2, "both notes")
    assert run.notes[0] == f"script fails: {REFUSED}. Its records wait in the journal, and it is tried again"
    assert run.notes[1] == "script works again: 3 records that waited are delivered"
    assert sink.closed == 6


def test_a_sink_that_is_away_is_known_to_be(path: Path) -> None:
    """An output is checked also where nothing waits, and its state can be read meanwhile."""
    sink = scripted_outputs.Script()
    sink.opening = lambda: refusing(0)
    run = Run(path, sink)
    with run.deliveries:
        scripted_outputs.wait_until(lambda: run.deliveries.standings()[0].failing, "a failing sink")
        scripted_outputs.write(path, 2, first=4)
        scripted_outputs.wait_until(lambda: run.deliveries.standings()[0].owed == 2, "two records that are owed")
        sink.opening = lambda: None
        scripted_outputs.wait_until(lambda: not run.deliveries.standings()[0].failing, "a sink that works")
    assert len(sink.taken) == 2


@pytest.mark.parametrize("at", range(4))
def test_half_a_batch_comes_again(path: Path, at: int) -> None:
    """Where a batch fails before, between or after its rows, all of it is sent again."""
    sink = scripted_outputs.Script()
    sink.behave = once(SinkError(REFUSED), at)
    with Run(path, sink, from_start=True).deliveries:
        pass
    names = [row.id for row in scripted_outputs.rows(3)]
    assert sink.taken == names[:at] + names


@pytest.mark.parametrize("error", [JournalDamaged("pages"), JournalError("not a database")])
def test_a_journal_that_never_works_again_ends_the_run(path: Path, error: JournalError) -> None:
    """An error of the journal that does not pass is not tried again for ever by a sink's thread."""
    opened = []

    def feed() -> Journal:
        opened.append(1)
        if len(opened) > 1:
            raise error
        return Journal.open(path, create=False)

    stop = threading.Event()
    deliveries = Forwarding(feed, lambda _: None, stop)
    deliveries.add_sink(scripted_outputs.Script())
    with pytest.raises(JournalError) as caught, deliveries:
        assert stop.wait(10)
    assert caught.value is error


@pytest.mark.parametrize("error", [ValueError("a defect"), JournalUnavailable("busy"), OSError("wire")])
def test_a_defect_is_reported_and_tried_again(path: Path, error: Exception) -> None:
    """An error that no sink should raise ends neither the sink nor the run."""
    sink = scripted_outputs.Script()
    sink.behave = once(error, 1)
    run = Run(path, sink, from_start=True)
    with run.deliveries:
        pass
    assert scripted_outputs.first_times(sink.taken) == [row.id for row in scripted_outputs.rows(3)]
    assert ("please report" in run.notes[0]) != isinstance(error, JournalUnavailable)
    assert str(error) in run.notes[0]


@pytest.mark.parametrize("error", [BrokenPipeError(), OutputError("standard output is full")])
def test_a_reader_that_has_gone_ends_the_run(path: Path, error: Exception) -> None:
    """What standard output raises stops the run at once, is raised at its end, and the other sinks get everything."""
    gone, other = scripted_outputs.Script("gone", remembers=False), scripted_outputs.Script("other")
    gone.behave = once(error, 1)
    run = Run(path, gone, other, from_start=True)
    with pytest.raises(type(error)) as raised, run.deliveries:
        run.stop.wait(60)
    assert raised.value is error is run.deliveries.failure()
    assert run.stop.is_set()
    assert len(other.taken) == 3
    assert run.notes == []


def test_another_error_is_not_hidden(path: Path) -> None:
    """Where the run itself fails, its own error is raised, and the sinks are ended."""
    gone = scripted_outputs.Script("gone", remembers=False)
    gone.behave = once(BrokenPipeError(), 0)
    run = Run(path, gone, from_start=True)
    with pytest.raises(IndexError), run.deliveries:
        [].pop(run.stop.wait(60))
    assert all(not thread.name.startswith("to ") for thread in threading.enumerate())


def test_a_slow_reader_is_waited_for(path: Path) -> None:
    """At the end of a run that was not stopped, standard output gets everything, however slowly it is read."""
    slow = scripted_outputs.Script("slow", remembers=False)
    asleep = threading.Event()

    def hesitate(_: int) -> None:
        asleep.wait(0.05)

    slow.behave = hesitate
    with Run(path, slow, from_start=True).deliveries:
        scripted_outputs.write(path, 20, first=4)
    assert slow.taken == [row.id for row in scripted_outputs.rows(23)]


def test_a_broker_that_is_away_is_not_waited_for_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that remembers and does not move ends the patience of a run that came to its end."""
    monkeypatch.setattr(module, "STUCK_S", 0.2)
    monkeypatch.setattr(module, "FIRST_REST_S", 60.0)
    sink = scripted_outputs.Script()
    sink.opening = lambda: refusing(0)
    run = Run(path, sink, from_start=True)
    with run.deliveries:
        scripted_outputs.wait_until(lambda: len(run.notes) == 1, "a sink that rests")
        scripted_outputs.write(path, 2, first=4)
    assert run.notes[-1] == "script: 5 records are still owed; they go at the next start"
    assert run.deliveries.owed() == 5
    assert not run.stop.is_set()


def test_two_processes_share_a_sink(path: Path) -> None:
    """Two runs of one sink with one journal deliver everything at least once."""
    one, two = scripted_outputs.Script(), scripted_outputs.Script()
    with Run(path, one, from_start=True).deliveries as first, Run(path, two, from_start=True).deliveries as second:
        for number in range(4, 34):
            scripted_outputs.write(path, 1, first=number)
            first.wake()
            second.wake()
    assert set(one.taken) | set(two.taken) == {row.id for row in scripted_outputs.rows(33)}
    with Journal.open(path) as journal:
        assert journal.cursor("script") == 33


def test_a_stop_does_not_wait_for_a_failing_sink(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped run ends at once where only an unreachable output is behind."""
    monkeypatch.setattr(module, "STOPPED_S", 1e6)
    sink = scripted_outputs.Script()
    sink.opening = lambda: refusing(0)
    run = Run(path, sink, from_start=True)
    with run.deliveries:
        scripted_outputs.wait_until(lambda: len(run.notes) == 1, "a sink that fails")
        run.stop.set()
    assert run.notes[1:] == ["script: 3 records are still owed; they go at the next start"]


class Forgetful(Journal):
    """A journal on a full disk: it can be read."""

    full = True

    def advance(self, sink: str, seq: int) -> None:
        """Fail while the disk is full."""
        if self.full and seq:
            raise JournalUnavailable("the disk is full")
        super().advance(sink, seq)


def test_a_journal_that_cannot_be_written_repeats_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cursor cannot be moved, what was sent is not sent again and again by the same run, and the cursor follows later."""
    sink = scripted_outputs.Script()
    notes: list[str] = []
    deliveries = Forwarding(lambda: Forgetful.open(path), notes.append, threading.Event(), from_start=True)
    deliveries.add_sink(sink)
    with deliveries:
        scripted_outputs.wait_until(lambda: sink.closed > 5, "several attempts")
        monkeypatch.setattr(Forgetful, "full", False)
    assert sink.taken == [row.id for row in scripted_outputs.rows(3)]
    assert "disk is full" in notes[0]
    with Journal.open(path) as journal:
        assert journal.cursor("script") == 3


def test_a_new_journal_in_the_same_place(path: Path) -> None:
    """Where the journal was replaced while the run goes on, everything in the new one is delivered."""
    sink = scripted_outputs.Script()
    with Run(path, sink).deliveries:
        scripted_outputs.write(path, 5, first=4)
        scripted_outputs.wait_until(lambda: len(sink.taken) == 5, "records of the old journal")
        sink.behave = once(SinkError(REFUSED), 0)  # opened anew after a failure
        path.rename(path.with_suffix(".old"))
        written = scripted_outputs.write(path, 2, first=100)
        scripted_outputs.wait_until(lambda: len(sink.taken) == 7, "records of the new journal")
    assert sink.taken[5:] == written


def test_one_sink_twice_is_a_mistake(path: Path) -> None:
    """A sink that is given twice would get every record twice."""
    with refused(ConfigError, "given twice"):
        Run(path, scripted_outputs.Script(), scripted_outputs.Script())


def test_a_terminal_that_has_gone_stops_no_delivery(path: Path) -> None:
    """Where a note cannot be written, records still go out."""

    def note(_: str) -> None:
        raise BrokenPipeError

    sink = scripted_outputs.Script()
    sink.behave = once(SinkError(REFUSED), 0)
    deliveries = Forwarding(lambda: Journal.open(path), note, threading.Event(), from_start=True)
    deliveries.add_sink(sink)
    with deliveries:
        pass
    assert len(sink.taken) == 3


def test_a_busy_journal_is_gathered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a batch the next look waits a little, so that many commits become one batch; at the end it does not wait."""
    monkeypatch.setattr(module, "GATHER_S", 3600.0)
    sink = scripted_outputs.Script()
    run = Run(path, sink, from_start=True)
    with run.deliveries:
        scripted_outputs.wait_until(lambda: len(sink.taken) == 3, "the first batch, at once")
        for number in range(4, 9):
            scripted_outputs.write(path, 1, first=number)
            run.deliveries.wake()
        assert sink.batches == [3]
    assert sink.batches == [3, 5]


def test_attempts_become_rare(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each failure the next attempt waits twice as long, up to a bound; one that went on for long begins anew.

    Two programs that push each other out of a broker do so less and less often.
    """
    monkeypatch.setattr(module, "FIRST_REST_S", 1.0)
    monkeypatch.setattr(module, "LONGEST_REST_S", 60.0)
    one = module.Delivery(scripted_outputs.Script(), lambda: Journal.open(path), lambda _: None, lambda: None)
    rests: list[float | None] = []

    def waited(seconds: float | None = None) -> bool:
        rests.append(seconds)
        return False

    monkeypatch.setattr(one._finishing, "wait", waited)
    for worked_s in (0.0, 59.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 61.0, 0.0):
        one._rest(worked_s)
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]
