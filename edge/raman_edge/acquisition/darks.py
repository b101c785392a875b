"""Dark spectra: what an instrument counts without the sample's light, good for one exposure; and the files they are kept in."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from raman_edge import atomic_write
from raman_edge.acquisition import average
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from raman_edge.instruments.spectrometer import Exposure

MOST_BYTES = 8 << 20
MOST_PIXELS = 1 << 16
SAME_EXPOSURE = 1e-6
"""Relative; an instrument rounds an exposure to its own clock, always alike."""


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    profile: str
    serial_number: str | None
    exposure_s: float | None
    averages: int
    taken_at: datetime
    saturation: float | None
    counts: tuple[float, ...]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    sha256: str
    dark: _Content


@dataclass(frozen=True, eq=False)
class Dark:
    """The mean of exposures without the sample's light."""

    profile: str
    serial_number: str | None
    """None where the instrument tells none."""
    exposure_s: float | None
    """Of a single exposure, s; None where nobody knows."""
    averages: int
    """Exposures it is the mean of."""
    taken_at: datetime
    """When the last of them was taken, with a time zone."""
    counts: NDArray[np.float64]
    """Of a single exposure, (n,), in the order of the pixels."""
    saturation: float | None = None
    """Counts at which the detector saturates; None is unknown."""

    @cached_property
    def sha256(self) -> str:
        """Digest of all of it."""
        return _digest(self._content)

    @property
    def blind(self) -> NDArray[np.bool_]:
        """Pixels that are saturated without light, (n,): they tell nothing of the sample."""
        return np.zeros(self.counts.shape, dtype=bool) if self.saturation is None else self.counts >= self.saturation

    def why_not(self, exposure: Exposure) -> str | None:
        """Return why it cannot be subtracted from this exposure, in plain words; None where it can."""
        instrument = exposure.instrument
        mine, other = self.serial_number, instrument.serial_number
        if self.profile != instrument.profile or mine != other:
            name = f"{instrument.profile} {other or 'without a serial number'}"
            return f"the dark is of the instrument {self.profile} {mine or 'without a serial number'}, this is {name}: take its own dark"
        if self.counts.size != exposure.frame.counts.size:
            return f"the dark has {self.counts.size} pixels, the exposure {exposure.frame.counts.size}: take another dark"
        if not _alike(self.exposure_s, exposure.exposure_s):
            return (
                f"the dark is of {_seconds(self.exposure_s)}, the exposure of {_seconds(exposure.exposure_s)}: "
                "what a detector counts in the dark does not simply grow with time, take a dark of this exposure"
            )
        return None

    @property
    def _content(self) -> _Content:
        return _Content(
            profile=self.profile,
            serial_number=self.serial_number,
            exposure_s=_real(self.exposure_s),
            averages=self.averages,
            taken_at=self.taken_at.astimezone(UTC),
            saturation=_real(self.saturation),
            counts=tuple(self.counts.tolist()),
        )


def of(exposures: Sequence[Exposure]) -> Dark:
    """Make a dark of exposures that are alike, without cosmic spikes; raises :class:`raman_edge.errors.SpectrumError`."""
    instrument = exposures[-1].instrument
    return Dark(
        profile=instrument.profile,
        serial_number=instrument.serial_number,
        exposure_s=exposures[-1].exposure_s,
        averages=sum(exposure.averages for exposure in exposures),
        taken_at=exposures[-1].taken_at,
        counts=_kept(average.mean(exposures).counts),
        saturation=instrument.sensor.saturation,
    )


def write(dark: Dark, path: Path) -> None:
    """Write a dark, whole or not at all, over what was there; raises :class:`ConfigError` where that cannot be."""
    content = dark._content  # noqa: SLF001 - of this module
    data = msgspec.json.encode(_Stored(_digest(content), content))
    try:
        with atomic_write.written(path) as file:
            file.write(data + b"\n")
    except OSError as error:
        msg = f"the dark cannot be written to {str(path)!r}: {error.strerror}; name another place"
        raise ConfigError(msg) from error


def read(path: Path) -> Dark:
    """Read a dark; raises :class:`ConfigError` where it is not there, damaged, or from a newer version."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        msg = f"the dark {str(path)!r} cannot be read: {error.strerror}; take one with --dark take --save-dark FILE"
        raise ConfigError(msg) from error
    content = _checked(data, path)
    return Dark(
        profile=content.profile,
        serial_number=content.serial_number,
        exposure_s=content.exposure_s,
        averages=content.averages,
        taken_at=content.taken_at,
        counts=_kept(content.counts),
        saturation=content.saturation,
    )


def _checked(data: bytes, path: Path) -> _Content:
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{str(path)!r} is no dark of version 1 ({error}): take it again with --dark take --save-dark FILE"
        raise ConfigError(msg) from error
    found, content = _digest(stored.dark), stored.dark
    if stored.sha256 != found:
        msg = f"the dark {str(path)!r} was changed or damaged: its digest is {found}, {stored.sha256[:64]!r} was written; take it again"
        raise ConfigError(msg)
    known = all(value is None or 0 < value < math.inf for value in (content.exposure_s, content.saturation))
    whole = 1 < len(content.counts) <= MOST_PIXELS and all(map(math.isfinite, content.counts)) and content.taken_at.tzinfo is not None
    if not (known and whole and content.averages > 0):
        msg = f"the dark {str(path)!r} holds what no instrument counts: expected 2 to {MOST_PIXELS} finite counts; take it again"
        raise ConfigError(msg)
    return content


def _digest(content: _Content) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _kept(values: ArrayLike) -> NDArray[np.float64]:
    counts = np.array(values, dtype=np.float64)
    counts.setflags(write=False)
    return counts


def _real(value: float | None) -> float | None:
    """Return a number as a file gives it back: 1 and 1.0 have one digest."""
    return None if value is None else float(value)


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=SAME_EXPOSURE)


def _seconds(value: float | None) -> str:
    return "an unknown exposure" if value is None else f"{value:g} s"
