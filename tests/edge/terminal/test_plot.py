"""A spectrum drawn in characters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from raman_edge.terminal import plot
from raman_edge.terminal.plot import Window
from raman_edge.terminal.theme import ASCII, UNICODE

SIZES = st.integers(-1, 60)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def spectra(draw: st.DrawFn, values: st.SearchStrategy[float] = FINITE) -> tuple[np.ndarray, np.ndarray]:
    """Any finite counts on any axis of at least two points."""
    steps = draw(npst.arrays(np.float64, st.integers(2, 80), elements=st.floats(1e-3, 1e3)))
    counts = draw(npst.arrays(np.float64, steps.size, elements=values))
    return np.cumsum(steps) - 500, counts


def window(shift: np.ndarray, counts: np.ndarray) -> Window:
    """The window of all of a spectrum."""
    return plot.window(shift, counts, (shift[0], shift[-1]))


def dots(lines: list[str]) -> np.ndarray:
    """Return the dots of braille rows by reading the cells back, (4 rows, 2 columns)."""
    grid = np.zeros((4 * len(lines), 2 * len(lines[0])), dtype=bool)
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            bits = 0 if character == " " else ord(character) - 0x2800
            for bit, (row, column) in enumerate(plot.DOTS):
                grid[4 * y + row, 2 * x + column] = bits >> bit & 1
    return grid


@given(spectra(), SIZES, SIZES, st.booleans())
def test_a_plot_has_the_requested_size(spectrum: tuple[np.ndarray, np.ndarray], width: int, height: int, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the numbers, a plot has exactly its rows and cells, and only its own characters."""
    draw = plot.ascii_plot if ascii_only else plot.braille
    lines = draw(*spectrum, window(*spectrum), width, height)
    assert len(lines) == (max(0, height) if width > 0 else 0)
    assert all(len(line) == width for line in lines)
    allowed = set(" '.|") if ascii_only else {" ", *map(chr, range(0x2801, 0x2900))}
    assert set("".join(lines)) <= allowed


@given(spectra(st.floats(-1e6, 1e6)), st.integers(1, 60), st.integers(1, 20))
def test_every_point_is_drawn(spectrum: tuple[np.ndarray, np.ndarray], width: int, height: int) -> None:
    """There is a dot where each point lies, so that no line vanishes between two columns."""
    shift, counts = spectrum
    view = window(shift, counts)
    grid = dots(plot.braille(shift, counts, view, width, height))
    span = view.high - view.low
    for x, y in zip(shift, counts, strict=True):
        column = view.column(float(x), 2 * width)
        row = (view.high - y) / span * (4 * height - 1) if span > 0 else 4 * height - 1
        assert column is not None
        # Numbers that fall on the border of two dots may be drawn as either.
        near = grid[max(0, int(row - 0.01)) : int(row + 1.01) + 1, max(0, column - 1) : column + 2]
        assert near.any()


