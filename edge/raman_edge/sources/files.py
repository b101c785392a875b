"""Files given by name, and the step from the bytes of any file to spectra, or to one fault with the reason."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO, Self

from raman_edge import formats
from raman_edge.atomic_write import system_path
from raman_edge.errors import CalibrationError, SourceUnavailable, SpectrumError
from raman_edge.formats import MAX_BYTES
from raman_edge.sources.scan import is_candidate_name
from raman_edge.spectrum import OTHER_METHOD, Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption

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
    """Return a fault whose reason is one line of valid Unicode, for any contents of the file."""
    line = " ".join(why.encode("utf-8", "backslashreplace").decode().split())
    return Fault(origin, line if len(line) <= MOST_WHY else line[: MOST_WHY - 1] + "…")


STANDARD_INPUT = "-"


class FileSource:
    """Spectra from ``paths``: files, folders (the files in them, sorted, not below), ``-`` for ``standard_input``.

    ``laser_nm`` (nm) is for files without their laser's wavelength, ``axis`` for files that do not name the quantity of
    their axis; with ``pixels``, an axis of pixels is kept as it is, for a calibration.
    """

    def __init__(
        self,
        paths: Sequence[str],
        standard_input: BinaryIO | None = None,
        laser_nm: float | None = None,
        *,
        axis: AxisOption | None = None,
        pixels: bool = False,
    ) -> None:
        self._axis = axis
        self._pixels = pixels
        self._paths = paths
        self._laser_nm = laser_nm
        self._standard_input = standard_input

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """No file is open."""

    def __iter__(self) -> Iterator[Spectrum | Fault]:
        for path in self._paths:
            if path != STANDARD_INPUT and Path(system_path(path)).is_dir():
                yield from self._folder(path)
            else:
                yield from self._file(path)

    def _folder(self, folder: str) -> Iterator[Spectrum | Fault]:
        try:
            with os.scandir(system_path(folder)) as entries:
                names = sorted(entry.name for entry in entries if entry.is_file() and is_candidate_name(entry.name))
        except OSError as error:
            yield fault(Origin("file", folder), f"the folder cannot be listed: {error.strerror}")
            return
        if not names:
            yield fault(Origin("file", folder), "no file in this folder; files below it are read by `raman-edge watch --once`")
        for name in names:
            yield from self._file(str(Path(folder) / name))

    def _file(self, path: str) -> Iterator[Spectrum | Fault]:
        stream = self._standard_input if path == STANDARD_INPUT else None
        origin = Origin("stdin" if path == STANDARD_INPUT else "file", path)
        try:
            data = _bytes(stream) if path == STANDARD_INPUT else _content(path)
        except (OSError, ValueError) as error:
            yield fault(origin, f"the file cannot be read: {_why(error)}")
            return
        yield from _parsed(data, origin, self._laser_nm, axis=self._axis, pixels=self._pixels)


def read_file(
    path: str, laser_nm: float | None = None, *, axis: AxisOption | None = None, pixels: bool = False
) -> tuple[Spectrum | Fault, ...]:
    """Return the spectra of one file, or its fault; arguments as in :class:`FileSource`.

    Raises :class:`SourceUnavailable` where the file cannot be read.
    """
    try:
        data = _content(path)
    except (OSError, ValueError) as error:
        raise SourceUnavailable(
            kind="cannot be read", place=f"file {path!r}", cause=_why(error), expected="a readable file of spectra"
        ) from error
    return _parsed(data, Origin("file", path), laser_nm, axis=axis, pixels=pixels)


def _parsed(data: bytes, origin: Origin, laser_nm: float | None, *, axis: AxisOption | None, pixels: bool) -> tuple[Spectrum | Fault, ...]:
    if len(data) > MAX_BYTES:
        return (fault(origin, f"the file is larger than {MAX_BYTES / 2**20:g} MiB, the most that is read; export one spectrum a file"),)
    return parse(data, replace(origin, sha256=hashlib.sha256(data).hexdigest()), laser_nm, axis=axis, pixels=pixels)


def _content(path: str) -> bytes:
    """Return the content, at most one byte more than the limit."""
    file_path = Path(system_path(path))
    if stat.S_ISDIR(mode := file_path.stat().st_mode):
        raise OSError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(mode):  # opening a pipe without a writer would wait for ever
        raise OSError(errno.EINVAL, "it is a pipe or a device; pass it on standard input, as -")
    with file_path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _bytes(stream: BinaryIO | None) -> bytes:
    """Return the content, at most one byte more than the limit."""
    if stream is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return stream.read(MAX_BYTES + 1)


def _why(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
