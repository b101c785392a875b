"""What a split is: who learns and who is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEST_SHARE = 0.3
"""Share of the spectra (or of the specimens of a label) that is asked."""
VALIDATION_SHARE = 0.2
"""Share of the train part that is validation, from its shuffled end."""
SPECIES_SHARE = 0.15
"""Share of the species that ``open`` removes and that ``few-shot`` keeps for later."""


def nobody() -> NDArray[np.intp]:
    """Return no index at all."""
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Indices into a dataset, disjoint but for copies made before the split."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]
    """Asked, and the right name can be given."""
    enrolled: NDArray[np.intp] = field(default_factory=nobody)
    """References that join the library after the training: species the network was never taught (``few-shot``)."""
    unknown: NDArray[np.intp] = field(default_factory=nobody)
    """Asked, and the right answer is "unknown": species that stand nowhere (``open``)."""

    @property
    def library(self) -> NDArray[np.intp]:
        """What a library search may hold: everything that is not asked."""
        return np.concatenate([self.train, self.validation, self.enrolled])

    def through(self, index: NDArray[np.intp]) -> Split:
        """Return the split of a whole, of which this one splits the part ``index``."""
        return Split(index[self.train], index[self.validation], index[self.test], index[self.enrolled], index[self.unknown])


def with_validation(train: NDArray[np.intp], test: NDArray[np.intp]) -> Split:
    """Return the split whose validation is the end of ``train``, which is shuffled."""
    kept = train.size - round(VALIDATION_SHARE * train.size)
    return Split(train[:kept], train[kept:], test)


def nothing_apart(count: int) -> Split:
    """Everything is learned from: the refit after the measurement."""
    return Split(np.arange(count), nobody(), nobody())
