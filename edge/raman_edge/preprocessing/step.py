"""What every step of a recipe is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from types import ModuleType

    from raman_edge.spectrum import Axis

Points = NDArray[np.float64]
"""Counts on an axis, (n,)."""


class StepBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """One frozen, versioned transformation of a spectrum; subclasses set ``tag="name@version"``."""

    @property
    def tag(self) -> str:
        """The step's versioned name, such as ``minmax@1``."""
        return str(self.__struct_config__.tag)

    def load(self) -> None:
        """Import what the step needs beyond numpy; :class:`ConfigError` where it is not installed."""

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        """Return the axis and counts after this step; the inputs are left as they are."""
        raise NotImplementedError


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse a field's value; msgspec adds the path of the field to the message."""
    if not condition:
        raise ValueError(message)


def imported(name: str, tag: str) -> ModuleType:
    """Return a module of the extra ``baseline``, which the step ``tag`` needs; :class:`ConfigError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = error.name or name
        msg = f"the preprocessing step {tag} needs {missing.partition('.')[0]}, which is not installed: pip install 'raman-edge[baseline]'"
        raise ConfigError(msg) from error
