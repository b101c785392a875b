"""Organic compounds measured with a handheld instrument: arrays of spectra, labels and replicates."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.spectrum import Axis, Origin, Spectrum

from raman_train.data import strings
from raman_train.data.rows import Row, gather

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from raman_train.data.datasets import Dataset

ARRAYS = frozenset({"raman_shift_cm1", "intensity", "label", "replicate"})
LASER = 785
"""nm; the file does not say it, its name does (``handheld_785.npz``)."""


def read(path: Path) -> Dataset:
    """Read ``raman_shift_cm1`` (n,), ``intensity`` (spectra, n), ``label`` and ``replicate`` (spectra,).

    A replicate is a specimen of its own, named ``label#replicate``: each is a separate placement under the instrument, and
    protocols that keep specimens apart then keep replicates apart. Raises :class:`ConfigError` where the arrays do not
    fit together, or labels are objects other than strings.
    """
    with np.load(path, allow_pickle=False) as npz:
        shift, intensity, replicate = npz["raman_shift_cm1"], npz["intensity"], npz["replicate"]
    labels = _labels(path)
    if not len(labels) == len(replicate) == len(intensity) or intensity.shape[1:] != shift.shape or not labels:
        msg = (
            f"{str(path)!r}: intensity {intensity.shape} on a shift of {shift.shape} with {len(labels)} labels and "
            f"{len(replicate)} replicates; expected a row a label, as long as the shift"
        )
        raise ConfigError(msg)
    names = [f"{label}#{number}" for label, number in zip(labels, replicate.tolist(), strict=True)]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        msg = f"{str(path)!r}: {twice[:3]} stand there more than once; expected each replicate of a label to have its own number"
        raise ConfigError(msg)
    try:
        return gather([_row(shift, counts, *known) for counts, *known in zip(intensity, labels, names, strict=True)])
    except SpectrumError as error:
        msg = f"{str(path)!r}: {error}"
        raise ConfigError(msg) from error


def _row(shift: NDArray[np.floating], counts: NDArray[np.floating], label: str, name: str) -> Row:
    return Row(Spectrum(Axis(shift), counts, Origin("dataset", name)), label, name, name, LASER)


def _labels(path: Path) -> list[str]:
    """Return the labels, an array of text or of objects that are all strings; nothing is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as npz:
            return [str(label) for label in npz["label"].tolist()]
    except ValueError:  # NumPy refuses objects, which it would have to unpickle
        pass
    try:
        with zipfile.ZipFile(path) as archive:
            return strings.read(archive.read("label.npy"))
    except strings.NotStringsError as error:
        msg = (
            f"{str(path)!r}: the labels cannot be read ({error}). Only strings are read from an array of objects, and nothing is "
            "unpickled: save the labels as text, numpy.savez(..., label=numpy.array(labels, dtype=str))"
        )
        raise ConfigError(msg) from error
