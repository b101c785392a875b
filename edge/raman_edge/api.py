"""The public interface: what ``import raman_edge`` offers, on the modules that the command line uses too."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, cast, overload

import numpy as np

from raman_edge import errors, records
from raman_edge.identification import Identification
from raman_edge.matching import identify, library
from raman_edge.model import model, signature
from raman_edge.spectrum import Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from raman_edge.acquisition.plan import Plan
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption
    from raman_edge.instruments.spectrometer import LinkStatus, Spectrometer
    from raman_edge.journal import Journal
    from raman_edge.matching.library import Library
    from raman_edge.matching.teach import AddedReference
    from raman_edge.matching.user_library import UserLibrary
    from raman_edge.model.model import Model
    from raman_edge.records import Provenance

    StrPath: TypeAlias = str | os.PathLike[str]

AXES = ("nm", "shift", "pixel")
"""What an axis may hold that its file does not name."""
LASER_NM = (150.0, 2000.0)
"""As in ``formats.header``, which loads every reader."""
PATIENCE_S = 30.0
"""How long :meth:`Instrument.measure` waits beyond the exposures themselves, s."""
LONGEST_DAYS = 3650.0
"""Longest that a calibration may hold."""
UNNAMED = "unnamed"
"""Instrument of a calibration whose spectrum has no serial number."""


def _check(laser: float | None, axis: str | None = None) -> None:
    """Refuse a laser or a kind of axis that no spectrometer has, as the command line does."""
    low, high = LASER_NM
    if laser is not None and not low <= laser <= high:
        msg = f"got laser={laser!r}; expected its wavelength in nm, {low:g} to {high:g}, such as 785"
        raise errors.ConfigError(msg)
    if axis is not None and axis not in AXES:
        msg = f"got axis={axis!r}; expected one of {', '.join(map(repr, AXES))}, or None where the file says it"
        raise errors.ConfigError(msg)


def _log(text: str) -> None:
    """Give a note to the logger ``raman_edge``: a folder that is away, a dark that is missing."""
    import logging  # noqa: PLC0415 - 18 ms, which a run without a note does not pay

    logging.getLogger("raman_edge").warning("%s", text)


def open_model(
    path: StrPath | None = None, references: StrPath | None = None, *, public_key: StrPath | None = None, threads: int = 1
) -> tuple[Model, Library]:
    """Open a model and the library that was exported with it.

    Parameters
    ----------
    path : path, optional
        The ONNX file; the embedded model where there is none.
    references : path, optional
        The ``.library.npz`` file; the one beside the model where there is none.
    public_key : path, optional
        Refuse a model and library that the owner of this key (PEM, Ed25519) has not signed.
    threads : int
        onnxruntime's threads, at least 1.

    Raises
    ------
    ModelError, LibraryError
        Either cannot be read, is damaged, not signed, or belongs to another model.
    """
    network = Path(path) if path else model.default_path()
    beside = Path(references) if references else library.path_beside(network) if path else library.default_path()
    signed = signature.read(signature.path_beside(network), Path(public_key)) if public_key else None
    opened = model.Model.open(network, threads=threads, sha256=signed.model if signed else None)
    found = library.Library.open(beside, network=opened.card.network)
    if signed and found.sha256 != signed.library:
        msg = f"library {str(beside)!r} has SHA-256 {found.sha256}, {signed.library} is signed: it is another file, or was changed"
        raise errors.LibraryError(msg)
    return opened, found


class Identifier:
    """A model, its reference library and the user's own library.

    Threads may share one: identification reads what does not change, and :meth:`add_reference` replaces the library in one step.
    """

    def __init__(
        self,
        model: StrPath | None = None,  # noqa: A002, RUF100 - the field's word
        library: StrPath | None = None,
        *,
        user_library: StrPath | bool = True,
        public_key: StrPath | None = None,
        threads: int = 1,
    ) -> None:
        """Open model and libraries.

        Parameters
        ----------
        model, library : path, optional
            As in :func:`open_model`; the embedded ones where there are none.
        user_library : path or bool
            True is the library that ``raman-edge library add`` writes, where there is one; False is none. A path that does not exist is
            created by :meth:`add_reference`.
        public_key : path, optional
            Refuse a model that the owner of this key has not signed.
        threads : int
            onnxruntime's threads, at least 1.

        Raises
        ------
        ModelError, LibraryError
            A file cannot be used.
        """
        if threads < 1:
            msg = f"got threads={threads}; expected a whole number of at least 1"
            raise errors.ConfigError(msg)
        self._model, base = open_model(model, library, public_key=public_key, threads=threads)
        self._setup(base, user_library)

    @classmethod
    def of(cls, model: Model, library: Library, user_library: StrPath | bool = False) -> Self:  # noqa: FBT001, FBT002 - a path too
        """Return the identifier of an open model and library."""
        made = cls.__new__(cls)
        made._model = model  # noqa: SLF001 - of its own class
        made._setup(library, user_library)  # noqa: SLF001 - as above
        return made

    def _setup(self, base: Library, user_library: StrPath | bool) -> None:  # noqa: FBT001 - a path too
        self._lock = threading.Lock()
        self._user_path = None if user_library is False else _user_path(user_library)
        notes: tuple[str, ...] = ()
        if self._user_path is not None and os.path.exists(self._user_path):  # noqa: PTH110 - Path.exists raises where a folder is closed
            with self._user_library(create=False) as own:
                references, notes = own.references(self._model)
            base = base.joined(references)
        elif self._user_path is not None and not isinstance(user_library, bool):
            notes = (f"user library {str(self._user_path)!r} does not exist; add_reference creates it",)
        self.notes: tuple[str, ...] = (*self._model.notes, *notes)
        """Remarks about the installation, and which references of the user's library this model cannot use; usually empty."""
        self._library = base
        base.prepare()

    def __repr__(self) -> str:
        return f"Identifier({self._model.card.name!r}, {len(self._library.labels)} labels, {len(self._library)} references)"

    @property
    def model(self) -> Model:
        """The open model; ``model.card`` says what it was trained on and how it was measured."""
        return self._model

    @property
    def library(self) -> Library:
        """The references that spectra are compared with now, the user's own among them."""
        return self._library

    @property
    def axis(self) -> NDArray[np.floating]:
        """Raman shift of the columns of ``X`` in :meth:`predict`, cm⁻¹, (n,), read-only."""
        return self._model.card.recipe.axis.shift

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Labels of the columns of :meth:`predict_proba`, (k,); references that were added with a new label stand last."""
        return np.array(self._library.labels)

    def means(self, *, laser: float | None = None, calibration: Calibration | None = None, axis: AxisOption | None = None) -> Provenance:
        """Return model, library and configuration as records name them; the arguments are those of :func:`read`."""
        return records.means(self._model, self._library, laser, calibration.id if calibration else None, axis)

    @overload
    def identify(self, shift: ArrayLike, counts: ArrayLike, /) -> Identification: ...
    @overload
    def identify(self, spectrum: Spectrum, /) -> Identification: ...
    @overload
    def identify(self, spectra: Iterable[Spectrum | Fault], /) -> list[Identification]: ...

    def identify(
        self, first: Spectrum | Iterable[Spectrum | Fault] | ArrayLike, counts: ArrayLike | None = None, /
    ) -> Identification | list[Identification]:
        """Identify one spectrum or several.

        Parameters
        ----------
        first : array_like, Spectrum, or iterable of Spectrum
            Raman shift of one spectrum, cm⁻¹, (n,), strictly monotonic, with ``counts``; or spectra.
        counts : array_like, optional
            Counts of that spectrum, (n,), finite, not corrected: the model brings its own preprocessing.

        Returns
        -------
        Identification or list of Identification
            One for one spectrum, else a list in the order given. In a list, a spectrum that cannot be identified has the decision
            ``fault`` in its place.

        Raises
        ------
        SpectrumError
            The one spectrum is impossible, does not overlap with the model's axis, or has no structure.
        """
        if counts is not None:
            first = Spectrum(cast("ArrayLike", first), counts)
        if isinstance(first, Spectrum):
            references = self._library  # another thread may replace it
            return Identification.of(identify.identify(first, self._model, references), records.means(self._model, references))
        return list(self.identify_each(_spectra(first), batch=identify.BATCH))

    def identify_each(
        self, spectra: Iterable[Spectrum | Fault], *, means: Provenance | None = None, batch: int = 1
    ) -> Iterator[Identification]:
        """Identify a stream, in its order.

        Parameters
        ----------
        spectra : iterable of Spectrum or Fault
            Read as far as results are taken.
        means : Means, optional
            What the records say of laser, axis and calibration, from :meth:`means`.
        batch : int
            Spectra that go through the network together; 1 gives every result before the next spectrum is read.

        Yields
        ------
        Identification
            What cannot be identified has the decision ``fault``.
        """
        references = self._library  # another thread may replace it
        means = means or records.means(self._model, references)
        for event in identify.readings(spectra, self._model, references, batch):
            yield Identification.of(event, means)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Return the probability of every label, as scikit-learn has it.

        Parameters
        ----------
        X : array_like
            Counts at :attr:`axis`, (m, n), one spectrum a row.

        Returns
        -------
        ndarray
            (m, k) in the order of :attr:`classes_`. Each row adds up to 1 also where the material is not in the library:
            :meth:`identify` says whether it is.

        Raises
        ------
        SpectrumError
            ``X`` has another shape, or a row is not finite or has no structure; the message names the row.
        """
        return identify.probabilities(self._rows(X), self._model, self._library)

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:  # noqa: N803 - scikit-learn's name
        """Return the most probable label of every row, (m,): ``classes_[predict_proba(X).argmax(axis=1)]``.

        It never abstains; :meth:`identify` does. Parameters and errors as in :meth:`predict_proba`.
        """
        rows, opened, references = self._rows(X), self._model, self._library
        best = identify.probabilities(rows, opened, references).argmax(axis=1)
        return np.array([references.labels[place] for place in best.tolist()], dtype=np.str_)

    def _rows(self, given: ArrayLike) -> list[Spectrum]:
        axis = self._model.card.recipe.axis
        try:
            rows = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            msg = f"expected X of shape (m, {len(axis)}) with one spectrum a row; got {type(given).__name__}: {error}"
            raise errors.SpectrumError(msg) from error
        if rows.ndim != 2 or rows.shape[1] != len(axis):  # noqa: PLR2004 - a table
            msg = (
                f"expected X of shape (m, {len(axis)}), counts at identifier.axis with one spectrum a row; got shape {rows.shape}: "
                "interpolate with numpy.interp, or use identify(shift, counts)"
            )
            raise errors.SpectrumError(msg)
        if not (finite := np.isfinite(rows).all(axis=1)).all():
            msg = f"spectrum {int(finite.argmin())}: expected finite counts; got NaN or infinity"
            raise errors.SpectrumError(msg)
        return [Spectrum(axis, row) for row in rows]

    def add_reference(self, label: str, spectrum: Spectrum, *, note: str = "", force: bool = False) -> AddedReference:
        """Add a spectrum to the user's library; this identifier knows it at once, others when they are opened.

        Parameters
        ----------
        label : str
            Name of the material, 1 to 200 printable characters; of a known one it becomes another reference.
        spectrum : Spectrum
            Not corrected.
        note : str
            Kept with the spectrum, such as who measured it.
        force : bool
            Also add a spectrum that is too poor to be identified.

        Returns
        -------
        Taught
            ``before`` and ``now`` (what it is identified as), ``new``, and ``alike``: labels that it cannot be told from.

        Raises
        ------
        LibraryError
            Not a name, the library cannot be written, or the identifier was made with ``user_library=False``.
        SpectrumError
            The spectrum cannot be used.
        """
        from raman_edge.matching.teach import teach  # noqa: PLC0415 - sqlite
        from raman_edge.matching.user_library.entry import checked_name  # noqa: PLC0415 - sqlite

        name = checked_name(label)
        with self._lock, self._user_library(create=True) as own:
            learned, faults = teach(name, [spectrum], self._model, self._library, own, note=note, force=force)
            if faults:
                raise errors.SpectrumError(faults[0].why)
            self._library = learned[0].library
            self._library.prepare()
        return learned[0]

    def _user_library(self, *, create: bool) -> UserLibrary:
        from raman_edge.matching.user_library import UserLibrary  # noqa: PLC0415 - sqlite

        if self._user_path is None:
            msg = "this identifier has no user library; expected a path or True: Identifier(user_library=...)"
            raise errors.LibraryError(msg)
        return UserLibrary.open(self._user_path, create=create)


