"""What the demo measures, as data: the acts of the story, the files of the burst, and which answer to each is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_edge import synthetic
from raman_edge.acquisition.plan import Plan
from raman_edge.calibration import standards
from raman_edge.records import FaultRecord
from raman_edge.simulator.materials import SEPARATOR, LinesMaterial
from raman_edge.simulator.samples import HEIGHTS
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.matching.library import Library
    from raman_edge.records import Record

FILES, SEED = 40, 20260101
WELL_KNOWN = (
    *("Quartz", "Calcite", "Gypsum", "Anatase", "Diamond", "Corundum", "Fluorapatite", "Aragonite"),
    *("Rutile", "Dolomite", "Hematite", "Forsterite", "Baryte", "Zircon"),
)
"""Minerals that are measured if the library has them; if it has none of them, :data:`MOST` of its own are."""
MOST = 12
STRANGERS = ("Naphthalene", "Benzonitrile", "Cyclohexane", "Polystyrene", "Silicon")
"""Materials that few libraries have; those that the library has are left out."""
STANDARD = "polystyrene"
LASER_NM, EXPOSURE_S, SATURATING_S = 785.0, 0.1, 0.6
"""The second exposure saturates the detector at the highest line of the simulated scene."""
FULL_SCALE = 65_535.0
"""Counts at which a 16-bit detector saturates."""
ERROR_PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1><p>The instrument serv"
"""What is saved when the web server of an instrument answers with an error, cut short."""
FORMATS = (
    (".csv", 1.0, "Raman shift (cm-1),Intensity (counts)\n", "{:.2f},{:.1f}\n"),
    (".txt", 0.5, "", "{:.3f}\t{:.3f}\n"),
    (".dat", 2.0, "Raman-Verschiebung (cm-1);Intensität\n", "{:.2f};{:.1f}\n"),
    (".rruff", 0.8, "##NAMES=simulated\n##RRUFFID=none\n##DESCRIPTION=simulated by raman-edge demo\n", "{:.4f}, {:.4f}\n"),
)
"""Ending of the name, step of the axis (cm⁻¹), header and row of four instruments; .dat has decimal commas."""

Right = Literal["name", "saturated", "unknown", "part", "any", "axis", "fault"]
"""The name; the name and that the detector was saturated; no name; a part of a mixture, or unknown; any answer, as the axis is not
calibrated yet; a calibration that reduces the error of the axis; a fault."""
Mishap = Literal["", "spike", "damage", "unplug"]
Judgement = Literal["right", "wrong", "open", "missing"]
"""``open``: several answers would be right; ``missing``: there is none."""


@dataclass(frozen=True, slots=True)
class Act:
    """One measurement of the story."""

    title: str
    sample: str
    """Under the laser; ``A+B`` is a mixture."""
    right: Right
    plan: Plan
    """How it is measured; the story adds the calibration."""
    mishap: Mishap = ""
    pictured: bool = False
    """Whether the picture of ``--svg`` is taken after it."""


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file of the burst."""

    name: str
    label: str
    right: Right
    content: bytes


def acts(library: Library) -> tuple[Act, ...]:
    """Return the acts, with minerals of ``library``."""
    one, two, three, four = islice(cycle(minerals(library)), 4)
    usual = Plan(exposure_s=EXPOSURE_S, laser_nm=LASER_NM, count=1)
    mean, too_long = replace(usual, averages=3), replace(usual, exposure_s=SATURATING_S)
    return (
        Act(f"{one}, by the instrument's own axis", one, "any", usual),
        Act(f"{STANDARD}, a standard: calibrated", STANDARD, "axis", replace(usual, averages=10, pixels=True)),
        Act(f"{one} again, on the calibrated axis", one, "name", mean),
        Act(f"{two}, a cosmic particle strikes", two, "name", mean, "spike"),
        Act(f"{three}, exposed too long: saturated", three, "saturated", too_long),
        Act(f"{three} again, the exposure is searched", three, "name", replace(too_long, auto_exposure=True)),
        Act(f"a mixture of {one} and {four}", f"{one}{SEPARATOR}{four}", "part", usual),
        *(Act(f"{label}, which is not in the library", label, "unknown", mean) for label in strangers(library)[:1]),
        Act(f"{four}, whose first frame loses a byte", four, "name", usual, "damage", pictured=True),
        Act(f"{two}, the cable is out and in again", two, "name", usual, "unplug"),
    )


