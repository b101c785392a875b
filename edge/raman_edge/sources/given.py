"""Files given by name: each is answered, in the order given, and nothing is remembered."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from raman_edge.formats import MAX_BYTES
from raman_edge.sources.parse import fault, parse
from raman_edge.sources.scan import is_candidate_name
from raman_edge.spectrum import Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.formats.shift import AxisOption

STANDARD_INPUT = "-"


class GivenFiles:
    """Spectra from ``paths``: files, folders (the files in them, sorted, not below), ``-`` for ``standard_input``.

    ``laser_nm`` (nm) is for files that do not tell their laser's wavelength, ``axis`` for those that do not tell what
    their axis holds; with ``pixels``, an axis of pixels is given as it is, for a calibration to make a Raman shift of it.
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
        """Nothing is held open."""

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
        kind = "stdin" if path == STANDARD_INPUT else "file"
        try:
            data = self._read(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            yield fault(Origin(kind, path), f"the file cannot be read: {why}")
            return
        if len(data) > MAX_BYTES:
            why = f"the file is larger than {MAX_BYTES / 2**20:g} MiB, the most that is read; export one spectrum a file"
            yield fault(Origin(kind, path), why)
            return
        yield from parse(data, Origin(kind, path, hashlib.sha256(data).hexdigest()), self._laser_nm, axis=self._axis, pixels=self._pixels)

    def _read(self, path: str) -> bytes:
        """Return one byte more than is allowed at most."""
        if path != STANDARD_INPUT:
            if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe without a writer waits for ever
                raise OSError(errno.EINVAL, "it is a pipe or a device; pass it on standard input, as -")
            with Path(path).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        if self._standard_input is None:
            raise OSError(errno.EBADF, "standard input is closed")
        return self._standard_input.read(MAX_BYTES + 1)
