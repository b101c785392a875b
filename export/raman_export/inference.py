"""Networks in an equivalent form that is fast for single spectra on a CPU; the conversion uses this form.

The branches of the recursions share their weights. As rows of one image they are one convolution, whose weights are in the file
only once, also in int8; their weighted sum is one more convolution with one channel each. Nothing is approximated.
"""

from __future__ import annotations

import math

import torch
from raman_train.models.drcnn import Drcnn
from raman_train.models.drcnn_edge import DERIVATIVE_GAIN, WINDOW, DrcnnEdge, masked
from torch import Tensor, nn
from torch.nn import functional

from raman_export.compress import ShortEmbedding, unit

ROW_POOL = (1, 2)


def for_inference(network: nn.Module) -> nn.Module:
    """Return ``network`` in the form for the conversion: recursive ones with their branches as rows, others unchanged."""
    # Channels last is only for training on a CPU; the graph has its own layout.
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's own types leave this form out
    match network:
        case ShortEmbedding():
            return ShortEmbedding(for_inference(network.inner), network.axes).eval()
        case DrcnnEdge():
            return EdgeInRows(network).eval()
        case Drcnn():
            return DrcnnInRows(network).eval()
        case _:
            return network.eval()


class EdgeInRows(nn.Module):
    """drcnn-edge with the outputs of :meth:`DrcnnEdge.forward`."""

    kernel: Tensor
    directions: Tensor

    def __init__(self, network: DrcnnEdge) -> None:
        super().__init__()
        self.embed_0, self.embed_1, self.recur, self.supervise = network.embed_0, network.embed_1, network.recur, network.supervise
        self.reconstruct, self.squeeze, self.project, self.norm = network.reconstruct, network.squeeze, network.project, network.norm
        self.register_buffer("kernel", network.kernel)
        self.register_buffer("directions", network.directions)
        self.masked = network.masked
        self.recursions = len(network.level_weights)
        self.sum = _weighted_sum(network.level_weights, 2 * network.config.width)
        self.head = nn.Parameter(functional.normalize(network.classes, dim=1).T.detach())
        self.scale = network.config.scale
        self.spectral_weight = network.config.spectral_weight if network.config.spectral else 0.0

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the embedding at unit norm, for spectra (batch, n)."""
        root = torch.sqrt(spectra.clamp_min(0) + 1e-6)[:, None, None]
        half = WINDOW // 2
        derivative = functional.conv2d(functional.pad(root, (half, half, 0, 0), mode="replicate"), self.kernel)
        level = masked(root, derivative) if self.masked else root
        derivative = unit(derivative, 3)
        learned = self._learned(torch.cat([level, DERIVATIVE_GAIN * derivative], dim=1))
        # A separate tensor: the rounding of the head's int8 input must not change the embedding, whose norm is 1.
        logits = (self.scale * learned) @ self.head
        if not self.spectral_weight:
            return logits, learned
        spectral = unit(derivative.flatten(1) @ self.directions, 1)
        share = self.spectral_weight
        return logits, torch.cat([math.sqrt(1 - share) * learned, math.sqrt(share) * spectral], dim=1)

    def _learned(self, level: Tensor) -> Tensor:
        level = functional.relu(self.embed_1(functional.relu(self.embed_0(level))))  # L₀ (batch, width, 1, n/2)
        rows = []
        for _ in range(self.recursions):
            level = functional.relu(self.recur(level))
            rows.append(functional.max_pool2d(level, ROW_POOL))
        supervised = functional.max_pool2d(functional.relu(self.supervise(torch.cat(rows, dim=2))), ROW_POOL)  # (batch, 2 width, D, n/8)
        made = functional.max_pool2d(functional.relu(self.reconstruct(self.sum(supervised))), ROW_POOL)
        return unit(self.norm(self.project(self.squeeze(made).flatten(1))), 1)


class DrcnnInRows(nn.Module):
    """DRCNN with the outputs of :meth:`Drcnn.forward`."""

    def __init__(self, network: Drcnn) -> None:
        super().__init__()
        self.embed = nn.Sequential(*(_of_row(layer) for layer in network.embed))
        self.recur = _of_row(network.recur)
        self.recursions = network.recursions
        self.supervise = nn.Sequential(*(_of_row(layer) for layer in network.supervise))
        channels = [layer.out_channels for layer in self.supervise if isinstance(layer, nn.Conv2d)]
        self.sum = _weighted_sum(network.level_weights, channels[-1])
        self.reconstruct = nn.Sequential(*(_of_row(layer) for layer in network.reconstruct))
        self.dense, self.classify = network.dense, network.classify

    def forward(self, spectra: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (batch, classes) and the last hidden layer at unit norm (batch, 512), for spectra (batch, n)."""
        level = self.embed(spectra[:, None, None])  # L₀ (batch, 128, 1, n)
        pool, *rest = self.supervise
        rows = []
        for _ in range(self.recursions):
            level = functional.relu(self.recur(level))
            rows.append(pool(level))
        supervised = torch.cat(rows, dim=2)  # (batch, 128, D, n/2)
        for layer in rest:
            supervised = layer(supervised)
        hidden: Tensor = self.dense(self.reconstruct(self.sum(supervised)))
        return self.classify(hidden), unit(hidden, 1)


def _weighted_sum(weights: Tensor, channels: int) -> nn.Conv2d:
    """Return the convolution that sums the D rows of each channel with the level weights."""
    summed = nn.Conv2d(channels, channels, (len(weights), 1), groups=channels, bias=False)
    shares = (weights / weights.sum()).detach()
    summed.weight = nn.Parameter(shares[None, None, :, None].repeat(channels, 1, 1, 1))
    return summed


def _of_row(layer: nn.Module) -> nn.Module:
    """Return a layer for spectra (batch, channels, n) as the same layer for rows (batch, channels, D, n)."""
    if isinstance(layer, nn.MaxPool1d):
        return nn.MaxPool2d(ROW_POOL)
    if not isinstance(layer, nn.Conv1d):
        return layer
    made = nn.Conv2d(layer.in_channels, layer.out_channels, (1, layer.kernel_size[0]), padding=(0, layer.kernel_size[0] // 2))
    made.weight = nn.Parameter(layer.weight.detach()[:, :, None])
    made.bias = layer.bias
    return made
