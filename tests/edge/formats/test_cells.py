"""The fast way to read numbers gives what the slow one gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats import rruff
from raman_edge.formats.dialect import numbers, read_plain

FINITE = st.floats(allow_nan=False, allow_infinity=False)
WRITTEN = st.one_of(
    FINITE.map(repr),
    st.tuples(FINITE, st.integers(0, 17), st.sampled_from("efgEG")).map(lambda made: f"{made[0]:.{made[1]}{made[2]}}"),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
)
"""As programs write numbers, and as JSON allows."""
CELLS = st.one_of(
    WRITTEN, st.sampled_from(["", " ", "nan", "inf", "1_000", "+1", ".5", "1.", "01", "1,5", "1],[2", "true", "null", '"1"', "\udce9"])
)


@given(st.lists(WRITTEN, min_size=1, max_size=20))
def test_written_numbers_are_those_of_float(cells: list[str]) -> None:
    """Whatever is written as a number is the very number that float() gives."""
    expected = np.array([float(cell) for cell in cells])
    assert np.array_equal(numbers(cells), expected)
    found = read_plain(",".join(cells), len(cells))
    assert np.array_equal(expected if found is None else found, expected)
    assert found is not None or not np.isfinite(expected).all()


@given(st.lists(CELLS, max_size=8))
def test_text_that_is_no_number_is_refused(cells: list[str]) -> None:
    """Each cell is read by itself: what is no number is NaN there, and its neighbours are what they are."""
    found = numbers(cells)
    assert found.shape == (len(cells),)
    for cell, value in zip(cells, found.tolist(), strict=True):
        (alone,) = numbers([cell]).tolist()
        try:
            expected = float(cell) if "_" not in cell else alone
        except ValueError:
            expected = math.nan
        assert value == expected or (math.isnan(value) and math.isnan(expected)) or "_" in cell


@pytest.mark.parametrize(("text", "count"), [("1,2,3", 2), ("1", 2), ("", 1), ("1,,2", 3), ("1],[2", 1), ("[1]", 1), ("1 2", 2)])
def test_other_text_is_not_plain(text: str, count: int) -> None:
    """What is not exactly so many numbers is left to the reader of cells."""
    assert read_plain(text, count) is None


@given(st.lists(st.lists(WRITTEN, min_size=1, max_size=3), min_size=1, max_size=8))
def test_rows_are_pairs_or_cut_at_their_first_comma(rows: list[list[str]]) -> None:
    """Rows of two numbers are read together, any others one by one: the numbers do not slip from row to row."""
    shift, counts = rruff._columns([", ".join(row) for row in rows])
    assert np.array_equal(shift, [float(row[0]) for row in rows])
    for row, value in zip(rows, counts.tolist(), strict=True):
        assert value == float(row[1]) if len(row) == 2 else math.isnan(value)
