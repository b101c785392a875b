"""Peaks in the picture, each by a sign of its own: matched ▲, missing △, extra +."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge.report.markup import Html, path, tag
from raman_edge.terminal.theme import UNICODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.peaks import PeakMatch, Peaks
    from raman_edge.report.plane import Plane
    from raman_edge.spectrum import Spectrum

APART = 64
"""Least distance of two numbers at peaks, units of the picture."""
ABOVE = 14
"""From a curve's top to its sign."""
NEAR = 4.0
"""A peak's top lies within this distance of its place, cm⁻¹."""
LONGEST = 140
"""Length of the reference's highest peak."""
SIGNS = {
    "matched": "M{x} {y}l-9 -16h18z",
    "missing": "M{x} {y}l-9 16h18z",
    "extra": "M{x} {y}m0 -1v-16m-8 8h16",
}


def of(found: PeakMatch, reference: Peaks | None, spectrum: Spectrum, plane: Plane) -> Iterator[Html]:
    """Give the peaks of the spectrum above, those of the reference beneath, and a line where both agree."""
    floor = plane.top + plane.height
    told = {peak.reference for peak in found.matched} | {peak.at for peak in found.missing}
    for lone in reference.rounded if reference else ():
        if lone.at not in told:
            yield from _stick("small", lone.at, lone.height, plane)
    for both in found.matched:
        yield from _stick("matched", both.reference, both.reference_height, plane)
        y = top_of(spectrum, both.at, plane)
        yield path(f"M{plane.column(both.at)} {y}V{floor}", "agree")
    for lone in found.missing:
        yield from _stick("missing", lone.at, lone.height, plane)
    measured = [(peak.height, peak.at, "matched") for peak in found.matched] + [(peak.height, peak.at, "extra") for peak in found.extra]
    yield from _measured(measured, spectrum, plane)
    absent = [(peak.height, peak.at) for peak in found.missing]
    for at in _with_room(absent, plane):
        length = next(height for height, place in absent if place == at)
        yield tag("text", f"{at:.0f}", x=plane.column(at), y=floor + _length(length) + 40, class_="middle halo")


def top_of(spectrum: Spectrum, at: float, plane: Plane) -> int:
    """Return where a sign over the peak at ``at`` (cm⁻¹) stands."""
    shift, counts = spectrum.axis.shift, spectrum.counts
    around = counts[(shift >= at - NEAR) & (shift <= at + NEAR)]
    high = float(around.max()) if around.size else float(np.interp(at, shift, counts))
    return int(plane.y(np.array([high]))[0]) - ABOVE


def legend() -> tuple[Html | str, ...]:
    """Return what the signs mean."""
    words = {"matched": "in both", "missing": "of the candidate, not measured", "extra": "measured, not of the candidate"}
    return tuple(tag("span", f"{UNICODE.sign[kind]} {kind}: {what}", class_=f"key {kind}") for kind, what in words.items())


def _measured(peaks: list[tuple[float, float, str]], spectrum: Spectrum, plane: Plane) -> Iterator[Html]:
    numbered = set(_with_room([(height, at) for height, at, _ in peaks], plane))
    for _, at, kind in peaks:
        x, y = plane.column(at), top_of(spectrum, at, plane)
        yield path(SIGNS[kind].format(x=x, y=y), f"sign {kind}")
        if at in numbered:
            yield tag("text", f"{at:.0f}", x=x, y=y - 22, class_="middle halo")


def _stick(kind: str, at: float, height: float, plane: Plane) -> Iterator[Html]:
    """Give a reference peak, hanging from the spectrum's floor, with its sign beneath where it is missing."""
    if not plane.shows(at):
        return
    floor, x = plane.top + plane.height, plane.column(at)
    yield path(f"M{x} {floor}v{_length(height)}", f"stick {kind}")
    if kind == "missing":
        yield path(SIGNS[kind].format(x=x, y=floor + _length(height) + 2), f"sign {kind}")


def _with_room(peaks: list[tuple[float, float]], plane: Plane) -> list[float]:
    """Return the places that get a number: the highest peaks first, none too near another one."""
    chosen: list[float] = []
    for _, at in sorted(peaks, reverse=True):
        if all(abs(plane.column(at) - plane.column(other)) >= APART for other in chosen):
            chosen.append(at)
    return chosen


def _length(height: float) -> int:
    return round(height * LONGEST)
