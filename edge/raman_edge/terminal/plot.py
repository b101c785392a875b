"""A spectrum drawn in characters, and the axis beneath it: pure functions from numbers to strings.

Each column shows the lowest and the highest value it covers, joined: a line that is narrower
than a column keeps its full height at any width of the terminal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from raman_edge.terminal.theme import Theme

    Array = NDArray[np.floating]

BRAILLE = 0x2800
"""The empty braille cell (Unicode 15, block U+2800); the bits below are added to it."""
DOTS = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1))
"""Row and column of the dot of each bit of a braille cell, the lowest bit first."""
HALVES = np.array([ord(character) for character in " '.|"], dtype="<u4")
"""ASCII cells by their dots: none, upper, lower, both."""
LABEL_ROOM = 10
"""Least cells from one number on the axis to the next."""
ALIKE = 1e-5
"""Numbers that differ by a smaller share of themselves look alike in a few digits."""
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, slots=True)
class Window:
    """The range that a plot shows."""

    start: float
    """cm⁻¹."""
    stop: float
    """cm⁻¹, above ``start``."""
    low: float
    """Value at the bottom; lower values are drawn there."""
    high: float
    """Value at the top; higher values are drawn there."""

    def column(self, shift: float, width: int) -> int | None:
        """Return the column of ``width`` where ``shift`` (cm⁻¹) lies, None outside."""
        if width < 1 or not self.start <= shift <= self.stop:
            return None
        return min(width - 1, int((shift - self.start) / (self.stop - self.start) * width))


def window(shift: Array, counts: Array, inside: tuple[float, float]) -> Window:
    """Return the window of all of ``shift``, as high as ``counts`` are within ``inside`` (cm⁻¹).

    Values outside it, such as the laser line at 0 cm⁻¹, do not flatten the rest.
    """
    seen = counts[(shift >= inside[0]) & (shift <= inside[1])]
    seen = seen if seen.size else counts
    return Window(float(shift[0]), float(shift[-1]), float(seen.min()), float(seen.max()))


def part(shift: Array, counts: Array, zoom: tuple[float, float]) -> Window:
    """Return the window from ``zoom[0]`` to ``zoom[1]`` (cm⁻¹), as high as ``counts`` are within it."""
    height = window(shift, counts, zoom)
    return Window(*zoom, height.low, height.high)


def braille(shift: Array, counts: Array, view: Window, width: int, height: int) -> list[str]:
    """Return ``height`` strings of ``width`` braille cells, 2 by 4 dots each."""
    if width < 1 or height < 1:
        return []
    dots = _dots(shift, counts, view, 2 * width, 4 * height)
    cells = dots.reshape(height, 4, width, 2)
    bits = np.packbits(np.stack([cells[:, row, :, column] for row, column in DOTS], axis=-1), axis=-1, bitorder="little")
    return _strings(np.where(bits[..., 0], BRAILLE + bits[..., 0].astype("<u4"), ord(" ")))


def ascii_plot(shift: Array, counts: Array, view: Window, width: int, height: int) -> list[str]:
    """Return ``height`` strings of ``width`` ASCII cells, one by two dots each."""
    if width < 1 or height < 1:
        return []
    dots = _dots(shift, counts, view, width, 2 * height)
    return _strings(HALVES[dots[0::2] + 2 * dots[1::2]])


def _strings(codes: NDArray[np.integer]) -> list[str]:
    """Return one string for each row of code points."""
    return [line.astype("<u4").tobytes().decode("utf-32-le") for line in codes]


def _dots(shift: Array, counts: Array, view: Window, across: int, down: int) -> NDArray[np.uint8]:
    """Return which dots are set, (down, across), 0 or 1, the top row first."""
    edges = np.linspace(view.start, view.stop, across + 1)
    bottom, top = envelope(shift, share(counts, view.low, view.high), edges)
    first = np.rint((1 - top) * (down - 1))
    last = np.rint((1 - bottom) * (down - 1))
    rows = np.arange(down)[:, None]
    measured = (edges[1:] > shift[0]) & (edges[:-1] < shift[-1])
    dots: NDArray[np.uint8] = ((rows >= first) & (rows <= last) & measured).astype(np.uint8)
    return dots


def share(values: Array, low: float, high: float) -> Array:
    """Return the position of each value between ``low`` and ``high``, 0..1; without a span every value is at 0."""
    largest = max(abs(low), abs(high))
    if largest == 0 or high / largest <= low / largest:
        return np.zeros(values.size)
    low, high, inside = low / largest, high / largest, np.clip(values, low, high) / largest  # no difference of two counts overflows
    shares: Array = np.clip((inside - low) / (high - low), 0.0, 1.0)
    return shares


def envelope(shift: Array, values: Array, edges: Array) -> tuple[Array, Array]:
    """Return the lowest and highest value between neighbouring ``edges``, both edges included, (edges - 1,) each."""
    at_edges = np.interp(edges, shift, values)
    places = np.concatenate([edges, shift])
    order = np.argsort(places, kind="stable")  # an edge stands before a point at the same place
    merged = np.concatenate([at_edges, values])[order]
    begins = np.flatnonzero(order < edges.size)
    low = np.minimum.reduceat(merged, begins)[:-1]
    high = np.maximum.reduceat(merged, begins)[:-1]
    return np.minimum(low, at_edges[1:]), np.maximum(high, at_edges[1:])


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between ``low`` and ``high``, at most ``most`` steps apart; none if they would look alike.

    The step is the smallest of 1, 2 and 5 times a power of ten that gives no more steps.
    """
    span = high - low
    if not max(abs(low), abs(high)) * ALIKE < span < math.inf:
        return []
    rough = max(span / max(1, most), TINY)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1.0, 2.0, 5.0) if factor * power >= rough), 10.0 * power)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def axis(view: Window, width: int, theme: Theme, unit: str | None = None) -> tuple[str, str]:
    """Return the axis line and the numbers beneath it, ``width`` cells each, the unit (None: cm⁻¹) at the right end."""
    if width < 1:
        return "", ""
    longest = max(len(f"{view.start:.0f}"), len(f"{view.stop:.0f}"))
    line, numbers = [theme.rule] * width, [" "] * width
    unit = theme.unit if unit is None else unit
    unit = f" {unit}" if width > 4 * len(unit) else ""
    free = 0
    for shift in ticks(view.start, view.stop, width // max(LABEL_ROOM, longest + 3)):
        column = view.column(shift, width)
        if column is None:
            continue
        line[column] = theme.mark
        label = f"{shift:.10g}"
        begin = min(max(0, column - len(label) // 2), width - len(label))
        if begin >= free and begin + len(label) <= width - len(unit):
            numbers[begin : begin + len(label)] = label
            free = begin + len(label) + 1
    if unit:
        numbers[width - len(unit) :] = unit
    return "".join(line), "".join(numbers)


def marks(view: Window, width: int, places: Iterable[tuple[float, str]]) -> dict[int, str]:
    """Return column → name for places (cm⁻¹, name) inside the window; the last name given to a column stays."""
    columns: dict[int, str] = {}
    for shift, name in places:
        column = view.column(shift, width)
        if column is not None:
            columns[column] = name
    return columns


def short(value: float) -> str:
    """Return ``value`` with three or four digits, in at most 7 characters and a sign: ``0.25``, ``812``, ``19.93k``, ``-1e+12``."""
    size = abs(value)
    for limit, scale, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if limit <= size < 1e12:  # noqa: PLR2004 - beyond, the exponent is shorter
            return f"{value / scale:.4g}{unit}"
    readable = size == 0 or 1e-3 <= size < 1e4  # noqa: PLR2004 - what four digits can show
    digits = 3 if size < 1e-2 else 4  # noqa: PLR2004 - three zeros precede them
    return f"{value:.{digits}g}" if readable else f"{value:.0e}"
