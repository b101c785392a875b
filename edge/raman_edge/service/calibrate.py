"""From a spectrum of a standard to a calibration in its place: read or measured, fitted, checked, saved."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import numpy as np

from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.atomic_write import system_path
from raman_edge.calibration import making, store
from raman_edge.calibration.calibration import model_of, serial_of
from raman_edge.calibration.making import StandardSpectrum
from raman_edge.calibration.standards import find
from raman_edge.errors import CalibrationError, ConfigError, SpectrumError
from raman_edge.sources.files import FileSource
from raman_edge.spectrum import OTHER_METHOD, Fault, Spectrum
from raman_edge.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from threading import Event

    from raman_edge.acquisition.plan import Plan
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.calibration.making import Deviation
    from raman_edge.calibration.standards import Standard
    from raman_edge.formats.shift import AxisOption
    from raman_edge.instruments.spectrometer import Spectrometer

PROGRESS_S = 0.2
"""Between two reports of the progress of an acquisition, s."""
MAX_DAYS = 3650.0
"""Longest validity of a calibration."""
MAX_MOVED = 30.0
"""cm⁻¹: an instrument that drifts further between two calibrations has been changed, or one of them is wrong."""


def read_standard(
    path: str,
    standard: str,
    *,
    laser: float | None = None,
    axis: AxisOption | None = None,
    standard_input: BinaryIO | None = None,
    note: Callable[[str], None],
) -> StandardSpectrum:
    """Read the spectrum of a standard from a file; of several spectra, as in a recording, their mean.

    Parameters
    ----------
    path : str
        A file, or ``-`` for ``standard_input``.
    standard : str
        A name, or a text file of lines.
    laser, axis
        As in :func:`raman_edge.read`; the axis may be of pixels.
    note : callable
        Takes a line where the mean is used.

    Raises
    ------
    SpectrumError
        The file holds no spectrum, or spectra that are not of one standard on one instrument.
    ConfigError
        Unknown standard.
    """
    known = find(standard)
    spectra = []
    for event in FileSource([path], standard_input, laser, pixels=True, axis=axis):
        if isinstance(event, Fault):
            raise SpectrumError(f"{path!r}: {event.why}", kind="unreadable file", place=repr(path))
        spectra.append(event)
    if not spectra:
        raise SpectrumError(kind="no spectrum", place=repr(path), expected=f"one of {known.title}")
    last = spectra[-1]
    if not all(one.axis.same_as(last.axis) for one in spectra):
        raise SpectrumError(
            kind="different axes",
            place=repr(path),
            got=f"{len(spectra)} spectra on different axes",
            expected=f"{known.title} alone, on one axis",
            advice="Export it by itself",
        )
    if len(serials := {serial_of(one) for one in spectra}) > 1:
        raise SpectrumError(
            kind="several instruments",
            place=repr(path),
            got=f"spectra of {len(serials)} instruments",
            expected="one",
            advice="Calibrate each by a separate file",
        )
    if other := last.meta.get(OTHER_METHOD):
        raise SpectrumError(kind="no Raman spectrum", place=repr(path), got=other, expected=f"a spectrum of {known.title}")
    if len(spectra) > 1:
        note(f"{path!r} holds {len(spectra)} spectra: calibrating by their mean, as of {known.title} alone")
        last = replace(last, counts=np.mean([one.counts for one in spectra], axis=0))
    return StandardSpectrum(last, known)


def measure_standard(
    spectrometer: Spectrometer,
    plan: Plan,
    standard: Standard,
    *,
    stop: Event,
    note: Callable[[str], None],
    progress: Callable[[int, int], None] | None = None,
) -> StandardSpectrum | None:
    """Measure a standard with an open spectrometer, None where ``stop`` came first; faults are noted and measured again.

    ``progress`` is called a few times a second with the exposures taken, and how many there will be.
    """
    acquisition = Acquisition(spectrometer, plan, stop=stop, note=note)
    with _reported(acquisition, progress):
        for event in acquisition:
            if isinstance(event, Spectrum):
                return StandardSpectrum(event, standard)
            if event is not None:
                note(event.why)
    return None


@contextmanager
def _reported(acquisition: Acquisition, progress: Callable[[int, int], None] | None) -> Iterator[None]:
    """Report the progress of an acquisition while the block runs."""
    if progress is None:
        yield
        return
    over = threading.Event()

    def report() -> None:
        while not over.wait(PROGRESS_S):
            now = acquisition.progress
            progress(now.done, now.of)

    thread = threading.Thread(target=report, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def fit_calibration(
    first: StandardSpectrum, instrument: str, *, laser: float | None = None, days: float = 30.0, second: StandardSpectrum | None = None
) -> Calibration:
    """Return the calibration of ``instrument`` by a standard; where that is a lamp, ``second`` is a Raman standard that gives the laser.

    ``laser`` (nm, vacuum) is for spectra that do not name it, ``days`` is the validity. Raises :class:`SpectrumError` where the
    lines of the standard are not found or the fit would be ambiguous, :class:`ConfigError` for an impossible validity.
    """
    if not 0 < days <= MAX_DAYS:
        raise ConfigError(kind="number out of range", place="days", got=f"{days:g}", expected=f"more than 0 and at most {MAX_DAYS:g}")
    made = first.spectrum.taken_at or datetime.now(UTC)
    laser_nm = None if laser is None else float(laser)  # an int would be saved as another number than it is read back as
    return making.make(first, instrument=instrument, laser_nm=laser_nm, made=made, days=days, laser=second)


def rename_calibration(name: str, to: str, model: str) -> None:
    """Keep the calibration in use of an instrument without a serial number by its new name; nothing where there is none."""
    found = store.of_device(name, model)
    if found is None or found.serial is not None or name == to:
        return
    store.write(msgspec.structs.replace(found, instrument=to), store.place_for(to, model))
    store.remove(found.id)


@dataclass(frozen=True, slots=True)
class SavedCalibration:
    """Where a calibration was saved, and what it replaced."""

    path: Path
    replaced: Path | None
    """Where the calibration that it replaces is kept; None where it replaces none."""
    moved: float | None
    """How far the axis moves against that one, cm⁻¹; None where it cannot be compared."""


def save_calibration(calibration: Calibration, path: Path | None = None) -> SavedCalibration:
    """Write a calibration to ``path``, or to the place of its instrument; the one that it replaces is kept.

    Raises :class:`SpectrumError` where the axis moves so far that one of the two has to be wrong, :class:`CalibrationError` where
    the file cannot be written.
    """
    path = path or store.place_for(calibration.instrument, calibration.model)
    moved = _moved(calibration, path)
    return SavedCalibration(path, store.write(calibration, path), moved)


def _moved(calibration: Calibration, path: Path) -> float | None:
    try:
        before = store.read(path) if system_path(path).is_file() else None
    except CalibrationError:
        return None
    if before is None or before.instrument != calibration.instrument:
        return None
    moved = calibration.moved(before)
    if moved is not None and moved > MAX_MOVED:
        raise SpectrumError(
            kind="axis moves too far",
            place=f"calibration of {before.instrument!r}",
            got=f"{moved:.0f} cm⁻¹ against {before.made:%Y-%m-%d %H:%M} UTC by {' and '.join(before.standards)} with a laser of "
            f"{before.laser_nm:g} nm",
            expected=f"at most {MAX_MOVED:g}",
            advice=f"Check standard and laser; if the instrument was changed, run `raman-edge calibrate --remove "
            f"{quoted(before.instrument)}` and calibrate again; a second laser is a second instrument: give it another name with "
            "--instrument",
        )
    return moved


def check_calibration(first: StandardSpectrum, instrument: str, named: str | None = None) -> tuple[Calibration, Deviation]:
    """Return the calibration that is named, or that of ``instrument``, and how far off it puts the lines of the standard today."""
    model = model_of(first.spectrum)
    calibration = store.find(named) if named else store.of_device(instrument, model) or store.find(instrument)
    calibration.require_instrument(instrument, model)
    return calibration, making.deviation(calibration, first, datetime.now(UTC))
