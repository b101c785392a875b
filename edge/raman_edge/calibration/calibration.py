"""A calibration: what makes a Raman shift of one instrument's own axis, for a while."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from raman_edge.errors import CalibrationError, SpectrumError
from raman_edge.spectrum import PIXELS, AppliedCalibration, Axis, Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from raman_edge.spectrum import Spectrum

ID_CHARACTERS = 32
DAY_S = 86_400.0
SAME_LASER = 0.05
"""nm; an axis that was made for another laser wavelength is another axis."""
SERIAL_KEYS = ("serial number", "serial_number", "serialnumber", "serial no", "instrument serial number", "spectrometer serial number")
"""Header keys that have the instrument's serial number."""
MODEL_KEYS = ("model", "instrument model", "spectrometer model")
"""Keys that have the instrument's vendor and model: of a device all of it, of a file what its software writes."""
_WORD = re.compile(r"[^\W_]+")


class CalibrationLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the standard and what the calibration makes of it."""

    standard: str
    at: float
    """The line's Raman shift, cm⁻¹; a lamp's with the laser of the calibration."""
    residual: float
    """Where the calibration puts it minus ``at``, cm⁻¹."""
    without: float | None
    """The same for a calibration by all others, cm⁻¹; None where the others are too few."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wavenumber calibration of one instrument."""

    version: Literal[1] = 1
    instrument: str
    """Serial number, or whatever name the user gives it."""
    serial: str | None
    """Serial number in the header of the standard's file; None where it has none."""
    model: str | None = None
    """Vendor and model, from the instrument or its file; None if neither states them, and in calibrations of earlier versions."""
    standards: tuple[str, ...]
    made: datetime
    """UTC."""
    expires: datetime
    """UTC."""
    unit: Unit
    """What the instrument's files have for an axis."""
    points: int | None
    """Pixels of an axis in pixels; None for a Raman shift."""
    own_laser_nm: float
    """The laser that a Raman shift of the instrument was made with, nm."""
    laser_nm: float
    """The laser that Raman shifts are made with now, nm in vacuum."""
    laser_fitted: bool
    """Whether it was measured with a Raman standard on the scale of a lamp; else it is as given."""
    scale: WavelengthScale
    order: int
    valid: tuple[float, float]
    """Where the lines hold it, cm⁻¹; outside it is extrapolated."""
    lines: tuple[CalibrationLine, ...]
    rms: float | None
    """cm⁻¹; None where one line was all there is."""
    rms_without: float | None
    """Of what every line is off without itself, cm⁻¹; None where the lines are too few."""

    @property
    def id(self) -> str:
        """Digest of everything above; ``model`` counts where it is known, so that digests of earlier versions hold."""
        fields = msgspec.to_builtins(self)
        if self.model is None:
            del fields["model"]
        return hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()[:ID_CHARACTERS]

    @property
    def worst(self) -> float:
        """Largest residual, cm⁻¹."""
        return max(abs(line.residual) for line in self.lines)

    def age_days(self, now: datetime) -> float:
        """Return the days since the standard was measured."""
        return (now - self.made).total_seconds() / DAY_S

    def require_fresh(self, now: datetime) -> None:
        """Raise :class:`CalibrationError` after the expiry."""
        if now < self.expires:
            return
        raise CalibrationError(
            kind="calibration expired",
            place=f"calibration of {self.instrument!r}",
            got=f"{self.age_days(now):.1f} days old, expired on {self.expires:%Y-%m-%d %H:%M} UTC",
            advice="Measure the standard again and run `raman-edge calibrate`",
        )

    def require_instrument(self, serial: str, model: str | None = None) -> None:
        """Raise :class:`CalibrationError` unless it was made for the instrument of that serial number, and of that vendor and model."""
        if serial not in {self.instrument, self.serial}:
            raise CalibrationError(
                kind="another instrument",
                got=f"{serial!r}",
                expected=f"{self.instrument!r}, as in the calibration",
                advice="Calibrate it, or select its own calibration",
            )
        if not self.is_of_model(model):
            raise CalibrationError(
                kind="another model",
                got=f"{model!r} with serial number {serial!r}",
                expected=f"{self.model!r} with the same serial number, as in the calibration",
                advice="Calibrate it, or select its own calibration",
            )

    def is_of_model(self, model: str | None) -> bool:
        """Whether vendor and model can be those of the calibration: unknown, or the words of one are among those of the other."""
        if model is None or self.model is None:
            return True
        ours, theirs = ({*_WORD.findall(text.casefold())} for text in (self.model, model))
        return ours <= theirs or theirs <= ours

    def moved(self, before: Calibration) -> float | None:
        """Compare the axis with that of another calibration of the same instrument.

        Parameters
        ----------
        before : Calibration
            The other one.

        Returns
        -------
        float or None
            Largest distance where both are valid, cm⁻¹; the least one where their ranges do not overlap; None for another kind of axis.
        """
        if (self.unit, self.points) != (before.unit, before.points):
            return None
        if self.unit == "shift" and abs(self.own_laser_nm - before.own_laser_nm) > SAME_LASER:
            return None
        places = np.linspace(self.scale.centre - self.scale.half, self.scale.centre + self.scale.half, 257)
        ours, theirs = (1e7 / one.laser_nm - 1e7 / one.scale.wavelength(places) for one in (self, before))
        held = (ours >= self.valid[0]) & (ours <= self.valid[1]) & (theirs >= before.valid[0]) & (theirs <= before.valid[1])
        if held.any():
            return float(np.abs(ours - theirs)[held].max())
        return float(np.abs(ours - theirs).min())  # the same pixels, and not one Raman shift in common

    def apply(self, spectrum: Spectrum, now: datetime | None = None) -> Spectrum:
        """Put a spectrum on the calibrated axis.

        Parameters
        ----------
        spectrum : Spectrum
            As the instrument wrote it: over pixels, or over the Raman shift of an earlier calibration.
        now : datetime, optional
            Time for the expiry; the present where there is none.

        Returns
        -------
        Spectrum
            Same counts, (n,), on Raman shifts in cm⁻¹; ``calibrated`` names the calibration.

        Raises
        ------
        CalibrationError
            The calibration has expired.
        SpectrumError
            The spectrum is of another instrument, laser or kind of axis.
        """
        self.require_fresh(now or datetime.now(UTC))
        self._refuse_other(spectrum)
        places = instrument_places(spectrum.axis.shift, self.unit, self.own_laser_nm)
        shift = 1e7 / self.laser_nm - 1e7 / self.scale.wavelength(places)
        counts = spectrum.counts
        if shift[0] > shift[-1]:
            shift, counts = shift[::-1], counts[::-1]
        if not (np.isfinite(shift).all() and (np.diff(shift) > 0).all()):
            raise SpectrumError(kind="calibrated axis not increasing", advice="The spectrum reaches too far beyond the calibrated range")
        meta = {key: value for key, value in spectrum.meta.items() if key != PIXELS} | {"laser_nm": f"{self.laser_nm:.10g}"}
        return replace(spectrum, axis=Axis(shift), counts=counts, meta=meta, calibrated=AppliedCalibration(self.id, self.made, self.rms))

    def _refuse_other(self, spectrum: Spectrum) -> None:
        if spectrum.calibrated is not None:
            raise SpectrumError(
                kind="calibrated already",
                got=f"a spectrum with calibration {spectrum.calibrated.id}",
                expected="one as the instrument wrote it",
            )
        if (serial := serial_of(spectrum)) is not None and self.serial is not None and serial != self.serial:
            raise SpectrumError(
                kind="another instrument",
                got=f"a file of {serial!r}",
                expected=f"{self.serial!r}, as in the calibration",
                advice="Calibrate each instrument separately",
            )
        if not self.is_of_model(model := model_of(spectrum)):
            raise SpectrumError(
                kind="another model",
                got=f"a file of a {model!r}",
                expected=f"a {self.model!r}, as in the calibration",
                advice="Calibrate each instrument separately",
            )
        unit = axis_unit(spectrum)
        if unit != self.unit:
            words = {"pixel": "pixels", "shift": "a Raman shift"}
            raise SpectrumError(
                kind="another kind of axis",
                got=f"{words[unit]}",
                expected=f"{words[self.unit]}, as in the calibration",
                advice="Measure the standard with the same export",
            )
        if self.points is not None and len(spectrum) != self.points:
            raise SpectrumError(
                kind="another number of pixels",
                got=f"{len(spectrum)}",
                expected=f"{self.points}, as in the calibration",
                advice="Use the same detector with the same read-out",
            )
        laser = laser_of(spectrum)
        if unit == "shift" and laser is not None and abs(laser - self.own_laser_nm) > SAME_LASER:
            raise SpectrumError(
                kind="another laser",
                got=f"{laser:g} nm",
                expected=f"{self.own_laser_nm:g} nm, as in the calibration",
                advice="Calibrate with this laser: its axis is another one",
            )


