"""Common parts of the systems: hidden layers and a softmax with Keras' initialisation; systems without weights.

Every pool rounds down, so that spectra of any length are possible. Convolutions keep the length ("same" padding) unless noted in
their file. BatchNorm has PyTorch's constants.
"""

from __future__ import annotations

from typing import NoReturn

from raman_edge.errors import ConfigError
from torch import Tensor, nn
from torch.nn import functional


class Classifier(nn.Module):
    """Hidden layers and a class head, which each system defines."""

    def __init__(self, hidden: nn.Sequential, classify: nn.Module) -> None:
        super().__init__()
        self.hidden = hidden
        self.classify = classify
        initialise_as_keras(self)

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Do nothing: every weight of this network is trained."""

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the last hidden layer at unit norm, for spectra (batch, n)."""
        hidden = self.hidden(spectra)
        return self.classify(hidden), functional.normalize(hidden, dim=1)

    def loss(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean cross-entropy of a batch."""
        logits, _ = self(spectra)
        return functional.cross_entropy(logits, classes)


class Untrained(nn.Module):
    """A system without trained weights: :meth:`prepare` sets everything."""

    def loss(self, spectra: Tensor, classes: Tensor) -> NoReturn:
        """Raise :class:`NotImplementedError`: nothing is trained step by step."""
        raise NotImplementedError("there are no weights to train: prepare() is all this system needs")


def initialise_as_keras(network: nn.Module) -> None:
    """Initialise every weight as Keras does: Glorot uniform (Glorot and Bengio, AISTATS 2010), biases 0.

    The authors of these networks used Keras. PyTorch's default weights are 1.7 times smaller if a layer is as wide as the one
    before, and its biases are not 0.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def flat(channels: int, left: int, length: int) -> int:
    """Return the size of ``channels`` times ``left`` points.

    Raises:
        ConfigError: if ``left`` is 0 because spectra of ``length`` points are too short.
    """
    if left < 1:
        msg = f"spectra of {length} points are too short for the layers of this system: give the axis of the recipe more points"
        raise ConfigError(msg)
    return channels * left
