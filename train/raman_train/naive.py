"""Training as it is usually written: the measure of what :mod:`raman_train.loop` gains.

fp32, a data loader over tensors on the host, torch's Adam, no compiler, and the loss read after
every step.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from torch import Tensor

    from raman_train.models import Network


def fit(network: Network, features: Tensor, classes: Tensor, epochs: int, batch: int, rate: float) -> list[float]:
    """Train ``network`` where it lies on host tensors, (n, length) and (n,), and return the seconds of each epoch."""
    device = next(network.parameters()).device
    loader = DataLoader(TensorDataset(features, classes), batch_size=batch, shuffle=True, drop_last=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    network.train()
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        total = 0.0
        for spectra, labels in loader:
            loss = network.loss(spectra.to(device), labels.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
            optimiser.step()
            total += loss.item()
        seconds.append(time.perf_counter() - started)
    return seconds
