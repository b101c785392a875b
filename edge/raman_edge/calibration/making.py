"""From spectra of standards to a calibration, or a word why they do not give one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.calibration import match
from raman_edge.calibration.calibration import Calibration, CalibrationLine, axis_unit, instrument_places, laser_of, model_of, serial_of
from raman_edge.calibration.fit import Fit, Pairs, Span
from raman_edge.calibration.judge import Judgement, doubt, judge
from raman_edge.calibration.match import OFF, observe
from raman_edge.calibration.standards import STANDARDS, Standard
from raman_edge.errors import SpectrumError

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from raman_edge.calibration.match import ObservedPeaks
    from raman_edge.spectrum import Spectrum

LEAST = 3
"""Lines that a calibration needs where the standard has as many."""
LEAST_PIXELS = 5
"""Lines that make wavelengths of pixels: three unknowns, and two lines that could contradict."""
AMBIGUOUS = 1.5
"""Where another way to read the lines is this near to the best, neither is believed, decades."""
CLEARLY = 2.0
"""By how much another standard has to fit better for the given one to be refused, decades."""
SAME_AXIS = 3.0
"""Two fits that are nowhere further apart than this are the same, cm⁻¹."""
LAMP_BEGINS = (-300.0, 490.0)
"""Where an axis of pixels begins that is made by a lamp alone, cm⁻¹. A laser of 785 nm given as 830, or the reverse, moves it by 690."""
HOLDS = 50.0
"""How far beyond its outermost lines a calibration is held, cm⁻¹."""
LASER_OFF = 100.0
"""How far a laser may be from its nominal wavelength, cm⁻¹: a pointer's 532 nm is within 1 nm."""
LASER_NEAR = 6.0
"""Within how much one laser has to put the lines, cm⁻¹: the lamp's scale may be extrapolated there."""


@dataclass(frozen=True, eq=False, slots=True)
class StandardSpectrum:
    """A spectrum of a standard."""

    spectrum: Spectrum
    standard: Standard


