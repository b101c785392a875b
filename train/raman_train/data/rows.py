"""Spectra with what is known of each, gathered into one dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_train.data.datasets import Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.spectrum import Spectrum


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """One spectrum and what is known of it."""

    spectrum: Spectrum
    label: str
    specimen: str
    """The piece of matter it was measured on."""
    name: str
    """Its own name, unique."""
    laser: int = 0
    """Excitation, nm; 0 is unknown."""


def gather(rows: Sequence[Row], subsets: int = 0) -> Dataset:
    """Return the rows as a dataset, all of them in ``subsets`` (bits, see :attr:`Dataset.subsets`)."""
    return Dataset(
        shift=np.concatenate([row.spectrum.axis.shift for row in rows]).astype(np.float32),
        counts=np.concatenate([row.spectrum.counts for row in rows]).astype(np.float32),
        start=np.concatenate([[0], np.cumsum([len(row.spectrum) for row in rows])]),
        labels=np.array([row.label for row in rows]),
        specimens=np.array([row.specimen for row in rows]),
        lasers=np.array([row.laser for row in rows], dtype=np.int32),
        names=np.array([row.name for row in rows]),
        subsets=np.full(len(rows), subsets, dtype=np.uint8),
    )
