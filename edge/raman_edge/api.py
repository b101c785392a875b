"""The public interface: what ``import raman_edge`` offers, on the service functions that the command line uses too."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from raman_edge import journal as journals
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.calibration import standards
from raman_edge.calibration.calibration import serial_of
from raman_edge.calibration.making import StandardSpectrum
from raman_edge.errors import ConfigError, FormatError, JournalError, SourceLost, SourceUnavailable
from raman_edge.service import first_contact
from raman_edge.service.calibrate import fit_calibration, save_calibration
from raman_edge.service.identifier import Identifier
from raman_edge.service.measure import LinkSettings, MeasureSettings, calibration_for
from raman_edge.service.run import identifications, open_worker
from raman_edge.service.settings import AXES, LASER_NM, Settings, merge
from raman_edge.service.watch import scan_rules
from raman_edge.sources.files import read_file
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules, WatchedFolder
from raman_edge.spectrum import Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption
    from raman_edge.identification import Identification
    from raman_edge.instruments.spectrometer import LinkStatus, Spectrometer
    from raman_edge.journal import Journal
    from raman_edge.service.measure import NamedCalibration
    from raman_edge.service.remembered import PortPlace, RememberedInstrument

    StrPath: TypeAlias = str | os.PathLike[str]

PATIENCE_S = 30.0
"""How long :meth:`Instrument.measure` waits beyond the exposures themselves, s."""
UNNAMED = "unnamed"
"""Instrument of a calibration whose spectrum has no serial number."""


def _check(laser: float | None, axis: str | None = None) -> None:
    """Refuse a laser or a kind of axis that no spectrometer has, as the command line does."""
    low, high = LASER_NM
    if laser is not None and not low <= laser <= high:
        raise ConfigError(kind="laser out of range", place="laser", got=repr(laser), expected=f"a wavelength in nm, {low:g} to {high:g}")
    if axis is not None and axis not in AXES:
        raise ConfigError(
            kind="unknown axis", place="axis", got=repr(axis), expected=f"{', '.join(map(repr, AXES))}, or None where the file names it"
        )


def _log(text: str) -> None:
    """Write a note to the logger ``raman_edge``: a folder that is not accessible, a dark that is missing."""
    logging.getLogger("raman_edge").warning("%s", text)


def read(
    path: StrPath, *, laser: float | None = None, axis: AxisOption | None = None, calibration: Calibration | None = None
) -> tuple[Spectrum, ...]:
    """Read the spectra of a file, in any format of docs/formats.md.

    Parameters
    ----------
    path : path
        One file; its format is found by its content.
    laser : float, optional
        Wavelength of the laser, nm, for a file that has a wavelength axis and does not name it.
    axis : {"nm", "shift", "pixel"}, optional
        What the axis holds, for a file that does not name it.
    calibration : Calibration, optional
        Puts the spectra on its axis; the file may then have an axis of pixels.

    Returns
    -------
    tuple of Spectrum
        At least one; a map has thousands.

    Raises
    ------
    SourceUnavailable
        The file does not exist, is a folder or a device, or may not be read.
    FormatError
        It holds no spectrum: which line or byte, and why.
    ConfigError
        ``laser`` is not within 150 to 2000 nm, or ``axis`` is none of the three.
    CalibrationError, SpectrumError
        The calibration has expired, or is of another instrument.
    """
    _check(laser, axis)
    found = []
    for value in read_file(os.fspath(path), laser, axis=axis, pixels=calibration is not None):
        if isinstance(value, Fault):
            raise FormatError(kind="no spectrum", place=repr(os.fspath(path)), got=value.why)
        found.append(value if calibration is None else calibration.apply(value))
    return tuple(found)


def watch(  # noqa: PLR0913 - each an option of the command, by name
    folder: StrPath,
    identifier: Identifier | None = None,
    *,
    journal: Journal | StrPath | None = None,
    match: Sequence[str] = ("*",),
    once: bool = False,
    stop: threading.Event | None = None,
    laser: float | None = None,
    axis: AxisOption | None = None,
    calibration: Calibration | None = None,
    note: Callable[[str], None] = _log,
) -> Iterator[Identification]:
    """Identify what lands in a folder and below it, each content exactly once.

    A result is committed to the journal before it is yielded; a content that the journal has is not yielded again, by this or
    another process. Each result is committed alone, so that what a closed generator has not yielded comes again: the command line
    commits several at once and is faster with a large backlog.

    Parameters
    ----------
    folder : path
        Files are never changed or moved.
    identifier : Identifier, optional
        ``Identifier()`` where there is none. References added after the first result are used by the next ``watch``.
    journal : Journal or path, optional
        A path is opened and closed here; the user's journal where there is none.
    match : sequence of str
        Patterns of file names, such as ``("*.csv",)``, any of which fits.
    once : bool
        Give what is there and end; else wait for more.
    stop : threading.Event, optional
        Ends the iteration soon after it is set.
    laser, axis, calibration
        As in :func:`read`.
    note : callable
        Takes one line where a folder cannot be read; the logger ``raman_edge`` where there is none.

    Yields
    ------
    Identification
        An unreadable file has the decision ``fault``. Closing the generator releases everything.

    Raises
    ------
    SourceUnavailable
        The folder does not exist or may not be read; raised by the first iteration.
    JournalError
        The journal cannot be opened or written: what was not committed is given by the next generator.
    """
    _check(laser, axis)
    identifier = identifier or Identifier()
    wanted = Settings(folder=os.fspath(folder), match=(match,) if isinstance(match, str) else tuple(match), laser_nm=laser, axis=axis)
    if isinstance(journal, journals.Journal):
        yield from _watch(wanted, identifier, journal, once=once, stop=stop, calibration=calibration, note=note)
        return
    WatchedFolder(wanted.require_folder(), ScanRules(), note).open()  # a folder that is missing is refused before a journal is created
    path = journal if journal is not None else merge().journal or journals.default_path()
    with journals.Journal.open(Path(path)) as opened:
        yield from _watch(wanted, identifier, opened, once=once, stop=stop, calibration=calibration, note=note)


def _watch(
    wanted: Settings,
    identifier: Identifier,
    journal: Journal,
    *,
    once: bool,
    stop: threading.Event | None,
    calibration: Calibration | None,
    note: Callable[[str], None],
) -> Iterator[Identification]:
    provenance = identifier.provenance(laser=wanted.laser_nm, calibration=calibration, axis=wanted.axis)
    memory = journal.memory(provenance.model.sha256, provenance.config)
    source = FolderSource(wanted.require_folder(), memory, scan_rules(wanted, journal.path, calibration), once=once, stop=stop, note=note)
    with source, open_worker(identifier, provenance, processors=1) as worker:
        try:
            yield from identifications(source, worker, journal)
        except GeneratorExit:
            with suppress(JournalError):  # without its marks a file is read once more, and not yielded again
                memory.flush()
            raise


class Instrument:
    """A spectrometer that is connected; made by :func:`connect`, closed by ``with``. One thread at a time.

    The laser is not switched by this class: an instrument whose laser a program controls is measured by ``raman-edge serial
    --arm-laser``, which also handles the signals that could leave it on.
    """

    def __init__(
        self,
        spectrometer: Spectrometer,
        *,
        laser: float | None,
        calibration: NamedCalibration,
        stop: threading.Event,
        note: Callable[[str], None],
        known: RememberedInstrument | None = None,
        place: PortPlace | None = None,
    ) -> None:
        self._spectrometer, self._laser, self._wanted = spectrometer, laser, calibration
        self._known, self._place = known, place
        self._stop, self._note = stop, note
        self._calibration: Calibration | None = None
        self._is_open = False

    def __enter__(self) -> Self:
        self._spectrometer.__enter__()
        try:
            found, known, place = self._spectrometer.instrument, self._known, self._place
            if found is not None and known is not None and place is not None:
                first_contact.require_device(known, found, place)
            name = None if known is None else known.name
            self._calibration = calibration_for(self._wanted, found, datetime.now(UTC), self._note, name)
        except BaseException:
            self._spectrometer.__exit__(None, None, None)
            raise
        self._is_open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_open = False
        self._spectrometer.__exit__(*exc)

    @property
    def status(self) -> LinkStatus:
        """State of the link: port, profile, serial number, counters of frames and faults."""
        return self._spectrometer.status

    @property
    def calibration(self) -> Calibration | None:
        """What makes the axis; None is the instrument's own coefficients."""
        return self._calibration

    def measure(
        self,
        exposure: float | Literal["auto"] | None = None,
        average: int = 1,
        *,
        dark: bool = False,
        standard: bool = False,
        timeout: float = PATIENCE_S,
    ) -> Spectrum:
        """Measure one spectrum.

        Parameters
        ----------
        exposure : float or "auto", optional
            Of a single exposure, s; ``"auto"`` searches the one that brings the highest line to 70-85 % of saturation; None leaves
            it as it is.
        average : int
            Exposures that the spectrum is the mean of; from 3 on cosmic spikes are removed.
        dark : bool
            Take a dark spectrum with the shutter closed, and subtract it. Without it the instrument's dark pixels are subtracted
            where it has any.
        standard : bool
            For :func:`calibrate`: on the instrument's own axis, without the calibration; that axis may be of pixels.
        timeout : float
            How long to wait beyond the exposures themselves, s, more than 0.

        Returns
        -------
        Spectrum
            Counts at the Raman shift of the calibration, or of the instrument's own coefficients and ``laser``.

        Raises
        ------
        ConfigError
            The instrument cannot do that: the exposure, or a dark without a shutter.
        SourceUnavailable
            No spectrum within the time.
        SourceLost, SourceError
            The link is closed, or another instrument is on the port.
        SpectrumError
            The exposures give no spectrum, as where the laser's wavelength is not known.
        """
        if not self._is_open:
            raise SourceLost(kind="not open", place="instrument", expected="`with raman_edge.connect(...) as instrument:`")
        if not 0 < timeout < float("inf"):
            raise ConfigError(kind="number out of range", place="timeout", got=repr(timeout), expected="seconds, more than 0")
        wanted = MeasureSettings(exposure=exposure, average=average, dark="take" if dark else "none", laser=self._laser, count=1)
        plan = wanted.plan(None if standard else self._calibration, pixels=standard)
        self._spectrometer.light(on=True)  # a spectrum that came by itself since the last one shows what was in the beam before
        over, faults, given = monotonic() + timeout, [], 0
        for event in Acquisition(self._spectrometer, plan, stop=self._stop, note=self._note):
            if isinstance(event, Spectrum):
                return event
            if isinstance(event, Fault):
                faults.append(event.why)
            frames = self.status.counters.frames
            if frames != given:  # a long mean or dark goes on
                given, over = frames, monotonic() + timeout
            if monotonic() > over + (self.status.exposure_s or 0.0) * self.status.averages:
                break
        if self._stop.is_set():
            raise SourceLost(kind="stopped", place=repr(self.status.port), expected="a complete spectrum")
        why = faults[-1] if faults else self.status.why or "it sends nothing"
        raise SourceUnavailable(
            kind="no spectrum",
            place=repr(self.status.port),
            got=f"{why} ({self.status.state})",
            expected=f"a spectrum within {timeout:g} s after the exposure",
        )