def make(
    first: StandardSpectrum, *, instrument: str, laser_nm: float | None, made: datetime, days: float, laser: StandardSpectrum | None = None
) -> Calibration:
    """Calibrate ``instrument`` with one standard; for a lamp, ``laser`` is a Raman standard that determines the laser wavelength.

    ``laser_nm`` (nm, vacuum) is for files that do not state it; ``made`` has a time zone, ``days`` is the validity of the calibration.
    Raises :class:`SpectrumError` where the lines of the standard are not found.
    """
    nominal = _laser(first.spectrum, laser_nm)
    span = _span(first.spectrum, nominal)
    found = _scale(first, span, nominal)
    if laser is not None:
        found = _with_laser(found, laser, span, nominal, first)
    elif first.standard.lamp and span.unit == "pixel":
        _require_usual_beginning(found, span)
    ends = 1e7 / found.laser_nm - 1e7 / found.pairs.wavelength(found.laser_nm)
    named = [one for one in (first, laser) if one is not None]
    without = found.rms_without
    return Calibration(
        instrument=instrument,
        serial=serial_of(first.spectrum),
        model=model_of(first.spectrum),
        standards=tuple(one.standard.name for one in named),
        made=made.astimezone(UTC),
        expires=made.astimezone(UTC) + timedelta(days=days),
        unit=span.unit,
        points=len(first.spectrum) if span.unit == "pixel" else None,
        own_laser_nm=nominal,
        laser_nm=found.laser_nm,
        laser_fitted=laser is not None,
        scale=found.scale,
        order=found.order,
        valid=(round(float(ends.min()) - HOLDS, 1), round(float(ends.max()) + HOLDS, 1)),
        lines=_lines(found, named),
        rms=found.rms if len(found.pairs) > 1 else None,
        rms_without=without if np.isfinite(without) else None,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Deviation:
    """How far a calibrated axis is off, by the standard of today."""

    lines: tuple[tuple[float, float], ...]
    """Of each line its Raman shift and how far from it it was found, cm⁻¹."""

    @property
    def mean(self) -> float:
        """cm⁻¹."""
        return float(np.mean([off for _, off in self.lines]))

    @property
    def rms(self) -> float:
        """cm⁻¹."""
        return float(np.sqrt(np.mean([off**2 for _, off in self.lines])))


def deviation(calibration: Calibration, today: StandardSpectrum, now: datetime) -> Deviation:
    """Return how far off the calibrated axis is today; raises as :meth:`Calibration.apply` and :func:`make` do."""
    spectrum = calibration.apply(today.spectrum, now)
    nominal = calibration.laser_nm
    found = _scale(StandardSpectrum(spectrum, today.standard), _span(spectrum, nominal), nominal)
    at = 1e7 / nominal - 1e7 / found.pairs.wavelength(nominal)
    seen = 1e7 / nominal - 1e7 / found.pairs.place
    return Deviation(tuple(zip(at.tolist(), (seen - at).tolist(), strict=True)))


def _laser(spectrum: Spectrum, given: float | None) -> float:
    stated = laser_of(spectrum) or given
    if stated is None:
        raise SpectrumError(
            kind="unknown laser wavelength", expected="the wavelength of the laser in the file", advice="Give it with --laser NM"
        )
    return stated


def _require_usual_beginning(found: Fit, span: Span) -> None:
    """Raise :class:`SpectrumError` where a lamp on pixels, which cannot check the laser, makes an axis that few instruments have."""
    begins = float((1e7 / found.laser_nm - 1e7 / found.scale.wavelength(np.array([span.first, span.last]))).min())
    low, high = LAMP_BEGINS
    if not low <= begins <= high:
        raise SpectrumError(
            kind="detector range out of range",
            got=f"a beginning at {begins:.0f} cm⁻¹ with a laser of {found.laser_nm:g} nm",
            expected=f"{low:g} to {high:g} cm⁻¹",
            advice="Give the right --laser, or measure it with --laser-file and --laser-standard",
        )


def _span(spectrum: Spectrum, laser_nm: float) -> Span:
    unit = axis_unit(spectrum)
    ends = instrument_places(spectrum.axis.shift[[0, -1]], unit, laser_nm)
    return Span(float(ends[0]), float(ends[-1]), unit)


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """The best way to read the peaks of a spectrum as lines of a standard."""

    fit: Fit
    judged: Judgement
    doubt: str | None
    """Why it cannot be kept; None where nothing speaks against it."""
    rival: Fit | None
    """Another way that is hardly worse, on another axis."""


def _scale(one: StandardSpectrum, span: Span, laser_nm: float) -> Fit:
    """Find the standard's lines and fit them; :class:`SpectrumError` where they are not there, or the fit may be wrong."""
    standard = one.standard
    if span.unit == "pixel" and len(standard.lines) < LEAST_PIXELS:
        raise SpectrumError(
            kind="too few lines",
            got=f"{len(standard.lines)} of {standard.title}",
            expected=f"at least {LEAST_PIXELS} for an axis of pixels",
            advice="Calibrate with a neon lamp, paracetamol or polystyrene first",
        )
    read, peaks = _read(one, span, laser_nm)
    if read is None:
        off = f" within {OFF:g} cm⁻¹ of where they belong" if span.unit == "shift" else ""
        least = _least(standard, span)
        found = f"fewer than {least} lines of {standard.title}{off} among {peaks} peaks"
        raise _mismatch("too few lines", found, one, laser_nm, _better(one, span, laser_nm, None))
    if read.doubt is not None:
        raise _mismatch("standard does not fit", read.doubt, one, laser_nm, _better(one, span, laser_nm, None))
    if read.rival is not None:
        raise SpectrumError(
            kind="ambiguous lines",
            got=f"two assignments to lines of {standard.title} ({len(read.fit.pairs)} and {len(read.rival.pairs)} lines)",
            expected="one",
            advice="Measure longer, or use a standard with more lines",
        )
    better = _better(one, span, laser_nm, read)
    if better is not None:
        found = f"{len(read.fit.pairs)} lines of {standard.title} within {read.fit.rms:.1f} cm⁻¹"
        raise _mismatch("another standard fits better", found, one, laser_nm, better)
    return read.fit


def _read(one: StandardSpectrum, span: Span, laser_nm: float) -> tuple[_Read | None, int]:
    """Return the best way to read the peaks, None where there is none, and how many peaks there are."""
    standard = one.standard
    seen = observe(one.spectrum, standard, laser_nm)
    everything = observe(one.spectrum, standard, laser_nm, everywhere=True)
    least = _least(standard, span)
    fits = match.solutions(seen, match.StandardLines.of(standard, laser_nm), span, laser_nm, least) if len(seen) else []
    judged = sorted(((fit, judge(fit, everything, standard, span)) for fit in fits), key=lambda pair: -pair[1].merit)
    if not judged:
        return None, len(seen)
    best, verdict = judged[0]
    rivals = (
        fit
        for fit, other in judged[1:]
        if other.merit > verdict.merit - AMBIGUOUS and doubt(fit, other, standard, span) is None and _apart(fit, best) > SAME_AXIS
    )
    return _Read(best, verdict, doubt(best, verdict, standard, span), next(rivals, None)), len(seen)


def _least(standard: Standard, span: Span) -> int:
    """Return how many lines a calibration needs."""
    return LEAST_PIXELS if span.unit == "pixel" else min(LEAST, len(standard.lines))


def _better(one: StandardSpectrum, span: Span, laser_nm: float, read: _Read | None) -> tuple[Standard, Fit] | None:
    """Return the other standard that the spectrum is of: it fits, better than ``read``, and gives another axis; None where none does."""
    found: list[tuple[float, Standard, Fit]] = []
    for standard in STANDARDS:
        if standard.name == one.standard.name or len(standard.lines) < max(2, _least(standard, span)):
            continue
        other, _ = _read(StandardSpectrum(one.spectrum, standard), span, laser_nm)
        if other is None or other.doubt is not None or other.rival is not None:
            continue
        if read is None or (other.judged.merit > read.judged.merit + CLEARLY and _apart(other.fit, read.fit) > SAME_AXIS):
            found.append((other.judged.merit, standard, other.fit))
    best = max(found, key=lambda each: each[0], default=None)
    return None if best is None else best[1:]


def _mismatch(kind: str, found: str, one: StandardSpectrum, laser_nm: float, better: tuple[Standard, Fit] | None) -> SpectrumError:
    """Return the error about a spectrum that does not fit its standard; ``better`` is one that it fits."""
    if better is not None:
        standard, fit = better
        found += f"; {len(fit.pairs)} lines of {standard.title} within {fit.rms:.1f} cm⁻¹"
        advice = f"Give --standard {standard.name} if it is that, otherwise measure the right standard again"
    else:
        advice = f"Check that the spectrum is of {one.standard.title} and that the laser is {laser_nm:g} nm, measure longer, "
        advice += "or use a standard with more lines"
    return SpectrumError(kind=kind, got=found, advice=advice)


def _apart(one: Fit, other: Fit) -> float:
    """Return how far two fits are from each other between the lines of the first, cm⁻¹."""
    ends = one.pairs.place
    places = np.linspace(ends.min(), ends.max(), 33)
    return float(np.abs(1e7 / one.scale.wavelength(places) - 1e7 / other.scale.wavelength(places)).max())


def _with_laser(lamp: Fit, second: StandardSpectrum, span: Span, nominal: float, first: StandardSpectrum) -> Fit:
    """Determine the laser wavelength from the lines of the Raman standard on the scale of the lamp."""
    if not first.standard.lamp or second.standard.lamp:
        raise SpectrumError(
            kind="wrong order of standards", expected="a lamp first and a Raman standard for the laser second", advice="Measure neon first"
        )
    if axis_unit(second.spectrum) != span.unit or len(second.spectrum) != len(first.spectrum):
        raise SpectrumError(
            kind="different axes",
            got=f"{len(second.spectrum)} points in the second file",
            expected=f"{len(first.spectrum)}, as in the first",
            advice="Export both in the same way",
        )
    seen = observe(second.spectrum, second.standard, nominal)
    wavelength = lamp.scale.wavelength(seen.place)
    guess = _guessed(wavelength, seen, second.standard, nominal)
    raman = match.assign(seen, wavelength, match.StandardLines.of(second.standard, guess), np.full(wavelength.size, LASER_NEAR))
    least = min(LEAST, len(second.standard.lines))
    if len(raman) < least:
        raise SpectrumError(
            kind="too few lines",
            got=f"{len(raman)} lines of {second.standard.title} with a laser within {LASER_OFF:g} cm⁻¹ of {nominal:g} nm",
            expected=f"at least {least}",
            advice="Check the standard and the laser, or measure longer",
        )
    lasers = 1e7 / lamp.scale.wavelength(raman.place) + raman.line
    off = float(lasers.mean()) - lasers
    _require_laser_lines(lamp, second, span, raman, off)
    without = off * len(raman) / (len(raman) - 1) if len(raman) > 1 else np.array([np.nan])
    return replace(
        lamp,
        laser_nm=1e7 / float(lasers.mean()),
        pairs=lamp.pairs.joined(raman),
        residual=np.concatenate([lamp.residual, off]),
        without=np.concatenate([lamp.without, without]),
    )


def _require_laser_lines(lamp: Fit, second: StandardSpectrum, span: Span, raman: Pairs, off: NDArray[np.float64]) -> None:
    """Raise :class:`SpectrumError` where the lines of the Raman standard on the lamp's scale may be others."""
    laser_nm = 1e7 / float((1e7 / lamp.scale.wavelength(raman.place) + raman.line).mean())
    moved = replace(lamp, laser_nm=laser_nm, pairs=raman, residual=off, order=0)
    everything = observe(second.spectrum, second.standard, laser_nm, everywhere=True)
    on_scale = Span(span.first, span.last, "shift")
    why = doubt(moved, judge(moved, everything, second.standard, on_scale), second.standard, None)
    if why is not None:
        raise SpectrumError(
            kind="second standard does not fit",
            got=f"{why}, with a laser of {laser_nm:.3f} nm",
            advice=f"Check that the second file is of {second.standard.title}, or measure it longer",
        )


def _guessed(wavelength: NDArray[np.float64], seen: ObservedPeaks, standard: Standard, nominal: float) -> float:
    """Return the laser that puts most of the peaks on lines of ``standard``, nm."""
    truth, absolute = standard.truth(), 1e7 / wavelength
    lasers = (absolute[:, None] + truth[None, :]).ravel()
    lasers = lasers[np.abs(lasers - 1e7 / nominal) <= LASER_OFF]
    if not lasers.size:
        return nominal
    off = np.abs((lasers[:, None, None] - absolute[None, :, None]) - truth[None, None, :]).min(axis=2)
    score = (np.clip(1 - (off / LASER_NEAR) ** 2, 0.0, 1.0) * np.sqrt(seen.height)).sum(axis=1)
    return 1e7 / float(lasers[score.argmax()])


def _lines(found: Fit, named: list[StandardSpectrum]) -> tuple[CalibrationLine, ...]:
    pairs = found.pairs
    at = 1e7 / found.laser_nm - 1e7 / pairs.wavelength(found.laser_nm)
    names = [next(one.standard.name for one in named if one.standard.lamp == lamp) for lamp in pairs.lamp.tolist()]
    without = [value if np.isfinite(value) else None for value in found.without.tolist()]
    lines = [
        CalibrationLine(name, round(place, 2), round(off, 3), None if alone is None else round(alone, 3))
        for name, place, off, alone in zip(names, at.tolist(), found.residual.tolist(), without, strict=True)
    ]
    return tuple(sorted(lines, key=lambda line: line.at))
