"""The systems: one network a file, each with its source named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from raman_train.config import DrcnnConfig, DrcnnEdgeConfig
from raman_train.models.drcnn import Drcnn
from raman_train.models.drcnn_edge import DrcnnEdge

if TYPE_CHECKING:
    from torch import Tensor

    from raman_train.config import ModelConfig

Network = Drcnn | DrcnnEdge


class System(Protocol):
    """What the training loop, the evaluation and the export ask of a network."""

    def loss(self, spectra: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch; spectra (batch, n), labels (batch,) class numbers."""

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and a unit-norm embedding (batch, e)."""

    def prepare(self, spectra: Tensor) -> None:
        """Take what is fixed from the training spectra (count, n) before the first step."""


def build(config: ModelConfig, length: int, classes: int) -> Network:
    """Return the untrained network that ``config`` describes, for spectra of ``length`` points."""
    match config:
        case DrcnnConfig():
            return Drcnn(length, classes, config.recursions)
        case DrcnnEdgeConfig():
            return DrcnnEdge(length, classes, config)
