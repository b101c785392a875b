"""The values that travel: an axis, a spectrum on it, and a fault instead of one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import SpectrumError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Self

    from numpy.typing import ArrayLike, NDArray


PIXELS = "pixels"
"""Key of ``meta`` where the axis is not a Raman shift but the numbers of the detector's pixels: only a calibration uses those."""
LEFT_OUT = "left_out"
"""Key of ``meta``: what of the file is not read on purpose, and why, as in ``'Dark' (dark)``."""
OTHER_METHOD = "other_method"
"""Key of ``meta``: the technique that a file names where that is not Raman; the axis is then as the file has it."""


_NEW, _PUT = object.__new__, object.__setattr__
"""How a frozen value is filled by those who made it."""


def _is_frozen(values: NDArray[np.floating]) -> bool:
    """Whether an array is read-only for good, as :func:`frozen` makes it."""
    base = values if values.base is None else values.base
    fixed = not values.flags.writeable and isinstance(base, np.ndarray) and not base.flags.writeable
    return fixed and values.flags.c_contiguous and values.dtype == np.float64


def frozen(values: ArrayLike) -> NDArray[np.floating]:
    """Return a read-only, contiguous copy of ``values``, float64."""
    array = np.array(values, dtype=np.float64, order="C")
    array.setflags(write=False)
    return array


def _numbers(values: object, name: str) -> NDArray[np.float64]:
    """Return what a caller gives as real numbers; a masked value is NaN. :class:`SpectrumError` where they are not numbers."""
    try:
        array = np.ma.filled(values.astype(np.float64), np.nan) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        if not (array.dtype.kind in "biuf" or (array.dtype.kind == "O" and array.ndim == 1)):
            raise SpectrumError(
                kind="not real numbers", place=name, got=f"{array.dtype.name} of shape {array.shape}", expected="an array of real numbers"
            )
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        got = type(values).__name__
        raise SpectrumError(kind="not real numbers", place=name, cause=str(error), got=got, expected="an array of real numbers") from error


