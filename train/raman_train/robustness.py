"""Robustness of a run: its test spectra with the disturbances of raw files and of other instruments.

The disturbances come from a fixed seed and are the same for every run. Each disturbed spectrum is identified as it is, and
with its background removed (the ``baseline`` step of a recipe); the references stay undisturbed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import Baseline, MinMax

from raman_train import confidence, evaluate, loop, metrics, runs
from raman_train.confidence import ScoredQueries

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray
    from raman_edge.spectrum import Axis

    from raman_train.checkpoint import Checkpoint
    from raman_train.runs import PreparedData

    Points = NDArray[np.float64]
    Disturbance = Callable[[Points, Points, Generator], Points]
    """Function of a spectrum scaled 0..1 and its Raman shift, cm⁻¹, both (n,)."""

MAX_QUERIES = 700
"""Largest number of spectra, the same for every disturbance: the interval of a top-1 of .85 is then ±.026."""
NOISE = 0.003
"""Standard deviation of the noise without light; it grows with the square root of the light."""
FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""


class RobustnessRow(msgspec.Struct, frozen=True, kw_only=True):
    """Top-1 under one disturbance."""

    name: str
    top1: float
    top1_background_off: float
    """With arPLS, see :class:`raman_edge.preprocessing.Baseline`."""


def measure(trained: Checkpoint, prepared: PreparedData) -> list[RobustnessRow]:
    """Measure a run under every disturbance; :class:`ConfigError` if the run has no test spectra of known species."""
    split, config = prepared.split, trained.about.config
    if not split.test.size or split.enrolled.size:
        msg = (
            f"--robustness: got a run with protocol {config.data.protocol!r}; expected test spectra of known species: "
            "protocol 'sample', 'spectrum' or 'open'"
        )
        raise ConfigError(msg)
    outputs = runs.predict(trained, prepared)
    fusion = confidence.fit(ScoredQueries.of(outputs, prepared.classes, split))
    chosen = np.sort(np.random.default_rng(0).permutation(split.test)[:MAX_QUERIES])

    def top1(features: NDArray[np.float32]) -> float:
        logits, embedding = outputs.logits.copy(), outputs.embedding.copy()
        logits[chosen], embedding[chosen] = loop.outputs(trained.network, torch.from_numpy(features))
        now = evaluate.SystemOutputs(logits, embedding, outputs.logit_scale)
        queries = ScoredQueries.of(now, prepared.classes, split, chosen)
        return round(metrics.top(confidence.fused(queries, fusion.head_weight), queries.truth, 1), 4)

    rows = []
    for name, disturb in disturbances().items():
        plain, flat = disturbed(prepared.features[chosen], config.recipe.axis, disturb)
        rows.append(RobustnessRow(name=name, top1=top1(plain), top1_background_off=top1(flat)))
    return rows


def disturbed(features: NDArray[np.float32], axis: Axis, disturb: Disturbance) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the spectra (n, length) disturbed, and the same with the background removed, each scaled 0..1."""
    rng = np.random.default_rng(1)
    baseline, scale = Baseline(), MinMax()
    plain, flat = [], []
    for row in features:
        _, seen = scale.apply(axis, disturb(row.astype(np.float64), axis.shift.astype(np.float64), rng))
        plain.append(seen)
        flat.append(scale.apply(*baseline.apply(axis, seen))[1])
    return np.stack(plain).astype(np.float32), np.stack(flat).astype(np.float32)


