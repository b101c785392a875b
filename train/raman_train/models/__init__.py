"""The systems, one per file, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from raman_train.config import (
    DrcnnConfig,
    DrcnnEdgeConfig,
    FanConfig,
    LiuConfig,
    LogisticConfig,
    NeighboursConfig,
    RandomConvolutionConfig,
    SangConfig,
    SearchConfig,
    SvmConfig,
    ZhangCnnConfig,
    ZhangDnnConfig,
)
from raman_train.models.drcnn import Drcnn
from raman_train.models.drcnn_edge import DrcnnEdge
from raman_train.models.fan import Fan
from raman_train.models.liu import Liu
from raman_train.models.logistic import Logistic
from raman_train.models.random_convolution import RandomConvolution
from raman_train.models.sang import Sang
from raman_train.models.search import LibrarySearch, Neighbours
from raman_train.models.svm import Svm
from raman_train.models.zhang import ZhangCnn, ZhangDnn

if TYPE_CHECKING:
    from torch import Tensor

    from raman_train.config import ModelConfig

Network = Drcnn | DrcnnEdge | Fan | Liu | Sang | ZhangCnn | ZhangDnn | LibrarySearch | Neighbours | Svm | Logistic | RandomConvolution


class System(Protocol):
    """Interface of a system for the training loop, the evaluation and the export."""

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Set everything that is not trained from spectra (count, n) of classes (count,), before the first step.

        A system without parameters, such as a library search, has no other training.
        """

    def loss(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean loss of a batch; spectra (batch, n), classes (batch,)."""

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and a unit-norm embedding (batch, e)."""


def build(config: ModelConfig, length: int, classes: int) -> Network:  # noqa: C901, PLR0911 - a table, one case per system
    """Return the untrained system of ``config``, for spectra of ``length`` points."""
    match config:
        case DrcnnConfig():
            return Drcnn(length, classes, config.recursions)
        case DrcnnEdgeConfig():
            return DrcnnEdge(length, classes, config)
        case LiuConfig():
            return Liu(length, classes, class_weighted=config.class_weighted)
        case FanConfig():
            return Fan(length, classes)
        case ZhangCnnConfig():
            return ZhangCnn(length, classes)
        case ZhangDnnConfig():
            return ZhangDnn(length, classes)
        case SangConfig():
            return Sang(length, classes)
        case SearchConfig():
            return LibrarySearch(length, classes, config.similarity)
        case NeighboursConfig():
            return Neighbours(length, classes, config.k)
        case SvmConfig():
            return Svm(length, classes, config.c)
        case LogisticConfig():
            return Logistic(length, classes, config.c)
        case RandomConvolutionConfig():
            return RandomConvolution(length, classes, config.groups, config.window, config.ridge)
