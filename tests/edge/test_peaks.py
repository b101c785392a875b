"""Peaks: where they are, what is none, and which belong together."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from raman_edge import peaks, synthetic
from raman_edge.peaks import FARTHEST, TELLING_HEIGHT, TOLERANCE, MaterialLines, Peaks, find, match, noise
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_edge.spectrum import Axis, Origin, Spectrum
from scipy import ndimage, signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXIS = Axis.linear(30.0, 1599.0, 1.0)
RECIPE = Recipe((Resample(start=30.0, stop=1599.0, step=1.0), MinMax()))
UNHURRIED = settings(deadline=None)
COUNTS = arrays.arrays(np.float64, st.integers(1, 120), elements=st.floats(-1e6, 1e6, width=32))
FEW_LEVELS = arrays.arrays(np.float64, st.integers(1, 60), elements=st.integers(0, 4).map(float))
"""Counts with many plateaus and equal heights."""


def table(*shift: float, height: float = 1.0) -> Peaks:
    """Return peaks at these places, all of one height."""
    return Peaks(np.array(shift), np.full(len(shift), height), np.full(len(shift), 8.0))


def axis_of(counts: NDArray[np.float64]) -> Axis:
    """Return an axis in steps of 2 for these counts."""
    return Axis(100.0 + 2.0 * np.arange(max(2, counts.size)))


def slow_tops(counts: NDArray[np.float64]) -> list[int]:
    """Return the left edges of the plateaus that are higher than what is on either side, by walking."""
    found = []
    for i in range(1, counts.size - 1):
        if counts[i] > counts[i - 1]:
            after = next((value for value in counts[i + 1 :] if value != counts[i]), np.inf)
            if after < counts[i]:
                found.append(i)
    return found


def slow_width(counts: NDArray[np.float64], top: int, prominence: float) -> float:
    """Return the number of points around ``top`` that are not below half the prominence, by walking."""
    level = counts[top] - prominence / 2
    left = next(i for i in range(top, -1, -1) if counts[i] < level)
    right = next(i for i in range(top, counts.size) if counts[i] < level)
    return float(max(1, right - left - 1))


@given(COUNTS | FEW_LEVELS)
@UNHURRIED
def test_tops_are_those_of_a_walk(counts: NDArray[np.float64]) -> None:
    """Local maxima are what a walk along the counts finds, plateaus by their left edge."""
    assert peaks._tops(counts).tolist() == slow_tops(counts)


@given(COUNTS | FEW_LEVELS)
@UNHURRIED
def test_tops_are_scipys(counts: NDArray[np.float64]) -> None:
    """Local maxima are scipy's, which names the middle of a plateau instead of its left edge."""
    _, found = signal.find_peaks(counts, plateau_size=1)
    assert peaks._tops(counts).tolist() == found["left_edges"].tolist()


@given(COUNTS | FEW_LEVELS)
@UNHURRIED
def test_prominences_are_scipys(counts: NDArray[np.float64]) -> None:
    """Prominences are what scipy computes by walking from every peak."""
    tops = peaks._tops(counts)
    expected = signal.peak_prominences(counts, tops)[0] if tops.size else np.empty(0)
    assert peaks._prominences(counts, tops).tolist() == expected.tolist()


@given(COUNTS | FEW_LEVELS)
@UNHURRIED
def test_widths_are_those_of_a_walk(counts: NDArray[np.float64]) -> None:
    """The width is the number of points down to half the prominence on either side."""
    tops = peaks._tops(counts)
    prominence = peaks._prominences(counts, tops)
    clear = prominence > 1e-9 * np.abs(counts[tops])
    tops, prominence = tops[clear], prominence[clear]
    expected = [slow_width(counts, top, height) for top, height in zip(tops.tolist(), prominence.tolist(), strict=True)]
    assert peaks._widths(counts, tops, prominence).tolist() == expected


@given(COUNTS | FEW_LEVELS, st.integers(1, 40))
@UNHURRIED
def test_any_counts_have_peaks_in_order(counts: NDArray[np.float64], most: int) -> None:
    """Any counts give peaks inside the axis, in order, with heights of 0..1 of which the highest is 1."""
    axis = axis_of(counts)
    found = find(axis, counts, most=most)
    assert len(found) <= most
    assert (np.diff(found.shift) > 0).all()
    assert ((found.shift > axis.start) & (found.shift < axis.stop)).all()
    assert ((found.height > 0) & (found.height <= 1)).all()
    assert (found.width >= 2.0).all()
    assert not len(found) or found.height.max() == 1.0


