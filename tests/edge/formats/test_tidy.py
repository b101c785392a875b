"""From rows as they are in a file to a strictly rising, gapless spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from raman_edge.errors import FormatError
from raman_edge.formats.spectra import MIN_POINTS, tidy

SHIFT = np.arange(100.0, 200.0)
COUNTS = np.sin(SHIFT)
NAN = float("nan")


def with_value(values: np.ndarray, places: slice, value: float) -> np.ndarray:
    """Return a copy with another value at some places."""
    changed = values.copy()
    changed[places] = value
    return changed


def test_a_tidy_spectrum_stays_as_it_is() -> None:
    """Nothing is changed, and nothing is reported."""
    points = tidy(SHIFT, COUNTS)
    assert np.array_equal(points.axis.shift, SHIFT)
    assert np.array_equal(points.counts, COUNTS)
    assert points.notes == ()


def test_a_falling_axis_is_turned() -> None:
    """Each count keeps its shift."""
    points = tidy(SHIFT[::-1], COUNTS[::-1])
    assert np.array_equal(points.axis.shift, SHIFT)
    assert np.array_equal(points.counts, COUNTS)


def test_a_shuffled_axis_is_sorted_and_reported() -> None:
    """Sorting is noted, because the file was unusual."""
    order = np.random.default_rng(1).permutation(100)
    points = tidy(SHIFT[order], COUNTS[order])
    assert np.array_equal(points.counts, COUNTS)
    assert points.notes == ("rows sorted by Raman shift",)


def test_repeated_shifts_become_their_mean() -> None:
    """Three rows of one shift are one point."""
    points = tidy(np.concatenate([SHIFT, [199.0, 199.0]]), np.concatenate([COUNTS, [5.0, 7.0]]))
    assert len(points.axis) == 100
    assert points.counts[-1] == pytest.approx((COUNTS[-1] + 12) / 3)
    assert points.notes == ("2 rows of the same Raman shift averaged",)


@pytest.mark.parametrize("bad", [NAN, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("which", ["shift", "counts"])
def test_ends_without_numbers_are_trimmed(bad: float, which: str) -> None:
    """Pixels that were not read out are no part of the spectrum."""
    shift = with_value(SHIFT, slice(30), bad if bad != 1e300 else NAN) if which == "shift" else SHIFT
    counts = with_value(COUNTS, slice(30), bad) if which == "counts" else COUNTS
    points = tidy(shift, counts)
    assert (points.axis.start, len(points.axis)) == (130.0, 70)
    assert points.notes == ("30 of 100 rows without a number left out",)


def test_a_few_gaps_inside_are_left_out() -> None:
    """Up to one row in twenty may be missing."""
    assert len(tidy(SHIFT, with_value(COUNTS, slice(10, 15), NAN)).axis) == 95


def test_many_gaps_inside_are_refused_with_both_numbers() -> None:
    """A spectrum with mostly interpolated points is refused."""
    with pytest.raises(FormatError, match=r"too many rows without a number: got 6 of 100 rows inside the spectrum"):
        tidy(SHIFT, with_value(COUNTS, slice(10, 16), NAN))


@pytest.mark.parametrize("rows", [0, 1, 2, MIN_POINTS - 1])
def test_too_few_points_are_refused_with_both_numbers(rows: int) -> None:
    """Two points are no spectrum."""
    with pytest.raises(FormatError, match=f"too few points: got {rows} of {rows} rows .*expected at least 16"):
        tidy(SHIFT[:rows], COUNTS[:rows])


def test_the_least_spectrum_has_sixteen_points() -> None:
    """The limit itself is allowed."""
    assert len(tidy(SHIFT[:16], COUNTS[:16]).axis) == 16


def test_an_axis_that_repeats_all_over_is_refused() -> None:
    """Many spectra below one another are not averaged into one."""
    with pytest.raises(FormatError, match="repeated Raman shifts: got 100 different Raman shifts in 300 rows"):
        tidy(np.tile(SHIFT, 3), np.tile(COUNTS, 3))


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(arrays(np.float64, 24, elements=NUMBERS), arrays(np.float64, 24, elements=NUMBERS))
@UNHURRIED
def test_any_numbers_are_tidied_or_refused(shift: np.ndarray, counts: np.ndarray) -> None:
    """What comes out rises strictly and is finite."""
    try:
        points = tidy(shift, counts)
    except FormatError:
        return
    assert (np.diff(points.axis.shift) > 0).all()
    assert np.isfinite(points.counts).all()


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-9, 9)), min_size=16, max_size=60))
@UNHURRIED
def test_merging_agrees_with_a_slow_oracle(rows: list[tuple[int, int]]) -> None:
    """Sorting and averaging give what a dictionary gives."""
    groups: dict[int, list[int]] = {}
    for shift, count in rows:
        groups.setdefault(shift, []).append(count)
    try:
        points = tidy(np.array([float(row[0]) for row in rows]), np.array([float(row[1]) for row in rows]))
    except FormatError:
        assert len(groups) < max(MIN_POINTS, len(rows) / 2)
        return
    assert points.axis.shift.tolist() == sorted(groups)
    assert points.counts.tolist() == pytest.approx([sum(groups[k]) / len(groups[k]) for k in sorted(groups)])
