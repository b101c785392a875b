"""A user's own library: a folder of instrument files in any format the edge reads.

The label is told by where a file lies:

- in a sub-folder, it is the name of the folder that holds the file (``library/Calcite/monday.csv`` is Calcite);
- else it is the file's stem without a trailing number that tells replicates apart. Such a number is one of
  ``_2``, ``#2``, ``(2)``, or ``rep``, ``replicate``, ``run``, ``scan``, ``copy`` with a number after a space,
  a hyphen or an underscore (``Calcite_2.csv``, ``Calcite (2).csv``, ``Calcite rep 2.csv``).

A number after a space or a hyphen alone stays, since names end in them: ``Polysorbate 80``, ``Nylon-6``. Every file is a
specimen of its own, also where it holds several spectra.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raman_edge import formats
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.formats.header import positive
from raman_edge.spectrum import Origin

from raman_train.data.rows import Row, gather

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.spectrum import Spectrum

    from raman_train.data.datasets import Dataset

REPLICATE = re.compile(r"(?:_\d+|\s*#\s*\d+|\s*\(\d+\)|[\s_-]+(?:rep|replicate|run|scan|copy)[\s_-]*\d+)$", re.IGNORECASE)
"""What a stem ends in where files of one material lie side by side."""
LASERS = (150, 2000)
"""What an excitation can be, nm; a header that says something else says nothing."""


def label_of(file: Path, folder: Path) -> str:
    """Return the label of ``file``, somewhere below ``folder``."""
    if file.parent != folder:
        return file.parent.name
    return REPLICATE.sub("", file.stem).strip() or file.stem


def read(folder: Path) -> tuple[Dataset, list[str]]:
    """Read every file below ``folder``; the second value says what was left out and why.

    A spectrum is named by its path from the folder on (``library/Calcite/monday.csv``), with ``#2`` for the second one
    of a file. Hidden files are passed over. Raises :class:`ConfigError` where no file is a spectrum.
    """
    rows: list[Row] = []
    left_out: list[str] = []
    for file in _files(folder):
        name = file.relative_to(folder.parent).as_posix()
        try:
            spectra = _spectra(file, name)
        except (SpectrumError, OSError, UnicodeError) as error:
            left_out.append(f"{ascii(name)[1:-1] if isinstance(error, UnicodeError) else name}: {error}")
            continue
        rows += [
            Row(spectrum, label_of(file, folder), name, f"{name}#{number}" if number > 1 else name, _laser(spectrum))
            for number, spectrum in enumerate(spectra, 1)
        ]
    if not rows:
        msg = (
            f"the folder {str(folder)!r} holds no spectrum that can be read; {len(left_out)} files were left out, such as {left_out[:2]}. "
            "Expected instrument files (CSV or text with a Raman-shift axis), or RRUFF's own under their names"
        )
        raise ConfigError(msg)
    return gather(rows), left_out


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder`` that are not hidden, in the order of their paths."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _spectra(file: Path, name: str) -> tuple[Spectrum, ...]:
    """Read one file; a name that is no text (:class:`UnicodeError`) could not be written down again."""
    name.encode()
    if file.stat().st_size > formats.MAX_BYTES:
        msg = f"has {file.stat().st_size} bytes, expected at most {formats.MAX_BYTES}: export one spectrum a file"
        raise SpectrumError(msg)
    return formats.read(file.read_bytes(), Origin("file", name))


def _laser(spectrum: Spectrum) -> int:
    """Return the excitation that the file's header names, nm; 0 where it names none."""
    nm = positive(spectrum.meta.get("laser_nm", "")) or 0.0
    return round(nm) if LASERS[0] <= nm <= LASERS[1] else 0