def _user_path(given: StrPath | bool) -> Path:  # noqa: FBT001 - a path too
    if not isinstance(given, bool):
        return Path(given)
    from raman_edge.service import settings  # noqa: PLC0415 - reads files of settings

    return settings.user_library()


def _spectra(given: object) -> Iterator[Spectrum | Fault]:
    """Give the spectra of an iterable; what is none is refused with its place, such as an array without counts."""
    if isinstance(given, np.ndarray | str | bytes) or not hasattr(given, "__iter__"):
        msg = f"got {type(given).__name__} alone; expected identify(shift, counts), a Spectrum, or a list of Spectrum"
        raise errors.SpectrumError(msg)
    for place, one in enumerate(given):
        if not isinstance(one, Spectrum | Fault):
            msg = f"got {type(one).__name__} at place {place} of the list; expected a Spectrum: Spectrum(shift, counts)"
            raise errors.SpectrumError(msg)
        yield one


def read(
    path: StrPath, *, laser: float | None = None, axis: AxisOption | None = None, calibration: Calibration | None = None
) -> tuple[Spectrum, ...]:
    """Read the spectra of a file, in any format of docs/formats.md.

    Parameters
    ----------
    path : path
        One file; its format is found by its content.
    laser : float, optional
        Wavelength of the laser, nm, for a file that has a wavelength axis and does not tell it.
    axis : {"nm", "shift", "pixel"}, optional
        What the axis holds, for a file that does not say it.
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
    from raman_edge.sources.files import read_file  # noqa: PLC0415 - the readers of formats

    found = []
    for value in read_file(os.fspath(path), laser, axis=axis, pixels=calibration is not None):
        if isinstance(value, Fault):
            msg = f"{os.fspath(path)!r}: {value.why}"
            raise errors.FormatError(msg)
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

    A result is committed to the journal before it is given; a content that the journal has is not given again, by this or another
    process. Each result is committed alone, so that what a closed generator has not given comes again: the command line commits
    several at once and is faster with a large backlog.

    Parameters
    ----------
    folder : path
        Files are never changed or moved.
    identifier : Identifier, optional
        ``Identifier()`` where there is none. References added after the first result are used by the next ``watch``.
    journal : Journal or path, optional
        A path is opened and closed here; the user's own journal where there is none.
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
        The folder does not exist or may not be read; when the first result is asked for.
    JournalError
        The journal cannot be opened or written: what was not committed is given by the next generator.
    """
    _check(laser, axis)
    from raman_edge import journal as journals  # noqa: PLC0415 - sqlite
    from raman_edge.service import settings  # noqa: PLC0415 - reads files of settings
    from raman_edge.service.run import identifications  # noqa: PLC0415 - with it
    from raman_edge.service.worker import Worker, WorkerSettings  # noqa: PLC0415 - with it
    from raman_edge.sources.folder import FolderSource  # noqa: PLC0415 - the readers of formats
    from raman_edge.sources.scan import ScanRules  # noqa: PLC0415 - with it

    identifier = identifier or Identifier()
    if isinstance(match, str):
        match = (match,)
    if not isinstance(journal, journals.Journal):
        path = Path(journal) if journal is not None else settings.configured("journal") or journals.default_path()
        with journals.Journal.open(path) as opened:
            options = {"match": match, "once": once, "stop": stop, "laser": laser, "axis": axis, "calibration": calibration, "note": note}
            yield from watch(folder, identifier, journal=opened, **options)  # type: ignore[arg-type]  # the arguments above
        return
    references = identifier.library  # another thread may replace it
    means = records.means(identifier.model, references, laser, calibration.id if calibration else None, axis)
    ours = tuple(f"{journal.path}{suffix}" for suffix in ("", "-wal", "-shm"))
    rules = ScanRules(tuple(match), laser_nm=laser, axis=axis, calibration=calibration, written=ours)
    memory = journal.memory(means.model.sha256, means.config)
    opening = WorkerSettings(model.default_path(), 1, references, means)  # not used: one processor starts no second process
    source = FolderSource(os.fspath(folder), memory, rules, once=once, stop=stop, note=note)
    with source, Worker(identifier.model, opening, processors=1) as crew:
        try:
            yield from identifications(source, crew, journal)
        except GeneratorExit:
            with suppress(errors.JournalError):  # without its marks a file is read once more, and not given again
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
        calibration: Calibration | StrPath | Literal[False] | None,
        stop: threading.Event,
        note: Callable[[str], None],
    ) -> None:
        self._spectrometer, self._laser, self._wanted = spectrometer, laser, calibration
        self._stop, self._note = stop, note
        self._calibration: Calibration | None = None
        self._is_open = False

    def __enter__(self) -> Self:
        self._spectrometer.__enter__()
        try:
            self._calibration = self._chosen()
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
            msg = "the instrument is not open; expected `with raman_edge.connect(...) as instrument:`"
            raise errors.SourceLost(msg)
        if not 0 < timeout < float("inf"):
            msg = f"got timeout={timeout}; expected seconds, more than 0"
            raise errors.ConfigError(msg)
        from raman_edge.acquisition.acquisition import Acquisition  # noqa: PLC0415 - what measures

        plan = self._plan(exposure, average, dark=dark)
        if standard:
            plan = replace(plan, calibration=None, pixels=True)
        self._spectrometer.light(on=True)  # what came unasked since the last spectrum shows what was in the beam before
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
            msg = f"the measurement at {self.status.port!r} was stopped before a spectrum was complete"
            raise errors.SourceLost(msg)
        why = faults[-1] if faults else self.status.why or "it sends nothing"
        msg = f"no spectrum from {self.status.port!r} within {timeout:g} s after the exposure ({self.status.state}): {why}"
        raise errors.SourceUnavailable(msg)

    def _plan(self, exposure: float | str | None, average: int, *, dark: bool) -> Plan:
        from raman_edge.acquisition.plan import Plan  # noqa: PLC0415 - what measures

        if isinstance(exposure, str) and exposure != "auto":
            msg = f'got exposure={exposure!r}; expected seconds, "auto" or None'
            raise errors.ConfigError(msg)
        return Plan(
            exposure_s=None if isinstance(exposure, str) else exposure,
            auto_exposure=exposure == "auto",
            averages=average,
            dark="take" if dark else "none",
            laser_nm=self._laser,
            calibration=self._calibration,
            count=1,
        )

    def _chosen(self) -> Calibration | None:
        """Return the calibration that was given or named, else that of the instrument's serial number; it must fit and be fresh."""
        from raman_edge.calibration import store  # noqa: PLC0415 - for those who measure
        from raman_edge.calibration.calibration import Calibration  # noqa: PLC0415 - with it

        if self._wanted is False:
            return None
        known, now = self._spectrometer.instrument, datetime.now(UTC)
        serial, name = (None, None) if known is None else (known.serial_number, known.model)
        if isinstance(self._wanted, Calibration):
            return store.fitting(self._wanted, serial, name, now)
        return store.for_instrument(None if self._wanted is None else os.fspath(self._wanted), serial, name, now)


