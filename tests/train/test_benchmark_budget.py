"""Time limits, with a clock set by hand."""

from __future__ import annotations

import math
import signal
import time

import pytest
from benchmark_fakes import Clock
from benchmark_lines import line
from raman_edge.errors import ConfigError
from raman_train.benchmark.budget import EpochLimit, OutOfTime, TimeBudget, alarm, duration
from raman_train.benchmark.grid import Cell
from raman_train.benchmark.sweep import CellFinished, DurationEstimator, duration_text
from raman_train.loop import Epoch

CELL = Cell("drcnn", "dataset_1", "spectrum", 0)


def epochs_before_the_stop(seconds: float, *, first: float = 5.0, of: int = 20, longer: float = 0.0) -> int:
    """Return the number of epochs of 10 s (each ``longer`` than the last) before a training stops, after a preparation of ``first`` s."""
    clock = Clock()
    watch = EpochLimit(TimeBudget(seconds, clock), of, lambda _: None)
    clock.now += first
    for number in range(of):
        clock.now += 10.0 + longer * number
        try:
            watch(Epoch(number, 1.0, 10.0 + longer * number))
        except OutOfTime:
            return number + 1
    return of


def test_a_training_stops_while_the_next_epoch_and_the_measuring_would_not_fit() -> None:
    """Preparation 5 s, epochs of 10 s, evaluation 5 s: 60 s allow five epochs, 59 s four."""
    assert epochs_before_the_stop(60.0) == 5
    assert epochs_before_the_stop(59.0) == 4
    assert epochs_before_the_stop(60.0, first=8.0) == 4
    assert epochs_before_the_stop(1e9) == 20


def test_the_longest_epoch_so_far_is_what_the_next_one_may_take() -> None:
    """The estimate for the next epoch is the longest one so far, also if the first one includes compilation."""
    assert epochs_before_the_stop(100.0, longer=5.0) == 4
    assert epochs_before_the_stop(105.0, longer=5.0) == 5
    assert epochs_before_the_stop(60.0, longer=-1.0) == 6


def test_after_the_last_epoch_only_the_measuring_has_to_fit() -> None:
    """A training of two epochs finishes in a time in which one of twenty is stopped."""
    assert epochs_before_the_stop(31.0, of=2) == 2
    clock = Clock()
    watch = EpochLimit(TimeBudget(31.0, clock), 2, lambda _: None)
    clock.now += 5.0
    for number in range(2):
        clock.now += 10.0
        watch(Epoch(number, 1.0, 10.0))
    late = EpochLimit(TimeBudget(12.0, clock), 1, lambda _: None)
    clock.now += 11.0
    with pytest.raises(OutOfTime):
        late(Epoch(0, 1.0, 8.0))


def test_every_epoch_is_reported_also_the_last_one() -> None:
    """The last epoch is reported before the training stops."""
    clock, recorded = Clock(), []
    watch = EpochLimit(TimeBudget(1.0, clock), 5, recorded.append)
    clock.now += 2.0
    with pytest.raises(OutOfTime):
        watch(Epoch(0, 1.0, 2.0))
    assert [done.epoch for done in recorded] == [0]


def test_without_a_budget_nothing_ends() -> None:
    """Without a limit there is always time left, and no timer is set."""
    assert math.isinf(TimeBudget().left)
    before = signal.getsignal(signal.SIGALRM)
    with alarm(TimeBudget()):
        assert signal.getsignal(signal.SIGALRM) is before


def test_the_alarm_ends_a_step_of_unknown_duration() -> None:
    """The timer interrupts at any point, and the earlier timer is restored."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("theirs"))
    timer = signal.setitimer(signal.ITIMER_REAL, 60.0)
    try:
        with pytest.raises(OutOfTime), alarm(TimeBudget(0.01)):
            time.sleep(3600.0)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60.0
        assert not rung
        signal.raise_signal(signal.SIGALRM)
        assert rung == ["theirs"]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def test_how_long_a_cell_takes_is_learned_from_cells_of_its_kind() -> None:
    """The estimate is one preparation and evaluation plus all epochs; results of another dataset do not count."""
    durations = DurationEstimator()
    assert (durations.at_least(CELL), durations.whole(CELL, 10)) == (0.0, None)
    durations.add(CellFinished(CELL, line("drcnn", epochs=5, seconds=50.0), 60.0))
    durations.add(CellFinished(CELL, line("drcnn", epochs=5, seconds=100.0), 120.0))
    assert durations.at_least(CELL) == 20.0 + 20.0
    assert durations.whole(CELL, 10) == 15.0 + 10 * 15.0
    assert durations.whole(Cell("drcnn", "dataset_2", "spectrum", 0), 10) is None


def test_the_length_of_an_epoch_comes_from_earlier_results_of_the_device() -> None:
    """Results of a GPU do not count for a CPU."""
    known = [line("drcnn", epochs=5, seconds=50.0), line("drcnn", 1, epochs=10, seconds=1.0, device="H200")]
    assert DurationEstimator(known, "cpu, 1 threads").at_least(CELL) == 10.0
    assert DurationEstimator(known, "H200").at_least(CELL) == 0.1


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("9m", 540.0), ("2h", 7200.0), ("1h30m", 5400.0), ("0.5m", 30.0)])
def test_a_budget_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    """Seconds, minutes, hours, and their sums."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["9", "m", "", "9 m", "-9m", "9d", "1.5.2h"])
def test_another_budget_is_refused(text: str) -> None:
    """A number without a unit is ambiguous."""
    with pytest.raises(ConfigError, match="--budget: got"):
        duration(text)


@pytest.mark.parametrize(("seconds", "output"), [(4.4, "4 s"), (150.0, "2 min"), (9000.0, "2.5 h")])
def test_durations_as_text(seconds: float, output: str) -> None:
    """Seconds, then minutes, then hours."""
    assert duration_text(seconds) == output
