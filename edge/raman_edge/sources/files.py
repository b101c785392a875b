"""Files given by name, in their order; nothing is remembered."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from raman_edge.errors import SourceUnavailable
from raman_edge.formats import MAX_BYTES
from raman_edge.sources.parse import fault, parse
from raman_edge.sources.scan import is_candidate_name
from raman_edge.spectrum import Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.formats.shift import AxisOption

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
            if path != STANDARD_INPUT and Path(path).is_dir():
                yield from self._folder(path)
            else:
                yield from self._file(path)

    def _folder(self, folder: str) -> Iterator[Spectrum | Fault]:
        try:
            with os.scandir(folder) as entries:
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
    if stat.S_ISDIR(mode := Path(path).stat().st_mode):
        raise OSError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(mode):  # opening a pipe without a writer would wait for ever
        raise OSError(errno.EINVAL, "it is a pipe or a device; pass it on standard input, as -")
    with Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _bytes(stream: BinaryIO | None) -> bytes:
    """Return the content, at most one byte more than the limit."""
    if stream is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return stream.read(MAX_BYTES + 1)


def _why(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
