"""From exposures to a spectrum: averaged, corrected, on an axis, and named by a digest of what was measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from raman_edge.acquisition import average, axes
from raman_edge.acquisition.corrections import corrected
from raman_edge.errors import CalibrationError, ConfigError, SpectrumError
from raman_edge.spectrum import PIXELS, Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.acquisition.corrections import CorrectedCounts
    from raman_edge.acquisition.darks import Dark
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.instruments.spectrometer import Exposure, InstrumentInfo

FROM_INSTRUMENT, FROM_OPTION, FROM_CALIBRATION = "instrument", "option", "calibration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """How exposures become a spectrum."""

    laser_nm: float | None = None
    """What excites, nm, instead of what the instrument says; None is as it says."""
    calibration: Calibration | None = None
    """What makes the axis; None is the instrument's own coefficients."""
    pixels: bool = False
    """Whether an axis in pixels is wanted where nothing makes a shift of it, and nothing is cut: by whoever calibrates."""
    kind: str = "serial"
    """Of the origin."""
    path: str = ""
    """Of the origin."""

    def spectrum(self, exposures: Sequence[Exposure], dark: Dark | None = None) -> Spectrum:
        """Return the spectrum of exposures that are alike; ``dark`` is one that fits them.

        Raises :class:`raman_edge.errors.SpectrumError` for frames that give none, :class:`ConfigError` where nobody
        knows the axis, and :class:`raman_edge.errors.CalibrationError` for a calibration of another instrument, or one that was
        stale when the exposures were taken.
        """
        last = exposures[-1]
        instrument = last.instrument
        mean = average.mean(exposures)
        found = corrected(mean, instrument, dark)
        laser_nm, told_by = self._laser(instrument)
        said = {} if laser_nm is None else {"laser_nm": f"{laser_nm:.10g}", "laser_from": told_by}
        meta = _meta(exposures, found, mean.spikes) | said
        axis = self._own_axis(found, instrument, laser_nm)
        if axis is None:
            axis, meta = axes.numbers(found.pixels, instrument), meta | {PIXELS: "counted by the instrument"}
        axis, counts = axes.rising(axis, found.counts)
        made = Spectrum(
            axis=Axis(axis),
            counts=counts,
            origin=self.origin(digest(exposures, dark)),
            taken_at=last.taken_at,
            exposure_s=last.exposure_s,
            saturation=found.saturation,
            meta=meta,
        )
        return made if self.pixels else _cut(self._calibrated(made, last))

    def origin(self, sha256: str | None = None) -> Origin:
        """Return where it comes from."""
        return Origin(self.kind, self.path, sha256)

    def _own_axis(self, found: CorrectedCounts, instrument: InstrumentInfo, laser_nm: float | None) -> NDArray[np.float64] | None:
        """Return the Raman shift that the instrument itself gives; None where it is to be an axis in pixels."""
        if self.calibration is not None and self.calibration.unit == "pixel":
            return None
        if instrument.coefficients is not None and laser_nm is not None:
            return axes.shift(found.pixels, instrument, laser_nm)
        if self.pixels:
            return None
        if instrument.coefficients is None:
            msg = (
                f"the instrument {instrument.profile!r} tells no wavelengths: measure a standard with `raman-edge calibrate`, "
                "and name that calibration"
            )
            raise ConfigError(msg)
        msg = f"the instrument {instrument.profile!r} does not say which laser it has: give its wavelength in nm, as 785"
        raise ConfigError(msg)

    def _calibrated(self, made: Spectrum, last: Exposure) -> Spectrum:
        if self.calibration is None:
            return made
        serial = last.instrument.serial_number
        if serial is not None:
            self.calibration.require_instrument(serial, last.instrument.model)
        try:
            return self.calibration.apply(made, last.taken_at)
        except SpectrumError as error:  # the next spectrum of this instrument fits it no better
            raise CalibrationError(str(error)) from error

    def _laser(self, instrument: InstrumentInfo) -> tuple[float | None, str]:
        """Return what excites, nm, and who says so: the user, the instrument, or whoever calibrated an axis that was made with it."""
        if self.laser_nm is not None:
            return self.laser_nm, FROM_OPTION
        if instrument.laser_nm is None and self.calibration is not None and self.calibration.unit == "shift":
            return self.calibration.own_laser_nm, FROM_CALIBRATION
        return instrument.laser_nm, FROM_INSTRUMENT


def digest(exposures: Sequence[Exposure], dark: Dark | None) -> str:
    """Return a digest of what was measured: who, when, how long, every raw count, and the dark.

    The same exposures give it again from a recording; two that are alike count by count, as of a saturated detector, differ by their time.
    """
    made = hashlib.sha256(b"raman-edge exposures 1\0")
    for exposure in exposures:
        instrument = exposure.instrument
        stamp = exposure.taken_at.astimezone(UTC).isoformat()
        seconds = None if exposure.exposure_s is None else float(exposure.exposure_s)
        facts = (instrument.profile, instrument.model, instrument.serial_number, stamp, seconds, exposure.averages)
        counts = exposure.frame.counts
        made.update(msgspec.json.encode((*facts, counts.dtype.kind, counts.size)))
        made.update(counts.astype(counts.dtype.newbyteorder("<")).tobytes())
    if dark is not None:
        made.update(dark.sha256.encode())
    return made.hexdigest()


def _cut(spectrum: Spectrum) -> Spectrum:
    """Leave out what lies at the laser's own line and on its other side."""
    kept = axes.beyond_laser(spectrum.axis.shift)
    if kept.start == 0:
        return spectrum
    return replace(spectrum, axis=Axis(spectrum.axis.shift[kept]), counts=spectrum.counts[kept])


def _meta(exposures: Sequence[Exposure], found: CorrectedCounts, spikes: int) -> dict[str, str]:
    """Return what is known of the measurement, as text."""
    last = exposures[-1]
    instrument = last.instrument
    said = {
        "profile": instrument.profile,
        "model": instrument.model,
        "serial_number": instrument.serial_number or "",
        "exposure_s": "" if last.exposure_s is None else f"{last.exposure_s:g}",
        "averages": str(sum(exposure.averages for exposure in exposures)),
        "dark": found.dark or "not subtracted",
        "nonlinearity": "corrected" if found.linear else "",
        "spikes": str(spikes) if spikes else "",
    }
    return {key: value for key, value in said.items() if value}
