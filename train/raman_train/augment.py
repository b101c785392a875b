"""Augmentation: the effects of real instruments and real crystals on a spectrum, applied to a batch on its device.

Positions are in cm⁻¹, heights relative to the highest line, and every presentation of a spectrum draws new random numbers.
One point is ``step`` cm⁻¹ wide.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import torch
from torch import Tensor
from torch.nn import functional as nn_functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from raman_train.config import AugmentConfig, RawConfig

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations: 2 sqrt(2 ln 2)."""
FAR = 7.0
"""Factor of the shift of an uncalibrated instrument."""
MAX_CUT_LOW, MAX_CUT_HIGH = 0.16, 0.32
"""Largest share of the axis that an instrument with a shorter range lacks at either end, without ``raw``."""
KNOTS = (6, 40)
"""Knots of the instrument's smooth response, and of the effect of orientation on single lines."""
MIN_HEIGHT = 0.2
"""Lowest fluorescence or Rayleigh background; the polynomial covers lower ones."""
CENTRE = (-0.3, 1.3)
"""Position of the maximum of fluorescence, as a share of the axis: often outside it."""
SIGMA = (0.3, 0.9)
"""Standard deviation of fluorescence, as a share of the axis."""
ROUNDING = 1e-7
"""Largest difference of neighbours, of a spectrum scaled 0..1, that interpolation leaves where a value is held."""
FOOT = (8.0, 40.0)
"""cm⁻¹ within which the foot of the Rayleigh line falls to 1/e behind the edge filter."""


class RawDraws(NamedTuple):
    """The random numbers of the backgrounds of a batch, uniform, (batch, 1)."""

    fluorescent: Tensor
    height: Tensor
    centre: Tensor
    sigma: Tensor
    leaking: Tensor
    leak: Tensor
    foot: Tensor

    @classmethod
    def draw(cls, batch: int, generator: Generator) -> RawDraws:
        """Draw the numbers for :func:`raw_background`; their order is part of the meaning of a seed."""
        return cls(*torch.rand(len(cls._fields), batch, 1, generator=generator, device=generator.device))

    def rows(self, which: slice) -> RawDraws:
        """Return the numbers of some spectra of the batch."""
        return RawDraws(*(drawn[which] for drawn in self))


class Draws(NamedTuple):
    """The random numbers of a batch, one row per spectrum: uniform in 0..1 and (batch, 1) unless noted."""

    shift: Tensor
    """Normal."""
    far: Tensor
    stretch: Tensor
    """Normal."""
    width: Tensor
    broadened: Tensor
    response: Tensor
    """Normal, (batch, 6)."""
    line_response: Tensor
    """Normal, (batch, 40)."""
    slope: Tensor
    """Normal, like the next two: the coefficients of a cubic."""
    bend: Tensor
    twist: Tensor
    height: Tensor
    lit: Tensor
    level: Tensor
    noise: Tensor
    """Normal, (batch, n)."""
    spike: Tensor
    spike_height: Tensor
    spiked: Tensor
    low: Tensor
    low_again: Tensor
    low_cut: Tensor
    high: Tensor
    high_cut: Tensor
    raw: RawDraws | None
    """None for processed spectra."""

    def rows(self, which: slice) -> Draws:
        """Return the numbers of some spectra of the batch."""
        plain: dict[str, Tensor] = {name: drawn[which] for name, drawn in zip(self._fields[:-1], self[:-1], strict=True)}
        return Draws(**plain, raw=self.raw.rows(which) if self.raw else None)


class Mixing(NamedTuple):
    """The random numbers that mix a batch with its partners, uniform, (batch, 1)."""

    share: Tensor
    mixed: Tensor

    def rows(self, which: slice) -> Mixing:
        """Return the numbers of some spectra of the batch."""
        return Mixing(*(drawn[which] for drawn in self))


