"""One or many spectra out of one binary file: how many there may be, and one axis for all that share it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.spectra import spectrum, with_laser
from raman_edge.formats.table import MAX_ROWS
from raman_edge.formats.tidy import LARGEST, MIN_POINTS, tidy
from raman_edge.spectrum import OTHER_METHOD, Axis, PlacedMeta, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from raman_edge.formats.header import HeaderFacts
    from raman_edge.spectrum import Origin, Shared

LEAST_POINTS = 2
"""Of another method: a mass spectrum is a few lines."""
MAX_SPECTRA = 16_384
"""A map of 128 x 128 points; a text table of as many columns would not be read, but a map is one file by nature."""
MAX_POINTS = 16_777_216
"""Points over all spectra: 128 MiB as float64, and what a file of the largest size holds as float32."""

Trace = tuple["NDArray[np.float64]", "NDArray[np.float64]", "Mapping[str, str]", "HeaderFacts"]
"""Raman shift (cm⁻¹) and counts, both (n,), what is known of this spectrum as text, and its facts."""


def check_points(points: int, least: int = MIN_POINTS) -> None:
    """Refuse a spectrum of more or fewer points than there are, before anything is made of it."""
    if not least <= points <= MAX_ROWS:
        raise FormatError(
            kind="wrong number of points",
            got=f"{points} points a spectrum",
            expected=f"{least} to {MAX_ROWS}",
            advice="Check that it is a spectrum: export it as text",
        )


def check_spectra(spectra: int, points: int) -> None:
    """Refuse more spectra, or more ``points`` over all of them, than are read from one file."""
    if spectra > MAX_SPECTRA or points > MAX_POINTS:
        raise FormatError(
            kind="too many spectra",
            got=f"{spectra} spectra of {points} points in all",
            expected=f"at most {MAX_SPECTRA} spectra and {MAX_POINTS} points",
            advice="Export a part of the map or series",
        )


def block(
    shift: NDArray[np.float64], counts: NDArray[np.floating], origin: Origin, shared: Shared, known: HeaderFacts
) -> tuple[Spectrum, ...]:
    """Return a spectrum for each row of ``counts``, (m, n), on the Raman shifts ``shift``, (n,), numbered from 0.

    As :func:`stacked` does, and several times as fast where every row is sound, as a map's are.
    """
    steps = np.diff(shift)
    rising, falling = bool((steps > 0).all()), bool((steps < 0).all())
    sound = counts.shape[1] >= MIN_POINTS and (rising or falling) and bool(np.isfinite(shift).all())
    if not sound or not -LARGEST < counts.min() <= counts.max() < LARGEST:  # a NaN is neither
        each = (
            (shift, row.astype(np.float64), PlacedMeta({}, shared.places, index), replace(known, taken_at=moment))
            for index, (row, moment) in enumerate(zip(counts, shared.moments, strict=True))
        )
        return stacked(each, origin, shared.meta)
    order = slice(None, None, -1 if falling else 1)
    values = np.array(counts[:, order], np.float64, order="C")
    values.setflags(write=False)
    shared = replace(shared, exposure_s=known.exposure_s, saturation=known.saturation, meta=with_laser(shared.meta, known))
    return Spectrum.rows(Axis(shift[order]), values, replace(origin, index=0), shared)


def stacked(traces: Iterable[Trace], origin: Origin, meta: Mapping[str, str]) -> tuple[Spectrum, ...]:
    """Tidy every trace and number the spectra from 0; equal axes are kept once."""
    found: list[Spectrum] = []
    for index, (shift, counts, own, known) in enumerate(traces):
        points = tidy(shift, counts, LEAST_POINTS if OTHER_METHOD in meta else MIN_POINTS)
        if found and points.axis.same_as(found[-1].axis):
            points = replace(points, axis=found[-1].axis)
        found.append(spectrum(points, origin, {**meta, **own}, known, index))
    return tuple(found)