def connect(
    port: str,
    profile: StrPath | None = None,
    *,
    laser: float | None = None,
    calibration: Calibration | StrPath | Literal[False] | None = None,
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
        The name of a profile that ships, or a file; None is the only one that names the USB device on that port.
    laser : float, optional
        Wavelength of the laser, nm, instead of what the profile says.
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
    from raman_edge.instruments import ports  # noqa: PLC0415 - for those who measure

    ended = stop or threading.Event()
    spectrometer: Spectrometer
    if port.startswith(ports.OCEAN):
        if profile is not None or baud is not None:
            msg = f"{port!r} is an Ocean instrument on USB, which its driver knows: leave out profile and baud"
            raise errors.ConfigError(msg)
        from raman_edge.instruments.usb import OceanSpectrometer  # noqa: PLC0415 - the extra

        spectrometer = OceanSpectrometer(port, None, stop=ended)
    else:
        from raman_edge.instruments.serial import SerialSpectrometer  # noqa: PLC0415 - pyserial

        facts = ports.profile_of(port, None if profile is None else os.fspath(profile))
        spectrometer = SerialSpectrometer(facts, port, baud=baud, stop=ended)
    return Instrument(spectrometer, laser=laser, calibration=calibration, stop=ended, note=note)


def calibrate(
    spectrum: Spectrum,
    standard: str = "polystyrene",
    *,
    laser: float | None = None,
    instrument: str | None = None,
    days: float = 30.0,
) -> Calibration:
    """Calibrate the wavenumber axis of an instrument by a spectrum of a standard.

    Parameters
    ----------
    spectrum : Spectrum
        Of the standard, as the instrument wrote it.
    standard : str
        ``polystyrene``, ``paracetamol``, ``silicon``, ``neon``, ``argon`` …, or a text file of lines.
    laser : float, optional
        Wavelength of the laser, nm, where the spectrum does not tell it.
    instrument : str, optional
        Its serial number, or what you call it; the spectrum's where it has one.
    days : float
        How long the calibration holds, more than 0.

    Returns
    -------
    Calibration
        ``apply(spectrum)`` puts a spectrum on the new axis, ``rms`` is the residual, cm⁻¹. It is not stored:
        ``raman-edge calibrate`` does that.

    Raises
    ------
    SpectrumError
        The lines of the standard are not found, or a fit would be ambiguous.
    ConfigError
        Unknown standard, or an impossible number of days.
    """
    _check(laser)
    from raman_edge.calibration import making, standards  # noqa: PLC0415 - for those who calibrate
    from raman_edge.calibration.calibration import serial_of  # noqa: PLC0415 - with it

    if not 0 < days <= LONGEST_DAYS:
        msg = f"got days={days:g}; expected more than 0 and at most {LONGEST_DAYS:g}"
        raise errors.ConfigError(msg)
    name = instrument or serial_of(spectrum) or UNNAMED
    made = spectrum.taken_at or datetime.now(UTC)
    return making.make(making.StandardSpectrum(spectrum, standards.find(standard)), instrument=name, laser_nm=laser, made=made, days=days)
