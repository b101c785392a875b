"""The exposure that brings the highest line to 70-85 % of saturation, in few steps or with the reason why not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import spectrometers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.acquisition import autoexposure
from raman_edge.acquisition.autoexposure import FACTOR, HIGHEST, LOWEST, Advice, Limits, advise, fill, limits
from raman_edge.acquisition.reduction import CorrectedCounts
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.profiles.profile import Integration, Sensor

MOST_STEPS = 8


def search(rate: float, begin_s: float, within: Limits) -> tuple[list[float], Advice]:
    """Follow the advice on a linear detector that ``rate`` fills in a second; return the exposures and the last advice."""
    tried = [begin_s]
    while True:
        advice = advise(tried[-1], min(1.0, rate * tried[-1]), within)
        if advice.settled or len(tried) > 50:
            return tried, advice
        tried.append(advice.exposure_s)


ranges = st.integers(1, 1000).flatmap(lambda least: st.tuples(st.just(least), st.integers(least, least * int(FACTOR**6))))


@given(ranges, st.floats(0, 1), st.floats(-12, 12))
@settings(max_examples=examples(600), deadline=None)
@example(ranges=(10, 10_000_000), begin=1.0, power=12.0)
@example(ranges=(10, 10_000_000), begin=0.0, power=-12.0)
def test_any_linear_detector_settles_within_eight_exposures(ranges: tuple[int, int], begin: float, power: float) -> None:
    """From any exposure, at any brightness, the line ends at 70-85 %, or at the limit that is in the way, or a step below it."""
    least, most = ranges
    within = Limits(least * 1e-6, most * 1e-6, 1e-6)
    rate = 10.0**power / within.most_s
    tried, advice = search(rate, within.nearest(within.least_s * (most / least) ** begin), within)
    share = rate * tried[-1]
    assert len(tried) <= MOST_STEPS
    assert all(within.least_s * 0.999 <= one <= within.most_s * 1.001 for one in tried)
    coarse = within.step_s / tried[-1] > (HIGHEST - LOWEST) / HIGHEST / 2
    assert LOWEST <= share <= HIGHEST or advice.limit or (coarse and rate * (tried[-1] + within.step_s) > LOWEST)


@pytest.mark.parametrize(("rate", "limit"), [(1e-9, "longest"), (1e12, "shortest"), (7.75, "")])
def test_the_limit_is_named(rate: float, limit: str) -> None:
    """Too little light ends at the longest exposure, too much at the shortest, and both report it."""
    within = Limits(0.001, 10.0, 0.001)
    _, advice = search(rate, 0.1, within)
    assert advice.settled
    assert advice.limit == limit


def test_every_instrument_of_ours_is_within_the_range_it_settles_in() -> None:
    """No shipped page has a range of exposures that the search could not cross in time."""
    for name in catalogue.profiles():
        facts = catalogue.load(name).integration
        if facts is not None:
            assert facts.max / facts.min <= FACTOR**6, name


def test_clipped_counts_back_off_by_a_fixed_factor() -> None:
    """Clipped counts say nothing of how far: the exposure is divided, not scaled."""
    assert advise(1.6, 1.0, Limits(0.001, 10.0, 0.001)).exposure_s == pytest.approx(0.1)


def test_an_exposure_that_cannot_be_stepped_nearer_is_kept() -> None:
    """Where one step more would be too long, the exposure stays, and does not swing to and fro."""
    within = Limits(0.003, 10.0, 0.001)
    assert search(0.29 / 0.001, 0.1, within)[0][-1] == pytest.approx(0.003)
    assert advise(0.004, 0.65, within) == Advice(0.004, settled=True)


def test_limits_are_the_instruments_own() -> None:
    """The range is that of the page, as far as the longest exposure that is allowed."""
    instrument = spectrometers.instrument(integration=Integration(unit="us", min=10, max=100_000_000, default=1000))
    found = limits(instrument, 10.0)
    assert (found.least_s, found.most_s, found.step_s) == pytest.approx((1e-5, 10.0, 1e-6))
    assert limits(instrument, 1e-9).most_s == pytest.approx(1e-5)


@pytest.mark.parametrize("changes", [{"integration": None}, {"sensor": Sensor()}])
def test_what_cannot_be_searched_is_refused(changes: dict[str, object]) -> None:
    """An instrument without an exposure setting or without a known saturation is refused with the reason."""
    with pytest.raises(ConfigError, match="Automatic exposure is impossible"):
        limits(spectrometers.instrument(**changes), 10.0)


def filled(counts: list[float], saturation: float | None = 1000.0) -> float:
    """Return how full a detector with these counts is."""
    return fill(CorrectedCounts(np.arange(len(counts)), np.array(counts), saturation, "", linear=False))


def test_one_pixel_alone_does_not_fill_a_detector() -> None:
    """A cosmic spike in one pixel changes nothing, at the end of the detector neither; a line as narrow as lines can be does."""
    assert filled([10, 20, 1000, 20, 30]) == pytest.approx(0.03)
    assert filled([10, 20, 30, 40, -3, 1000]) == pytest.approx(0.04)
    assert filled([10, 20, 700, 150, 30]) == pytest.approx(0.7)
    assert filled([10, 250, 1000, 30]) == 1.0


def test_a_detector_without_light_or_limit_is_empty() -> None:
    """Counts below the dark fill nothing, and an unknown saturation is never reached."""
    assert filled([-5, -3, -4]) == 0.0
    assert filled([500, 600], None) == 0.0


def test_what_is_found_stays_within_wider_bounds() -> None:
    """The bounds that start another search are outside those that end it."""
    low, high = autoexposure.WIDE
    assert low < LOWEST < autoexposure.AIM < HIGHEST < high < 1.0
    assert msgspec.structs.replace(spectrometers.INSTRUMENT.sensor).saturation == 65_535
