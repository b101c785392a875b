"""The picture shows the spectrum as it was recorded, and each peak where it is."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import report_pages
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from markers import examples
from raman_edge.peaks import MatchedPeak, PeakMatch, UnmatchedPeak
from raman_edge.report import ReportedResult, figure
from raman_edge.report.figure import COLUMN, Plane
from raman_edge.spectrum import Axis, Origin, Spectrum
from raman_edge.terminal.plot import Window

FLAT = Spectrum(Axis.linear(100.0, 1100.0, 1.0), np.full(1001, 50.0), Origin("test", ""))
NUMBER = re.compile(r"-?\d+")


def subject(found: PeakMatch, measured: Spectrum = FLAT) -> ReportedResult:
    """Return an answer whose first candidate has these peaks."""
    record = report_pages.result()
    return report_pages.subject(msgspec.structs.replace(record, matches=(replace(record.matches[0], peaks=found),)), measured)


def drawn(one: ReportedResult) -> report_pages.Taken:
    """Return the page of a result without its bars, taken apart."""
    return report_pages.Taken(re.sub("<svg[^>]*bar.*?</svg>", "", report_pages.text(one)))


def places(taken: report_pages.Taken, kind: str) -> list[tuple[int, int]]:
    """Return where the lines of that class begin."""
    paths = [dict(group) for group in groups(taken, "path")]
    begins = [NUMBER.findall(path["d"])[:2] for path in paths if path["class"] == kind]
    return [(int(x), int(y)) for x, y in begins]


def groups(taken: report_pages.Taken, tag: str) -> list[list[tuple[str, str]]]:
    """Return the attributes of each element of that name, in its order."""
    found: list[list[tuple[str, str]]] = []
    for name, attribute, value in taken.attributes:
        if name == tag:
            if not found or attribute in dict(found[-1]):
                found.append([])
            found[-1].append((attribute, value or ""))
    return found


def column(shift: float) -> int:
    """Return where a shift lies in the picture of :data:`FLAT`."""
    return figure.plane_of(FLAT, None).column(shift)


def test_a_sign_stands_over_its_peak() -> None:
    """A matched and an extra peak have their signs above the curve's highest point near their place."""
    counts = FLAT.counts.copy()
    counts[300], counts[700] = 1050.0, 550.0
    found = PeakMatch((MatchedPeak(400.0, 402.0, -2.0, 1.0, 0.9),), (), (UnmatchedPeak(800.0, 0.5),))
    taken = drawn(subject(found, replace(FLAT, counts=counts)))
    top, floor = figure.TOP, figure.FLOOR
    assert places(taken, "sign matched") == [(column(400.0), top - figure.ABOVE)]
    assert places(taken, "sign extra") == [(column(800.0), (top + floor) // 2 - figure.ABOVE)]
    assert places(taken, "agree") == places(taken, "sign matched")


def test_reference_peaks_hang_from_the_floor_at_their_own_place() -> None:
    """Sticks hang where the reference has the peak, not where it was measured, as long as they are high; missing ones carry a sign."""
    found = PeakMatch((MatchedPeak(400.0, 402.0, -2.0, 1.0, 0.5),), (UnmatchedPeak(600.0, 1.0),), ())
    taken = drawn(subject(found))
    assert places(taken, "stick matched") == [(column(402.0), figure.FLOOR)]
    assert places(taken, "stick missing") == [(column(600.0), figure.FLOOR)]
    lengths = [path for path in taken.values("d") if re.fullmatch(rf"M\d+ {figure.FLOOR}v\d+", path)]
    assert sorted(int(path.rpartition("v")[2]) for path in lengths) == [figure.LONGEST // 2, figure.LONGEST]
    assert places(taken, "sign missing")[0][1] > figure.FLOOR + figure.LONGEST


def test_a_reference_peak_outside_the_recorded_range_is_not_drawn() -> None:
    """What the spectrum does not reach has no stick beside the axis."""
    taken = drawn(subject(PeakMatch((), (UnmatchedPeak(1500.0, 1.0), UnmatchedPeak(20.0, 1.0)), ())))
    assert places(taken, "stick missing") == []


def test_numbers_at_peaks_leave_each_other_room() -> None:
    """Of crowded peaks the higher ones get their number; every peak has its sign."""
    found = PeakMatch((), (), tuple(UnmatchedPeak(500.0 + 5 * number, 0.1 + 0.01 * number) for number in range(40)))
    taken = drawn(subject(found))
    labels = [dict(group) for group in groups(taken, "text")]
    at = sorted(int(label["x"]) for label in labels if label["class"] == "middle halo")
    assert len(places(taken, "sign extra")) == 40
    assert 1 < len(at) < 40
    assert min(np.diff(at)) >= figure.APART
    assert column(695.0) in at


def test_the_reference_area_hangs_below_the_spectrum() -> None:
    """With the library at hand its lines are drawn downwards: no point of them is above the floor."""
    one = report_pages.subject(report_pages.result(), report_pages.spectrum(), report_pages.at_hand())
    area = next(dict(group)["d"] for group in groups(drawn(one), "path") if dict(group)["class"] == "reference")
    moves = re.findall(r"(-?\d+)([+-]\d+)", area.partition("V")[0])
    heights = np.cumsum([int(y) for _, y in moves])
    assert heights.min() >= figure.FLOOR
    assert heights.max() == pytest.approx(figure.FLOOR + figure.LONGEST, abs=25)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (1500.0, "1500"), (-20.0, "-20"), (0.25, "0.25"), (2e6, "2e+06"), (1e-7, "1e-07"), (1e300, "1e+300")]
)
def test_counts_are_written_short(value: float, shown: str) -> None:
    """Counts on an axis are whole where they are whole, and short where they are enormous or tiny."""
    assert figure.number(value) == shown


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=examples(60))
@given(hnp.arrays(np.float64, st.integers(2, 60), elements=FINITE), st.floats(-1e4, 1e4), st.floats(1e-3, 1e3))
def test_any_spectrum_has_a_picture(counts: np.ndarray[tuple[int], np.dtype[np.float64]], start: float, step: float) -> None:
    """Whatever finite counts and axis were recorded, the picture is well formed and its curve inside its rectangle."""
    measured = Spectrum(Axis(start + step * np.arange(counts.size)), counts, Origin("test", ""))
    taken = drawn(subject(PeakMatch((), (), (UnmatchedPeak(start, 1.0),)), measured))
    curve = next(dict(group)["d"] for group in groups(taken, "path") if dict(group)["class"] == "curve")
    moves = np.array([[int(x), int(y)] for x, y in re.findall(r"(-?\d+)([+-]\d+)", curve)])
    along, down = np.cumsum(moves, axis=0).T
    assert figure.LEFT <= along.min() <= along.max() <= figure.WIDTH - figure.RIGHT
    assert figure.TOP <= down.min() <= down.max() <= figure.FLOOR
    assert "nan" not in curve