def _ordered(shift: object, counts: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both as numbers, reversed together where the Raman shift falls strictly."""
    x, y = _numbers(shift, "Raman shift"), _numbers(counts, "counts")
    return (x[::-1], y[::-1]) if x.ndim == 1 and x.shape == y.shape and (x[1:] < x[:-1]).all() else (x, y)


@dataclass(frozen=True, eq=False, slots=True)
class Axis:
    """The Raman shift of every point of a spectrum."""

    shift: NDArray[np.floating]
    """cm⁻¹, (n,), n ≥ 2, finite, strictly increasing."""

    def __post_init__(self) -> None:
        shift = frozen(self.shift)
        if shift.ndim != 1 or shift.size < 2:  # noqa: PLR2004 - a spectrum has two points
            raise SpectrumError(kind="impossible Raman shift", got=f"shape {shift.shape}", expected="one dimension and at least 2 points")
        if not np.isfinite(shift).all():
            bad = int(np.flatnonzero(~np.isfinite(shift))[0])
            place = f"point {bad + 1} of {shift.size}"
            raise SpectrumError(kind="impossible Raman shift", place=place, got=f"{shift[bad]}", expected="finite numbers")
        backwards = shift[1:] <= shift[:-1]
        if backwards.any():
            bad = int(np.flatnonzero(backwards)[0])
            raise SpectrumError(
                kind="Raman shift does not increase",
                place=f"point {bad + 2} of {shift.size}",
                got=f"{shift[bad + 1]:g} cm⁻¹ after {shift[bad]:g} cm⁻¹",
                expected="strictly increasing values",
                advice="Sort and merge the points first",
            )
        object.__setattr__(self, "shift", shift)

    @classmethod
    def linear(cls, start: float, stop: float, step: float) -> Axis:
        """Build an axis of even steps.

        Parameters
        ----------
        start, stop : float
            First and last Raman shift, cm⁻¹; ``stop`` is included.
        step : float
            cm⁻¹, more than 0.

        Returns
        -------
        Axis
        """
        count = round((stop - start) / step) + 1
        return cls(start + step * np.arange(count))

    def __len__(self) -> int:
        return int(self.shift.size)

    @property
    def start(self) -> float:
        """First Raman shift, cm⁻¹."""
        return float(self.shift[0])

    @property
    def stop(self) -> float:
        """Last Raman shift, cm⁻¹."""
        return float(self.shift[-1])

    def same_as(self, other: Axis) -> bool:
        """Whether both axes hold the same Raman shifts."""
        return self is other or (len(self) == len(other) and bool(np.array_equal(self.shift, other.shift)))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a spectrum or a fault came from; becomes ``source`` in the records."""

    kind: str
    """``file``, ``serial``, ``demo`` …"""
    path: str
    """File path or port, as the user gave it; data, to be escaped before it is shown."""
    sha256: str | None = None
    """Digest of the bytes it was read from, lower-case hex; None where there were none."""
    index: int = 0
    """Which spectrum of the file, from 0."""
    read_ms: float = 0.0
    """Milliseconds from bytes to spectrum; 0 where nothing was read."""
    grown_from: str | None = None
    """Digest of an earlier content of the same file that these bytes begin with; None where there was none.

    That content was a part of this one, read before all of it was written: its answer is replaced by this one's.
    """

    def numbered(self, index: int, read_ms: float = 0.0) -> Origin:
        """Return the origin of spectrum number ``index`` of the same file, read in ``read_ms``."""
        made = _NEW(Origin)
        _PUT(made, "kind", self.kind)
        _PUT(made, "path", self.path)
        _PUT(made, "sha256", self.sha256)
        _PUT(made, "index", index)
        _PUT(made, "read_ms", read_ms)
        _PUT(made, "grown_from", self.grown_from)
        return made


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """One coordinate of every spectrum of a map."""

    name: str
    """Key of the meta, such as ``x``."""
    values: NDArray[np.floating]
    """(m,), read-only."""
    unit: str


class PlacedMeta(Mapping[str, str]):
    """The meta of one spectrum of a map: what all have, and its place, which becomes text when it is read."""

    __slots__ = ("_common", "_index", "_places")

    def __init__(self, common: Mapping[str, str], places: Sequence[Place], index: int) -> None:
        self._common, self._places, self._index = common, places, index

    def __getitem__(self, key: str) -> str:
        for place in self._places:
            if place.name == key:
                return f"{place.values[self._index]:g} {place.unit}"
        return self._common[key]

    def __iter__(self) -> Iterator[str]:
        own = [place.name for place in self._places]
        yield from (key for key in self._common if key not in own)
        yield from own

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all spectra of a map have in common, and what differs."""

    moments: Sequence[datetime | None]
    """When each was taken, (m,), with a time zone; None is unknown."""
    places: Sequence[Place] = ()
    """Where each was taken."""
    exposure_s: float | None = None
    saturation: float | None = None
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """Which wavenumber calibration made an axis."""

    id: str
    """Digest of the calibration, lower-case hex."""
    made: datetime
    """When the standard was measured, with a time zone."""
    rms: float | None
    """Root mean square of the standard's lines about it, cm⁻¹; None where one line was all."""


ARRAY = Origin("array", "array")
"""Where a spectrum comes from that a script makes of two arrays."""


@dataclass(frozen=True, eq=False, slots=True)
class Spectrum:
    """One exposure, as the detector or the file gave it: nothing is corrected here.

    ``Spectrum(shift, counts)`` takes two arrays, or an :class:`Axis` and an array. Arrays whose Raman shift falls strictly are
    reversed together. The arrays are copied once and are read-only.

    Raises :class:`SpectrumError` for an axis or counts that are not numbers, not finite, not of one length, or not in order.
    """

    axis: Axis
    """The Raman shift, cm⁻¹; an array of it, (n,), becomes an :class:`Axis`."""
    counts: NDArray[np.floating]
    """Counts or arbitrary units, (n,), finite, as long as the axis; may be negative after a dark subtraction."""
    origin: Origin = ARRAY
    taken_at: datetime | None = None
    """When it was taken, with a time zone; None is unknown."""
    exposure_s: float | None = None
    """Exposure, s; None is unknown, 0 never is."""
    saturation: float | None = None
    """Counts at which the detector saturates; None is unknown."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """The header, as text."""
    calibrated: AppliedCalibration | None = None
    """What made the axis; None where it is as the instrument wrote it."""

    if TYPE_CHECKING:

        def __init__(  # noqa: PLR0913, PLR0917 - the fields, with what the first two accept besides
            self,
            axis: Axis | ArrayLike,
            counts: ArrayLike,
            origin: Origin = ...,
            taken_at: datetime | None = ...,
            exposure_s: float | None = ...,
            saturation: float | None = ...,
            meta: Mapping[str, str] = ...,
            calibrated: AppliedCalibration | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        given: object = self.axis
        if not isinstance(given, Axis):
            shift, values = _ordered(given, self.counts)
            object.__setattr__(self, "axis", Axis(shift))
            object.__setattr__(self, "counts", values)
        counts = frozen(self.counts)
        if counts.shape != self.axis.shift.shape:
            expected = f"({len(self.axis)},), one count per point of the axis"
            raise SpectrumError(kind="wrong number of counts", got=f"shape {counts.shape}", expected=expected)
        if not np.isfinite(counts).all():
            bad = int(np.flatnonzero(~np.isfinite(counts))[0])
            place = f"{self.axis.shift[bad]:g} cm⁻¹"
            raise SpectrumError(kind="impossible counts", place=place, got=f"{counts[bad]}", expected="finite numbers")
        for name, value in (("exposure", self.exposure_s), ("saturation", self.saturation)):
            if value is not None and not 0 < value < math.inf:
                raise SpectrumError(kind=f"impossible {name}", got=f"{value}", expected="above 0 and finite, or None if unknown")
        if self.taken_at is not None and self.taken_at.tzinfo is None:
            raise SpectrumError(
                kind="time without a time zone", got=f"{self.taken_at}", expected="a time zone, or None where it is unknown"
            )
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "meta", MappingProxyType(dict(self.meta)))

    @classmethod
    def rows(cls, axis: Axis, counts: NDArray[np.floating], first: Origin, shared: Shared) -> tuple[Self, ...]:
        """Return a spectrum for each row of ``counts``, (m, n), on one axis of n points, checked together: a map has thousands.

        ``first`` is the origin of the first, the others are numbered on. Raises :class:`SpectrumError` as the spectra
        themselves would.
        """
        block = counts if _is_frozen(counts) else frozen(counts)
        if block.ndim != 2 or block.shape[1] != len(axis) or len(shared.moments) != len(block):  # noqa: PLR2004 - a table
            expected = f"({len(shared.moments)}, {len(axis)}), one count per time and point of the axis"
            raise SpectrumError(kind="wrong number of counts", got=f"shape {block.shape}", expected=expected)
        if block.size and not (math.isfinite(block.min()) and math.isfinite(block.max())):
            got = f"{int((~np.isfinite(block)).sum())} of {block.size} that are not"
            raise SpectrumError(kind="impossible counts", got=got, expected="finite numbers")
        if naive := next((moment for moment in shared.moments if moment is not None and moment.tzinfo is None), None):
            raise SpectrumError(kind="time without a time zone", got=str(naive), expected="a time zone, or None if unknown")
        if not len(block):
            return ()
        model = cls(axis, block[0], first, None, shared.exposure_s, shared.saturation, shared.meta)
        made, meta, places, number, start = model._with, model.meta, shared.places, first.numbered, first.index
        if not places:
            return tuple(
                [made(row, number(start + k), moment, meta) for k, (row, moment) in enumerate(zip(block, shared.moments, strict=True))]
            )
        return tuple(
            [
                made(row, number(start + k), moment, PlacedMeta(meta, places, k))
                for k, (row, moment) in enumerate(zip(block, shared.moments, strict=True))
            ]
        )

    def located(self, index: int, read_ms: float) -> Self:
        """Return this spectrum as number ``index`` of its file, read in ``read_ms``."""
        return self._with(self.counts, self.origin.numbered(index, read_ms), self.taken_at, self.meta)

    def _with(self, counts: NDArray[np.floating], origin: Origin, taken_at: datetime | None, meta: Mapping[str, str]) -> Self:
        """Return a copy with these fields, which were checked: several times as fast as :func:`dataclasses.replace`."""
        made = _NEW(type(self))
        _PUT(made, "axis", self.axis)
        _PUT(made, "counts", counts)
        _PUT(made, "origin", origin)
        _PUT(made, "taken_at", taken_at)
        _PUT(made, "exposure_s", self.exposure_s)
        _PUT(made, "saturation", self.saturation)
        _PUT(made, "meta", meta)
        _PUT(made, "calibrated", self.calibrated)
        return made

    def __len__(self) -> int:
        return len(self.axis)

    def __reduce__(self) -> tuple[type[Spectrum], tuple[object, ...]]:
        """Let a spectrum go to another process of ours, where it is checked and frozen anew."""
        meta = dict(self.meta)
        return type(self), (self.axis, self.counts, self.origin, self.taken_at, self.exposure_s, self.saturation, meta, self.calibrated)


@dataclass(frozen=True, slots=True)
class Fault:
    """One unreadable file or one bad frame: a value in the stream, never the end of it."""

    origin: Origin
    why: str
    """One line: what was got, what was expected, what to do."""
