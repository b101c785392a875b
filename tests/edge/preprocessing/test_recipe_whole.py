"""A recipe as a whole: its order, its axis, its JSON, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from contracts.step_contract import AXIS, measured
from raising import refused
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.preprocessing import Despike, MinMax, Recipe, Resample, Smooth
from raman_edge.spectrum import Axis, Origin, Spectrum

HERE = Origin("test", "")
ON = Resample(start=100.0, stop=500.0, step=1.0)


def test_steps_are_applied_in_the_order_they_are_written() -> None:
    """Scaling before cutting a line away, and after it, are two recipes with two results."""
    part = Resample(start=100.0, stop=400.0, step=2.0)
    seen = Spectrum(AXIS, measured(), HERE)
    first, last = Recipe((MinMax(), part)), Recipe((part, MinMax()))
    assert first.steps == (MinMax(), part)
    axis, scaled = MinMax().apply(AXIS, measured())
    assert np.array_equal(first.features(seen), part.apply(axis, scaled)[1].astype(np.float32))
    assert last.features(seen).max() == 1.0
    assert first.features(seen).max() < 1.0


def test_order_and_repetition_survive_json() -> None:
    """Steps are read back in their order, twice where they stand twice: nothing is sorted or merged."""
    recipe = Recipe((Smooth(), ON, Despike(width=2), MinMax(), Resample(start=100.0, stop=300.0, step=2.0), MinMax()))
    again = Recipe.from_json(recipe.to_json())
    assert [step.tag for step in again.steps] == ["smooth@1", "resample@1", "despike@1", "minmax@1", "resample@1", "minmax@1"]
    assert again == recipe
    assert again.to_json() == recipe.to_json()


def test_axis_is_that_of_the_last_resampling() -> None:
    """A recipe's features stand on the axis of its last resample step."""
    recipe = Recipe((ON, Resample(start=100.0, stop=300.0, step=2.0), MinMax()))
    assert recipe.axis.same_as(Axis.linear(100.0, 300.0, 2.0))
    assert recipe.features(Spectrum(AXIS, measured(), HERE)).shape == (len(recipe.axis),)


def test_features_are_float32_and_their_own() -> None:
    """Features are a new float32 array, and the spectrum is as it was."""
    recipe = Recipe((Resample(start=100.0, stop=700.0, step=2.0),))
    seen = Spectrum(AXIS, measured(), HERE)
    features = recipe.features(seen)
    assert features.dtype == np.float32
    features[:] = 0
    assert np.array_equal(seen.counts, measured())


def test_unknown_step_is_refused() -> None:
    """A step that does not exist, or not in this version, is an error with its place: nothing is skipped."""
    for tag in ("sharpen@1", "minmax@2", "minmax", ""):
        document = {"steps": [{"type": "resample@1", "start": 1, "stop": 9, "step": 1}, {"type": tag}]}
        with refused(ConfigError, "bad recipe", cause="$.steps[1]"):
            Recipe.from_json(json.dumps(document))


@pytest.mark.parametrize("steps", [(), (MinMax(),), (Despike(), MinMax())])
def test_recipe_without_an_axis_is_refused(steps: tuple[MinMax | Despike, ...]) -> None:
    """A recipe that never resamples has no known axis: it cannot be made, nor read."""
    tags = ", ".join(step.tag for step in steps) or "no step at all"
    with pytest.raises(ValueError, match=f"got {tags}, expected a resample step"):
        Recipe(steps)
    document = json.dumps({"steps": [{"type": step.tag} for step in steps]})
    with refused(ConfigError, "bad recipe", cause="expected a resample step"):
        Recipe.from_json(document)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"steps": 3}', '{"steps": [], "extra": 1}', '{"steps": [{"type": "minmax@1"}'])
def test_no_recipe_is_refused(text: str) -> None:
    """Any text that is not a recipe is a ConfigError."""
    with refused(ConfigError, "bad recipe"):
        Recipe.from_json(text)


def test_overflow_is_refused_with_the_step_and_the_counts() -> None:
    """Counts too large for the features are refused with the step that lost them and their range."""
    seen = Spectrum(AXIS, np.linspace(0.0, 1e300, len(AXIS)), HERE)
    with refused(SpectrumError, "overflow", "float32", got="between 0 and 1e+300"):
        Recipe((Resample(start=100.0, stop=700.0, step=2.0),)).features(seen)
    huge = Spectrum(AXIS, np.linspace(1.6e308, 1.7e308, len(AXIS)), HERE)
    with refused(SpectrumError, "overflow", "resample@1"):
        Recipe((Resample(start=100.0, stop=700.0, step=20.0), MinMax())).features(huge)


def test_flat_spectrum_is_refused_with_its_level() -> None:
    """A spectrum without any structure is refused, and the message says how high it lies."""
    with refused(SpectrumError, "flat spectrum", got="512 at every point"):
        Recipe((ON, MinMax())).features(Spectrum(AXIS, np.full(len(AXIS), 512.0), HERE))