PLANE = Plane(left=100, top=50, width=200, height=80, window=Window(start=0.0, stop=2000.0, low=-10.0, high=30.0))


def points(geometry: str) -> list[tuple[int, int]]:
    """Return the places of an SVG path of relative moves."""
    assert re.fullmatch(r"m-?\d+[+-]\d+( -?\d+[+-]\d+)*", geometry)
    moves = [tuple(map(int, re.findall(r"[+-]?\d+", pair))) for pair in geometry[1:].split(" ")]
    return [(int(x), int(y)) for x, y in np.cumsum(moves, axis=0)]


def test_corners_of_the_rectangle_are_corners_of_the_plane() -> None:
    """The first shift is at the left, the highest count at the top."""
    drawn = points(PLANE.curve(np.array([0.0, 2000.0]), np.array([-10.0, 30.0])))
    assert drawn == [(100, 130), (300, 50)]


def test_what_is_higher_lies_on_the_edge() -> None:
    """Counts above and below the rectangle are drawn on its edges, none outside."""
    drawn = points(PLANE.curve(np.array([0.0, 1000.0, 2000.0]), np.array([1e9, 10.0, -1e9])))
    assert [y for _, y in drawn] == [50, 90, 130]


@given(st.integers(0, 9_999), st.integers(0, 9_999))
def test_one_point_among_ten_thousand_keeps_its_height(up: int, down: int) -> None:
    """The highest and the lowest of many more points than columns are in the picture, at their place and height."""
    shift = np.linspace(0.0, 2000.0, 10_000)
    counts = np.zeros(10_000)
    counts[up] = 30.0
    if down != up:
        counts[down] = -10.0
    drawn = points(PLANE.curve(shift, counts))
    assert len(drawn) <= 2 * (PLANE.width // COLUMN + 1)
    assert min(drawn, key=lambda point: point[1])[1] == 50
    at = next(x for x, y in drawn if y == 50)
    assert abs(at - PLANE.column(float(shift[up]))) <= COLUMN
    assert max(y for _, y in drawn) == (130 if down != up else 110)


def test_few_points_are_drawn_as_they_are() -> None:
    """A spectrum with fewer points than the picture has columns keeps every one."""
    assert len(points(PLANE.curve(np.linspace(0, 2000, 150), np.zeros(150)))) == 150


@pytest.mark.parametrize("counts", [np.full(5, 3.0), np.array([-1e308, 1e308, 0.0, 1e308, -1e308]), np.full(5, 5e-324)])
def test_flat_and_enormous_counts_have_a_picture(counts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Counts without any structure, and the largest numbers there are, stay in the rectangle."""
    plane = replace(PLANE, window=Window(0.0, 2000.0, float(counts.min()), float(counts.max())))
    drawn = points(plane.curve(np.linspace(0, 2000, 5), counts))
    assert all(50 <= y <= 130 for _, y in drawn)
