"""Stopping in time, by a clock that is moved by hand."""

from __future__ import annotations

import math
import signal
import time

import pytest
from lines import line
from raman_edge.errors import ConfigError
from raman_train.benchmark.budget import Budget, OutOfTime, Watch, alarm, duration
from raman_train.benchmark.grid import Cell
from raman_train.benchmark.pace import Pace, spoken
from raman_train.loop import Epoch
from sweeping import Clock

CELL = Cell("drcnn", "dataset_1", "spectrum", 0)


def epochs_told(seconds: float, *, first: float = 5.0, of: int = 20, longer: float = 0.0) -> int:
    """Return after how many epochs of 10 s each (and ``longer``, every one more) a training is stopped, prepared in ``first``."""
    clock = Clock()
    watch = Watch(Budget(seconds, clock), of, lambda _: None)
    clock.now += first
    for number in range(of):
        clock.now += 10.0 + longer * number
        try:
            watch(Epoch(number, 1.0, 10.0 + longer * number))
        except OutOfTime:
            return number + 1
    return of


def test_a_training_stops_while_the_next_epoch_and_the_measuring_would_not_fit() -> None:
    """5 s of preparing, epochs of 10 s and 5 s of measuring: 60 s hold five epochs, 59 s four."""
    assert epochs_told(60.0) == 5
    assert epochs_told(59.0) == 4
    assert epochs_told(60.0, first=8.0) == 4
    assert epochs_told(1e9) == 20


def test_the_longest_epoch_so_far_is_what_the_next_one_may_take() -> None:
    """Epochs that grow longer are believed to stay so, and a long first one, which compiles, may come again."""
    assert epochs_told(100.0, longer=5.0) == 4
    assert epochs_told(105.0, longer=5.0) == 5
    assert epochs_told(60.0, longer=-1.0) == 6


def test_after_the_last_epoch_only_the_measuring_has_to_fit() -> None:
    """A training of two epochs ends where one of twenty would have been stopped."""
    assert epochs_told(31.0, of=2) == 2
    clock = Clock()
    watch = Watch(Budget(31.0, clock), 2, lambda _: None)
    clock.now += 5.0
    for number in range(2):
        clock.now += 10.0
        watch(Epoch(number, 1.0, 10.0))
    late = Watch(Budget(12.0, clock), 1, lambda _: None)
    clock.now += 11.0
    with pytest.raises(OutOfTime):
        late(Epoch(0, 1.0, 8.0))


def test_every_epoch_is_told_also_the_one_that_stops_it() -> None:
    """What was done is said before the training ends."""
    clock, told = Clock(), []
    watch = Watch(Budget(1.0, clock), 5, told.append)
    clock.now += 2.0
    with pytest.raises(OutOfTime):
        watch(Epoch(0, 1.0, 2.0))
    assert [done.epoch for done in told] == [0]


def test_without_a_budget_nothing_ends() -> None:
    """There is always time left, and no alarm is set."""
    assert math.isinf(Budget().left)
    before = signal.getsignal(signal.SIGALRM)
    with alarm(Budget()):
        assert signal.getsignal(signal.SIGALRM) is before


def test_the_alarm_ends_a_step_whose_length_nobody_knew() -> None:
    """It rings in the middle of it; who had set the timer before gets it back."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("theirs"))
    timer = signal.setitimer(signal.ITIMER_REAL, 60.0)
    try:
        with pytest.raises(OutOfTime), alarm(Budget(0.01)):
            time.sleep(3600.0)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60.0
        assert not rung
        signal.raise_signal(signal.SIGALRM)
        assert rung == ["theirs"]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def test_how_long_a_cell_takes_is_learned_from_cells_of_its_kind() -> None:
    """Preparing and measuring once, and an epoch as often as there are; another dataset's tell nothing."""
    pace = Pace()
    assert (pace.first(CELL), pace.whole(CELL, 10)) == (0.0, None)
    pace.saw(CELL, line("drcnn", epochs=5, seconds=50.0), 60.0)
    pace.saw(CELL, line("drcnn", epochs=5, seconds=100.0), 120.0)
    assert pace.first(CELL) == 20.0 + 20.0
    assert pace.whole(CELL, 10) == 15.0 + 10 * 15.0
    assert pace.whole(Cell("drcnn", "dataset_2", "spectrum", 0), 10) is None


def test_an_epoch_is_as_long_as_earlier_results_of_the_same_device_say() -> None:
    """A GPU's results say nothing of a CPU."""
    known = [line("drcnn", epochs=5, seconds=50.0), line("drcnn", 1, epochs=10, seconds=1.0, device="H200")]
    assert Pace(known, "cpu, 1 threads").first(CELL) == 10.0
    assert Pace(known, "H200").first(CELL) == 0.1


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("9m", 540.0), ("2h", 7200.0), ("1h30m", 5400.0), ("0.5m", 30.0)])
def test_a_budget_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    """Seconds, minutes, hours, and their sums."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["9", "m", "", "9 m", "-9m", "9d", "1.5.2h"])
def test_another_budget_is_refused(text: str) -> None:
    """A number without its unit could be anything."""
    with pytest.raises(ConfigError, match="--budget takes"):
        duration(text)


@pytest.mark.parametrize(("seconds", "said"), [(4.4, "4 s"), (150.0, "2 min"), (9000.0, "2.5 h")])
def test_time_is_said_as_a_person_says_it(seconds: float, said: str) -> None:
    """Seconds, then minutes, then hours."""
    assert spoken(seconds) == said
