"""Exposures become their mean, and what a cosmic ray left in one of them is left out."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import spectrometers
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raising import refused
from raman_edge.acquisition import average
from raman_edge.errors import SpectrumError
from raman_edge.instruments.profiles.profile import Integration
from raman_edge.instruments.spectrometer import Exposure
from spectrometers import OFFSET, PIXELS, Fake, exposure

FULL = 65_535


def flat(value: float = 1000.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the same counts at every pixel."""
    return np.full(PIXELS, value)


def exposures(number: int, seed: int = 1, **changes: object) -> list[Exposure]:
    """Return exposures of calcite."""
    fake = Fake(seed=seed, **changes)  # type: ignore[arg-type]  # options of Fake
    return [got for _ in range(number) if isinstance(got := fake.expose(), Exposure)]


def test_one_exposure_is_its_own_mean() -> None:
    """A single exposure comes out as it was counted, spikes and all."""
    (one,) = exposures(1)
    assert np.array_equal(average.mean([one]).counts, one.counts)


def test_two_exposures_are_averaged_without_looking_for_spikes() -> None:
    """Of two exposures it is unknown which one has the spike: both count."""
    one, two = flat(), flat()
    two[300] = 9000.0
    mean = average.mean([exposure(one), exposure(two)])
    assert mean.counts[300] == 5000.0
    assert mean.spikes == 0


@pytest.mark.parametrize("number", [3, 4, 5, 10])
@pytest.mark.parametrize("width", [1, 3])
def test_a_spike_in_one_of_three_or_more_is_left_out(number: int, width: int) -> None:
    """A cosmic ray in one exposure leaves the mean where the other exposures have it."""
    frames = exposures(number)
    clean = average.mean(frames)
    counts = frames[1].frame.counts.copy()
    counts[500 : 500 + width] += 5000
    hit = average.mean([frames[0], exposure(counts), *frames[2:]])
    assert hit.spikes == width
    assert np.abs(hit.counts - clean.counts)[500 : 500 + width].max() < 60.0
    assert np.array_equal(np.delete(hit.counts, range(500, 500 + width)), np.delete(clean.counts, range(500, 500 + width)))


@pytest.mark.parametrize("number", [3, 5, 10])
def test_noise_is_no_spike(number: int) -> None:
    """Of 100 000 noisy values, shot noise of a strong line among them, no more than two are taken for spikes."""
    frames = [exposures(number, seed=seed, rate=400_000.0) for seed in range(-(-100_000 // (number * PIXELS)))]
    assert sum(average.mean(each).spikes for each in frames) <= 2


def test_another_sample_is_no_spike() -> None:
    """Where one exposure shows another mineral, all of its lines stay in the mean: it cannot be guessed which one is meant."""
    fake = Fake(happens=[None, None, "Quartz"])
    frames = [got for _ in range(3) if isinstance(got := fake.expose(), Exposure)]
    mean = average.mean(frames)
    assert mean.spikes == 0
    assert np.allclose(mean.counts, np.mean([frame.counts for frame in frames], axis=0))


def test_exposures_without_any_noise_have_no_spikes() -> None:
    """Values that are all alike, or differ by a count, are no spikes though they do not scatter."""
    counts = flat()
    counts[100] += 1.0
    assert average.mean([exposure(flat()), exposure(flat()), exposure(counts)]).spikes == 0


def test_what_the_device_added_up_is_divided() -> None:
    """Counts are those of a single exposure where the page says that the device sends sums."""
    summing = spectrometers.instrument(integration=Integration(unit="ms", min=1, max=9, default=1, sums=True))
    mean = average.mean([exposure(flat(4000.0), instrument=summing, averages=4)])
    assert mean.counts[0] == 1000.0


@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, PIXELS - 1))
@settings(max_examples=examples(40), deadline=None)
def test_a_pixel_that_was_clipped_once_is_clipped(number: int, which: int, pixel: int) -> None:
    """However many exposures are averaged, a pixel that reached saturation in one of them is marked, and keeps those counts."""
    frames = [flat(60_000.0) + np.random.default_rng(k).normal(0, 2000, PIXELS).clip(-5000, 5000) for k in range(number)]
    frames[which % number][pixel] = FULL
    mean = average.mean([exposure(frame) for frame in frames])
    assert mean.clipped[pixel]
    assert mean.counts[pixel] == FULL
    assert mean.clipped.sum() == 1


def test_a_spike_that_clips_is_a_spike() -> None:
    """A cosmic ray that fills a pixel in one of five exposures does not make the detector saturated."""
    frames = exposures(5)
    counts = frames[2].frame.counts.copy()
    counts[400] = FULL
    mean = average.mean([*frames[:2], exposure(counts), *frames[3:]])
    assert mean.spikes == 1
    assert not mean.clipped.any()


def test_the_last_pixel_first_is_turned_round() -> None:
    """A detector that is read from its end gives its pixels in their own order."""
    turned = spectrometers.instrument(sensor=msgspec.structs.replace(spectrometers.INSTRUMENT.sensor, reverse=True))
    counts = np.arange(PIXELS, dtype=np.float64)
    assert np.array_equal(average.mean([exposure(counts, instrument=turned)]).counts, counts[::-1])


@pytest.mark.parametrize(
    "changes",
    [
        {"exposure_s": 0.2},
        {"instrument": spectrometers.instrument(serial_number="F2")},
        {"instrument": spectrometers.instrument(laser_nm=532.0)},
    ],
)
def test_what_is_not_alike_is_not_averaged(changes: dict[str, object]) -> None:
    """Exposures of another duration or instrument are refused."""
    with refused(SpectrumError, "exposures differ"):
        average.mean([exposure(flat()), exposure(flat(), **changes)])


def test_another_length_is_not_averaged() -> None:
    """Exposures of another number of pixels are refused."""
    with refused(SpectrumError, "exposures differ"):
        average.mean([exposure(flat()), exposure(np.full(PIXELS - 1, OFFSET))])


def test_counts_that_are_no_numbers_are_refused() -> None:
    """A frame with a count that is not finite gives no mean."""
    broken = flat()
    broken[7] = np.nan
    with refused(SpectrumError, "impossible counts"):
        average.mean([exposure(broken)])
