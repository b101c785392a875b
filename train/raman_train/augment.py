"""What real instruments and real crystals do to a spectrum, done to a batch on its device.

Positions are in cm⁻¹, heights relative to the highest line, and everything is drawn anew each
time a spectrum is shown. One point is ``step`` cm⁻¹ wide.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as nn_functional

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from raman_train.config import AugmentConfig

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations: 2 sqrt(2 ln 2)."""
FAR = 7.0
"""How much larger the shift of an uncalibrated instrument is."""
MOST_CUT_LOW, MOST_CUT_HIGH = 0.16, 0.32
"""An instrument with a shorter range loses at most this share of the axis at either end."""


class Augment:
    """Draws from its own generator, so that a seed gives the same run again."""

    def __init__(self, config: AugmentConfig, step: float, generator: Generator) -> None:
        self._config = config
        self._step = step
        self._generator = generator

    def __call__(self, spectra: Tensor) -> Tensor:
        """Return ``spectra`` (batch, n), changed and scaled 0..1 again."""
        spectra = self._displace(spectra)
        spectra = self._broaden(spectra)
        spectra = _scale(self._respond(spectra))
        spectra = self._spike(self._noise(self._baseline(spectra)))
        return _scale(self._crop(spectra))

    def mix(self, spectra: Tensor, partners: Tensor) -> Tensor:
        """Return convex mixes with ``partners`` of the same label, the own share at least half."""
        share = 0.5 * self._uniform(spectra) * self._chosen(spectra, self._config.mix_share)
        return spectra * (1 - share) + partners * share

    def _uniform(self, like: Tensor, columns: int = 1) -> Tensor:
        return torch.rand(like.shape[0], columns, generator=self._generator, device=like.device)

    def _normal(self, like: Tensor, columns: int = 1) -> Tensor:
        return torch.randn(like.shape[0], columns, generator=self._generator, device=like.device)

    def _chosen(self, like: Tensor, share: float) -> Tensor:
        return (self._uniform(like) < share).float()

    def _displace(self, spectra: Tensor) -> Tensor:
        """Shift and stretch the axis, by linear interpolation."""
        n = spectra.shape[1]
        shift = self._config.shift / self._step * self._normal(spectra) * (1 + (FAR - 1) * self._chosen(spectra, self._config.far_shift))
        stretch = 1 + self._config.stretch * self._normal(spectra)
        place = (torch.arange(n, device=spectra.device) - n / 2) * stretch + n / 2 + shift
        return _interpolate(spectra, place)

    def _broaden(self, spectra: Tensor) -> Tensor:
        """Convolve with a Gaussian, in the frequency domain of the mirrored spectrum."""
        n = spectra.shape[1]
        sigma = self._config.broaden / FWHM / self._step * self._uniform(spectra) * self._chosen(spectra, self._config.broaden_share)
        frequency = torch.fft.rfftfreq(2 * n, device=spectra.device)
        mirrored = torch.cat([spectra, spectra.flip(1)], dim=1)
        damped = torch.fft.rfft(mirrored) * torch.exp(-2 * (math.pi * sigma * frequency) ** 2)
        broadened: Tensor = torch.fft.irfft(damped, n=2 * n)
        return broadened[:, :n]

    def _respond(self, spectra: Tensor) -> Tensor:
        """Multiply with a smooth response (the instrument) and a rougher one (the crystal's orientation)."""
        for knots, strength in ((6, self._config.response), (40, self._config.line_response)):
            curve = torch.exp(strength * self._normal(spectra, knots))
            spectra = spectra * nn_functional.interpolate(curve[:, None], size=spectra.shape[1], mode="linear", align_corners=True)[:, 0]
        return spectra

    def _baseline(self, spectra: Tensor) -> Tensor:
        """Add a cubic background."""
        place = torch.linspace(-1, 1, spectra.shape[1], device=spectra.device)
        curve = self._normal(spectra) * place + self._normal(spectra) * place**2 + 0.5 * self._normal(spectra) * place**3
        height = self._config.baseline * self._uniform(spectra) * self._chosen(spectra, self._config.baseline_share)
        return spectra + height * _scale(curve)

    def _noise(self, spectra: Tensor) -> Tensor:
        """Add noise that grows with the square root of the signal on top of a constant part."""
        low, high = math.log(self._config.noise_low), math.log(self._config.noise_high)
        sigma = torch.exp(low + (high - low) * self._uniform(spectra))
        return spectra + sigma * self._normal(spectra, spectra.shape[1]) * (0.5 + spectra.clamp_min(0).sqrt())

    def _spike(self, spectra: Tensor) -> Tensor:
        """Add a cosmic spike of two points."""
        n = spectra.shape[1]
        place = (self._uniform(spectra) * (n - 2)).long()
        height = 0.8 * self._uniform(spectra) * self._chosen(spectra, self._config.spike_share)
        spectra = spectra.scatter_add(1, place, height)
        return spectra.scatter_add(1, place + 1, 0.4 * height)

    def _crop(self, spectra: Tensor) -> Tensor:
        """Cut the range at either end and hold the last value, as the recipe does."""
        n = spectra.shape[1]
        share = self._config.crop_share
        low = MOST_CUT_LOW * n * self._uniform(spectra) * self._uniform(spectra) * self._chosen(spectra, share)
        high = n - 1 - MOST_CUT_HIGH * n * self._uniform(spectra) * self._chosen(spectra, share)
        place = torch.arange(n, device=spectra.device).expand_as(spectra)
        return spectra.gather(1, torch.maximum(torch.minimum(place, high), low).long())


def _interpolate(spectra: Tensor, place: Tensor) -> Tensor:
    """Return values at fractional points ``place`` (batch, n); beyond the ends the last value is held."""
    place = place.clamp(0, spectra.shape[1] - 1.001)
    left = place.long()
    part = place - left
    return spectra.gather(1, left) * (1 - part) + spectra.gather(1, left + 1) * part


def _scale(spectra: Tensor) -> Tensor:
    """Scale each row to 0..1."""
    low = spectra.amin(1, keepdim=True)
    return (spectra - low) / (spectra.amax(1, keepdim=True) - low).clamp_min(1e-6)
