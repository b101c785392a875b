"""Copies of the spectra of small classes, as Zhou et al. 2022 made them for Dataset_3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_train.data.splits.split import Split

if TYPE_CHECKING:
    from numpy.typing import NDArray

ABOUT = 20
"""Spectra of a class after copying, as near as whole copies of each come."""


def copied(classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return indices of spectra of ``classes`` (n,), each as often as makes about 20 a class; no class becomes smaller."""
    spectra = np.bincount(classes)
    times = np.maximum(1, np.rint(ABOUT / np.maximum(spectra, 1))).astype(np.intp)
    return np.repeat(np.arange(classes.size), times[classes])


def after(split: Split, classes: NDArray[np.intp]) -> Split:
    """Return the split with copies of what is learned from, validation among it; what is asked stays as it is."""
    learned = np.concatenate([split.train, split.validation])
    again = copied(classes[learned])
    in_train = again < split.train.size
    return Split(learned[again[in_train]], learned[again[~in_train]], split.test, split.enrolled, split.unknown)
