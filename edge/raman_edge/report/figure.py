"""The figure of a page as SVG parts: the spectrum above, the peaks of the first candidate below, head to tail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import synthetic
from raman_edge.spectrum import Axis
from raman_edge.terminal import plot
from raman_edge.terminal.theme import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from raman_edge.matching.ranking import Candidate
    from raman_edge.peaks import PeakMatch, Peaks
    from raman_edge.spectrum import Spectrum
    from raman_edge.terminal.plot import Window

    Array = NDArray[np.floating]

WIDTH, HEIGHT = 1520, 650
"""Size of the figure, in units of an eighth of a millimetre on A4."""
LEFT, RIGHT, TOP, FLOOR, FOOT = 120, 40, 80, 400, 580
"""Edges of the two rectangles: the spectrum from TOP to FLOOR, the reference from there to FOOT."""
ACROSS, UP = 9, 5
"""Most steps between the numbers on the axes."""
COLUMN = 2
"""Width within which a dense curve has one lowest and one highest point, units of the figure."""
NAME_CELLS = 60
"""Length of a label in the figure."""
APART = 64
"""Least distance between two numbers at peaks, units of the figure."""
ABOVE = 14
"""Distance of a sign from the top of its peak."""
NEAR = 4.0
"""The top of a peak lies within this distance of its position, cm⁻¹."""
LONGEST = 140
"""Length of the highest peak of the reference."""
SIGNS = {
    "matched": "M{x} {y}l-9 -16h18z",
    "missing": "M{x} {y}l-9 16h18z",
    "extra": "M{x} {y}m0 -1v-16m-8 8h16",
}
"""Shapes: ▲, △ and +."""


@dataclass(frozen=True, slots=True)
class SvgElement:
    """A path or a text of the figure."""

    kind: str
    """Its CSS classes."""
    d: str = ""
    """Path data (SVG 2, section 9.3), computed here; empty for a text."""
    text: str = ""
    x: int = 0
    y: int = 0


@dataclass(frozen=True, slots=True)
class Plane:
    """A rectangle of the figure and the Raman shifts and counts that it shows; units run right and down."""

    left: int
    top: int
    width: int
    height: int
    window: Window

    @property
    def floor(self) -> int:
        """The lower edge."""
        return self.top + self.height

    def x(self, shift: Array) -> NDArray[np.int64]:
        """Return the positions of Raman shifts."""
        return np.rint(plot.share(shift, self.window.start, self.window.stop) * self.width).astype(np.int64) + self.left

    def y(self, counts: Array) -> NDArray[np.int64]:
        """Return the positions of counts; values outside the rectangle lie on its edge."""
        return self._down(plot.share(counts, self.window.low, self.window.high))

    def column(self, shift: float) -> int:
        """Return the position of one Raman shift."""
        return int(self.x(np.array([shift]))[0])

    def curve(self, shift: Array, counts: Array) -> str:
        """Return the curve as path data.

        Where points are denser than the figure, each column has its lowest and its highest value: a line that is narrower than a
        column keeps its height.
        """
        x, y = self.x(shift), self.y(counts)
        if x.size > 2 * self.width // COLUMN:
            shares = plot.share(counts, self.window.low, self.window.high)
            edges = np.linspace(self.window.start, self.window.stop, self.width // COLUMN + 1)
            low, high = plot.envelope(shift, shares, edges)
            falling = np.diff(np.interp(edges, shift, shares)) < 0
            ends = np.stack([np.where(falling, high, low), np.where(falling, low, high)], axis=1)
            x, y = self.x(edges[:-1]).repeat(2), self._down(ends.reshape(-1))
        moves = np.stack([np.diff(x, prepend=0), np.diff(y, prepend=0)], axis=1)
        return "m" + " ".join(map("%d%+d".__mod__, map(tuple, moves.tolist())))

    def _down(self, shares: Array) -> NDArray[np.int64]:
        y: NDArray[np.int64] = np.rint((1.0 - shares) * self.height).astype(np.int64) + self.top
        return y


@dataclass(frozen=True, slots=True)
class Figure:
    """The parts of a figure in the order of painting, and what its caption needs."""

    parts: tuple[SvgElement, ...]
    beyond: str
    """The highest count if it lies above the figure, else empty."""
    complete: bool
    """Whether the whole peak table of the reference was available."""
    width: int = WIDTH
    height: int = HEIGHT


def figure(spectrum: Spectrum, model_range: tuple[float, float] | None, best: Candidate | None, reference: Peaks | None) -> Figure:
    """Return the figure of a spectrum and its best candidate.

    ``model_range`` (cm⁻¹) limits the counts that set the height: the laser line at 0 cm⁻¹ does not flatten the rest. ``reference`` is the
    peak table of the candidate, None if it is not available.
    """
    plane = plane_of(spectrum, model_range)
    parts = [*_axes(plane), SvgElement("curve", plane.curve(spectrum.axis.shift, spectrum.counts))]
    if reference is not None:
        axis = Axis(np.linspace(plane.window.start, plane.window.stop, plane.width))
        parts.append(_area(axis.shift, synthetic.lines(axis, reference), plane))
    if best:
        parts += _peaks(best.peaks, reference, spectrum, plane)
        parts.append(SvgElement("name end", text=safe_text(best.label, NAME_CELLS), x=WIDTH - RIGHT, y=FOOT - 6))
    parts.append(SvgElement("name", text="measured", x=LEFT + 8, y=TOP - 52))
    highest = float(spectrum.counts.max())
    return Figure(tuple(parts), number(highest) if highest > plane.window.high else "", reference is not None)


def thumbnail(spectrum: Spectrum, model_range: tuple[float, float] | None) -> tuple[SvgElement, ...]:
    """Return the curve alone in 480 by 200 units."""
    plane = replace(plane_of(spectrum, model_range), left=0, top=8, width=480, height=184)
    return (SvgElement("curve", plane.curve(spectrum.axis.shift, spectrum.counts)),)


def plane_of(spectrum: Spectrum, model_range: tuple[float, float] | None) -> Plane:
    """Return the rectangle of the whole axis, as high as the counts are within ``model_range``."""
    shift, counts = spectrum.axis.shift, spectrum.counts
    window = plot.window(shift, counts, model_range or (spectrum.axis.start, spectrum.axis.stop))
    return Plane(LEFT, TOP, WIDTH - LEFT - RIGHT, FLOOR - TOP, window)


def number(value: float) -> str:
    """Return a count for an axis: integers up to a million in full."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e6 else f"{value:.4g}"  # noqa: PLR2004 - six digits fit


