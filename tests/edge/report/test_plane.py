"""A curve in a picture is where the numbers say, and no line of it is lost."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.report.plane import COLUMN, Plane, curve, ticks

PLANE = Plane(left=100, top=50, width=200, height=80, start=0.0, stop=2000.0, low=-10.0, high=30.0)


def points(geometry: str) -> list[tuple[int, int]]:
    """Return the places of an SVG path of relative moves."""
    assert re.fullmatch(r"m-?\d+[+-]\d+( -?\d+[+-]\d+)*", geometry)
    moves = [tuple(map(int, re.findall(r"[+-]?\d+", pair))) for pair in geometry[1:].split(" ")]
    return [(int(x), int(y)) for x, y in np.cumsum(moves, axis=0)]


def test_corners_of_the_rectangle_are_corners_of_the_plane() -> None:
    """The first shift is at the left, the highest count at the top."""
    drawn = points(curve(np.array([0.0, 2000.0]), np.array([-10.0, 30.0]), PLANE))
    assert drawn == [(100, 130), (300, 50)]


def test_what_is_higher_lies_on_the_edge() -> None:
    """Counts above and below the rectangle are drawn on its edges, none outside."""
    drawn = points(curve(np.array([0.0, 1000.0, 2000.0]), np.array([1e9, 10.0, -1e9]), PLANE))
    assert [y for _, y in drawn] == [50, 90, 130]


@given(st.integers(0, 9_999), st.integers(0, 9_999))
def test_one_point_among_ten_thousand_keeps_its_height(up: int, down: int) -> None:
    """The highest and the lowest of many more points than columns are in the picture, at their place and height."""
    shift = np.linspace(0.0, 2000.0, 10_000)
    counts = np.zeros(10_000)
    counts[up] = 30.0
    if down != up:
        counts[down] = -10.0
    drawn = points(curve(shift, counts, PLANE))
    assert len(drawn) <= 2 * (PLANE.width // COLUMN + 1)
    assert min(drawn, key=lambda point: point[1])[1] == 50
    at = next(x for x, y in drawn if y == 50)
    assert abs(at - PLANE.column(float(shift[up]))) <= COLUMN
    assert max(y for _, y in drawn) == (130 if down != up else 110)


def test_few_points_are_drawn_as_they_are() -> None:
    """A spectrum with fewer points than the picture has columns keeps every one."""
    assert len(points(curve(np.linspace(0, 2000, 150), np.zeros(150), PLANE))) == 150


@pytest.mark.parametrize("counts", [np.full(5, 3.0), np.array([-1e308, 1e308, 0.0, 1e308, -1e308]), np.full(5, 5e-324)])
def test_flat_and_enormous_counts_have_a_picture(counts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Counts without any structure, and the largest numbers there are, stay in the rectangle."""
    plane = replace(PLANE, low=float(counts.min()), high=float(counts.max()))
    drawn = points(curve(np.linspace(0, 2000, 5), counts, plane))
    assert all(50 <= y <= 130 for _, y in drawn)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_even_and_inside(low: float, span: float, most: int) -> None:
    """Numbers on an axis lie in it, are evenly apart by 1, 2 or 5 times a power of ten, and never more than asked for."""
    high = low + span
    found = ticks(low, high, most)
    assert len(found) <= most
    assert found or span <= 1e-5 * max(abs(low), abs(high)) or most == 2
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in found)
    if len(found) > 1:
        step = (found[-1] - found[0]) / (len(found) - 1)
        digit = step / 10.0 ** math.floor(math.log10(step) + 1e-6)
        assert min(abs(digit - one) for one in (1, 2, 5)) < 0.01


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1e6, 1e6 + 1), (0.0, 0.0), (-1e308, 1e308)])
def test_an_axis_without_room_has_no_numbers(low: float, high: float) -> None:
    """Where there is nothing, or no number, between the ends, or where all would read alike, none is written."""
    assert ticks(low, high, 5) == []