def applied(events: Iterable[Spectrum | Fault], calibration: Calibration) -> Iterator[Spectrum | Fault]:
    """Calibrate a stream; a spectrum that the calibration is not of becomes a fault."""
    for event in events:
        if isinstance(event, Fault):
            yield event
            continue
        try:
            yield calibration.apply(event)
        except SpectrumError as error:
            yield Fault(event.origin, str(error))


def serial_of(spectrum: Spectrum) -> str | None:
    """Return the serial number that the file's header has; None where it has none."""
    return next((spectrum.meta[key].strip() for key in SERIAL_KEYS if spectrum.meta.get(key, "").strip()), None)


def model_of(spectrum: Spectrum) -> str | None:
    """Return vendor and model from the instrument or the header of the file; None if neither states them."""
    return next((spectrum.meta[key].strip() for key in MODEL_KEYS if spectrum.meta.get(key, "").strip()), None)


def laser_of(spectrum: Spectrum) -> float | None:
    """Return the wavelength of the laser from the file or the option, nm; None is unknown."""
    stated = spectrum.meta.get("laser_nm")
    return None if stated is None else float(stated)


# The instrument's own axis


Unit = Literal["pixel", "shift"]
"""Kind of axis in the files of the instrument: pixel numbers, or a Raman shift from an earlier calibration."""


