"""A calibration for a person and for a program: the table of its lines, the standard's spectrum on the new axis."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from raman_edge.terminal import plot
from raman_edge.terminal.theme import ASCII, UNICODE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.calibration.making import Deviation, StandardSpectrum
    from raman_edge.spectrum import Spectrum

WIDTH, HEIGHT = 72, 6
BAR = 12
"""Cells on either side of zero that a residual may take."""
ORDERS = ("offset", "linear", "quadratic", "cubic")
POOR = 2.0
"""cm⁻¹; lines of a standard stand nearer than this on a sound instrument."""


def encoded(calibration: Calibration, path: str, replaced: Path | None = None, moved: float | None = None) -> bytes:
    """Return the calibration as one line of JSON.

    ``replaced`` is where the one before it is kept, ``moved`` how far apart they are, cm⁻¹.
    """
    kept = {"event": "calibrated", "id": calibration.id, "path": _text(path)}
    before = {"replaced": None if replaced is None else _text(str(replaced)), "moved": None if moved is None else round(moved, 2)}
    return msgspec.json.encode(kept | before | msgspec.to_builtins(calibration))


def _text(path: str) -> str:
    """Return a path as JSON can carry it."""
    return path.encode("utf-8", "backslashreplace").decode()


def checked(calibration: Calibration, today: Deviation, *, good: bool) -> bytes:
    """Return how far off an axis is as one line of JSON."""
    lines = [{"at": round(at, 2), "off": round(off, 3)} for at, off in today.lines]
    about = {"event": "checked", "id": calibration.id, "instrument": calibration.instrument, "good": good}
    return msgspec.json.encode(about | {"mean": round(today.mean, 3), "rms": round(today.rms, 3), "lines": lines})


def words(calibration: Calibration, first: StandardSpectrum, path: str | None = None) -> list[str]:
    """Return what was fitted, the lines with their residuals, the spectrum on its new axis; ``path`` is where it is kept."""
    pixels = calibration.unit == "pixel"
    kind = ORDERS[calibration.order]
    rms = f"{calibration.rms:.2f} cm⁻¹ rms" if calibration.rms is not None else "one line, nothing to compare it with"
    without = "" if calibration.rms_without is None else f", {calibration.rms_without:.2f} without the line itself"
    what = f"{kind} {'from pixels to wavelength' if pixels else 'correction of the wavelength'}"
    low, high = calibration.valid
    return [
        f"{calibration.instrument}: {len(calibration.lines)} lines of {' and '.join(calibration.standards)}, {what}",
        f"residuals {rms}{without}, {calibration.worst:.2f} at most",
        _laser(calibration, lamp=first.standard.lamp),
        f"holds from {low:.0f} to {high:.0f} cm⁻¹, extrapolated beyond; until {calibration.expires:%Y-%m-%d %H:%M} UTC",
        "",
        *table([(line.at, line.residual) for line in calibration.lines], [line.standard for line in calibration.lines]),
        "",
        *_plot(calibration, first.spectrum),
        *([] if path is None else [f"kept as {path} ({calibration.id[:12]})"]),
    ]


def deviation(calibration: Calibration, today: Deviation, *, good: bool) -> list[str]:
    """Return how far every line of today's standard is from its place."""
    advice = "still good" if good else "calibrate again"
    off = f"{today.mean:+.2f} cm⁻¹ on the average of {len(today.lines)} lines, {today.rms:.2f} rms"
    return [
        f"{calibration.instrument}: off by {off}: {advice}",
        "",
        *table(list(today.lines), []),
    ]


def warnings(calibration: Calibration, first: StandardSpectrum, now: datetime) -> list[str]:
    """Return what the user should know before trusting it; ``first`` is what it was made from."""
    found = []
    if first.standard.lamp and not calibration.laser_fitted:
        found.append(
            f"a lamp cannot check the laser: where it is not {calibration.laser_nm:g} nm, all Raman shifts are off by as much; "
            "--laser-file with a Raman standard measures it"
        )
    if calibration.rms is not None and calibration.rms > POOR:
        found.append(f"the lines scatter by {calibration.rms:.1f} cm⁻¹ about the fit; on a sound instrument it is less than {POOR:g}")
    if calibration.rms is None:
        found.append("one line gives an offset only: far from it the axis is as good as it was before")
    if now >= calibration.expires:
        found.append(f"the file says that it was measured {calibration.age_days(now):.0f} days ago: the calibration has expired already")
    return found


def table(lines: list[tuple[float, float]], names: list[str]) -> list[str]:
    """Return one row a line: place, residual, and the residual as a bar beside zero."""
    most = max((abs(off) for _, off in lines), default=0.0) or 1.0
    rows = [f"{'line':>9}  {'off':>7}  cm⁻¹"]
    for k, (at, off) in enumerate(lines):
        length = round(abs(off) / most * BAR)
        bar = ("=" * length).rjust(BAR) + "|" + " " * BAR if off < 0 else " " * BAR + "|" + ("=" * length).ljust(BAR)
        rows.append(f"{at:9.1f}  {off:+7.2f}  {bar}  {names[k] if names else ''}".rstrip())
    return rows


def _laser(calibration: Calibration, *, lamp: bool) -> str:
    if calibration.laser_fitted:
        return f"laser {calibration.laser_nm:.3f} nm in vacuum, fitted"
    error = "its error is one of all Raman shifts (--laser-file measures it)" if lamp else "an error of it is in the fitted axis"
    return f"laser {calibration.laser_nm:.10g} nm in vacuum, as given: {error}"


def _plot(calibration: Calibration, spectrum: Spectrum) -> list[str]:
    """Return the standard's spectrum on the calibrated axis, its lines marked."""
    seen = calibration.apply(spectrum, calibration.made)
    shift, counts = seen.axis.shift, seen.counts
    view = plot.window(shift, counts, calibration.valid)
    look = ASCII if os.environ.get("TERM") == "linux" else UNICODE
    draw = plot.ascii_plot if look.ascii_only else plot.braille
    marks = plot.marks(view, WIDTH, [(line.at, "line") for line in calibration.lines])
    ticks = "".join("^" if k in marks else " " for k in range(WIDTH))
    return [*draw(shift, counts, view, WIDTH, HEIGHT), *plot.axis(view, WIDTH, look), ticks.rstrip()]
