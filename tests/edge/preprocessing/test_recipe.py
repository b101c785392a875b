"""The steps of the preprocessing, and the recipe that orders them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from contracts.step_contract import AXIS, INHERITED, StepContract, measured
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from raising import refused
from raman_edge import synthetic
from raman_edge.errors import SpectrumError
from raman_edge.peaks import Peaks
from raman_edge.preprocessing import Baseline, Despike, MinMax, Resample, Smooth
from raman_edge.preprocessing.steps import StepBase
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Origin("test", "")
ON = Resample(start=100.0, stop=500.0, step=1.0)


def slow_resample(target: NDArray[np.floating], axis: NDArray[np.floating], counts: NDArray[np.float64], step: float) -> list[float]:
    """Resample by definition: one target point after the other, one measured interval after the other."""
    found = []
    fine = float(np.mean(np.diff(axis))) * 1.5 <= step
    for at in target.tolist():
        low, high = max(at - step / 2, axis[0]), min(at + step / 2, axis[-1])
        if fine and high - low > step / 2:
            area = 0.0
            for k in range(axis.size - 1):
                part = min(high, axis[k + 1]) - max(low, axis[k])
                area += max(0.0, part) * (counts[k] + counts[k + 1]) / 2
            found.append(area / (high - low))
        elif at <= axis[0]:
            found.append(float(counts[0]))
        elif at >= axis[-1]:
            found.append(float(counts[-1]))
        else:
            k = next(k for k in range(axis.size - 1) if at <= axis[k + 1])
            share = (at - axis[k]) / (axis[k + 1] - axis[k])
            found.append((1 - share) * counts[k] + share * counts[k + 1])
    return found


class TestResampleCoarser(StepContract):
    """The contract, averaging onto a coarser axis inside the measured range."""

    step = Resample(start=120.0, stop=660.0, step=4.0)
    tag = "resample@1"
    golden = (384.883438, 447.318446, 1186.24128, 533.295776, 495.653091, 432.817123)
    wrong = (
        {"step": 0.0},
        {"step": -1.0},
        {"stop": 120.0},
        {"stop": 100.0},
        {"step": 7.0},
        {"step": 1e-9},
        {"start": 1e17, "stop": 1e17 + 3200, "step": 16.0},
        {"outside": "guess"},
        {"start": None},
    )


class TestResampleFiner(StepContract):
    """The contract, interpolating onto a finer axis that begins before and ends after the measured range."""

    step = Resample(start=80.0, stop=720.0, step=1.0, outside="zero")
    tag = "resample@1"
    golden = (
        *(0.0, 381.451604, 389.194483, 416.342356, 816.686824, 444.777249, 456.7919, 470.471221, 487.383033, 574.322417),
        *(992.819147, 534.231914, 519.244394, 522.429318, 544.232667, 705.821174, 642.424991, 516.532337, 481.68113, 471.341705),
        *(523.959518, 472.464136, 417.639692, 404.108617, 390.641389, 0.0),
    )
    wrong = ()


class TestDespike(StepContract):
    """The contract, for despike."""

    step = Despike()
    tag = "despike@1"
    golden = (
        *(374.613685, 408.427314, 450.76393, 466.64523, 539.450659, 550.977378, 517.891939, 644.54948, 523.941738, 472.128149, 511.230456),
        *(403.941789, 373.98352),
    )
    wrong = ({"threshold": 0}, {"threshold": -3.5}, {"width": 0}, {"width": 1.5})


class TestSmooth(StepContract):
    """The contract, for smooth."""

    step = Smooth(window=7, order=2)
    tag = "smooth@1"
    golden = (
        *(373.573808, 409.273603, 450.066511, 1131.88731, 539.846611, 551.781518, 519.683695, 646.819883, 525.01988, 1139.7186, 513.138755),
        *(403.567373, 375.0468),
    )
    wrong = ({"window": 4}, {"window": 0}, {"order": 7}, {"order": -1})


class TestMinMax(StepContract):
    """The contract, for minmax."""

    step = MinMax()
    tag = "minmax@1"
    golden = (
        *(0.000470144352, 0.0165657623, 0.0367184054, 0.997318464, 0.0789341553, 0.0844209862, 0.068671994, 0.128962222, 0.0715517576, 1.0),
        *(0.0655010628, 0.0144306085, 0.000170179515),
    )
    wrong = ()


class TestBaselineArpls(StepContract):
    """The contract, for the default baseline."""

    step = Baseline()
    tag = "baseline@1"
    golden = (
        *(-0.375075599, 1.93867108, 13.4069671, 2001.51788, 45.6669584, 38.5356462, -2.18585246, 129.590448, 25.4440866, 2001.19867),
        *(69.3024044, -3.0989693, 2.24811939),
    )
    wrong = ({"lam": 0}, {"half_window": 0}, {"poly_order": -1}, {"poly_order": 21}, {"method": "magic"})


class TestBaselineAsls(StepContract):
    """The contract, for asymmetric least squares."""

    step = Baseline(method="asls", lam=1e4)
    tag = "baseline@1"
    golden = (
        *(4.51071756, 3.87267136, 15.1760742, 2001.08671, 32.2661509, 26.0993928, -5.16438865, 120.573085, 18.686083, 1999.36462),
        *(66.6065347, 0.149322774, 11.656138),
    )
    wrong = ()


class TestBaselineAirpls(StepContract):
    """The contract, for adaptive iteratively reweighted least squares."""

    step = Baseline(method="airpls")
    tag = "baseline@1"
    golden = (
        *(3.64407201, 5.0537805, 15.3475382, 2002.55729, 46.2747535, 38.8372323, -1.72735821, 130.730557, 27.3318842, 2003.55577),
        *(71.9657137, -0.458845082, 5.2144906),
    )
    wrong = ()


class TestBaselineSnip(StepContract):
    """The contract, for snip."""

    step = Baseline(method="snip", half_window=20)
    tag = "baseline@1"
    golden = (
        *(0.912843033, 6.98817684, 19.9679995, 2009.60935, 56.2854947, 51.6556933, 11.303922, 141.161921, 36.6498898, 2010.11387),
        *(76.4459225, 1.58752166, 1.18075543),
    )
    wrong = ()


class TestBaselineModpoly(StepContract):
    """The contract, for a polynomial."""

    step = Baseline(method="modpoly", poly_order=3)
    tag = "baseline@1"
    golden = (
        *(26.5651749, 13.4874611, 15.9968215, 2001.74013, 48.1436169, 43.9188165, 4.06826228, 133.427671, 25.4693573, 1999.02838),
        *(69.8219344, 7.90885667, 35.196055),
    )
    wrong = ()


def test_every_step_has_its_contract() -> None:
    """A step that is added is tested like the others."""
    tested = {type(case.step) for case in StepContract.__subclasses__()}
    assert tested == set(StepBase.__subclasses__())


@given(data=st.data())
@INHERITED
def test_resample_is_its_slow_definition(data: st.DataObject) -> None:
    """Interpolation onto a finer axis and averaging onto a coarser one agree with a loop over intervals."""
    size = data.draw(st.integers(2, 40))
    shift = 100.0 + np.cumsum(data.draw(arrays.arrays(np.float64, size, elements=st.floats(0.1, 9.0))))
    counts = data.draw(arrays.arrays(np.float64, size, elements=st.floats(-1e3, 1e3)))
    points, step = data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.5, 1.0, 2.0, 4.0, 8.0, 16.0]))
    start = data.draw(st.integers(60, 200)) * 1.0
    resample = Resample(start=start, stop=start + points * step, step=step)
    try:
        axis, got = resample.apply(Axis(shift), counts)
    except SpectrumError:
        assert shift[-1] <= resample.start or shift[0] >= resample.stop
        return
    assert got.tolist() == pytest.approx(slow_resample(axis.shift, shift, counts, step), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("outside", "left", "right"), [("hold", 7.0, 9.0), ("zero", 0.0, 0.0)])
def test_resample_fills_what_was_not_measured(outside: Literal["hold", "zero"], left: float, right: float) -> None:
    """Outside the measured range stand the nearest measured count or 0, as the recipe says; inside, nothing changes."""
    resample = Resample(start=100.0, stop=500.0, step=1.0, outside=outside)
    axis, counts = resample.apply(Axis(np.array([200.0, 300.0, 400.0])), np.array([7.0, 8.0, 9.0]))
    assert axis.same_as(Axis.linear(100.0, 500.0, 1.0))
    assert set(counts[:100]) == {left}
    assert set(counts[301:]) == {right}
    assert counts[[100, 150, 200, 300]].tolist() == [7.0, 7.5, 8.0, 9.0]


@pytest.mark.parametrize("ends", [(101.0, 600.0), (50.0, 499.0), (300.0, 400.0)])
def test_resample_refuses_a_part_where_the_recipe_requires_all(ends: tuple[float, float]) -> None:
    """With outside=refuse, a spectrum that does not cover the whole axis is refused with both ranges."""
    whole = Resample(start=100.0, stop=500.0, step=1.0, outside="refuse")
    with refused(SpectrumError, "outside the model's axis", got=f"{ends[0]:.0f} to {ends[1]:.0f} cm⁻¹", expected="100 to 500"):
        whole.apply(Axis(np.array(ends)), np.array([1.0, 2.0]))
    axis, counts = whole.apply(Axis(np.array([100.0, 500.0])), np.array([1.0, 2.0]))
    assert (len(axis), counts[0], counts[-1]) == (401, 1.0, 2.0)


@pytest.mark.parametrize("ends", [(600.0, 900.0), (10.0, 100.0), (500.0, 600.0)])
def test_resample_refuses_another_range(ends: tuple[float, float]) -> None:
    """A spectrum that shares no range with the model is refused, with the advice to give the laser."""
    with refused(SpectrumError, "outside the model's axis", expected="100 to 500 cm⁻¹"):
        ON.apply(Axis(np.array(ends)), np.array([1.0, 2.0]))


def test_resample_leaves_its_own_axis_alone() -> None:
    """Counts that already stand on the target axis are not touched by rounding."""
    counts = np.random.default_rng(1).normal(size=401)
    axis, after = ON.apply(Axis.linear(100.0, 500.0, 1.0), counts)
    assert axis is ON.axis
    assert np.array_equal(after, counts)


def test_resample_keeps_the_area_of_a_line_on_a_coarser_axis() -> None:
    """Averaging loses no counts between the points: a line one measured point wide keeps its area."""
    shift, counts = np.arange(100.0, 500.5, 0.5), np.zeros(801)
    counts[333] = 1000.0
    _, after = Resample(start=100.0, stop=500.0, step=5.0).apply(Axis(shift), counts)
    assert after.sum() * 5.0 == pytest.approx(1000.0 * 0.5)


@pytest.mark.parametrize("points", [2, 65_536])
def test_resample_gives_the_requested_points(points: int) -> None:
    """An axis has between two points and the most a recipe may ask for."""
    assert len(Resample(start=0.0, stop=0.1 * (points - 1), step=0.1).axis) == points


def test_resample_refuses_more_points_than_any_model_has() -> None:
    """A recipe from elsewhere cannot ask for all memory; the message has both numbers."""
    with pytest.raises(ValueError, match="got 65537 points, expected at most 65536"):
        Resample(start=0.0, stop=65_536.0, step=1.0)


@given(
    st.dictionaries(st.integers(1, 23), st.tuples(st.integers(0, 5), st.integers(1, 2), st.floats(300, 1e5)), min_size=1, max_size=4),
    st.integers(0, 99),
)
@INHERITED
def test_despike_takes_out_spikes(hits: dict[int, tuple[int, int, float]], seed: int) -> None:
    """Spikes of one or two points far above the noise, apart from each other, are gone; the rest is as before."""
    clean = np.random.default_rng(seed).normal(100.0, 1.0, len(AXIS))
    struck, touched = clean.copy(), np.zeros(len(AXIS), dtype=bool)
    for block, (offset, width, height) in hits.items():
        at = 12 * block + offset
        struck[at : at + width] += height
        touched[at - 1 : at + width + 1] = True
    _, after = Despike().apply(AXIS, struck)
    assert np.abs(after - clean).max() < 10.0
    assert np.array_equal(after[~touched], struck[~touched])


@pytest.mark.parametrize("fwhm", [4.0, 5.0, 8.0, 20.0])
@pytest.mark.parametrize("height", [20.0, 50.0, 200.0, 1e3, 1e5])
def test_despike_leaves_lines(fwhm: float, height: float) -> None:
    """A line four points wide or wider is left alone, however high it stands above the noise."""
    axis = Axis.linear(100.0, 1500.0, 1.0)
    pure = height * synthetic.lines(axis, Peaks(np.array([400.3, 800.7, 1100.0]), np.array([1.0, 0.6, 0.3]), np.full(3, fwhm)))
    for seed in range(5):
        counts = pure + np.random.default_rng(seed).normal(0.0, 1.0, len(axis))
        assert np.array_equal(Despike().apply(axis, counts)[1], counts)


@pytest.mark.parametrize(("points", "allowed", "left"), [(1, 1, 0), (2, 1, 2), (3, 3, 0), (4, 3, 4), (4, 4, 0)])
def test_despike_takes_no_more_points_than_its_width(points: int, allowed: int, left: int) -> None:
    """A spike as wide as the step allows is taken out, one point wider it is left."""
    counts = np.random.default_rng(0).normal(100.0, 1.0, len(AXIS))
    counts[150 : 150 + points] += 1e4
    _, after = Despike(width=allowed).apply(AXIS, counts)
    assert int((after > 1000.0).sum()) == left


def test_despike_above_the_least_noise_there_is() -> None:
    """Deviations so small that a score is infinite are no error and no warning: the spike goes, the rest stays."""
    counts = np.zeros(40)
    counts[1::2] = 5e-324
    counts[20] = 1.0
    axis, after = Despike().apply(Axis.linear(100.0, 178.0, 2.0), counts)
    assert after.shape == axis.shift.shape
    assert after.max() <= 5e-324


def test_despike_finds_the_spikes_beside_lines() -> None:
    """Spikes between the lines of a spectrum are found, and nothing else."""
    clean = measured()
    clean[[75, 225]] -= 2000.0
    _, after = Despike().apply(AXIS, measured())
    changed = np.flatnonzero(after != measured()).tolist()
    assert changed == [74, 75, 76, 224, 225, 226]
    assert np.abs(after - clean).max() < 12.0


def test_minmax_spans_0_to_1() -> None:
    """The lowest count becomes exactly 0 and the highest exactly 1, in that order."""
    _, after = MinMax().apply(Axis(np.arange(3.0)), np.array([-3.7, 11.1, 0.2]))
    assert (after[0], after[1]) == (0.0, 1.0)
    assert after[2] == pytest.approx(3.9 / 14.8)


@given(arrays.arrays(np.float64, 30, elements=st.floats(allow_nan=False, allow_infinity=False)))
@INHERITED
def test_minmax_never_overflows(counts: NDArray[np.float64]) -> None:
    """Any two different counts give 0..1, the widest range that numbers have included."""
    if counts.min() == counts.max():
        with refused(SpectrumError, "flat spectrum"):
            MinMax().apply(Axis(np.arange(30.0)), counts)
        return
    _, after = MinMax().apply(Axis(np.arange(30.0)), counts)
    assert (after.min(), after.max()) == (0.0, 1.0)
    assert (np.diff(after[np.argsort(counts, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("method", ["arpls", "asls", "airpls", "snip", "modpoly"])
def test_baseline_takes_out_a_background(method: Literal["arpls", "asls", "airpls", "snip", "modpoly"]) -> None:
    """A fluorescence background five times as high as the line on it goes, and the line stays."""
    axis = Axis.linear(100.0, 1500.0, 2.0)
    line = 100.0 * synthetic.lines(axis, Peaks(np.array([800.0]), np.array([1.0]), np.array([10.0])))
    glow = 500.0 * np.exp(-(((axis.shift - 700) / 600) ** 2))
    noise = np.random.default_rng(0).normal(0.0, 1.0, len(axis))
    _, after = Baseline(method=method, half_window=10).apply(axis, line + glow + noise)
    assert after.argmax() == 350
    assert after[350] == pytest.approx(100.0, abs=10.0)
    assert np.abs(after - line)[40:-40].max() < 15.0


def test_smooth_needs_a_window_of_points() -> None:
    """A spectrum shorter than the window is refused with both numbers."""
    with refused(SpectrumError, "too few points to smooth", got="10", expected="11"):
        Smooth().apply(Axis(np.arange(10.0)), np.zeros(10))
