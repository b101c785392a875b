"""Rows at unit norm, as a graph computes them best."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-12
"""Norm below which a row is left as it is, as :func:`torch.nn.functional.normalize` has it."""


def unit(rows: Tensor, dim: int) -> Tensor:
    """Return ``rows`` at unit norm along ``dim``."""
    scaled: Tensor = rows / torch.linalg.vector_norm(rows, dim=dim, keepdim=True).clamp_min(SMALLEST)
    return scaled
