"""THE preprocessing: an ordered tuple of versioned steps, the same in training and at the edge.

A recipe is data. It is written into the checkpoint by training, copied into the model
card by export and replayed by the edge; it is never reordered and no step is skipped.
A step whose numbers change gets a new tag, so an old model keeps its old numbers.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.preprocessing.steps import Baseline, Despike, MinMax, Resample, Smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.spectrum import Axis, Spectrum

Step = Resample | MinMax | Despike | Baseline | Smooth
"""Every step there is; a tag that is not among them is refused when a recipe is read."""

__all__ = ["Baseline", "Despike", "MinMax", "Recipe", "Resample", "Smooth", "Step"]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What turns a spectrum into the network's input."""

    steps: tuple[Step, ...]
    """Applied in this order."""

    def __post_init__(self) -> None:
        if not any(isinstance(step, Resample) for step in self.steps):
            got = ", ".join(step.tag for step in self.steps) or "no step at all"
            msg = f"got {got}, expected a resample step, which gives the output its axis"
            raise ValueError(msg)

    @cached_property
    def axis(self) -> Axis:
        """The axis of the features: that of the last resample step."""
        return next(step.axis for step in reversed(self.steps) if isinstance(step, Resample))

    def load(self) -> None:
        """Import what the steps need beyond numpy; :class:`ConfigError` where it is not installed, with what to install."""
        for step in self.steps:
            step.load()

    def features(self, spectrum: Spectrum) -> NDArray[np.float32]:
        """Return the network's input, (len(self.axis),) float32.

        Raises :class:`SpectrumError` where a step cannot be applied (no overlap with the
        model's axis, a spectrum without any structure).
        """
        axis, counts = spectrum.axis, np.asarray(spectrum.counts, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            for step in self.steps:
                axis, counts = step.apply(axis, counts)
                _refuse_infinite(counts, step.tag, spectrum)
            features = counts.astype(np.float32)
        _refuse_infinite(features, "float32", spectrum)
        return features

    @classmethod
    def from_json(cls, text: bytes | str) -> Recipe:
        """Read a recipe; an unknown step, field or value is a :class:`ConfigError` that names its place."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise ConfigError(kind="bad recipe", cause=str(error)) from error

    def to_json(self) -> bytes:
        """Write the recipe as JSON that :meth:`from_json` reads back."""
        return msgspec.json.encode(self)


def _refuse_infinite(values: NDArray[np.floating], what: str, spectrum: Spectrum) -> None:
    if not np.isfinite(values).all():
        low, high = spectrum.counts.min(), spectrum.counts.max()
        got = f"values that are not finite from counts between {low:g} and {high:g}"
        raise SpectrumError(kind="overflow", place=what, got=got, expected="finite numbers", advice="Check whether the spectrum is damaged")