def axis_unit(spectrum: Spectrum) -> Unit:
    """Return the kind of axis of a spectrum."""
    return "pixel" if PIXELS in spectrum.meta else "shift"


def instrument_places(shift: NDArray[np.floating], unit: Unit, laser_nm: float) -> NDArray[np.floating]:
    """Return the place of every point on the instrument's own axis: its pixel, or the wavelength (nm) it takes itself to be at."""
    return shift if unit == "pixel" else 1e7 / (1e7 / laser_nm - shift)


class WavelengthScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """λ = c₀ + c₁t + c₂t² + c₃t³ with t = (place - centre) / half."""

    centre: float
    """Middle of the instrument's own axis: a pixel, or nm."""
    half: float
    """Half of its length, above 0."""
    coefficients: tuple[float, ...]
    """nm, of ascending powers."""

    def t(self, place: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return places on the own axis as -1..1."""
        return (place - self.centre) / self.half

    def wavelength(self, place: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the wavelengths at places on the instrument's axis.

        Parameters
        ----------
        place : ndarray, (n,)
            Pixels, or the wavelengths (nm) that the instrument itself gives.

        Returns
        -------
        ndarray, (n,)
            Wavelength in vacuum, nm.
        """
        return np.asarray(np.polynomial.polynomial.polyval(self.t(place), np.array(self.coefficients)), dtype=np.float64)

    def is_monotone(self) -> bool:
        """Whether every place of the axis has a different wavelength above 0."""
        along = np.linspace(self.centre - self.half, self.centre + self.half, 513)
        wavelength = self.wavelength(along)
        steps = np.diff(wavelength)
        return bool((wavelength > 0).all() and ((steps > 0).all() or (steps < 0).all()))
