"""Steps that make a trained network smaller before its conversion; each maps a network to a network.

``rank=R`` factors the first dense layer, ``levels=K`` keeps the first K recursions, ``embedding=E`` shortens the embedding for the
library search. ``raman-train export --table`` measures the accuracy after each step on held-out samples.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from raman_edge.errors import ConfigError
from raman_train.models.drcnn import Drcnn
from raman_train.models.drcnn_edge import DrcnnEdge
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

MAX_DIGITS = 9
CHUNK = 32
"""Spectra per forward pass."""
MIN_NORM = 1e-12
"""Smallest divisor of a norm, as in :func:`torch.nn.functional.normalize`."""


def unit(rows: Tensor, dim: int) -> Tensor:
    """Return ``rows`` at unit norm along ``dim``, in a form that ONNX graphs compute efficiently."""
    scaled: Tensor = rows / torch.linalg.vector_norm(rows, dim=dim, keepdim=True).clamp_min(MIN_NORM)
    return scaled


@dataclass(frozen=True, slots=True)
class RankStep:
    """The first dense layer as two, with ``rank`` numbers in between.

    Their product is the matrix of that rank that is closest to the layer's (Eckart and Young, Psychometrika 1 (1936) 211), with a bias
    that makes it exact for the mean of the calibration spectra. The directions in which the outputs of these spectra vary most were worse:
    DRCNN's class head lost 3 points of top-1 by them, and .2 by the nearest matrix, at rank 92.
    """

    rank: int

    def __str__(self) -> str:
        return f"rank={self.rank}"

    def apply(self, network: nn.Module, spectra: NDArray[np.float32]) -> nn.Module:
        """Return the network with its first dense layer factored, calibrated on ``spectra`` (n, length).

        Raises:
            ConfigError: if the rank is not below that of the layer.
        """
        smaller = copy.deepcopy(network)
        name, dense = _first_dense(smaller)
        most = dense.in_features * dense.out_features // (dense.in_features + dense.out_features)
        if not 1 <= self.rank <= most:
            msg = (
                f"--compress: got {self}, expected rank=1 to rank={most}, up to which the factors of the first dense layer ({name}, "
                f"{dense.in_features} × {dense.out_features}) are smaller than the layer"
            )
            raise ConfigError(msg)
        smaller.set_submodule(name, _factored(dense, _mean_input(smaller, dense, spectra), self.rank))
        return smaller


@dataclass(frozen=True, slots=True)
class LevelsStep:
    """The first ``levels`` recursions, since a later one needs all before it; their weights are scaled to the sum 1."""

    levels: int

    def __str__(self) -> str:
        return f"levels={self.levels}"

    def apply(self, network: nn.Module, spectra: NDArray[np.float32]) -> nn.Module:  # noqa: ARG002 - the interface of a step
        """Return the network without its later recursions.

        Raises:
            ConfigError: if the network has no recursions, or not more than ``levels``.
        """
        if not isinstance(network, Drcnn | DrcnnEdge):
            msg = f"--compress {self}: {type(network).__name__} has no recursions; expected drcnn or drcnn-edge"
            raise ConfigError(msg)
        depth = len(network.level_weights)
        if not 1 <= self.levels < depth:
            msg = f"--compress: got {self}, expected levels=1 to levels={depth - 1}: the network has {depth} recursions"
            raise ConfigError(msg)
        smaller = copy.deepcopy(network)
        smaller.level_weights = nn.Parameter(smaller.level_weights[: self.levels].detach())
        if isinstance(smaller, Drcnn):
            smaller.recursions = self.levels
        return smaller


class ShortEmbedding(nn.Module):
    """A network with its embedding projected onto fewer axes, at unit norm."""

    axes: Tensor
    """(e, fewer), orthonormal columns."""

    def __init__(self, inner: nn.Module, axes: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("axes", axes)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the unchanged logits, (batch, classes), and the shorter embedding, (batch, fewer)."""
        logits, embedding = self.inner(spectra)
        return logits, unit(embedding @ self.axes, 1)


