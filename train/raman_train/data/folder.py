"""A user's library: a folder of instrument files in any format that the edge reads.

The location of a file gives its label:

- in a sub-folder, the label is the name of the folder that contains the file (``library/Calcite/monday.csv`` is Calcite);
- otherwise it is the file's stem without a trailing replicate number. Such a number is one of ``_2``, ``#2``, ``(2)``, or
  ``rep``, ``replicate``, ``run``, ``scan``, ``copy`` with a number, after a space, a hyphen or an underscore
  (``Calcite_2.csv``, ``Calcite (2).csv``, ``Calcite rep 2.csv``).

A number after only a space or a hyphen stays, since names end in such numbers: ``Polysorbate 80``, ``Nylon-6``. Every file is
a specimen of its own, also if it contains several spectra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge import formats
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.formats.header import positive
from raman_edge.matching.pack import REPLICATE
from raman_edge.spectrum import Origin

from raman_train.data.datasets import LabelledSpectrum, gather

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.spectrum import Spectrum

    from raman_train.data.datasets import Dataset

LASERS = (150, 2000)
"""Range of an excitation, nm; other values in a header count as unknown."""


def label_of(file: Path, folder: Path) -> str:
    """Return the label of ``file``, which is below ``folder``."""
    if file.parent != folder:
        return file.parent.name
    return REPLICATE.sub("", file.stem).strip() or file.stem


def read(folder: Path) -> tuple[Dataset, list[str]]:
    """Read every file below ``folder``; the second value lists the files left out, each with the reason.

    The name of a spectrum is its path from the folder on (``library/Calcite/monday.csv``), with ``#2`` for the second one
    of a file. Hidden files are skipped.

    Raises:
        ConfigError: if no file contains a spectrum.
    """
    rows: list[LabelledSpectrum] = []
    left_out: list[str] = []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder.parent).as_posix()
        if not file.is_file() or any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        try:
            spectra = _spectra(file, name)
        except (SpectrumError, OSError, UnicodeError) as error:
            left_out.append(f"{ascii(name)[1:-1] if isinstance(error, UnicodeError) else name}: {error}")
            continue
        rows += [
            LabelledSpectrum(spectrum, label_of(file, folder), name, f"{name}#{number}" if number > 1 else name, _laser(spectrum))
            for number, spectrum in enumerate(spectra, 1)
        ]
    if not rows:
        msg = (
            f"the folder {str(folder)!r} contains no readable spectrum; {len(left_out)} files were left out, such as {left_out[:2]}. "
            "Expected instrument files (CSV or text with a Raman shift axis), or RRUFF files with their original names"
        )
        raise ConfigError(msg)
    return gather(rows), left_out


def _spectra(file: Path, name: str) -> tuple[Spectrum, ...]:
    """Read one file; a name that is not valid text (:class:`UnicodeError`) could not be stored."""
    name.encode()
    if file.stat().st_size > formats.MAX_BYTES:
        msg = f"{file.stat().st_size} bytes, expected at most {formats.MAX_BYTES}: export one spectrum per file"
        raise SpectrumError(msg)
    return formats.read(file.read_bytes(), Origin("file", name))


def _laser(spectrum: Spectrum) -> int:
    """Return the excitation in the file's header, nm; 0 if it is missing."""
    nm = positive(spectrum.meta.get("laser_nm", "")) or 0.0
    return round(nm) if LASERS[0] <= nm <= LASERS[1] else 0