def disturbances() -> dict[str, Disturbance]:
    """Return the disturbances by name, in the order of the table."""
    return {
        "as measured": lambda counts, _, __: counts,
        "noise": lambda counts, _, rng: noisy(counts, rng),
        "fluorescence, as high as the lines": lambda counts, shift, rng: noisy(counts + fluorescence(shift, 1, rng), rng),
        "fluorescence, 3 times": lambda counts, shift, rng: noisy(counts + fluorescence(shift, 3, rng), rng),
        "fluorescence, 10 times": lambda counts, shift, rng: noisy(counts + fluorescence(shift, 10, rng), rng),
        "Rayleigh foot, 2 times": lambda counts, shift, rng: noisy(counts + rayleigh(shift, 2, rng), rng),
        "Rayleigh foot, 10 times": lambda counts, shift, rng: noisy(counts + rayleigh(shift, 10, rng), rng),
        "three cosmic spikes": lambda counts, _, rng: spiked(noisy(counts, rng), 3, rng),
        "axis off by 5 cm⁻¹": lambda counts, shift, rng: shifted(counts, shift, 5, rng),
        "lines 8 cm⁻¹ broader": lambda counts, shift, _: broadened(counts, shift, 8),
        "both": lambda counts, shift, rng: shifted(broadened(counts, shift, 8), shift, 5, rng),
        "200 to 1200 cm⁻¹ alone": lambda counts, shift, _: cut(counts, shift, 200, 1200),
        "200 to 1000 cm⁻¹ alone": lambda counts, shift, _: cut(counts, shift, 200, 1000),
        "from 400 cm⁻¹ on": lambda counts, shift, _: cut(counts, shift, 400, float(shift[-1])),
        "fluorescence 3, Rayleigh 2, noise, a spike": lambda counts, shift, rng: spiked(
            noisy(counts + fluorescence(shift, 3, rng) + rayleigh(shift, 2, rng), rng), 1, rng
        ),
    }


def noisy(counts: Points, rng: Generator) -> Points:
    """Add noise that grows with the square root of the light."""
    seen: Points = counts + NOISE * rng.standard_normal(counts.size) * (0.5 + np.sqrt(counts.clip(min=0)))
    return seen


def fluorescence(shift: Points, height: float, rng: Generator) -> Points:
    """Return a broad background of this height; its maximum is often outside the range."""
    place = np.linspace(0, 1, shift.size)
    hump = np.exp(-0.5 * ((place - rng.uniform(-0.3, 1.3)) / rng.uniform(0.3, 0.9)) ** 2)
    tall: Points = height * hump / hump.max()
    return tall


def rayleigh(shift: Points, height: float, rng: Generator) -> Points:
    """Return the part of the laser line that passes the edge filter."""
    foot: Points = height * np.exp(-(shift - shift[0]) / rng.uniform(8, 40))
    return foot


def spiked(counts: Points, count: int, rng: Generator) -> Points:
    """Add cosmic spikes of two points, up to 1.5 times as high as the highest line."""
    hit = counts.copy()
    for place in rng.integers(0, counts.size - 1, count).tolist():
        hit[place : place + 2] += 1.5 * rng.uniform(0.3, 1.0) * np.array([1.0, 0.5])
    return hit


def shifted(counts: Points, shift: Points, by: float, rng: Generator) -> Points:
    """Return the counts on an axis with an error of ``by`` cm⁻¹ in either direction."""
    moved: Points = np.interp(shift, shift + by * rng.choice([-1.0, 1.0]), counts)
    return moved


def broadened(counts: Points, shift: Points, fwhm: float) -> Points:
    """Convolve with a Gaussian of ``fwhm`` cm⁻¹; the end values continue beyond the ends."""
    step = float(shift[1] - shift[0])
    reach = int(np.ceil(2 * fwhm / step))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step * FWHM / fwhm) ** 2)
    wide: Points = np.convolve(np.pad(counts, reach, mode="edge"), weights / weights.sum(), mode="valid")
    return wide


def cut(counts: Points, shift: Points, low: float, high: float) -> Points:
    """Repeat the value at ``low`` below it and that at ``high`` above it, as a recipe does outside the measured range."""
    held: Points = np.interp(shift.clip(low, high), shift, counts)
    return held


def table(rows: list[RobustnessRow]) -> str:
    """Return the rows as a Markdown table."""
    head = ["| disturbance | top-1 | top-1, background removed |", "| --- | --- | --- |"]
    return "\n".join(head + [f"| {row.name} | {row.top1:.3f} | {row.top1_background_off:.3f} |" for row in rows])