@pytest.mark.parametrize(
    "counts",
    [np.empty(0), np.zeros(1), np.arange(4.0), np.full(50, 1e300), np.arange(50.0), -np.arange(50.0)],
)
def test_nothing_has_no_peaks(counts: NDArray[np.float64]) -> None:
    """Too few points, a constant, and a slope have no peaks: the ends never count."""
    assert len(find(axis_of(counts), counts)) == 0


def test_features_have_the_peaks_of_their_counts() -> None:
    """Peaks do not depend on whether the numbers are float32 or float64, nor on their unit."""
    features = RECIPE.features(build.spectrum("Gypsum", 2))
    wide = features.astype(np.float64)
    first, second, third = find(AXIS, features), find(AXIS, wide), find(AXIS, 1e4 * wide - 77.0)
    assert first.shift == pytest.approx(second.shift, abs=1e-4)
    assert first.shift == pytest.approx(third.shift, abs=1e-4)
    assert third.height == pytest.approx(second.height)


@pytest.mark.parametrize("offset", [0.0, 0.2, 0.37, 0.5, 0.81])
@pytest.mark.parametrize(("width", "top", "within"), [(6.0, 1e6, 0.1), (12.0, 1e6, 0.2), (6.0, 2e4, 0.3), (12.0, 2e4, 0.9)])
def test_positions_are_finer_than_the_points(offset: float, width: float, top: float, within: float) -> None:
    """In exposures with noise, a line is found within a fraction of a point, wherever it stands between two."""
    places = np.array([200.0, 465.0, 800.0, 1086.0, 1400.0]) + offset
    lines = Peaks(places, np.array([0.3, 1.0, 0.5, 0.7, 0.4]), np.full(5, width))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        seen = synthetic.expose(AXIS, lines, synthetic.SyntheticConditions(signal=top), rng, Origin("test", ""))
        found = find(AXIS, seen.counts)
        assert found.shift == pytest.approx(places, abs=within)
        assert found.height == pytest.approx(lines.height, abs=0.05)
        assert found.width == pytest.approx(width, abs=3.0)


@given(COUNTS | FEW_LEVELS, st.integers(1, 130))
@UNHURRIED
def test_background_is_scipys_opening(counts: NDArray[np.float64], half: int) -> None:
    """The background is a morphological opening: the lowest of every window, then the highest of those."""
    eroded = ndimage.minimum_filter1d(counts, 2 * half + 1, mode="constant", cval=np.inf)
    expected = ndimage.maximum_filter1d(eroded, 2 * half + 1, mode="constant", cval=-np.inf)
    assert peaks.background(counts, half).tolist() == expected.tolist()


@pytest.mark.parametrize("background", [0.0, 0.2, 0.5, 1.0])
def test_fluorescence_is_no_peak(background: float) -> None:
    """A broad background as high as the lines is not found, and does not change the height or width of a line on it."""
    pure = find(AXIS, synthetic.lines(AXIS, build.table("Zircon")))
    assert len(pure) == 4
    for seed in range(5):
        found = find(AXIS, RECIPE.features(build.spectrum("Zircon", seed, background=background)))
        assert found.shift == pytest.approx(pure.shift, abs=1.0)
        assert found.height == pytest.approx(pure.height, abs=0.09)
        assert found.width == pytest.approx(pure.width, abs=3.0)


def test_lines_of_every_mineral_are_found() -> None:
    """In an ordinary exposure each mineral has its own lines and no other, within a wavenumber."""
    for label, lines in build.LINES.items():
        for seed in range(5):
            found = find(AXIS, RECIPE.features(build.spectrum(label, seed)))
            inside = [shift for shift, _ in lines if shift > 150]
            assert [place for place in found.shift.tolist() if place > 155] == pytest.approx(inside, abs=1.0), (label, seed)


