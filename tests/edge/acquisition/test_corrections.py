"""Dark, nonlinearity, bad pixels; and a detector that was saturated stays so through all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import spectrometers
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge import quality
from raman_edge.acquisition import average, darks
from raman_edge.acquisition.reduction import CorrectedCounts, Reduction, active, corrected
from raman_edge.errors import SpectrumError
from raman_edge.instruments.profiles.profile import Sensor
from raman_edge.spectrum import Axis
from spectrometers import COVERED, INSTRUMENT, PIXELS, exposure

if TYPE_CHECKING:
    from raman_edge.instruments.spectrometer import InstrumentInfo

FULL = 65_535.0
BENT = (1.02, -2e-7, 1e-12)
"""A nonlinearity polynomial such as an Ocean instrument has."""
BARE = msgspec.structs.replace(INSTRUMENT, sensor=Sensor(saturation=FULL))
Array = npt.NDArray[np.float64]


def sensing(**changes: object) -> InstrumentInfo:
    """Return the instrument with another detector."""
    return msgspec.structs.replace(INSTRUMENT, sensor=msgspec.structs.replace(INSTRUMENT.sensor, **changes))


def correct(counts: Array, instrument: InstrumentInfo = INSTRUMENT, dark: Array | None = None) -> CorrectedCounts:
    """Correct one exposure, with the dark of one exposure."""
    shot = exposure(counts, instrument=instrument)
    return corrected(
        average.mean([shot]), instrument, None if dark is None else darks.of([exposure(dark, instrument=instrument, dark=True)])
    )


def ramp() -> Array:
    """Return counts that differ at every pixel."""
    return 500.0 + 10.0 * np.arange(PIXELS, dtype=np.float64)


def test_a_dark_spectrum_is_subtracted_pixel_by_pixel() -> None:
    """With a dark, what is left is what the light left."""
    pattern = np.random.default_rng(1).uniform(300, 500, PIXELS)
    found = correct(ramp() + pattern, dark=pattern)
    assert np.allclose(found.counts, ramp()[COVERED:])
    assert "spectrum of 1 exposure, 2026-03-01T12:00:00Z" in found.dark


def test_dark_pixels_are_subtracted_where_there_is_no_dark() -> None:
    """Without a dark, the mean of the covered pixels is subtracted, and the meta says of which."""
    counts = ramp()
    counts[2 : COVERED - 2] = np.linspace(390, 410, COVERED - 4)
    found = correct(counts)
    assert np.allclose(found.counts, ramp()[COVERED:] - 400.0)
    assert found.dark == "pixels 2 to 17"


def test_without_either_nothing_is_subtracted() -> None:
    """A detector without covered pixels gives its counts as they are, and does not claim a dark."""
    found = correct(ramp(), BARE)
    assert np.array_equal(found.counts, ramp())
    assert found.dark == ""


def test_nonlinearity_divides_the_counts_above_the_dark() -> None:
    """Counts above the dark are divided by the polynomial of themselves."""
    light = ramp()
    found = correct(light + 400.0, msgspec.structs.replace(INSTRUMENT, nonlinearity=BENT), np.full(PIXELS, 400.0))
    assert found.linear
    assert np.allclose(found.counts, (light / (BENT[0] + BENT[1] * light + BENT[2] * light**2))[COVERED:])


def test_nonlinearity_is_what_seabreeze_makes_of_it() -> None:
    """The corrected counts are those of python-seabreeze, which subtracts dark pixels and divides by the same polynomial."""
    counts = ramp() + np.random.default_rng(3).normal(0, 5, PIXELS)
    offset = counts[2 : COVERED - 2].mean()
    oracle = (counts - offset) / np.polyval(np.poly1d(BENT[::-1]), counts - offset)
    assert np.allclose(correct(counts, msgspec.structs.replace(INSTRUMENT, nonlinearity=BENT)).counts, oracle[COVERED:])


def test_nonlinearity_is_left_alone_where_the_dark_is_unknown() -> None:
    """Without a dark the argument of the polynomial is unknown: nothing is divided, and no correction is reported."""
    found = correct(ramp(), msgspec.structs.replace(BARE, nonlinearity=BENT))
    assert not found.linear
    assert np.array_equal(found.counts, ramp())


@pytest.mark.parametrize("polynomial", [(0.0,), (1.0, -1e-3), (float("inf"), 1.0)])
def test_a_polynomial_that_cannot_be_is_refused(polynomial: tuple[float, ...]) -> None:
    """A polynomial that is not above 0 everywhere below saturation is damage, not a correction."""
    with pytest.raises(SpectrumError, match="nonlinearity polynomial"):
        correct(ramp(), msgspec.structs.replace(INSTRUMENT, nonlinearity=polynomial))


def test_bad_pixels_are_interpolated() -> None:
    """A pixel that counts nothing real becomes the line between its neighbours; one that is beyond the frame is none."""
    counts = ramp()
    counts[[100, 300, 301]] = FULL
    found = correct(counts, sensing(bad_pixels=(100, 300, 301, 60_000), dark_pixels=None))
    assert np.allclose(found.counts, ramp()[COVERED:])
    assert not found.is_clipped


def test_a_pixel_that_the_dark_fills_is_interpolated() -> None:
    """A hot pixel that is saturated without light has no information, and makes no spectrum saturated."""
    counts, dark = ramp(), np.full(PIXELS, 400.0)
    counts[250] = dark[250] = FULL
    found = correct(counts, dark=dark)
    assert np.allclose(found.counts, ramp()[COVERED:] - 400.0)
    assert not found.is_clipped


def test_a_detector_that_is_bad_everywhere_gives_nothing() -> None:
    """Where the dark fills every pixel there is nothing to interpolate from."""
    with pytest.raises(SpectrumError, match="every pixel is bad"):
        correct(ramp(), BARE, np.full(PIXELS, FULL))


def test_covered_pixels_that_are_full_are_no_dark() -> None:
    """Covered pixels at saturation are light that spilt over: the exposure is refused, with what to do."""
    with pytest.raises(SpectrumError, match="covered pixels saturated"):
        correct(np.full(PIXELS, FULL))


@pytest.mark.parametrize(
    ("changes", "named"), [({"active": (20, 900)}, "sensor.active"), ({"dark_pixels": (2, 900)}, "sensor.dark_pixels")]
)
def test_a_frame_that_the_page_does_not_fit_is_refused(changes: dict[str, object], named: str) -> None:
    """A frame shorter than the page's pixels is a fault that names the key."""
    with pytest.raises(SpectrumError, match=named):
        correct(ramp(), sensing(**changes))


