"""Who learns and who is asked: splits, reproducible from a seed, one protocol a file.

============  =====================================================================================
``spectrum``  the literature's random split; asks for crystals that were seen
``sample``    a specimen is on one side only: **the honest figure**
``laser``     learned at 514 and 532 nm, asked at 780 and 785 nm, of other specimens
``open``      ``sample``, and species that stand nowhere are asked too
``few-shot``  species that nobody was taught, with up to five references of one specimen
``none``      nothing is asked: the refit after the measurement
============  =====================================================================================
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample

from raman_train.data.splits import copies
from raman_train.data.splits.few_shot import few_shot
from raman_train.data.splits.groups import NEAR_DUPLICATE, near_duplicates
from raman_train.data.splits.laser import by_laser
from raman_train.data.splits.open_set import open_set
from raman_train.data.splits.sample import by_sample
from raman_train.data.splits.spectrum import by_spectrum
from raman_train.data.splits.split import Split, nobody, nothing_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.config import DataConfig
    from raman_train.data.datasets import Dataset

__all__ = [
    "NEAR_DUPLICATE", "Split", "by_laser", "by_sample", "by_spectrum", "few_shot", "make", "near_duplicates", "nobody", "nothing_apart",
    "open_set",
]  # fmt: skip

YARDSTICK = Recipe((Resample(start=30.0, stop=1599.0, step=1.0, outside="hold"), MinMax()))
"""What spectra are compared by, to find near-duplicates: the axis of the published arrays."""
COPIED_UNDER = ("spectrum", "sample")
"""The protocols under which copies mean something."""


def make(data: DataConfig, dataset: Dataset, classes: NDArray[np.intp]) -> Split:
    """Return the split that ``data`` asks for; ``classes`` (n,) are the dataset's.

    Near-duplicates are told by one recipe, :data:`YARDSTICK`, whatever recipe a system has of its
    own: systems that prepare spectra differently are asked the same questions.

    Raises :class:`ConfigError` where the dataset cannot be split so.
    """
    _check(data)
    if data.protocol == "none":
        return nothing_apart(classes.size)
    once = np.arange(classes.size)
    index = copies.copied(classes) if data.copies == "before_split" else once
    if data.protocol == "spectrum":
        split = by_spectrum(classes[index], data.split_seed).through(index)
    else:
        split = _grouped(data, dataset, classes, _groups(dataset), index)
    if not split.test.size:
        msg = f"protocol {data.protocol!r} leaves nothing to ask: no label has a specimen to learn from and another one to ask"
        raise ConfigError(msg)
    return copies.after(split, classes) if data.copies == "after_split" else split


@lru_cache(maxsize=2)
def _groups(dataset: Dataset) -> NDArray[np.intp]:
    """Return a group number a spectrum, (n,), remembered for the next seed: the same specimen or near-duplicate, the same group."""
    return near_duplicates(dataset.specimens, dataset.features(YARDSTICK))


def _grouped(data: DataConfig, dataset: Dataset, classes: NDArray[np.intp], groups: NDArray[np.intp], index: NDArray[np.intp]) -> Split:
    """Return the split of a protocol that keeps groups together."""
    match data.protocol:
        case "laser":
            return by_laser(classes, groups, dataset.lasers, data.split_seed)
        case "open":
            return open_set(classes, groups, data.split_seed)
        case "few-shot":
            return few_shot(classes, dataset.specimens, groups, data.split_seed)
        case _:
            return by_sample(classes[index], groups[index], data.split_seed).through(index)


def _check(data: DataConfig) -> None:
    """Refuse what no protocol can honour."""
    if data.copies != "none" and data.protocol not in COPIED_UNDER:
        msg = (
            f"data.copies = {data.copies!r} with protocol {data.protocol!r}: copies are made under {' and '.join(COPIED_UNDER)} alone. "
            "Choose one of them, or copies = 'none'"
        )
        raise ConfigError(msg)
    if data.split_seed < 0:
        msg = f"data.split_seed is 0 or above, got {data.split_seed}"
        raise ConfigError(msg)
