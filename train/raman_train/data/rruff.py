"""Reading the RRUFF database: original text files (zip or folder) and the paper's arrays.

Cite Lafuente, Downs, Yang, Stone (2015), "The power of databases: the RRUFF project".
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
from raman_edge import formats
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.spectrum import Origin

from raman_train.data.datasets import NATIVE, Dataset, LabelledSpectrum, gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from raman_edge.spectrum import Spectrum

PAPER_ARRAYS = frozenset({"intensity_u16", "raman_shift_cm1", "mineral", "filename", "in_dataset_1"})
FULL_SCALE = 65535
EXCELLENT = "excellent_unoriented"
"""RRUFF's name for the archive that Dataset_3 is selected from."""
FILE_NAME = re.compile(r".+__.+__(?:Raman|Broad_Scan)__")
"""Name of an RRUFF Raman file: mineral, id, method, laser and so on."""
ID = re.compile(r"[RX]\d{6}")
"""An RRUFF id; a suffix in the file name (``-4``) numbers the crystals of one specimen."""


def specimen_of(name: str) -> str:
    """Return the specimen in an RRUFF file name (mineral__id__...): the RRUFF id, or else the whole second field."""
    field = [*name.split("__", 2), name][1]
    found = ID.match(field)
    return found.group() if found else field


def laser_of(name: str) -> int:
    """Return the laser in an RRUFF file name, nm; 0 if there is none."""
    found = re.search(r"__(?:Raman|Broad_Scan)__(\d{3,4})__", name)
    return int(found.group(1)) if found else 0


def paper_arrays(path: Path) -> Dataset:
    """Read Dataset_1 and Dataset_2 of Sang 2022 and Zhou 2022.

    They are scaled 0..1 on 30..1599 cm⁻¹, and zero outside the measured range: the zeros at both ends are removed, so that
    "not measured" does not become "dark".

    Raises:
        ConfigError: if an array is missing.
    """
    with np.load(path, allow_pickle=False) as npz:
        if not set(npz.files) >= PAPER_ARRAYS:
            msg = f"{str(path)!r}: the arrays {sorted(PAPER_ARRAYS - set(npz.files))} of the paper's datasets are missing"
            raise ConfigError(msg)
        intensity, axis = npz["intensity_u16"], npz["raman_shift_cm1"]
        minerals, names, in_first = npz["mineral"], npz["filename"], npz["in_dataset_1"]
    first = (intensity > 0).argmax(axis=1)
    last = intensity.shape[1] - (intensity > 0)[:, ::-1].argmax(axis=1)
    measured = np.concatenate([row[a:b] for row, a, b in zip(intensity, first, last, strict=True)])
    return Dataset(
        shift=np.concatenate([axis[a:b] for a, b in zip(first, last, strict=True)]).astype(np.float32),
        counts=measured.astype(np.float32) / np.float32(FULL_SCALE),
        start=np.concatenate([[0], np.cumsum(last - first)]),
        labels=minerals,
        specimens=np.array([specimen_of(name) for name in names.tolist()]),
        lasers=np.array([laser_of(name) for name in names.tolist()], dtype=np.int32),
        names=names,
        subsets=(in_first.astype(np.uint8) | 2),
    )


def originals(path: Path) -> tuple[Dataset, list[str]]:
    """Read a zip or a folder of RRUFF text files; the second value lists the files left out, each with the reason.

    Only the name of RRUFF's archive gives the rating of its files: spectra from ``excellent_unoriented`` are marked as such,
    and Dataset_3 is selected from them.

    Raises:
        ConfigError: if the path cannot be read or contains no RRUFF spectrum.
    """
    rows: list[LabelledSpectrum] = []
    left_out: list[str] = []
    for name, data in _files(path):
        if "__" not in name or "_RAW_" in name:
            left_out.append(f"{name}: {'raw; the processed file is read instead' if '_RAW_' in name else 'not an RRUFF file name'}")
            continue
        try:
            spectrum = formats.read(data, Origin("file", name))[0]
        except SpectrumError as error:
            left_out.append(f"{name}: {error}")
            continue
        rows.append(LabelledSpectrum(spectrum, _mineral(spectrum, name), specimen_of(name), name, laser_of(name)))
    if not rows:
        msg = f"{str(path)!r} contains no RRUFF spectrum; {len(left_out)} files were left out, such as {left_out[:2]}"
        raise ConfigError(msg)
    return gather(rows, NATIVE if path.stem == EXCELLENT else 0), left_out


def contains_originals(folder: Path) -> bool:
    """Return whether at least half of the files in ``folder`` have names of RRUFF Raman files."""
    named = [bool(FILE_NAME.match(file.name)) for file in folder.rglob("*") if file.is_file()]
    return 2 * sum(named) >= len(named) > 0


def _mineral(spectrum: Spectrum, name: str) -> str:
    """Return the mineral: the first name in the file's header, spelt as in the file name if both agree.

    The paper's arrays use the spelling of the file names (``FerrieriteK`` for ``Ferrierite-K``).
    """
    header = spectrum.meta.get("names", "").split(",")[0].strip()
    spelt = name.split("__", 1)[0]
    plain = re.sub(r"[^A-Za-z]", "", header)
    return spelt if not plain or plain.lower() == re.sub(r"[^A-Za-z]", "", spelt).lower() else plain


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of the files in a zip or a folder, sorted by name."""
    if path.is_dir():
        yield from ((file.name, file.read_bytes()) for file in sorted(path.rglob("*")) if file.is_file())
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members: Iterable[str] = sorted(name for name in archive.namelist() if not name.endswith("/"))
            for name in members:
                yield name.rsplit("/", 1)[-1], archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        msg = f"{str(path)!r} is neither a folder nor a zip of RRUFF files: {error}"
        raise ConfigError(msg) from error
