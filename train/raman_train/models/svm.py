"""A linear support vector machine: scikit-learn's LinearSVC, one class against all others, squared hinge.

It is fitted to the unit-norm spectra, turned into their first 256 principal components: on
Dataset_2 these hold 99.8 % of the variance, and the fit takes a sixth of the time (1332
planes). Together that is still one plane a class in the space of the spectra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from raman_edge.errors import ConfigError
from sklearn.decomposition import PCA
from sklearn.svm import LinearSVC
from torch import Tensor
from torch.nn import functional

from raman_train.models.references import Untrained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]

NOT_SEEN = -1.0
"""The decision of a class without a training spectrum: about what the machine itself finds where all examples are the others."""
COMPONENTS = 256
"""Principal components the planes are found in; fewer where there are fewer spectra or points."""
TOLERANCE = 1e-2
"""Of the solver: a hundredth of the margin."""
MOST_ROUNDS = 10_000
"""Of the solver; it needs some hundreds."""


class Svm(Untrained):
    """A plane a class, fitted to the unit-norm training spectra."""

    weight: Tensor
    """(classes, n)."""
    bias: Tensor
    """(classes,)."""

    def __init__(self, length: int, classes: int, c: float) -> None:
        super().__init__()
        self.c = c
        self.register_buffer("weight", torch.zeros(classes, length))
        self.register_buffer("bias", torch.full((classes,), NOT_SEEN))

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Fit to spectra (count, n) of classes (count,); :class:`ConfigError` where they are of one class."""
        if (classes == classes[0]).all():
            msg = "the training spectra are of one class: a support vector machine tells classes apart, and needs two"
            raise ConfigError(msg)
        unit = functional.normalize(spectra, dim=1).cpu().double().numpy()
        seen, weight, bias = _planes(unit, classes.cpu().numpy(), self.c)
        self.weight[seen] = torch.from_numpy(weight).to(self.weight)
        self.bias[seen] = torch.from_numpy(bias).to(self.bias)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decision of each class, (batch, classes), and the spectra at unit norm, (batch, n)."""
        asked = functional.normalize(spectra, dim=1)
        return functional.linear(asked, self.weight, self.bias), asked


def _planes(unit: Rows, classes: NDArray[np.int64], c: float) -> tuple[NDArray[np.int64], Rows, Rows]:
    """Return the classes there are (k,), and of each the weights (k, n) and the bias (k,) of its plane."""
    turn = PCA(min(COMPONENTS, *unit.shape), svd_solver="randomized", random_state=0).fit(unit)
    machine = LinearSVC(C=c, dual=True, tol=TOLERANCE, max_iter=MOST_ROUNDS, random_state=0)
    machine.fit(turn.transform(unit), classes)
    weight = machine.coef_ @ turn.components_
    bias = machine.intercept_ - weight @ turn.mean_
    if len(bias) == 1:  # scikit-learn has one plane between two classes
        weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
    return machine.classes_, weight, bias
