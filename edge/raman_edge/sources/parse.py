"""From a file's bytes to the values of a source: spectra, or one fault with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from raman_edge import formats
from raman_edge.errors import CalibrationError, SpectrumError
from raman_edge.spectrum import OTHER_METHOD, Fault, Spectrum

if TYPE_CHECKING:
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin

RECORDING = b'{"crc":"'
"""How a recording begins (:mod:`raman_edge.instruments.recording`)."""
MOST_WHY = 500
"""Characters of a reason that are kept."""


@dataclass(frozen=True, eq=False, slots=True)
class RawFile:
    """A complete file that is not parsed yet: the process that identifies its spectra parses it."""

    origin: Origin
    data: bytes
    laser_nm: float | None = None
    """For a file without its laser's wavelength, nm."""
    calibration: Calibration | None = None
    """Calibration of the axis; None leaves the axis as the instrument wrote it."""
    axis: AxisOption | None = None
    """Quantity of an axis that the file does not name; None is unknown."""

    def values(self) -> tuple[Spectrum | Fault, ...]:
        """Return what is in it, as :func:`parse` does, on the calibrated axis."""
        found = parse(self.data, self.origin, self.laser_nm, axis=self.axis, pixels=self.calibration is not None)
        return found if self.calibration is None else tuple(_on_axis(value, self.calibration) for value in found)


def values(event: Spectrum | Fault | RawFile) -> tuple[Spectrum | Fault, ...]:
    """Return the values in one event of a source."""
    return event.values() if isinstance(event, RawFile) else (event,)


def parse(
    data: bytes, origin: Origin, laser_nm: float | None = None, *, axis: AxisOption | None = None, pixels: bool = False
) -> tuple[Spectrum | Fault, ...]:
    """Return the spectra in ``data``, each with its place and share of the time in its origin; never raises.

    ``laser_nm`` (nm) is for files without their laser's wavelength; ``axis`` and ``pixels`` as in :func:`formats.read`.
    An unexpected error of a reader becomes a fault, and the run goes on.
    """
    started = perf_counter()
    try:
        spectra = _read(data, origin, laser_nm, axis, pixels=pixels)
    except SpectrumError as error:
        return (fault(origin, str(error)),)
    except Exception as error:  # noqa: BLE001 - a defect in one reader must not stop the instrument
        return (fault(origin, f"the reader failed on this file ({type(error).__name__}: {error}); please report it with the file"),)
    if not spectra:
        return (fault(origin, "no spectrum in this file; export one as two columns, Raman shift and intensity"),)
    if OTHER_METHOD in spectra[0].meta:
        spectra = spectra[:1]  # a run of mass spectra is no Raman spectrum once, not five hundred times
    share_ms = 1e3 * (perf_counter() - started) / len(spectra)
    return tuple(spectrum.located(index, share_ms) for index, spectrum in enumerate(spectra))


def _on_axis(value: Spectrum | Fault, calibration: Calibration) -> Spectrum | Fault:
    """Return a spectrum on the calibrated axis; a fault where it is of another instrument, or the calibration has expired."""
    if isinstance(value, Fault):
        return value
    try:
        return calibration.apply(value)
    except (CalibrationError, SpectrumError) as error:
        return fault(value.origin, str(error))


def _read(data: bytes, origin: Origin, laser_nm: float | None, axis: AxisOption | None, *, pixels: bool) -> tuple[Spectrum, ...]:
    """Read a file of any format, or a recording of an instrument; the errors of :func:`formats.read`."""
    if not data.startswith(RECORDING):
        return formats.read(data, origin, laser_nm=laser_nm, axis=axis, pixels=pixels)
    from raman_edge.acquisition import recorded  # noqa: PLC0415 - the acquisition, which few files need

    return recorded.spectra(data, origin, laser_nm, pixels=pixels)


def fault(origin: Origin, why: str) -> Fault:
    """Return a fault whose reason is one line of valid Unicode, whatever the file put into it."""
    line = " ".join(why.encode("utf-8", "backslashreplace").decode().split())
    return Fault(origin, line if len(line) <= MOST_WHY else line[: MOST_WHY - 1] + "…")
