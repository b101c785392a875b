"""Quality: what a spectrum itself says of how far to trust an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from raman_edge.quality import FLAT_TOP, MIN_COVERAGE, MIN_SNR, MOST_SNR, Quality, assess
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = Axis.linear(100.0, 1500.0, 2.0)
HERE = Origin("test", "")


def seen(counts: NDArray[np.float64], start: float = 150.0, step: float = 1.0, saturation: float | None = None) -> Spectrum:
    """Return counts on an axis from ``start`` in steps of ``step``."""
    return Spectrum(Axis(start + step * np.arange(counts.size)), counts, HERE, saturation=saturation)


def white(seed: int, size: int = 1250, sigma: float = 1.0) -> NDArray[np.float64]:
    """Return noise on a constant."""
    return np.random.default_rng(seed).normal(100.0, sigma, size)


def test_signal_to_noise_grows_with_exposure() -> None:
    """Each tenfold exposure of a mineral has a better ratio: as the root of the signal, where shot noise rules."""
    ratios = [assess(build.spectrum("Calcite", 1, signal=signal, dark=0.0, read_noise=1.0), MODEL).snr for signal in (1e2, 1e3, 1e4, 1e5)]
    assert ratios == sorted(ratios)
    assert ratios[3] / ratios[2] == pytest.approx(10**0.5, rel=0.25)


@pytest.mark.parametrize("height", [20.0, 100.0, 1000.0])
def test_signal_to_noise_is_the_height_over_the_deviation(height: float) -> None:
    """A line of a known height in known noise has their quotient, whatever the unit of the counts."""
    counts = white(0) + height / (1 + ((np.arange(1250.0) - 600) / 4) ** 2)
    for unit in (1e-6, 1.0, 1e6):
        assert assess(seen(unit * counts), MODEL).snr == pytest.approx(height, rel=0.2)


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0, 4.0])
def test_noise_alone_is_too_noisy(step: float) -> None:
    """Pure noise is rejected, although its highest point always lies some standard deviations up."""
    for seed in range(60):
        judged = assess(seen(white(seed, round(1300 / step)), step=step), MODEL)
        assert 1.0 < judged.snr < MIN_SNR
        assert judged.reject_reasons[0].startswith(f"too noisy: the signal is {judged.snr:.1f} times the noise, 5 is the least")


def test_interpolated_noise_is_too_noisy() -> None:
    """A file with a point put between any two measured ones does not pass for one without noise."""
    counts = white(3, 650)
    finer = np.interp(np.arange(0, 649, 0.5), np.arange(650.0), counts)
    assert assess(seen(finer), MODEL).snr < 8.0


def test_good_spectrum_has_no_problems() -> None:
    """An ordinary exposure is neither rejected nor doubted."""
    judged = assess(build.spectrum("Quartz"), MODEL)
    assert judged.reject_reasons == ()
    assert judged.warnings == ()
    assert judged.snr > 50


@pytest.mark.parametrize("counts", [np.zeros(300), np.full(300, 7.0), np.full(300, -1e300)])
def test_constant_has_no_signal(counts: NDArray[np.float64]) -> None:
    """A spectrum that is the same everywhere has a ratio of 0, not of 0 by 0."""
    assert assess(seen(counts), MODEL).snr == 0.0


def test_step_is_no_signal() -> None:
    """A change of level that no block of points sees from both sides is no line."""
    counts = np.zeros(320)
    counts[160:] = 1.0
    assert assess(seen(counts), MODEL).snr == 0.0


def test_line_without_noise_has_the_most() -> None:
    """Where no noise can be measured, the ratio is the most that is shown, and finite."""
    counts = 1.0 / (1 + ((np.arange(300.0) - 150) / 2) ** 2)
    assert assess(seen(np.round(counts, 1)), MODEL).snr == MOST_SNR


def test_only_what_the_model_sees_counts() -> None:
    """A line outside the model's range does not make up for noise inside it."""
    counts = white(0, 2000)
    counts[1600:1605] += 1e6
    assert assess(seen(counts, start=150.0), MODEL).snr < MIN_SNR


