"""What lies in the burst of files: exposures made from the library's own peak tables.

Every exposure has its own noise, fluorescence background and error of the axis. Two materials
are not in the library, one exposure is saturated and one file is no spectrum at all: the right
answers are "unknown", a name with a doubt, and a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge import synthetic
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.matching.library import Library
    from raman_edge.spectrum import Spectrum

MANY = 40
"""Files."""
SEED = 20260101
"""Every run measures the same."""
WELL_KNOWN = (
    *("Quartz", "Calcite", "Gypsum", "Anatase", "Diamond", "Corundum", "Fluorapatite", "Aragonite"),
    *("Rutile", "Dolomite", "Hematite", "Forsterite", "Baryte", "Zircon"),
)
"""Minerals that are measured if the library has them, in this order."""
MOST = 12
"""Minerals that are measured of a library that has none of these."""
STRANGERS = {
    # Positions and heights as a common laser shows them: ASTM E1840-96 (2014), the standards for Raman shift.
    "Polystyrene": Peaks(
        np.array([620.9, 795.8, 1001.4, 1031.8, 1155.3, 1450.5, 1583.1, 1602.3]),
        np.array([0.3, 0.2, 1.0, 0.3, 0.2, 0.2, 0.2, 0.5]),
        np.full(8, 8.0),
    ),
    "Cyclohexane": Peaks(
        np.array([384.1, 426.3, 801.3, 1028.3, 1157.6, 1266.4, 1444.4]), np.array([0.1, 0.1, 1.0, 0.4, 0.15, 0.4, 0.35]), np.full(7, 8.0)
    ),
    # The usual check of an instrument; some libraries have it.
    "Silicon": Peaks(np.array([520.5]), np.array([1.0]), np.array([5.0])),
}
"""Materials that are no minerals; the first two that the library does not have are measured."""
ERROR_PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1><p>The instrument serv"
"""What is saved where an instrument's web server answered with an error, cut short."""
FULL_SCALE = 65_535.0
"""Counts at which a 16-bit detector saturates."""

Kind = Literal["mineral", "stranger", "saturated", "broken"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One file that the instrument will write."""

    name: str
    """File name."""
    kind: Kind
    label: str
    """What was measured; in the library only where :attr:`kind` is ``mineral`` or ``saturated``."""
    content: bytes


def plan(model_axis: Axis, library: Library, files: int = MANY) -> tuple[Exposure, ...]:
    """Return what is measured, in order: minerals of ``library``, again and again, and between them what is none."""
    minerals = minerals_of(library)
    strangers: list[tuple[Kind, str, Peaks]] = [
        ("stranger", label, table) for label, table in STRANGERS.items() if label not in library.labels
    ]
    first = table_of(library, minerals[0])
    odd: list[tuple[Kind, str, Peaks]] = [
        *strangers[:1],
        ("saturated", minerals[0], first),
        ("broken", "a cut error page", first),
        *strangers[1:2],
    ]
    many = files - len(odd)
    subjects: list[tuple[Kind, str, Peaks]] = [("mineral", label, table_of(library, label)) for label in islice(cycle(minerals), many)]
    for place, subject in reversed(list(zip((many // 4, many // 2, many - 2, many - 1), odd, strict=False))):
        subjects.insert(max(0, place), subject)
    rng = np.random.default_rng(SEED)
    return tuple(_exposure(i, *subject, model_axis, rng) for i, subject in enumerate(subjects))


def minerals_of(library: Library) -> list[str]:
    """Return the minerals that are measured: the well-known ones that ``library`` has, else some of its own."""
    return [label for label in WELL_KNOWN if label in library.labels] or _any(library)


def _any(library: Library) -> list[str]:
    """Return minerals of a library that has none of the well-known ones, spread over it, of those with a peak table."""
    rich = [label for label, table in zip(library.labels, library.peaks, strict=True) if len(table)]
    return [rich[i] for i in np.unique(np.linspace(0, len(rich) - 1, min(MOST, len(rich)), dtype=int))] or [library.labels[0]]


def table_of(library: Library, label: str) -> Peaks:
    """Return a reference's own peak table."""
    return library.peaks[library.labels.index(label)]


def _exposure(index: int, kind: Kind, label: str, table: Peaks, model_axis: Axis, rng: np.random.Generator) -> Exposure:
    """Return one exposure as a file of one of the formats."""
    if kind == "broken":
        return Exposure(f"sample-{index + 1:02d}.txt", kind, label, ERROR_PAGE)
    write, suffix, step = FORMATS[index % len(FORMATS)]
    seen = synthetic.expose(_axis(model_axis, step, rng), table, _conditions(kind, rng), rng, Origin("demo", label))
    return Exposure(f"sample-{index + 1:02d}{suffix}", kind, label, write(seen).encode())


def _axis(model_axis: Axis, step: float, rng: np.random.Generator) -> Axis:
    """Return the axis of an instrument that covers nearly what the model looks at."""
    span = model_axis.stop - model_axis.start
    return Axis.linear(round(model_axis.start + span * rng.uniform(0.0, 0.02)), round(model_axis.stop - span * rng.uniform(0.0, 0.1)), step)


def _conditions(kind: Kind, rng: np.random.Generator) -> synthetic.SyntheticConditions:
    if kind == "saturated":
        return synthetic.SyntheticConditions(signal=4 * FULL_SCALE, background=0.1, saturation=FULL_SCALE)
    return synthetic.SyntheticConditions(
        signal=10 ** rng.uniform(3.4, 4.5), background=rng.uniform(0.0, 0.6), shift_error=rng.normal(0.0, 1.0)
    )


def _comma(seen: Spectrum) -> str:
    rows = "\n".join(f"{x:.2f},{y:.1f}" for x, y in zip(seen.axis.shift, seen.counts, strict=True))
    return f"Raman shift (cm-1),Intensity (counts)\n{rows}\n"


def _decimal_comma(seen: Spectrum) -> str:
    rows = "\n".join(f"{x:.2f};{y:.1f}".replace(".", ",") for x, y in zip(seen.axis.shift, seen.counts, strict=True))
    return f"Raman-Verschiebung (cm-1);Intensität\n{rows}\n"


def _tab(seen: Spectrum) -> str:
    return "".join(f"{x:.3f}\t{y:.3f}\n" for x, y in zip(seen.axis.shift, seen.counts, strict=True))


def _rruff(seen: Spectrum) -> str:
    rows = "\r\n".join(f"{x:.4f}, {y:.4f}" for x, y in zip(seen.axis.shift, seen.counts, strict=True))
    return f"##NAMES=simulated\n##RRUFFID=none\n##DESCRIPTION=simulated by raman-edge demo\n{rows}\r\n##END=\n"


FORMATS: tuple[tuple[Callable[[Spectrum], str], str, float], ...] = (
    (_comma, ".csv", 1.0),
    (_tab, ".txt", 0.5),
    (_decimal_comma, ".dat", 2.0),
    (_rruff, ".rruff", 0.8),
)
"""Writer, ending of the name, step of the axis (cm⁻¹) of four instruments."""