@pytest.mark.parametrize("pixel", [0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
def test_noise_has_few_peaks(pixel: float) -> None:
    """On pure noise hardly anything is found, on whatever pixels it was measured before it was put on the model's axis."""
    axis = Axis.linear(100.0, 1700.0, pixel)
    counts = [np.random.default_rng(seed).normal(100.0, 1.0, len(axis)) for seed in range(20)]
    found = [len(find(AXIS, RECIPE.features(Spectrum(axis, row, Origin("test", ""))))) for row in counts]
    assert sum(found) <= 6
    assert max(found) <= 2


@pytest.mark.parametrize("pixel", [0.5, 1.0, 2.0, 4.0])
def test_weak_lines_are_found(pixel: float) -> None:
    """A line eight times as high as the noise of one pixel is found on any pixels, among little else."""
    axis = Axis.linear(100.0, 1700.0, pixel)
    lines = synthetic.lines(axis, Peaks(np.array([464.0, 900.0]), np.ones(2), np.full(2, 9.0)))
    for seed in range(10):
        counts = np.random.default_rng(seed).normal(100.0, 1.0, len(axis)) + 8.0 * lines
        found = find(AXIS, RECIPE.features(Spectrum(axis, counts, Origin("test", "")))).shift
        assert all(np.abs(found - place).min() < 5.0 for place in (464.0, 900.0))
        assert len(found) <= 4


@pytest.mark.parametrize("covered", [(200.0, 700.0), (900.0, 1500.0)])
def test_range_that_was_not_measured_hides_no_noise(covered: tuple[float, float]) -> None:
    """Where most of the model's axis is filled in, the noise is still that of the measured part."""
    axis = Axis.linear(*covered, 1.0)
    for seed in range(10):
        counts = np.random.default_rng(seed).normal(100.0, 1.0, len(axis))
        assert len(find(AXIS, RECIPE.features(Spectrum(axis, counts, Origin("test", ""))))) <= 2


def test_most_prominent_peaks_are_kept() -> None:
    """Of more peaks than requested, the most prominent ones are given, in order of their shift."""
    places = np.arange(100.0, 1500.0, 100.0)
    height = np.array([0.2, 0.9, 0.3, 0.8, 0.4, 1.0, 0.5, 0.6, 0.25, 0.35, 0.45, 0.55, 0.65, 0.7])
    counts = synthetic.lines(AXIS, Peaks(places, height, np.full(14, 8.0)))
    found = find(AXIS, counts, most=3)
    assert found.shift == pytest.approx([200.0, 400.0, 600.0], abs=0.1)
    assert len(find(AXIS, counts)) == 14


def test_ripples_of_a_large_line_are_no_peaks() -> None:
    """What is lower than a twenty-fifth of the largest prominence is left out, noise or not."""
    counts = synthetic.lines(AXIS, Peaks(np.array([300.0, 800.0, 1300.0]), np.array([1.0, 0.05, 0.03]), np.full(3, 8.0)))
    assert find(AXIS, counts).shift == pytest.approx([300.0, 800.0], abs=0.1)


@pytest.mark.parametrize("apart", [(1,), (3,), (1, 2, 4)])
@pytest.mark.parametrize("sigma", [0.01, 1.0, 500.0])
def test_noise_is_its_standard_deviation(sigma: float, apart: tuple[int, ...]) -> None:
    """The noise of random counts is their standard deviation, whatever slope they stand on."""
    counts = np.random.default_rng(0).normal(0.0, sigma, 20_000) + np.linspace(0, 1e4 * sigma, 20_000)
    assert noise(counts, apart) == pytest.approx(sigma, rel=0.05)


def test_noise_does_not_see_lines_and_spikes() -> None:
    """A few lines and spikes do not change the noise; its unit is that of the counts."""
    rng = np.random.default_rng(1)
    counts = rng.normal(0.0, 1.0, len(AXIS)) + 1000 * synthetic.lines(AXIS, build.table("Quartz"))
    counts[[77, 500, 1300]] += 1e5
    assert noise(counts) == pytest.approx(1.0, rel=0.15)
    assert noise(60.0 * counts) == pytest.approx(60.0 * noise(counts))


def test_interpolation_does_not_hide_noise() -> None:
    """Points put between the measured ones leave no noise to neighbours; points further apart still show it."""
    counts = np.random.default_rng(2).normal(0.0, 1.0, 4000)
    finer = np.interp(np.arange(0, 3999, 0.5), np.arange(4000.0), counts)
    assert noise(finer) < 0.1
    assert noise(finer, (1, 2)) > 0.5
    assert noise(finer, (3, 6)) == pytest.approx(0.8, abs=0.2)


@pytest.mark.parametrize("size", [0, 1, 2])
def test_noise_of_too_few_points_is_0(size: int) -> None:
    """Where there is no second difference there is no noise estimate."""
    assert noise(np.arange(float(size))) == 0.0
    assert noise(np.array([0.0, 1.0, 0.0]), (2,)) == 0.0


def test_nearest_peaks_are_matched_first() -> None:
    """A peak goes to the nearest of the other table; a reference peak with any peak near it is not missing."""
    result = match(table(460.0, 466.0), table(464.0, 471.0), (0.0, 2000.0))
    assert [(m.at, m.reference, m.delta) for m in result.matched] == [(466.0, 464.0, 2.0)]
    assert result.missing == ()
    assert [lone.at for lone in result.extra] == [460.0]


def test_equally_near_peaks_are_matched_once() -> None:
    """Between two peaks at the same distance the first is taken, and none twice."""
    result = match(table(100.0), table(98.0, 102.0), (0.0, 200.0))
    assert [(m.at, m.reference) for m in result.matched] == [(100.0, 98.0)]
    assert result.missing == ()


@pytest.mark.parametrize(("distance", "matched"), [(TOLERANCE, 1), (-TOLERANCE, 1), (TOLERANCE + 0.01, 0), (-TOLERANCE - 0.01, 0)])
def test_tolerance_is_the_last_distance_that_matches(distance: float, matched: int) -> None:
    """Peaks exactly as far apart as the tolerance are the same, a hundredth further they are two."""
    result = match(table(500.0 + distance), table(500.0), (0.0, 2000.0))
    assert (len(result.matched), len(result.missing), len(result.extra)) == (matched, 1 - matched, 1 - matched)


@pytest.mark.parametrize(("covered", "missing"), [((500.0, 600.0), 1), ((400.0, 500.0), 1), ((500.1, 600.0), 0), ((400.0, 499.9), 0)])
def test_only_what_was_measured_is_missing(covered: tuple[float, float], missing: int) -> None:
    """A reference peak outside the measured range is not missing; on its very edge it is."""
    assert len(match(table(), table(500.0), covered).missing) == missing


@pytest.mark.parametrize(("height", "missing"), [(TELLING_HEIGHT, 1), (TELLING_HEIGHT - 0.001, 0), (1.0, 1), (0.0, 0)])
def test_only_telling_peaks_are_missing(height: float, missing: int) -> None:
    """A reference peak that is low is not missed: it may be in the noise."""
    assert len(match(table(), table(500.0, height=height), (0.0, 2000.0)).missing) == missing


@given(st.lists(st.floats(100, 200), max_size=12), st.lists(st.floats(100, 200), max_size=12), st.floats(0.0, 20.0))
@UNHURRIED
def test_match_uses_every_peak_once(found: list[float], reference: list[float], tolerance: float) -> None:
    """Every peak is in one list, no pair is wider than the tolerance, and no two left over could have been a pair."""
    mine = Peaks(np.sort(found), np.sort(found), np.zeros(len(found)))
    theirs = Peaks(np.sort(reference), np.ones(len(reference)), np.zeros(len(reference)))
    result = match(mine, theirs, (100.0, 200.0), tolerance)
    assert sorted([m.at for m in result.matched] + [x.at for x in result.extra]) == [round(x, 1) for x in sorted(found)]
    missed = [x for x in reference if all(abs(x - at) > tolerance for at in found)]
    assert sorted(x.at for x in result.missing) == [round(x, 1) for x in sorted(missed)]
    assert {m.reference for m in result.matched} <= {round(x, 1) for x in reference}
    assert all(abs(m.delta) <= tolerance + 0.06 for m in result.matched)
    assert all(abs(a.at - b.at) >= tolerance - 0.11 for a, b in itertools.product(result.extra, result.missing))
    assert [m.at for m in result.matched] == sorted(m.at for m in result.matched)


@pytest.mark.parametrize(
    ("width", "distance", "matched"), [(8.0, 9.0, 0), (40.0, 9.5, 1), (40.0, 10.5, 0), (500.0, FARTHEST, 1), (500.0, FARTHEST + 1, 0)]
)
def test_broad_peaks_match_from_farther(width: float, distance: float, matched: int) -> None:
    """The top of a broad line is not a sharp place: a quarter of its width off is the same line, up to a limit."""
    broad = Peaks(np.array([600.0]), np.array([1.0]), np.array([width]))
    for one, other in ((broad, table(600.0 + distance)), (table(600.0 + distance), broad)):
        assert len(match(one, other, (0.0, 2000.0)).matched) == matched


def lines(*tables: tuple[tuple[float, float], ...]) -> MaterialLines:
    """Return the lines of references with these peaks, (cm⁻¹, height)."""
    return MaterialLines.of([Peaks(*np.array([(*peak, 8.0) for peak in sorted(peaks)]).reshape(-1, 3).T) for peaks in tables])


def test_lines_say_what_any_and_what_every_reference_has() -> None:
    """A crystal that is turned shows other lines: the highest says what is explained, the lowest what may be missed."""
    made = lines(((464.0, 1.0), (206.0, 0.4)), ((465.0, 0.8), (800.0, 0.3)))
    assert made.shift.tolist() == [206.0, 464.0, 800.0]
    assert made.highest.tolist() == [0.4, 1.0, 0.3]
    assert made.lowest.tolist() == [0.0, 0.8, 0.0]
    result = match(table(464.0, 800.0), made, (0.0, 2000.0))
    assert [found.reference for found in result.matched] == [464.0, 800.0]
    assert (result.missing, result.extra) == ((), ())
    assert [lone.at for lone in match(table(206.0), made, (0.0, 2000.0)).missing] == [464.0]


def test_a_rare_line_is_not_the_materials() -> None:
    """A line that one of many references shows is an impurity, or a wrong label; of few references every line counts."""
    usual = ((464.0, 1.0),)
    assert lines(usual, ((464.0, 1.0), (1002.0, 0.9))).shift.tolist() == [464.0, 1002.0]
    assert lines(*[usual] * 30, ((464.0, 1.0), (1002.0, 0.9))).shift.tolist() == [464.0]


def test_lines_with_one_more_reference_are_those_of_all() -> None:
    """A reference that is added brings its lines, and what it lacks is no longer required."""
    first, second = ((464.0, 1.0), (206.0, 0.4)), ((464.5, 0.8), (800.0, 0.3))
    more = lines(first).and_of(table(464.5, 800.0, height=0.3))
    assert more.shift.tolist() == lines(first, second).shift.tolist()
    assert more.lowest.tolist() == [0.0, 0.3, 0.0]
    assert (more.lowest <= more.highest).all()


@given(st.lists(st.lists(st.tuples(st.floats(100, 300), st.floats(0.01, 1.0)), max_size=6).map(tuple), min_size=1, max_size=6))
@UNHURRIED
def test_any_references_have_lines_in_order(tables: list[tuple[tuple[float, float], ...]]) -> None:
    """Lines rise, their heights lie in 0..1, and no line is higher at least than at most."""
    made = lines(*tables)
    assert (np.diff(made.shift) >= 0).all()
    assert ((made.lowest >= 0) & (made.lowest <= made.highest) & (made.highest <= 1)).all()


def test_match_gives_plain_numbers() -> None:
    """What goes into a record is Python's float, rounded as it is shown: no numpy scalar leaks."""
    result = match(find(AXIS, RECIPE.features(build.spectrum("Calcite"))), build.table("Zircon"), (30.0, 1599.0))
    numbers = [
        *(value for m in result.matched for value in (m.at, m.reference, m.delta, m.height)),
        *(value for lone in (*result.missing, *result.extra) for value in (lone.at, lone.height)),
    ]
    assert len(numbers) > 8
    assert {type(number) for number in numbers} == {float}
    assert all(round(number, 3) == number for number in numbers)


def test_peaks_are_read_only_copies() -> None:
    """A peak table does not change with the arrays it was made of."""
    mine = np.array([1.0, 2.0])
    made = Peaks(mine, mine, mine)
    mine[0] = 99.0
    assert made.shift.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        made.height[0] = 0.0
    assert len(made) == 2
