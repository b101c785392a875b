"""``raman-train import``: the contents of a path decide which reader is used."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError

from raman_train.data import datasets, folder, openspecy, organics, rruff

if TYPE_CHECKING:
    from pathlib import Path

    from raman_train.data.datasets import Dataset

READERS = (
    (rruff.PAPER_ARRAYS, rruff.paper_arrays),
    (organics.ARRAYS, organics.read),
    (frozenset(datasets.Dataset.__slots__), datasets.load),
)
"""The arrays that identify a kind of ``.npz``, and its reader."""


def read(path: Path) -> tuple[Dataset, list[str]]:
    """Read one path into a dataset; the second value lists the files left out, each with the reason.

    A folder contains RRUFF text files (if at least half of its files have such names) or any instrument files, a zip RRUFF
    text files, a copy of ``pyopenspecy`` (its wheel or folder) the library of Open Specy, an ``.npz`` the
    paper's arrays, handheld organics, or a dataset of ``raman-train import``.

    Raises:
        ConfigError: if the path is missing or contains anything else.
    """
    if not path.exists():
        msg = f"{str(path)!r} does not exist: expected a folder, a zip or an .npz"
        raise ConfigError(msg)
    if openspecy.contains_library(path):
        return openspecy.read(path)
    if path.is_dir():
        return rruff.originals(path) if rruff.contains_originals(path) else folder.read(path)
    return (_arrays(path), []) if path.suffix == ".npz" else rruff.originals(path)


def _arrays(path: Path) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as npz:
            found = set(npz.files)
        for arrays, reader in READERS:
            if found >= arrays:
                return reader(path)
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"{str(path)!r} cannot be read as .npz: {error}"
        raise ConfigError(msg) from error
    msg = (
        f"{str(path)!r}: got the arrays {sorted(found)}; expected the paper's ({sorted(rruff.PAPER_ARRAYS)}), "
        f"handheld organics ({sorted(organics.ARRAYS)}) or a dataset of `raman-train import`"
    )
    raise ConfigError(msg)
