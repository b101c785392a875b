"""``spectrum``: the literature's random split, for comparison with it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError
from sklearn.model_selection import train_test_split

from raman_train.data.splits.split import TEST_SHARE, Split, with_validation

if TYPE_CHECKING:
    from numpy.typing import NDArray


def by_spectrum(labels: NDArray[np.intp], seed: int) -> Split:
    """Random, stratified by label, 70/30; the last 20 % of the train part is validation.

    Raises :class:`ConfigError` where a label has too few spectra to stand on both sides.
    """
    everything = np.arange(labels.size)
    try:
        train, test = train_test_split(everything, test_size=TEST_SHARE, stratify=labels, random_state=seed)
    except ValueError as error:
        lonely = int((np.bincount(labels) == 1).sum())
        msg = (
            f"protocol 'spectrum' cannot split {labels.size} spectra of {np.unique(labels).size} labels, {lonely} of which have one "
            f"spectrum: {error} Choose a subset (data.subset) or protocol 'sample'"
        )
        raise ConfigError(msg) from error
    return with_validation(train, test)
