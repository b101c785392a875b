"""What the published networks have in common: hidden layers, a softmax over classes, and how Keras starts them.

Every pool rounds down, so that spectra of any length go in. Convolutions keep the length
("same" padding) unless their file says otherwise. BatchNorm has PyTorch's constants.
"""

from __future__ import annotations

from raman_edge.errors import ConfigError
from torch import Tensor, nn
from torch.nn import functional


class Classifier(nn.Module):
    """Hidden layers and a class head; each system says which."""

    def __init__(self, hidden: nn.Sequential, classify: nn.Module) -> None:
        super().__init__()
        self.hidden = hidden
        self.classify = classify
        start_as_keras(self)

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Take nothing: every number of this network is learned."""

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the last hidden layer at unit norm, for spectra (batch, n)."""
        hidden = self.hidden(spectra)
        return self.classify(hidden), functional.normalize(hidden, dim=1)

    def loss(self, spectra: Tensor, classes: Tensor) -> Tensor:
        """Return the mean cross-entropy of a batch."""
        logits, _ = self(spectra)
        return functional.cross_entropy(logits, classes)


def start_as_keras(network: nn.Module) -> None:
    """Start every weight as Keras does: Glorot uniform (Glorot and Bengio, AISTATS 2010), biases 0.

    The authors of these networks used Keras. PyTorch's own weights are 1.7 times smaller where a
    layer is as wide as the one before, and its biases are not 0.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def flat(channels: int, left: int, length: int) -> int:
    """Return the size of ``channels`` times ``left`` points; :class:`ConfigError` where ``length`` points leave none."""
    if left < 1:
        msg = f"spectra of {length} points are too short for this system: its layers leave none; give the recipe's axis more points"
        raise ConfigError(msg)
    return channels * left
