"""What raw files have that processed spectra lack: fluorescence, the foot of the Rayleigh line, shorter ranges.

Done to a batch as :mod:`raman_train.augment` does the rest: heights are relative to the highest line, positions are
shares of the axis, and drawing is apart from doing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch import Generator

    from raman_train.config import RawConfig

LOWEST = 0.2
"""A background less high than this is the polynomial one's matter."""
CENTRE = (-0.3, 1.3)
"""Where the hump of fluorescence is highest, as a share of the axis: often outside it."""
SIGMA = (0.3, 0.9)
"""Its standard deviation, as a share of the axis."""
FOOT = (8.0, 40.0)
"""cm⁻¹ over which the foot of the Rayleigh line falls to 1/e behind the edge filter."""


class RawDraws(NamedTuple):
    """The random numbers of a batch, uniform, (batch, 1)."""

    fluorescent: Tensor
    height: Tensor
    centre: Tensor
    sigma: Tensor
    leaking: Tensor
    leak: Tensor
    foot: Tensor

    def rows(self, which: slice) -> RawDraws:
        """Return the numbers of some spectra of the batch."""
        return RawDraws(*(drawn[which] for drawn in self))


def draw(batch: int, generator: Generator) -> RawDraws:
    """Draw what :func:`background` needs; the order is part of what a seed means."""
    return RawDraws(*torch.rand(len(RawDraws._fields), batch, 1, generator=generator, device=generator.device))


def background(config: RawConfig, drawn: RawDraws, points: int, step: float) -> Tensor:
    """Return what is added to spectra scaled 0..1 with ``points`` of ``step`` cm⁻¹, (batch, points)."""
    place = torch.linspace(0, 1, points, device=drawn.height.device)
    centre, sigma = _between(CENTRE, drawn.centre), _between(SIGMA, drawn.sigma)
    hump = torch.exp(-0.5 * ((place - centre) / sigma) ** 2)
    hump = hump / hump.amax(1, keepdim=True)
    foot = torch.exp(-place * (points - 1) * step / _between(FOOT, drawn.foot))
    fluorescence = _height(config.fluorescence, drawn.height) * (drawn.fluorescent < config.fluorescence_share)
    leak = _height(config.rayleigh, drawn.leak) * (drawn.leaking < config.rayleigh_share)
    return fluorescence * hump + leak * foot


def _height(most: float, uniform: Tensor) -> Tensor:
    """Return heights from :data:`LOWEST` to ``most``, their logarithm uniform."""
    return LOWEST * torch.exp(math.log(max(most, LOWEST) / LOWEST) * uniform)


def _between(ends: tuple[float, float], uniform: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * uniform