class Augment:
    """Augments with random numbers from its own generator, so that a seed reproduces a run.

    Drawing and changing are separate steps: :meth:`change` is a pure function that can be compiled, and several processes
    can draw the same numbers and each use its own rows.
    """

    def __init__(self, config: AugmentConfig, step: float, generator: Generator) -> None:
        self._config = config
        self._step = step
        self._generator = generator
        self._blur = _blur
        self._raw = None if config.raw is msgspec.UNSET else config.raw

    def __call__(self, spectra: Tensor) -> Tensor:
        """Return ``spectra`` (batch, n), changed and scaled 0..1 again."""
        return self.change(spectra, self.draw(*spectra.shape))

    def mix(self, spectra: Tensor, partners: Tensor) -> Tensor:
        """Return convex combinations with ``partners`` of the same label, in which ``spectra`` have at least half the weight."""
        return self.blend(spectra, partners, self.draw_mixing(spectra.shape[0]))

    def draw_mixing(self, batch: int) -> Mixing:
        """Draw the numbers for :meth:`blend`."""
        return Mixing(self._uniform(batch), self._uniform(batch))

    def draw(self, batch: int, n: int) -> Draws:
        """Draw the numbers for :meth:`change`, for ``batch`` spectra of ``n`` points; their order is part of the meaning of a seed."""
        return Draws(
            shift=self._normal(batch), far=self._uniform(batch), stretch=self._normal(batch),
            width=self._uniform(batch), broadened=self._uniform(batch),
            response=self._normal(batch, KNOTS[0]), line_response=self._normal(batch, KNOTS[1]),
            slope=self._normal(batch), bend=self._normal(batch), twist=self._normal(batch),
            height=self._uniform(batch), lit=self._uniform(batch),
            level=self._uniform(batch), noise=self._normal(batch, n),
            spike=self._uniform(batch), spike_height=self._uniform(batch), spiked=self._uniform(batch),
            low=self._uniform(batch), low_again=self._uniform(batch), low_cut=self._uniform(batch),
            high=self._uniform(batch), high_cut=self._uniform(batch),
            raw=RawDraws.draw(batch, self._generator) if self._raw else None,
        )  # fmt: skip

    def blend(self, spectra: Tensor, partners: Tensor, drawn: Mixing) -> Tensor:
        """Return the combinations for the numbers ``drawn``."""
        share = 0.5 * drawn.share * (drawn.mixed < self._config.mix_share).float()
        return spectra * (1 - share) + partners * share

    def change(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Return ``spectra`` (batch, n) with all changes for the numbers ``drawn``, scaled 0..1 again."""
        spectra = self._displace(spectra, drawn)
        ends = _ends(spectra) if self._config.hold is True else None
        spectra = self._broaden(spectra, drawn)
        spectra = _scale(self._respond(spectra, drawn))
        spectra = self._spike(self._noise(self._baseline(spectra, drawn), drawn), drawn)
        return _scale(self._crop(spectra, drawn, ends))

    def compiled(self) -> Callable[[Tensor, Draws], Tensor]:
        """Return :meth:`change` as ``torch.compile`` fuses it, for batches of one size."""
        # The compiler does not speed up complex numbers, and warns about them.
        self._blur = torch.compiler.disable(_blur)  # type: ignore[no-untyped-call]  # torch's own types
        return torch.compile(self.change, dynamic=False)

    def _uniform(self, batch: int) -> Tensor:
        return torch.rand(batch, 1, generator=self._generator, device=self._generator.device)

    def _normal(self, batch: int, columns: int = 1) -> Tensor:
        return torch.randn(batch, columns, generator=self._generator, device=self._generator.device)

    def _displace(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Shift and stretch the axis, by linear interpolation."""
        n = spectra.shape[1]
        far = (drawn.far < self._config.far_shift).float()
        shift = self._config.shift / self._step * drawn.shift * (1 + (FAR - 1) * far)
        stretch = 1 + self._config.stretch * drawn.stretch
        place = (torch.arange(n, device=spectra.device) - n / 2) * stretch + n / 2 + shift
        return _interpolate(spectra, place)

    def _broaden(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Convolve with a Gaussian."""
        chosen = (drawn.broadened < self._config.broaden_share).float()
        return self._blur(spectra, self._config.broaden / FWHM / self._step * drawn.width * chosen)

    def _respond(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Multiply by a smooth response (the instrument) and a rougher one (the crystal's orientation)."""
        for knots, strength in ((drawn.response, self._config.response), (drawn.line_response, self._config.line_response)):
            curve = torch.exp(strength * knots)
            spectra = spectra * nn_functional.interpolate(curve[:, None], size=spectra.shape[1], mode="linear", align_corners=True)[:, 0]
        return spectra

    def _baseline(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Add a cubic background, and the backgrounds of raw files."""
        place = torch.linspace(-1, 1, spectra.shape[1], device=spectra.device)
        curve = drawn.slope * place + drawn.bend * place**2 + 0.5 * drawn.twist * place**3
        height = self._config.baseline * drawn.height * (drawn.lit < self._config.baseline_share).float()
        spectra = spectra + height * _scale(curve)
        if self._raw and drawn.raw:
            spectra = spectra + raw_background(self._raw, drawn.raw, spectra.shape[1], self._step)
        return spectra

    def _noise(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Add noise with a constant part and a part that grows with the square root of the signal."""
        low, high = math.log(self._config.noise_low), math.log(self._config.noise_high)
        sigma = torch.exp(low + (high - low) * drawn.level)
        return spectra + sigma * drawn.noise * (0.5 + spectra.clamp_min(0).sqrt())

    def _spike(self, spectra: Tensor, drawn: Draws) -> Tensor:
        """Add a cosmic spike of two points."""
        place = (drawn.spike * (spectra.shape[1] - 2)).long()
        height = 0.8 * drawn.spike_height * (drawn.spiked < self._config.spike_share).float()
        spectra = spectra.scatter_add(1, place, height)
        return spectra.scatter_add(1, place + 1, 0.4 * height)

    def _crop(self, spectra: Tensor, drawn: Draws, ends: tuple[Tensor, Tensor] | None) -> Tensor:
        """Cut the range at either end, at most at ``ends``, and hold the last value there, as the recipe does."""
        n = spectra.shape[1]
        share = self._config.crop_share
        max_low, max_high = (self._raw.cut_low, self._raw.cut_high) if self._raw else (MAX_CUT_LOW, MAX_CUT_HIGH)
        low = max_low * n * drawn.low * drawn.low_again * (drawn.low_cut < share).float()
        high = n - 1 - max_high * n * drawn.high * (drawn.high_cut < share).float()
        if ends:
            high = torch.minimum(high, ends[1])
            low = torch.minimum(torch.maximum(low, ends[0]), high)
        place = torch.arange(n, device=spectra.device).expand_as(spectra)
        return spectra.gather(1, torch.maximum(torch.minimum(place, high), low).long())


def raw_background(config: RawConfig, drawn: RawDraws, points: int, step: float) -> Tensor:
    """Return fluorescence and the foot of the Rayleigh line for spectra of ``points`` that are ``step`` cm⁻¹ apart, (batch, points).

    Raw files have these backgrounds; processed spectra lack them. Heights are relative to a spectrum scaled 0..1.
    """
    place = torch.linspace(0, 1, points, device=drawn.height.device)
    centre, sigma = _between(CENTRE, drawn.centre), _between(SIGMA, drawn.sigma)
    hump = torch.exp(-0.5 * ((place - centre) / sigma) ** 2)
    hump = hump / hump.amax(1, keepdim=True)
    foot = torch.exp(-place * (points - 1) * step / _between(FOOT, drawn.foot))
    fluorescence = _height(config.fluorescence, drawn.height) * (drawn.fluorescent < config.fluorescence_share)
    leak = _height(config.rayleigh, drawn.leak) * (drawn.leaking < config.rayleigh_share)
    return fluorescence * hump + leak * foot


def _height(largest: float, uniform: Tensor) -> Tensor:
    """Return heights from :data:`MIN_HEIGHT` to ``largest`` with a uniform logarithm."""
    return MIN_HEIGHT * torch.exp(math.log(max(largest, MIN_HEIGHT) / MIN_HEIGHT) * uniform)


def _between(ends: tuple[float, float], uniform: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * uniform


def _blur(spectra: Tensor, sigma: Tensor) -> Tensor:
    """Convolve with a Gaussian of ``sigma`` points (batch, 1), in the frequency domain of the mirrored spectrum."""
    n = spectra.shape[1]
    frequency = torch.fft.rfftfreq(2 * n, device=spectra.device)
    mirrored = torch.cat([spectra, spectra.flip(1)], dim=1)
    damped = torch.fft.rfft(mirrored) * torch.exp(-2 * (math.pi * sigma * frequency) ** 2)
    broadened: Tensor = torch.fft.irfft(damped, n=2 * n)
    return broadened[:, :n]


def _interpolate(spectra: Tensor, place: Tensor) -> Tensor:
    """Return the values at fractional points ``place`` (batch, n); beyond the ends, the last value."""
    place = place.clamp(0, spectra.shape[1] - 1.001)
    left = place.long()
    part = place - left
    return spectra.gather(1, left) * (1 - part) + spectra.gather(1, left + 1) * part


def _ends(spectra: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the last point that is not held, (batch, 1) each; the last point and the first one of a flat spectrum."""
    n = spectra.shape[1]
    moves = (spectra[:, 1:] - spectra[:, :-1]).abs() > ROUNDING
    place = torch.arange(n - 1, device=spectra.device).expand_as(moves)
    low = torch.where(moves, place, n).amin(1, keepdim=True)
    high = torch.where(moves, place + 1, 0).amax(1, keepdim=True)
    return low.clamp(max=n - 1).float(), high.float()


def _scale(spectra: Tensor) -> Tensor:
    """Scale each row to 0..1."""
    low = spectra.amin(1, keepdim=True)
    return (spectra - low) / (spectra.amax(1, keepdim=True) - low).clamp_min(1e-6)
