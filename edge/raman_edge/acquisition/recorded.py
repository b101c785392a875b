"""A recording as a file of spectra: every exposure by itself, corrected as in a measurement."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from raman_edge.acquisition.darks import DarkRun
from raman_edge.acquisition.reduction import Reduction
from raman_edge.errors import ConfigError, FormatError, SpectrumError
from raman_edge.instruments.recording import MOST_LINE, RecordingHeader, entries
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from raman_edge.acquisition.darks import Dark
    from raman_edge.instruments.spectrometer import Exposure
    from raman_edge.spectrum import Origin, Spectrum

NAME = "raman-edge recording"
MOST_COUNTS = 1 << 24
"""Counts of a recording that is read at once, 128 MiB: four thousand exposures of a large detector."""


@dataclass
class _Found:
    """The spectra so far."""

    spectra: list[Spectrum] = field(default_factory=list)
    counts: int = 0
    darks: int = 0
    faults: int = 0
    why: str = ""
    """Why the last exposure gave no spectrum, or the file ends early."""

    @property
    def left_out(self) -> str:
        """The entries without a spectrum, in words."""
        parts = [f"{number} {what}" for number, what in ((self.darks, "dark exposures"), (self.faults, "faults")) if number]
        return ", ".join([*parts, self.why] if self.why else parts)

    def torn(self, note: str) -> None:
        """Note why the file ends early."""
        self.why = note

    def count(self, exposure: Exposure) -> None:
        """Count an exposure; raises :class:`FormatError` for too many to read at once."""
        self.darks += exposure.dark
        self.counts += exposure.frame.counts.size
        if self.counts > MOST_COUNTS:
            advice = "Read so long a recording with `raman-edge instruments replay`"
            raise FormatError(kind="recording too long", expected=f"at most {MOST_COUNTS} counts", advice=advice)

    def add(self, exposure: Exposure, dark: Dark | None, reduction: Reduction) -> None:
        """Add the spectrum of an exposure, or a fault where it gives none."""
        fits = dark is not None and dark.why_not(exposure) is None
        try:
            self.spectra.append(reduction.spectrum([exposure], dark if fits else None))
        except (SpectrumError, ConfigError) as error:
            self.faults += 1
            self.why = str(error)


def spectra(data: bytes, origin: Origin, laser_nm: float | None = None, *, pixels: bool = False) -> tuple[Spectrum, ...]:
    """Return a spectrum for each exposure with light, its index in the origin; earlier darks of the recording are subtracted.

    ``laser_nm`` (nm) is for an instrument with an unknown laser; ``pixels`` accepts an axis of pixels where no other is known.
    Raises :class:`FormatError` where the recording is damaged, or no exposure gives a spectrum.
    """
    try:
        found = _collected(data, laser_nm, pixels=pixels)
    except FormatError as error:
        raise error.at(NAME) from error
    meta = {"format": NAME} | ({"left_out": found.left_out} if found.left_out else {})
    return tuple(replace(one, origin=replace(origin, index=index), meta={**one.meta, **meta}) for index, one in enumerate(found.spectra))


def _collected(data: bytes, laser_nm: float | None, *, pixels: bool) -> _Found:
    """Read all entries in order."""
    found, run, dark = _Found(), DarkRun(), None
    reduction = Reduction()
    stream = io.BytesIO(data)
    for entry in entries(iter(lambda: stream.readline(MOST_LINE + 1), b""), found.torn):
        if isinstance(entry, RecordingHeader):
            reduction = Reduction(laser_nm=entry.plan.laser_nm, pixels=pixels)
        elif isinstance(entry, Fault):
            found.faults += 1
        else:
            found.count(entry)
            dark = run.feed(entry) or dark
            if not entry.dark:
                found.add(entry, dark, _with_laser(reduction, entry, laser_nm))
    if not found.spectra:
        raise FormatError(
            kind="no spectrum", got=found.left_out or "no exposure", expected="an exposure that gives a spectrum", advice="Record it again"
        )
    return found


def _with_laser(reduction: Reduction, exposure: Exposure, laser_nm: float | None) -> Reduction:
    """Return the reduction with this laser, where neither the recording nor the instrument has one."""
    known = reduction.laser_nm is not None or exposure.instrument.laser_nm is not None
    return reduction if known else replace(reduction, laser_nm=laser_nm)
