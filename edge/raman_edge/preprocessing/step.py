"""What every step of a recipe is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from raman_edge.spectrum import Axis

Points = NDArray[np.float64]
"""Counts on an axis, (n,)."""


class StepBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """One frozen, versioned transformation of a spectrum; subclasses set ``tag="name@version"``."""

    @property
    def tag(self) -> str:
        """The step's versioned name, such as ``minmax@1``."""
        return str(self.__struct_config__.tag)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        """Return the axis and counts after this step; the inputs are left as they are."""
        raise NotImplementedError


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse a field's value; msgspec adds the path of the field to the message."""
    if not condition:
        raise ValueError(message)