def files(model_axis: Axis, library: Library, count: int = FILES) -> tuple[SampleFile, ...]:
    """Return the burst: minerals of ``library`` in turn, up to two strangers, a saturated spectrum and a broken file."""
    named = minerals(library)
    odd: list[tuple[Right, str]] = [("saturated", named[0]), ("fault", "a cut error page")]
    odd += [("unknown", label) for label in strangers(library)[:2]]
    samples: list[tuple[Right, str]] = [("name", label) for label in islice(cycle(named), count - len(odd))]
    for number, sample in enumerate(odd, 1):
        samples.insert(number * len(samples) // (len(odd) + 1), sample)
    rng = np.random.default_rng(SEED)
    return tuple(_file(number, right, label, library, model_axis, rng) for number, (right, label) in enumerate(samples, 1))


def _file(number: int, right: Right, label: str, library: Library, model_axis: Axis, rng: np.random.Generator) -> SampleFile:
    """Return one simulated spectrum as a file; noise, fluorescence background and the error of the axis differ."""
    suffix, step, header, row = FORMATS[number % len(FORMATS)]
    if right == "fault":
        return SampleFile(f"sample-{number:02d}.txt", label, right, ERROR_PAGE)
    signal, background, shift_error = 10 ** rng.uniform(3.4, 4.5), rng.uniform(0.0, 0.6), rng.normal(0.0, 1.0)
    conditions = synthetic.SyntheticConditions(signal=signal, background=background, shift_error=shift_error)
    if right == "saturated":
        conditions = synthetic.SyntheticConditions(signal=4 * FULL_SCALE, background=0.1, saturation=FULL_SCALE)
    span = model_axis.stop - model_axis.start
    axis = Axis.linear(round(model_axis.start + span * rng.uniform(0.0, 0.02)), round(model_axis.stop - span * rng.uniform(0.0, 0.1)), step)
    seen = synthetic.expose(axis, find(library, label).peaks, conditions, rng, Origin("demo", label))
    rows = "".join(row.format(x, y) for x, y in zip(seen.axis.shift, seen.counts, strict=True))
    content = header + (rows.replace(".", ",") if suffix == ".dat" else rows) + ("##END=\n" if suffix == ".rruff" else "")
    return SampleFile(f"sample-{number:02d}{suffix}", label, right, content.encode())


def minerals(library: Library) -> list[str]:
    """Return the minerals to measure: the well-known ones that ``library`` has, else some with a peak table, spread over it."""
    if named := [label for label in WELL_KNOWN if label in library.labels]:
        return named
    rich = [label for label, table in zip(library.labels, library.peaks, strict=True) if len(table)]
    return [rich[i] for i in np.unique(np.linspace(0, len(rich) - 1, min(MOST, len(rich)), dtype=int))] or [library.labels[0]]


def strangers(library: Library) -> list[str]:
    """Return the materials to measure that ``library`` does not have."""
    return [label for label in STRANGERS if not library.synonyms(label)]


def find(library: Library, name: str) -> LinesMaterial:
    """Return a material by the peak table of ``library``, else by the lines of a standard."""
    if name in library.labels:
        return LinesMaterial(name, library.peaks[library.labels.index(name)])
    standard = standards.find(name)
    return LinesMaterial.at(name, standard.lines, HEIGHTS.get(standard.name, ()), width=8.0)


def judge(right: Right, labels: Sequence[str], record: Record | None) -> Judgement:
    """Compare a record with the right answer; ``labels`` are those of the sample."""
    if record is None:
        return "missing"
    if isinstance(record, FaultRecord) or right == "fault":
        return "right" if isinstance(record, FaultRecord) and right == "fault" else "wrong"
    if right == "any" or (right == "part" and record.decision == "unknown"):
        return "open"
    if right == "unknown":
        return "right" if record.decision == "unknown" else "wrong"
    named = any(label in record.names for label in labels)
    return "right" if named and (record.quality.saturated is True) is (right == "saturated") else "wrong"
