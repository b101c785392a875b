"""The spectrum as it was recorded, and the first candidate's peaks hanging beneath it, head to tail: one SVG picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import synthetic
from raman_edge.records import ResultRecord
from raman_edge.report import marks
from raman_edge.report.markup import Html, path, tag
from raman_edge.report.plane import Plane, curve, ticks
from raman_edge.spectrum import Axis
from raman_edge.terminal.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raman_edge.report.subject import ReportedResult
    from raman_edge.spectrum import Spectrum

WIDTH, HEIGHT = 1520, 650
"""Of the picture, in units of an eighth of a millimetre on A4."""
LEFT, RIGHT, TOP, FLOOR, FOOT = 120, 40, 80, 400, 580
"""Where the rectangles begin and end: the spectrum from TOP to FLOOR, the reference from there to FOOT."""
ACROSS, UP = 9, 5
"""Most numbers on the axes."""
NAME = 60
"""Cells of a label in the picture."""


@dataclass(frozen=True, slots=True)
class PlotRange:
    """What the picture shows, and whether everything of the spectrum fits."""

    plane: Plane
    beyond: float | None
    """The highest count, where it lies above the picture; None where everything fits."""


def picture(subject: ReportedResult, spectrum: Spectrum) -> Html:
    """Return the picture with its words beneath."""
    view = view_of(subject, spectrum)
    plane, said = view.plane, subject.record
    best = said.matches[0] if isinstance(said, ResultRecord) and said.matches else None
    reference = subject.peaks(best.label) if best else None
    parts = [*_axes(plane), _line(spectrum, plane)]
    if reference is not None:
        axis = Axis(np.linspace(plane.start, plane.stop, plane.width))
        parts.append(_hanging(axis.shift, synthetic.lines(axis, reference), plane))
    if best:
        parts += marks.of(best.peaks, reference, spectrum, plane)
        parts.append(tag("text", safe_text(best.label, NAME), x=WIDTH - RIGHT, y=FOOT - 6, class_="name end"))
    parts.append(tag("text", "measured", x=LEFT + 8, y=TOP - 52, class_="name"))
    shown = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label="The spectrum above, the reference's peaks beneath")
    return tag("figure", shown, tag("figcaption", *_caption(view, named=best is not None, whole=reference is not None)))


def view_of(subject: ReportedResult, spectrum: Spectrum) -> PlotRange:
    """Return the rectangle of the whole axis, as high as the counts are within the model's range where that is known.

    What lies outside it, such as the laser line at 0 cm⁻¹, does not flatten the rest.
    """
    shift, counts = spectrum.axis.shift, spectrum.counts
    seen = counts
    if card := subject.card:
        axis = card.recipe.axis
        inside = counts[(shift >= axis.start) & (shift <= axis.stop)]
        seen = inside if inside.size else counts
    ends = float(seen.min()), float(seen.max())
    plane = Plane(LEFT, TOP, WIDTH - LEFT - RIGHT, FLOOR - TOP, spectrum.axis.start, spectrum.axis.stop, *ends)
    return PlotRange(plane, float(counts.max()) if counts.max() > ends[1] else None)


def small(subject: ReportedResult, spectrum: Spectrum) -> Html:
    """Return the curve alone, for a contact sheet."""
    plane = replace(view_of(subject, spectrum).plane, left=0, top=8, width=480, height=184)
    drawn = path(curve(spectrum.axis.shift, spectrum.counts, plane), "curve")
    return tag("svg", drawn, viewBox="0 0 480 200", role="img", aria_label="the spectrum")


def _line(spectrum: Spectrum, plane: Plane) -> Html:
    return path(curve(spectrum.axis.shift, spectrum.counts, plane), "curve")


def _hanging(shift: NDArray[np.floating], lines: NDArray[np.floating], plane: Plane) -> Html:
    """Return the reference's lines as an area below the spectrum's floor."""
    below = replace(plane, top=FLOOR, height=marks.LONGEST, low=-float(max(lines.max(), 1.0)), high=0.0)
    return path(f"{curve(shift, -lines, below)}V{FLOOR}H{plane.left}z", "reference")


def _axes(plane: Plane) -> Iterator[Html]:
    """Give the frame with round numbers along both axes."""
    for shift in ticks(plane.start, plane.stop, ACROSS):
        x = plane.column(shift)
        yield path(f"M{x} {TOP}V{FOOT}", "grid")
        yield tag("text", f"{shift:g}", x=x, y=FOOT + 28, class_="middle")
    for counts in ticks(plane.low, plane.high, UP):
        y = int(plane.y(np.array([counts]))[0])
        yield path(f"M{LEFT - 8} {y}H{LEFT}", "tick")
        yield tag("text", number(counts), x=LEFT - 14, y=y + 7, class_="end")
    yield path(f"M{LEFT} {TOP}V{FOOT}H{WIDTH - RIGHT}M{LEFT} {FLOOR}H{WIDTH - RIGHT}", "tick")
    yield tag("text", "Raman shift, cm⁻¹", x=(LEFT + WIDTH - RIGHT) // 2, y=HEIGHT - 6, class_="middle")
    yield tag("text", "counts", x=LEFT - 14, y=TOP - 52, class_="end")


def number(value: float) -> str:
    """Return a count as it stands on an axis: whole numbers up to a million as such."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e6 else f"{value:.4g}"  # noqa: PLR2004 - six digits fit


def _caption(view: PlotRange, *, named: bool, whole: bool) -> Iterator[Html | str]:
    yield from marks.legend() if named else ("No candidate: nothing hangs beneath.",)
    if named and not whole:
        yield " Beneath are only those of the candidate's peaks that the record holds."
    if whole:
        yield " The shaded lines are drawn from the library's table of peaks: places, heights and widths."
    if view.beyond is not None:
        yield f" Outside the model's range the counts go up to {number(view.beyond)}; what is higher than the picture lies on its edge."
