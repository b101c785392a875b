"""The systems: one a file, each with its source named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from raman_train.config import (
    DrcnnConfig,
    DrcnnEdgeConfig,
    FanConfig,
    LiuConfig,
    NeighboursConfig,
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
from raman_train.models.neighbours import Neighbours
from raman_train.models.sang import Sang
from raman_train.models.search import Search
from raman_train.models.svm import Svm
from raman_train.models.zhang_cnn import ZhangCnn
from raman_train.models.zhang_dnn import ZhangDnn

if TYPE_CHECKING:
    from torch import Tensor

    from raman_train.config import ModelConfig

Network = Drcnn | DrcnnEdge | Fan | Liu | Sang | ZhangCnn | ZhangDnn | Search | Neighbours | Svm


class System(Protocol):
    """What the training loop, the evaluation and the export ask of a system."""

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Take what is not learned step by step from spectra (count, n) of classes (count,), before the first step.

        For a library search that is all there is: a system without parameters is not trained.
        """

    def loss(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean loss of a batch; spectra (batch, n), classes (batch,)."""

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and a unit-norm embedding (batch, e)."""


def build(config: ModelConfig, length: int, classes: int) -> Network:  # noqa: C901, PLR0911 - a table, a line a system
    """Return the untrained system that ``config`` describes, for spectra of ``length`` points."""
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
            return Search(length, classes, config.similarity)
        case NeighboursConfig():
            return Neighbours(length, classes, config.k)
        case SvmConfig():
            return Svm(length, classes, config.c)