@pytest.mark.parametrize("size", [2, 3, 4])
def test_too_few_points_have_no_signal(size: int) -> None:
    """Fewer than five points in the model's range have no noise estimate: the ratio is 0."""
    assert assess(seen(np.arange(float(size)), step=300.0), MODEL).snr == 0.0


@pytest.mark.parametrize(("highest", "saturated"), [(65_535.0, True), (65_534.9, False), (70_000.0, True), (10.0, False)])
def test_saturation_is_known_where_the_limit_is(highest: float, *, saturated: bool) -> None:
    """Counts at or above the detector's limit are saturated, counts below are not."""
    counts = white(1)
    counts[500] = highest
    judged = assess(seen(counts, saturation=65_535.0), MODEL)
    assert judged.saturated is saturated
    assert judged.warnings == (("the detector is saturated: expose shorter",) if saturated else ())


@pytest.mark.parametrize(("run", "saturated"), [(1, None), (FLAT_TOP - 1, None), (FLAT_TOP, True), (30, True)])
def test_flat_top_is_saturated_where_the_limit_is_unknown(run: int, *, saturated: bool | None) -> None:
    """Several neighbours at exactly the highest count are a clipped line; fewer leave it unknown, never False."""
    counts = white(2)
    counts[600 : 600 + run] = 1e4
    assert assess(seen(counts), MODEL).saturated is saturated


def test_scattered_highest_counts_are_no_flat_top() -> None:
    """Many points at the highest count that are no neighbours say nothing of saturation."""
    counts = white(2)
    counts[::50] = 1e4
    counts[611:614] = 1e4
    counts[[621, 622, 624, 625]] = 1e4
    assert assess(seen(counts), MODEL).saturated is None


def test_clipped_exposure_is_saturated() -> None:
    """An exposure that the detector clipped is recognized by its limit, and by its flat top where the limit is unknown."""
    clipped = build.spectrum("Quartz", signal=60_000.0, saturation=30_000.0)
    assert assess(clipped, MODEL).saturated is True
    assert assess(Spectrum(clipped.axis, clipped.counts, HERE), MODEL).saturated is True


@pytest.mark.parametrize(
    ("ends", "coverage"),
    [((100, 1500), 1.0), ((0, 4000), 1.0), ((100, 800), 0.5), ((1150, 3000), 0.25), ((1500, 3000), 0.0), ((1600, 3000), 0.0)],
)
def test_coverage_is_the_share_of_the_models_axis(ends: tuple[float, float], coverage: float) -> None:
    """The measured share of the model's range is between 0 and 1, wherever the spectrum lies."""
    judged = assess(Spectrum(Axis(np.linspace(*ends, 500)), white(0, 500), HERE), MODEL)
    assert judged.coverage == coverage
    assert any("covers" in problem for problem in judged.reject_reasons) is (coverage < MIN_COVERAGE)


def test_problems_are_plain_words() -> None:
    """A rejection says what was measured, what is the least and what to do."""
    assert Quality(snr=1.23, saturated=None, coverage=0.1).reject_reasons == (
        "too noisy: the signal is 1.2 times the noise, 5 is the least; expose longer",
        "covers 10% of the model's range, 25% is the least; check the axis",
    )


@given(arrays.arrays(np.float64, st.integers(2, 80), elements=st.floats(allow_nan=False, allow_infinity=False)), st.floats(0.1, 60.0))
@settings(deadline=None)
def test_any_spectrum_is_judged(counts: NDArray[np.float64], step: float) -> None:
    """Any spectrum has a ratio from 0 to the most, and a coverage of 0..1, as plain numbers."""
    judged = assess(seen(counts, start=90.0, step=step), MODEL)
    assert 0.0 <= judged.snr <= MOST_SNR
    assert 0.0 <= judged.coverage <= 1.0
    assert type(judged.snr) is type(judged.coverage) is float
    assert judged.saturated in {None, True}
