"""One or many spectra out of one binary file: how many there may be, and one axis for all that share it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raman_edge.errors import FormatError
from raman_edge.formats.spectra import spectrum
from raman_edge.formats.table import MAX_ROWS
from raman_edge.formats.tidy import MIN_POINTS, tidy
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.formats.header import Facts
    from raman_edge.spectrum import Origin, Spectrum

LEAST_POINTS = 2
"""Of another method: a mass spectrum is a few lines."""
MAX_SPECTRA = 16_384
"""A map of 128 x 128 points; a text table of as many columns would not be read, but a map is one file by nature."""
MAX_POINTS = 16_777_216
"""Points over all spectra: 128 MiB as float64, and what a file of the largest size holds as float32."""

Trace = tuple["NDArray[np.float64]", "NDArray[np.float64]", "Mapping[str, str]", "Facts"]
"""Raman shift (cm⁻¹) and counts, both (n,), what is known of this spectrum as text, and its facts."""


def check_points(points: int, least: int = MIN_POINTS) -> None:
    """Refuse a spectrum of more or fewer points than there are, before anything is made of it."""
    if not least <= points <= MAX_ROWS:
        msg = f"{points} points a spectrum; expected {least} to {MAX_ROWS}: is it one? export it as text to look at it"
        raise FormatError(msg)


def check_spectra(spectra: int, points: int) -> None:
    """Refuse more spectra, or more ``points`` over all of them, than are read from one file."""
    if spectra > MAX_SPECTRA or points > MAX_POINTS:
        msg = (
            f"{spectra} spectra of {points} points in all; expected at most {MAX_SPECTRA} spectra and {MAX_POINTS} points: "
            "export a part of the map or series"
        )
        raise FormatError(msg)


def stacked(traces: Iterable[Trace], origin: Origin, meta: Mapping[str, str]) -> tuple[Spectrum, ...]:
    """Tidy every trace and number the spectra from 0; equal axes are kept once."""
    found: list[Spectrum] = []
    for index, (shift, counts, own, known) in enumerate(traces):
        points = tidy(shift, counts, LEAST_POINTS if OTHER_METHOD in meta else MIN_POINTS)
        if found and points.axis.same_as(found[-1].axis):
            points = replace(points, axis=found[-1].axis)
        found.append(spectrum(points, origin, {**meta, **own}, known, index))
    return tuple(found)