@dataclass(frozen=True, slots=True)
class EmbeddingStep:
    """The embedding along its principal axes, uncentred, which preserves cosines best.

    The cost of a search is proportional to the length. This is the last step, since the others need the network inside.
    """

    size: int

    def __str__(self) -> str:
        return f"embedding={self.size}"

    @torch.no_grad()
    def apply(self, network: nn.Module, spectra: NDArray[np.float32]) -> ShortEmbedding:
        """Return the network with the shorter embedding, calibrated on ``spectra`` (n, length).

        Raises:
            ConfigError: if the size is not below that of the embedding.
        """
        network.eval()
        made = torch.cat([network(torch.from_numpy(spectra[low : low + CHUNK]))[1] for low in range(0, len(spectra), CHUNK)])
        most = min(made.shape)
        if not 1 <= self.size < most:
            msg = f"--compress: got {self}, expected embedding=1 to embedding={most - 1}: {len(made)} spectra of {made.shape[1]} numbers"
            raise ConfigError(msg)
        _, vectors = torch.linalg.eigh((made.T @ made).double())  # eigenvalues increase
        return ShortEmbedding(network, vectors[:, -self.size :].to(made).contiguous())


Step = RankStep | LevelsStep | EmbeddingStep


def read(texts: Sequence[str]) -> tuple[Step, ...]:
    """Parse ``rank=R``, ``levels=K`` and ``embedding=E``.

    Raises:
        ConfigError: for anything else, for a step given twice, and if ``embedding`` is not the last one.
    """
    steps = tuple(_step(text) for text in texts)
    if len({type(step) for step in steps}) < len(steps):
        msg = f"--compress: got {', '.join(texts)}; expected each kind of step once"
        raise ConfigError(msg)
    if any(isinstance(step, EmbeddingStep) for step in steps[:-1]):
        msg = f"--compress: got {', '.join(texts)}; expected embedding=E last"
        raise ConfigError(msg)
    return steps


def _step(text: str) -> Step:
    kind, _, number = text.partition("=")
    if number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS:
        match kind:
            case "rank":
                return RankStep(int(number))
            case "levels":
                return LevelsStep(int(number))
            case "embedding":
                return EmbeddingStep(int(number))
    msg = f"--compress: got {text!r}, expected rank=R, levels=K or embedding=E with a whole number, such as rank=128"
    raise ConfigError(msg)


def level_share(network: nn.Module, kept: int) -> float:
    """Return the share of the recursions after the first ``kept`` in the absolute sum of the level weights."""
    weights = network.level_weights.detach().abs() if isinstance(network, Drcnn | DrcnnEdge) else torch.ones(kept)
    return float(weights[kept:].sum() / weights.sum())


def _first_dense(network: nn.Module) -> tuple[str, nn.Linear]:
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear):
            return name, layer
    msg = f"--compress rank: {type(network).__name__} has no dense layer to factor"
    raise ConfigError(msg)


@torch.no_grad()
def _mean_input(network: nn.Module, dense: nn.Linear, spectra: NDArray[np.float32]) -> Tensor:
    """Return the mean input of ``dense`` for ``spectra`` (n, length), (inputs,)."""
    total = torch.zeros(dense.in_features)

    def add(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:  # a value would replace the input
        total.add_(inputs[0].sum(dim=0))

    hook = dense.register_forward_pre_hook(add)
    network.eval()
    for low in range(0, len(spectra), CHUNK):
        network(torch.from_numpy(spectra[low : low + CHUNK]))
    hook.remove()
    return total / len(spectra)


@torch.no_grad()
def _factored(dense: nn.Linear, mean: Tensor, rank: int) -> nn.Sequential:
    """Return ``dense`` as two layers, exact for the input ``mean``, (in,)."""
    _, vectors = torch.linalg.eigh((dense.weight @ dense.weight.T).double())  # eigenvalues increase
    kept = vectors[:, -rank:].to(dense.weight)  # (out, rank)
    narrow, wide = nn.Linear(dense.in_features, rank, bias=False), nn.Linear(rank, dense.out_features)
    narrow.weight.copy_(kept.T @ dense.weight)
    wide.weight.copy_(kept)
    lost = mean @ dense.weight.T - kept @ (narrow.weight @ mean)
    wide.bias.copy_(lost if dense.bias is None else dense.bias + lost)
    return nn.Sequential(narrow, wide)
