"""A linear support vector machine: scikit-learn's LinearSVC, one class against all others, squared hinge.

It is fitted to the first 256 principal components of the unit-norm spectra: on Dataset_2 they have 99.8 % of the variance, and the
fit of 1332 planes takes a sixth of the time. The result is still one plane per class in the space of the spectra.
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

from raman_train.models.layers import Untrained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]

ABSENT = -1.0
"""Decision of a class without a training spectrum: about that of a machine with only negative examples."""
COMPONENTS = 256
"""Principal components, fewer if there are fewer spectra or points."""
TOLERANCE = 1e-2
"""Of the solver: a hundredth of the margin."""
MAX_ITERATIONS = 10_000
"""Of the solver; it needs some hundreds."""


class Svm(Untrained):
    """One plane per class, fitted to the unit-norm training spectra."""

    weight: Tensor
    """(classes, n)."""
    bias: Tensor
    """(classes,)."""

    def __init__(self, length: int, classes: int, c: float) -> None:
        super().__init__()
        self.c = c
        self.register_buffer("weight", torch.zeros(classes, length))
        self.register_buffer("bias", torch.full((classes,), ABSENT))

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Fit to spectra (count, n) of classes (count,); :class:`ConfigError` if there is only one class."""
        if (classes == classes[0]).all():
            msg = "got training spectra of one class; a support vector machine needs at least two"
            raise ConfigError(msg)
        unit = functional.normalize(spectra, dim=1).cpu().double().numpy()
        seen, weight, bias = _planes(unit, classes.cpu().numpy(), self.c)
        self.weight[seen] = torch.from_numpy(weight).to(self.weight)
        self.bias[seen] = torch.from_numpy(bias).to(self.bias)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decision of each class, (batch, classes), and the spectra at unit norm, (batch, n)."""
        unit = functional.normalize(spectra, dim=1)
        return functional.linear(unit, self.weight, self.bias), unit


def _planes(unit: Rows, classes: NDArray[np.int64], c: float) -> tuple[NDArray[np.int64], Rows, Rows]:
    """Return the classes (k,), and the weights (k, n) and the bias (k,) of their planes."""
    rotation = PCA(min(COMPONENTS, *unit.shape), svd_solver="randomized", random_state=0).fit(unit)
    machine = LinearSVC(C=c, dual=True, tol=TOLERANCE, max_iter=MAX_ITERATIONS, random_state=0)
    machine.fit(rotation.transform(unit), classes)
    weight = machine.coef_ @ rotation.components_
    bias = machine.intercept_ - weight @ rotation.mean_
    if len(bias) == 1:  # scikit-learn fits one plane for two classes
        weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
    return machine.classes_, weight, bias
