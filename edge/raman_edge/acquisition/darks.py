"""Dark spectra: counts without the sample's light, valid for one exposure; how they are made, and their files."""

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
from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from raman_edge.instruments.spectrometer import Exposure

LEAST = 3
"""Fewest exposures of a dark: cosmic spikes cannot be recognised in fewer."""
MOST_BYTES = 8 << 20
MOST_PIXELS = 1 << 16
TAKE = "Take one with --dark take --save-dark FILE"
SAME_EXPOSURE = 1e-6
"""Largest relative difference of equal exposures: an instrument always rounds to its clock in the same way."""


class _DarkContent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    profile: str
    serial_number: str | None
    exposure_s: float | None
    averages: int
    taken_at: datetime
    saturation: float | None
    counts: tuple[float, ...]


class _DarkFile(msgspec.Struct, forbid_unknown_fields=True):
    sha256: str
    dark: _DarkContent


@dataclass(frozen=True, eq=False)
class Dark:
    """The mean of exposures without the sample's light."""

    profile: str
    serial_number: str | None
    """None is unknown."""
    exposure_s: float | None
    """Of a single exposure, s; None is unknown."""
    averages: int
    """Exposures in the mean."""
    taken_at: datetime
    """Time of the last exposure, with a time zone."""
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
        """Pixels that are saturated without light, (n,)."""
        return np.zeros(self.counts.shape, dtype=bool) if self.saturation is None else self.counts >= self.saturation

    def why_not(self, exposure: Exposure) -> str | None:
        """Return why it cannot be subtracted from this exposure; None where it can."""
        instrument = exposure.instrument
        mine, other = self.serial_number, instrument.serial_number
        if self.profile != instrument.profile or mine != other:
            name = f"{instrument.profile} {other or 'without a serial number'}"
            return f"the dark is from {self.profile} {mine or 'without a serial number'}, this is {name}: take its own dark"
        if self.counts.size != exposure.frame.counts.size:
            return f"the dark has {self.counts.size} pixels, the exposure {exposure.frame.counts.size}: take another dark"
        if not _alike(self.exposure_s, exposure.exposure_s):
            return (
                f"the dark has {_seconds(self.exposure_s)}, the spectrum {_seconds(exposure.exposure_s)}: "
                "dark counts do not simply grow with time, take a dark with this exposure"
            )
        return None

    @property
    def _content(self) -> _DarkContent:
        return _DarkContent(
            profile=self.profile,
            serial_number=self.serial_number,
            exposure_s=_real(self.exposure_s),
            averages=self.averages,
            taken_at=self.taken_at.astimezone(UTC),
            saturation=_real(self.saturation),
            counts=tuple(self.counts.tolist()),
        )


def of(exposures: Sequence[Exposure]) -> Dark:
    """Make a dark of equal exposures, without cosmic spikes; raises :class:`raman_edge.errors.SpectrumError`."""
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


def length(averages: int) -> int:
    """Return how many exposures make the dark of spectra with ``averages``."""
    return max(LEAST, averages)


class DarkRun:
    """Consecutive dark exposures, for any reason; the first with light ends the row, so that a recording gives the same darks."""

    def __init__(self) -> None:
        self._run: list[Exposure] = []

    def __len__(self) -> int:
        return len(self._run)

    def feed(self, exposure: Exposure) -> Dark | None:
        """Take the next exposure, dark or not; return the dark that it completes.

        Raises :class:`raman_edge.errors.SpectrumError` where the frames give none; the row ends then, too.
        """
        if not exposure.dark:
            return self.close()
        if self._run and not average.same(self._run[0], exposure):
            self._run.clear()
        self._run.append(exposure)
        return None

    def close(self) -> Dark | None:
        """Return the dark of the row; None where it is empty."""
        run, self._run = self._run, []
        return of(run) if run else None


def write(dark: Dark, path: Path) -> None:
    """Write a dark atomically; raises :class:`ConfigError` where that fails."""
    content = dark._content  # noqa: SLF001 - of this module
    data = msgspec.json.encode(_DarkFile(_digest(content), content))
    try:
        with atomic_write.written(path) as file:
            file.write(data + b"\n")
    except OSError as error:
        got, advice = error.strerror or "an error", "Name another place"
        raise ConfigError(kind="dark cannot be written", place=repr(str(path)), got=got, advice=advice) from error


def read(path: Path) -> Dark:
    """Read a dark; raises :class:`ConfigError` where it is missing, damaged, or from a newer version."""
    content = _checked(bounded(path, MOST_BYTES, ConfigError, place=f"dark {str(path)!r}", advice=TAKE), path)
    return Dark(
        profile=content.profile,
        serial_number=content.serial_number,
        exposure_s=content.exposure_s,
        averages=content.averages,
        taken_at=content.taken_at,
        counts=_kept(content.counts),
        saturation=content.saturation,
    )


def _checked(data: bytes, path: Path) -> _DarkContent:
    try:
        stored = msgspec.json.decode(data, type=_DarkFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            kind="not a dark", place=repr(str(path)), cause=str(error), expected="a dark of version 1", advice=TAKE
        ) from error
    found, content = _digest(stored.dark), stored.dark
    if stored.sha256 != found:
        expected = repr(stored.sha256[:64])
        raise ConfigError(kind="dark changed or damaged", place=repr(str(path)), got=f"digest {found}", expected=expected, advice=TAKE)
    known = all(value is None or 0 < value < math.inf for value in (content.exposure_s, content.saturation))
    whole = 1 < len(content.counts) <= MOST_PIXELS and all(map(math.isfinite, content.counts)) and content.taken_at.tzinfo is not None
    if not (known and whole and content.averages > 0):
        expected = f"2 to {MOST_PIXELS} finite counts"
        raise ConfigError(kind="impossible dark", place=repr(str(path)), expected=expected, advice=TAKE)
    return content


def _digest(content: _DarkContent) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _kept(values: ArrayLike) -> NDArray[np.float64]:
    counts = np.array(values, dtype=np.float64)
    counts.setflags(write=False)
    return counts


def _real(value: float | None) -> float | None:
    """Return a number as it is read from a file, so that 1 and 1.0 have the same digest."""
    return None if value is None else float(value)


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=SAME_EXPOSURE)


def _seconds(value: float | None) -> str:
    return "an unknown exposure" if value is None else f"{value:g} s"