def _area(shift: Array, lines: Array, plane: Plane) -> SvgElement:
    """Return the lines of the reference as an area below the floor of the spectrum."""
    window = replace(plane.window, low=-float(max(lines.max(), 1.0)), high=0.0)
    below = replace(plane, top=FLOOR, height=LONGEST, window=window)
    return SvgElement("reference", f"{below.curve(shift, -lines)}V{FLOOR}H{plane.left}z")


def _axes(plane: Plane) -> Iterator[SvgElement]:
    """Yield the frame and round numbers along both axes."""
    window = plane.window
    for shift in plot.ticks(window.start, window.stop, ACROSS):
        x = plane.column(shift)
        yield SvgElement("grid", f"M{x} {TOP}V{FOOT}")
        yield SvgElement("middle", text=f"{shift:g}", x=x, y=FOOT + 28)
    for counts in plot.ticks(window.low, window.high, UP):
        y = int(plane.y(np.array([counts]))[0])
        yield SvgElement("tick", f"M{LEFT - 8} {y}H{LEFT}")
        yield SvgElement("end", text=number(counts), x=LEFT - 14, y=y + 7)
    yield SvgElement("tick", f"M{LEFT} {TOP}V{FOOT}H{WIDTH - RIGHT}M{LEFT} {FLOOR}H{WIDTH - RIGHT}")
    yield SvgElement("middle", text="Raman shift, cm⁻¹", x=(LEFT + WIDTH - RIGHT) // 2, y=HEIGHT - 6)
    yield SvgElement("end", text="counts", x=LEFT - 14, y=TOP - 52)


def _peaks(found: PeakMatch, reference: Peaks | None, spectrum: Spectrum, plane: Plane) -> Iterator[SvgElement]:
    """Yield the peaks of the spectrum above, those of the reference below, and a line where both agree."""
    compared = {peak.reference for peak in found.matched} | {peak.at for peak in found.missing}
    for lone in reference.rounded if reference else ():
        if lone.at not in compared:
            yield from _stick("small", lone.at, lone.height, plane)
    for both in found.matched:
        yield from _stick("matched", both.reference, both.reference_height, plane)
        yield SvgElement("agree", f"M{plane.column(both.at)} {_top(spectrum, both.at, plane)}V{plane.floor}")
    for lone in found.missing:
        yield from _stick("missing", lone.at, lone.height, plane)
    measured = [(peak.height, peak.at, "matched") for peak in found.matched] + [(peak.height, peak.at, "extra") for peak in found.extra]
    numbered = _with_room([(height, at) for height, at, _ in measured], plane)
    for _, at, kind in measured:
        x, y = plane.column(at), _top(spectrum, at, plane)
        yield SvgElement(f"sign {kind}", SIGNS[kind].format(x=x, y=y))
        if at in numbered:
            yield SvgElement("middle halo", text=f"{at:.0f}", x=x, y=y - 22)
    numbered = _with_room([(peak.height, peak.at) for peak in found.missing], plane)
    for at, height in numbered.items():
        yield SvgElement("middle halo", text=f"{at:.0f}", x=plane.column(at), y=plane.floor + round(height * LONGEST) + 40)


def _top(spectrum: Spectrum, at: float, plane: Plane) -> int:
    """Return the height of the sign over the peak at ``at`` (cm⁻¹)."""
    shift, counts = spectrum.axis.shift, spectrum.counts
    around = counts[(shift >= at - NEAR) & (shift <= at + NEAR)]
    high = float(around.max()) if around.size else float(np.interp(at, shift, counts))
    return int(plane.y(np.array([high]))[0]) - ABOVE


def _stick(kind: str, at: float, height: float, plane: Plane) -> Iterator[SvgElement]:
    """Yield a peak of the reference, hanging from the floor of the spectrum, with its sign below if it is missing."""
    if plane.window.start <= at <= plane.window.stop:
        x, length = plane.column(at), round(height * LONGEST)
        yield SvgElement(f"stick {kind}", f"M{x} {plane.floor}v{length}")
        if kind == "missing":
            yield SvgElement("sign missing", SIGNS["missing"].format(x=x, y=plane.floor + length + 2))


def _with_room(peaks: list[tuple[float, float]], plane: Plane) -> dict[float, float]:
    """Return position → height of the peaks that get a number: the highest first, none too near to another."""
    chosen: dict[float, float] = {}
    for height, at in sorted(peaks, reverse=True):
        if all(abs(plane.column(at) - plane.column(other)) >= APART for other in chosen):
            chosen[at] = height
    return chosen