def test_all_pixels_are_active_unless_the_profile_names_them() -> None:
    """Without a range every pixel sees light."""
    assert np.array_equal(active(Sensor(), 5), np.arange(5))


darkness = st.sampled_from(["none", "pixels", "spectrum"])


@given(st.sets(st.integers(COVERED, PIXELS - 1), min_size=1, max_size=30), darkness, st.booleans(), st.integers(0, 999))
@settings(max_examples=examples(80), deadline=None)
def test_clipped_counts_are_always_seen_as_saturated(clipped: set[int], dark: str, bent: bool, seed: int) -> None:  # noqa: FBT001 - drawn
    """Whatever is subtracted and divided, a spectrum with a clipped pixel reaches its saturation."""
    found = drawn(clipped, dark, bent=bent, seed=seed)
    assert found.saturation is not None
    assert found.is_clipped


@given(darkness, st.booleans(), st.integers(0, 999))
@settings(max_examples=examples(80), deadline=None)
def test_counts_below_saturation_are_never_seen_as_saturated(dark: str, bent: bool, seed: int) -> None:  # noqa: FBT001 - drawn
    """Whatever is subtracted and divided, a spectrum without a clipped pixel stays below its saturation."""
    found = drawn(set(), dark, bent=bent, seed=seed)
    assert found.saturation is not None
    assert not found.is_clipped


def drawn(clipped: set[int], dark: str, *, bent: bool, seed: int) -> CorrectedCounts:
    """Correct counts near saturation over a dark with a strong pattern."""
    rng = np.random.default_rng(seed)
    counts = rng.uniform(20_000, FULL - 1, PIXELS)
    counts[:COVERED] = 400.0
    counts[list(clipped)] = FULL
    instrument = sensing(dark_pixels=(2, 17) if dark == "pixels" else None)
    instrument = msgspec.structs.replace(instrument, nonlinearity=BENT if bent else ())
    return correct(counts, instrument, rng.uniform(100, 19_000, PIXELS) if dark == "spectrum" else None)


def test_quality_sees_a_saturated_detector_after_the_dark() -> None:
    """The spectrum that comes of clipped exposures is judged saturated, though no count of it reaches the detector's own limit."""
    counts = np.minimum(spectrometers.light("Calcite", 90_000.0) + 400.0, FULL)
    shots = [exposure(counts + k, taken_at=spectrometers.BEGAN + timedelta(seconds=k)) for k in (0, 1)]
    assert counts.max() == FULL
    spectrum = Reduction().spectrum(shots, darks.of([exposure(np.full(PIXELS, 400.0), dark=True)]))
    assert spectrum.counts.max() < FULL
    assert quality.assess(spectrum, Axis.linear(100.0, 1400.0, 1.0)).saturated is True


def test_an_unknown_saturation_stays_unknown() -> None:
    """A detector with unknown saturation gives spectra with unknown saturation."""
    found = correct(ramp(), msgspec.structs.replace(INSTRUMENT, sensor=Sensor(), nonlinearity=BENT))
    assert found.saturation is None
    assert not found.is_clipped


def test_a_clipped_pixel_below_its_dark_is_still_seen() -> None:
    """Where the dark is higher than the light everywhere it is clipped, the level is as low as counts can be."""
    counts, dark = ramp(), np.zeros(PIXELS)
    counts[400], dark[400] = FULL, FULL - 0.5
    low = msgspec.structs.replace(BARE, sensor=Sensor(saturation=FULL))
    assert correct(counts, low, dark).is_clipped
