"""Make a trained network smaller before it is converted: each step is a network in, a network out.

``rank=R`` factors the first dense layer, ``levels=K`` keeps the first K recursions, ``embedding=E`` shortens what the
library is searched with. What a step costs in accuracy is
measured on held-out samples (``raman-train export --table``), not assumed.
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

from raman_export.rows import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

MAX_DIGITS = 9
CHUNK = 32
"""Spectra shown to the network at once."""
SPREAD = 1.0
"""Variance added to every input of the layer, as a share of its mean variance: directions that few spectra show are kept too."""


@dataclass(frozen=True, slots=True)
class Rank:
    """The first dense layer as two, with ``rank`` numbers in between.

    Of all matrices of that rank, the one whose outputs on the calibration spectra come nearest to the layer's own: the
    principal directions of its outputs (Eckart and Young, Psychometrika 1 (1936) 211, applied to WX instead of W).
    """

    rank: int

    def __str__(self) -> str:
        return f"rank={self.rank}"

    def apply(self, network: nn.Module, spectra: NDArray[np.float32]) -> nn.Module:
        """Return the network with its first dense layer factored, by what ``spectra`` (n, length) make of it."""
        smaller = copy.deepcopy(network)
        name, dense = _first_dense(smaller)
        most = dense.in_features * dense.out_features // (dense.in_features + dense.out_features)
        if not 1 <= self.rank <= most:
            msg = (
                f"--compress {self}: the first dense layer ({name}) is {dense.in_features} × {dense.out_features}; "
                f"factors are smaller than it up to rank {most}. Give 1 to {most}"
            )
            raise ConfigError(msg)
        smaller.set_submodule(name, _factored(dense, _inputs(smaller, dense, spectra), self.rank))
        return smaller


@dataclass(frozen=True, slots=True)
class Levels:
    """The first ``levels`` recursions; a later one needs all before it. The weights of those kept are scaled to sum to 1."""

    levels: int

    def __str__(self) -> str:
        return f"levels={self.levels}"

    def apply(self, network: nn.Module, spectra: NDArray[np.float32]) -> nn.Module:  # noqa: ARG002 - what every step is given
        """Return the network without its later recursions."""
        if not isinstance(network, Drcnn | DrcnnEdge):
            msg = f"--compress {self}: {type(network).__name__} has no recursions; drcnn and drcnn-edge have"
            raise ConfigError(msg)
        depth = len(network.level_weights)
        if not 1 <= self.levels < depth:
            msg = f"--compress {self}: the network has {depth} recursions; give how many to keep, 1 to {depth - 1}"
            raise ConfigError(msg)
        smaller = copy.deepcopy(network)
        smaller.level_weights = nn.Parameter(smaller.level_weights[: self.levels].detach())
        if isinstance(smaller, Drcnn):
            smaller.recursions = self.levels
        return smaller


class Narrowed(nn.Module):
    """A network whose embedding is seen along fewer axes, and scaled to unit norm again."""

    axes: Tensor
    """(e, fewer), orthonormal columns."""

    def __init__(self, inner: nn.Module, axes: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("axes", axes)

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits as they were, (batch, classes), and the shorter embedding, (batch, fewer)."""
        logits, embedding = self.inner(spectra)
        return logits, unit(embedding @ self.axes, 1)


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding along its principal axes (uncentred: cosines are kept as well as that many numbers can).

    A search reads every reference, so that it costs as much less. The last step: nothing after it knows the network inside.
    """

    size: int

    def __str__(self) -> str:
        return f"embedding={self.size}"

    @torch.no_grad()
    def apply(self, network: nn.Module, spectra: NDArray[np.float32]) -> Narrowed:
        """Return the network with the shorter embedding, by what ``spectra`` (n, length) have for one."""
        network.eval()
        made = torch.cat([network(torch.from_numpy(spectra[low : low + CHUNK]))[1] for low in range(0, len(spectra), CHUNK)])
        most = min(made.shape)
        if not 1 <= self.size < most:
            msg = f"--compress {self}: {len(made)} spectra have an embedding of {made.shape[1]} numbers; give 1 to {most - 1}"
            raise ConfigError(msg)
        _, vectors = torch.linalg.eigh((made.T @ made).double())  # eigenvalues increase
        return Narrowed(network, vectors[:, -self.size :].to(made).contiguous())


Step = Rank | Levels | Embedding


def read(texts: Sequence[str]) -> tuple[Step, ...]:
    """Read ``rank=R``, ``levels=K`` and ``embedding=E`` in their order; :class:`ConfigError` on anything else, and on a step twice."""
    steps = tuple(_step(text) for text in texts)
    if len({type(step) for step in steps}) < len(steps):
        msg = f"--compress: each kind of step is taken once; got {', '.join(texts)}"
        raise ConfigError(msg)
    if any(isinstance(step, Embedding) for step in steps[:-1]):
        msg = f"--compress: embedding=E comes last; got {', '.join(texts)}"
        raise ConfigError(msg)
    return steps


def _step(text: str) -> Step:
    kind, _, number = text.partition("=")
    if number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS:
        match kind:
            case "rank":
                return Rank(int(number))
            case "levels":
                return Levels(int(number))
            case "embedding":
                return Embedding(int(number))
    msg = f"--compress wants rank=R, levels=K or embedding=E with a whole number, such as rank=128; got {text!r}"
    raise ConfigError(msg)


def level_share(network: nn.Module, kept: int) -> float:
    """Return the share of the level weights' absolute sum that the recursions after the first ``kept`` have."""
    weights = network.level_weights.detach().abs() if isinstance(network, Drcnn | DrcnnEdge) else torch.ones(kept)
    return float(weights[kept:].sum() / weights.sum())


def _first_dense(network: nn.Module) -> tuple[str, nn.Linear]:
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear):
            return name, layer
    msg = f"--compress rank: {type(network).__name__} has no dense layer to factor"
    raise ConfigError(msg)


@torch.no_grad()
def _inputs(network: nn.Module, dense: nn.Linear, spectra: NDArray[np.float32]) -> Tensor:
    """Return what ``dense`` is given for ``spectra``, (n, inputs)."""
    seen: list[Tensor] = []
    hook = dense.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.eval()
    for low in range(0, len(spectra), CHUNK):
        network(torch.from_numpy(spectra[low : low + CHUNK]))
    hook.remove()
    return torch.cat(seen)


@torch.no_grad()
def _factored(dense: nn.Linear, inputs: Tensor, rank: int) -> nn.Sequential:
    """Return ``dense`` as two layers, right on the mean of ``inputs`` (n, in)."""
    mean = inputs.mean(dim=0)
    centred = inputs - mean
    outputs = centred @ dense.weight.T  # (n, out)
    variance = float(centred.square().mean()) * SPREAD
    covariance = outputs.T @ outputs / len(inputs) + variance * dense.weight @ dense.weight.T
    _, vectors = torch.linalg.eigh(covariance.double())  # eigenvalues increase
    kept = vectors[:, -rank:].to(dense.weight)  # (out, rank)
    narrow, wide = nn.Linear(dense.in_features, rank, bias=False), nn.Linear(rank, dense.out_features)
    narrow.weight.copy_(kept.T @ dense.weight)
    wide.weight.copy_(kept)
    lost = mean @ dense.weight.T - kept @ (narrow.weight @ mean)
    wide.bias.copy_(lost if dense.bias is None else dense.bias + lost)
    return nn.Sequential(narrow, wide)