def connect(
    port: str,
    profile: StrPath | None = None,
    *,
    laser: float | None = None,
    calibration: NamedCalibration = None,
    baud: int | None = None,
    stop: threading.Event | None = None,
    note: Callable[[str], None] = _log,
) -> Instrument:
    """Connect to a spectrometer.

    Parameters
    ----------
    port : str
        Such as ``/dev/ttyUSB0``, ``COM3``, ``usb:VID:PID``, ``socket://HOST:PORT``, or ``ocean:`` (extra ``usb``).
    profile : str or path, optional
        The name of a profile that ships, or a file; None is what `raman-edge serial` remembers of the instrument on that port, else
        the only one that names the USB device on it.
    laser : float, optional
        Wavelength of the laser, nm; None is the remembered one, else the profile's.
    calibration : Calibration, path, serial number, or False, optional
        None is the one of the instrument's serial number, where there is one; False is none.
    baud : int, optional
        Have the instrument change to this rate.
    stop : threading.Event, optional
        Ends every wait.
    note : callable
        Takes one line where something changes by itself; the logger ``raman_edge`` where there is none.

    Returns
    -------
    Instrument
        Opened by ``with``, which raises SourceUnavailable or SourceBusy where the port cannot be opened.

    Raises
    ------
    ConfigError
        Unknown profile, or one that cannot be guessed; an option that the instrument does not have.
    """
    _check(laser)
    ended = stop or threading.Event()
    named = None if profile is None else os.fspath(profile)
    known, place = None, None
    if named is None or laser is None:
        place = first_contact.place_now(port)
        known = first_contact.known_on(place, named)
    if known is not None:
        named = first_contact.profile_name(known)
        laser, baud = known.laser_nm if laser is None else laser, known.baud if baud is None else baud
    settings = LinkSettings(port=port, profile=named, baud=baud)
    return Instrument(settings.open(ended), laser=laser, calibration=calibration, stop=ended, note=note, known=known, place=place)


