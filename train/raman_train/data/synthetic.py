"""Synthetic spectra of imaginary materials, realistic enough to test a training.

A material is a set of Voigt lines. A specimen shifts them (composition) and changes their relative heights (orientation);
an exposure adds background and noise. One seed determines everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import voigt_profile

from raman_train.data.datasets import Dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGE = (120.0, 1500.0)
"""Positions of the lines, cm⁻¹."""
LINES = (3, 9)
"""Fewest and most lines of a material."""
GAUSSIAN = (1.0, 3.0)
"""Standard deviation of a line's Gaussian part (instrument), cm⁻¹."""
LORENTZIAN = (1.0, 5.0)
"""Half width of a line's Lorentzian part (lifetime), cm⁻¹."""
LASERS = (532, 785)
"""Excitation of a specimen's exposures in turn, nm."""


def make(materials: int = 12, specimens: int = 4, exposures: int = 2, seed: int = 0) -> Dataset:
    """Return a dataset of ``materials`` × ``specimens`` × ``exposures`` spectra."""
    rng = np.random.default_rng(seed)
    shift = np.arange(100.0, 1550.0, 2.0)
    rows, labels, names, specimen_names = [], [], [], []
    for material in range(materials):
        lines = _material(rng)
        for specimen in range(specimens):
            own = _specimen(lines, rng)
            for exposure in range(exposures):
                rows.append(_expose(shift, own, rng))
                labels.append(f"material-{material:03d}")
                specimen_names.append(f"S{material:03d}{specimen:03d}")
                names.append(f"material-{material:03d}__S{material:03d}{specimen:03d}__{exposure}")
    count = len(rows)
    return Dataset(
        shift=np.tile(shift, count).astype(np.float32),
        counts=np.concatenate(rows).astype(np.float32),
        start=np.arange(count + 1) * shift.size,
        labels=np.array(labels),
        specimens=np.array(specimen_names),
        lasers=np.array([LASERS[row % exposures % len(LASERS)] for row in range(count)], dtype=np.int32),
        names=np.array(names),
        subsets=np.zeros(count, dtype=np.uint8),
    )


def _material(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the lines of a material, (k, 4): position, height, Gaussian and Lorentzian width."""
    count = int(rng.integers(*LINES, endpoint=True))
    position = rng.uniform(*RANGE, count)
    height = rng.lognormal(0.0, 0.8, count)
    return np.stack([position, height, rng.uniform(*GAUSSIAN, count), rng.uniform(*LORENTZIAN, count)], axis=1)


def _specimen(lines: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the lines of one specimen of the material."""
    own = lines.copy()
    own[:, 0] += rng.normal(0.0, 1.5) + rng.normal(0.0, 0.7, len(own))
    own[:, 1] *= rng.lognormal(0.0, 0.35, len(own))
    return own


def _expose(shift: NDArray[np.float64], lines: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return counts, (n,): lines on a background, with shot noise and read noise."""
    position, height, sigma, gamma = (column[:, None] for column in lines.T)
    profile = voigt_profile(shift[None, :] - position, sigma, gamma) / voigt_profile(0.0, sigma, gamma)
    pure = (height * profile).sum(axis=0)
    place = np.linspace(-1, 1, shift.size)
    background = rng.uniform(0.0, 0.5) * (1 + rng.uniform(-0.6, 0.6) * place + rng.uniform(-0.4, 0.4) * place**2)
    light = 5000.0 * (pure / pure.max() + background)
    counts: NDArray[np.float64] = rng.poisson(light) + rng.normal(0.0, 10.0, shift.size)
    return counts