@pytest.mark.parametrize("draw", [plot.braille, plot.ascii_plot])
@pytest.mark.parametrize("at", [0, 1, 777, 5000, 9999])
def test_a_line_of_one_point_reaches_the_top(draw: object, at: int) -> None:
    """One point among ten thousand is as tall on forty columns as it is in the data."""
    counts = np.zeros(10_000)
    counts[at] = 1.0
    shift = np.arange(10_000.0)
    lines = draw(shift, counts, window(shift, counts), 40, 6)  # type: ignore[operator]  # one of the two above
    assert lines[0].strip()
    assert abs(len(lines[0]) - len(lines[0].lstrip()) - at * 40 // 10_000) <= 1


def test_a_curve_has_no_gap() -> None:
    """Neighbouring columns share their edge, so that a curve is one line."""
    shift = np.linspace(0, 1, 500)
    grid = dots(plot.braille(shift, np.sin(12 * shift), Window(0, 1, -1, 1), 50, 10))
    assert grid.any(axis=0).all()
    tops = grid.argmax(axis=0)
    bottoms = grid.shape[0] - 1 - grid[::-1].argmax(axis=0)
    assert (np.maximum(tops[1:], tops[:-1]) <= np.minimum(bottoms[1:], bottoms[:-1]) + 1).all()


def test_what_was_not_measured_is_not_drawn() -> None:
    """Columns outside the spectrum's axis stay empty."""
    shift = np.linspace(400, 600, 100)
    lines = plot.braille(shift, np.ones(100), Window(0, 1000, 0, 1), 50, 4)
    drawn = [x for x in range(50) if any(line[x] != " " for line in lines)]
    assert (drawn[0], drawn[-1]) == (20, 29)


def test_the_laser_line_does_not_flatten_the_rest() -> None:
    """The height of the window is that of the counts where the model looks."""
    shift = np.linspace(-100, 1500, 1601)
    counts = np.where(np.abs(shift) < 3, 1e6, 100 * np.exp(-(((shift - 800) / 5) ** 2)))
    assert plot.window(shift, counts, (100, 1500)).high == pytest.approx(100)


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e4), st.integers(-1, 250), st.booleans())
def test_an_axis_fits_any_width(start: float, span: float, width: int, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """The axis and its numbers take exactly the cells there are."""
    line, numbers = plot.axis(Window(start, start + span, 0, 1), width, ASCII if ascii_only else UNICODE)
    assert (len(line), len(numbers)) == (max(0, width), max(0, width))


@pytest.mark.parametrize("width", [50, 70, 90, 190])
def test_numbers_stand_under_their_place(width: int) -> None:
    """The middle of every number on the axis is the column of that Raman shift, and there are several."""
    view = Window(147.3, 1412.9, 0, 1)
    line, numbers = plot.axis(view, width, UNICODE)
    found = 0
    for word in numbers.removesuffix(UNICODE.unit).split():
        column = view.column(float(word), width)
        middle = numbers.index(f" {word} ") + 1 + len(word) // 2
        assert column is not None
        assert abs(column - middle) <= 1
        assert line[column] == UNICODE.mark
        found += 1
    assert found >= 2


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_even_and_inside(low: float, span: float, most: int) -> None:
    """Numbers on an axis lie in it, 1, 2 or 5 times a power of ten apart, with at most the given number of steps."""
    high = low + span
    found = plot.ticks(low, high, most)
    assert len(found) <= most + 1
    assert found or span <= 1e-5 * max(abs(low), abs(high)) or most == 2
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in found)
    if len(found) > 1:
        step = (found[-1] - found[0]) / (len(found) - 1)
        digit = step / 10.0 ** math.floor(math.log10(step) + 1e-6)
        assert min(abs(digit - one) for one in (1, 2, 5)) < 0.01


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1e6, 1e6 + 1), (0.0, 0.0), (-1e308, 1e308)])
def test_an_axis_without_room_has_no_numbers(low: float, high: float) -> None:
    """An axis has no numbers if it has no span, or if all of them would look alike."""
    assert plot.ticks(low, high, 5) == []


@given(FINITE | st.floats(-1e5, 1e5) | st.floats(-0.1, 0.1))
@example(-0.0078125)
def test_a_number_at_the_axis_is_short(value: float) -> None:
    """Any number takes at most eight characters."""
    assert len(plot.short(value)) <= 8


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1.0, "1"), (0.25, "0.25"), (812.4, "812.4"), (19_934.0, "19.93k"), (1.2e6, "1.2M"), (-3.4e15, "-3e+15")],
)
def test_numbers_read_as_people_write_them(value: float, shown: str) -> None:
    """Thousands get a k, millions an M."""
    assert plot.short(value) == shown


def test_a_missing_peak_wins_its_column() -> None:
    """Where two peaks share a column, the one named last is shown; outside the window there is none."""
    assert plot.marks(Window(0, 1000, 0, 1), 10, [(110, "extra"), (150, "missing"), (2000, "extra")]) == {1: "missing"}