def calibrate(  # noqa: PLR0913 - as for watch()
    spectrum: Spectrum,
    standard: str = "polystyrene",
    *,
    laser: float | None = None,
    instrument: str | None = None,
    days: float = 30.0,
    laser_spectrum: Spectrum | None = None,
    laser_standard: str = "polystyrene",
    save: bool | StrPath = False,
) -> Calibration:
    """Calibrate the wavenumber axis of an instrument by a spectrum of a standard.

    Parameters
    ----------
    spectrum : Spectrum
        Of the standard, as the instrument wrote it.
    standard : str
        ``polystyrene``, ``paracetamol``, ``silicon``, ``neon``, ``argon`` …, or a text file of lines.
    laser : float, optional
        Wavelength of the laser, nm, where the spectrum does not name it.
    instrument : str, optional
        Its serial number, or a name; the spectrum's where it has one.
    days : float
        Validity of the calibration, more than 0.
    laser_spectrum : Spectrum, optional
        Of ``laser_standard``, a Raman standard, where ``standard`` is a lamp: it gives the laser's wavelength.
    laser_standard : str
        As ``standard``.
    save : bool or path
        True saves it where commands and :func:`connect` find it by the instrument's serial number, a path saves it there. The
        calibration that it replaces is kept.

    Returns
    -------
    Calibration
        ``apply(spectrum)`` puts a spectrum on the new axis, ``rms`` is the residual, cm⁻¹.

    Raises
    ------
    SpectrumError
        The lines of the standard are not found, a fit would be ambiguous, or the axis to save is far from the saved one.
    ConfigError
        Unknown standard, or an impossible number of days.
    CalibrationError
        It cannot be saved.
    """
    _check(laser)
    name = instrument or serial_of(spectrum) or UNNAMED
    first = StandardSpectrum(spectrum, standards.find(standard))
    second = None if laser_spectrum is None else StandardSpectrum(laser_spectrum, standards.find(laser_standard))
    made = fit_calibration(first, name, laser=laser, days=days, second=second)
    if save is not False:
        save_calibration(made, None if save is True else Path(save))
    return made
