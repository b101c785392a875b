"""What every step of a recipe promises; its tests inherit this class and say which step and which numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from raman_edge import synthetic
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.peaks import Peaks
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_edge.preprocessing import Step

AXIS = Axis.linear(100.0, 700.0, 2.0)
"""What the golden numbers were made on; 301 points."""
ENDING = Resample(start=100.0, stop=700.0, step=2.0)
"""Makes a recipe of any step."""
SPECIMEN = Peaks(np.array([180.0, 324.0, 465.0, 590.0]), np.array([0.4, 1.0, 0.3, 0.6]), np.array([8.0, 12.0, 30.0, 8.0]))
INHERITED = settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors])
"""One test, run for every step: each has its own executor, and none shares examples with another."""


def measured() -> NDArray[np.float64]:
    """Return counts with lines, a background, something like noise and two spikes, the same on every machine."""
    x = AXIS.shift
    counts: NDArray[np.float64] = 1000 * synthetic.lines(AXIS, SPECIMEN) + 200 * np.exp(-(((x - 400) / 300) ** 2)) + 300
    counts += 4 * np.sin(x * x)
    counts[[75, 225]] += 2000.0
    return counts


def settings_of(step: Step) -> dict[str, object]:
    """Return the step's fields as JSON has them."""
    return dict(msgspec.to_builtins(step))


class StepContract:
    """Inherited by the tests of every step."""

    step: ClassVar[Step]
    tag: ClassVar[str]
    golden: ClassVar[tuple[float, ...]]
    """What the step makes of :func:`measured`, every 25th value. Other numbers need another tag, not another golden."""
    wrong: ClassVar[tuple[dict[str, object], ...]]
    """Fields with a value that is refused; another version of the step always is."""

    def test_numbers_belong_to_the_tag(self) -> None:
        """The step under this tag gives the numbers it always gave: models in the field rely on them."""
        assert self.step.tag == self.tag
        assert re.fullmatch(r"[a-z]+@[1-9][0-9]*", self.tag)
        _, counts = self.step.apply(AXIS, measured())
        assert counts[::25].tolist() == pytest.approx(self.golden, rel=1e-6, abs=1e-9)

    def test_leaves_its_input_as_it_is(self) -> None:
        """Counts are not written to, and a read-only array is as good as any."""
        counts = measured()
        counts.setflags(write=False)
        axis, first = self.step.apply(AXIS, counts)
        assert np.array_equal(counts, measured())
        again, second = self.step.apply(AXIS, counts)
        assert np.array_equal(first, second)
        assert axis.same_as(again)

    @given(st.data())
    @INHERITED
    def test_gives_one_finite_count_per_point_or_an_error(self, draw: st.DataObject) -> None:
        """Any finite counts on any axis give finite counts on the returned axis, or a SpectrumError."""
        size = draw.draw(st.integers(2, 60))
        steps = draw.draw(arrays.arrays(np.float64, size, elements=st.floats(0.01, 50.0)))
        counts = draw.draw(arrays.arrays(np.float64, size, elements=st.floats(-1e9, 1e9)))
        try:
            axis, after = self.step.apply(Axis(90.0 + np.cumsum(steps)), counts)
        except SpectrumError:
            return
        assert after.shape == axis.shift.shape
        assert after.dtype == np.float64
        assert np.isfinite(after).all()

    @given(st.data())
    @INHERITED
    def test_absurd_counts_are_answered(self, draw: st.DataObject) -> None:
        """In a recipe, counts up to the largest number there is give finite features or a SpectrumError, and no warning."""
        counts = draw.draw(arrays.arrays(np.float64, 40, elements=st.floats(allow_nan=False, allow_infinity=False)))
        recipe = Recipe((self.step, ENDING, MinMax()))
        try:
            features = recipe.features(Spectrum(Axis.linear(100.0, 700.0, 600.0 / 39), counts, Origin("test", "")))
        except SpectrumError:
            return
        assert np.isfinite(features).all()

    def test_travels_as_json(self) -> None:
        """A step is read back as it was written, under its tag."""
        recipe = Recipe((self.step, ENDING))
        assert Recipe.from_json(recipe.to_json()) == recipe
        assert settings_of(self.step)["type"] == self.tag

    def test_unknown_field_is_refused_with_its_place(self) -> None:
        """A field that this version does not know is an error that says where it stands."""
        document = {"steps": [settings_of(ENDING), settings_of(self.step) | {"sharpen": 2}]}
        with pytest.raises(ConfigError, match=r"sharpen.*\$\.steps\[1\]"):
            Recipe.from_json(msgspec.json.encode(document))

    def test_wrong_value_is_refused_with_its_place(self) -> None:
        """A value that makes no sense is an error that says where it stands."""
        changes: tuple[dict[str, object], ...] = (*self.wrong, {"type": f"{self.tag}1"})
        for change in changes:
            document = {"steps": [settings_of(ENDING), settings_of(self.step) | change]}
            with pytest.raises(ConfigError, match=r"\$\.steps\[1\]"):
                Recipe.from_json(msgspec.json.encode(document))

    def test_is_frozen(self) -> None:
        """A step cannot be changed once it is made."""
        with pytest.raises(AttributeError):
            setattr(self.step, next(iter(settings_of(self.step))), 1)
