"""A spectrum as the journal keeps it: everything that identification needs to give the same numbers again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from raman_edge.journal import packing
from raman_edge.spectrum import AppliedCalibration, Axis, Origin, Spectrum

if TYPE_CHECKING:
    from raman_edge.records import RecordSource

KEPT = ("laser_nm", "laser_from", "format", "tidied", "left_out")
"""Keys of a header that are kept; the rest is in the file, whose digest the record has."""
CALIBRATION, CALIBRATED_AT, CALIBRATED_RMS = "calibration", "calibrated_at", "calibrated_rms"
"""Our keys beside those: the calibration of the axis; absent where the axis is as the instrument wrote it."""


class SpectrumFacts(msgspec.Struct, frozen=True, array_like=True):
    """Facts beside the numbers; None is unknown."""

    taken_at: str | None
    """ISO 8601 with a time zone."""
    exposure_s: float | None
    saturation: float | None
    meta: dict[str, str]


class SpectrumRow(msgspec.Struct, frozen=True, array_like=True):
    """One row of the table ``spectra``, without its axis."""

    facts: SpectrumFacts
    counts: bytes


@dataclass(frozen=True, slots=True)
class PackedSpectrum:
    """A spectrum ready to be written."""

    digest: bytes
    axis: bytes
    """Digest of the axis."""
    shift: np.ndarray[tuple[int], np.dtype[np.float64]]
    body: bytes


def keep(spectrum: Spectrum) -> PackedSpectrum:
    """Return ``spectrum`` packed, with its digest for the chain."""
    shift, counts = (np.ascontiguousarray(values, dtype=np.float64) for values in (spectrum.axis.shift, spectrum.counts))
    axis = axis_digest(shift)
    taken_at = spectrum.taken_at.isoformat() if spectrum.taken_at else None
    meta = {name: spectrum.meta[name] for name in KEPT if name in spectrum.meta} | _calibration_facts(spectrum.calibrated)
    facts = SpectrumFacts(taken_at, spectrum.exposure_s, spectrum.saturation, meta)
    return PackedSpectrum(_digest(axis, counts, facts), axis, shift, msgspec.msgpack.encode(SpectrumRow(facts, packing.pack(counts))))


def axis_digest(shift: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    """Return SHA-256 of the Raman shifts as 64-bit floats, little-endian."""
    return hashlib.sha256(shift.astype("<f8").tobytes()).digest()


def digest(shift: bytes, body: bytes) -> bytes:
    """Return the digest of a stored spectrum: SHA-256 of axis digest, counts (64-bit floats, little-endian) and facts (JSON)."""
    read = _read(body)
    return _digest(_axis(shift), packing.unpack(read.counts), read.facts)


@lru_cache(maxsize=16)
def _axis(shift: bytes) -> bytes:
    """Return the digest of a packed axis; an instrument keeps one for months."""
    return axis_digest(packing.unpack(shift))


def restore(shift: bytes, body: bytes, source: RecordSource) -> Spectrum:
    """Return the spectrum; :class:`ValueError` where the bytes are not a stored spectrum."""
    read = _read(body)
    facts = read.facts
    calibrated = _calibrated(facts.meta)
    return Spectrum(
        Axis(packing.unpack(shift)),
        packing.unpack(read.counts),
        Origin(source.kind, source.path, source.sha256, source.index, grown_from=source.grown_from),
        taken_at=datetime.fromisoformat(facts.taken_at) if facts.taken_at else None,
        exposure_s=facts.exposure_s,
        saturation=facts.saturation,
        meta={name: text for name, text in facts.meta.items() if name in KEPT},
        calibrated=calibrated,
    )


def _calibration_facts(by: AppliedCalibration | None) -> dict[str, str]:
    """Return a calibration as facts of a spectrum."""
    if by is None:
        return {}
    rms = {} if by.rms is None else {CALIBRATED_RMS: repr(by.rms)}
    return {CALIBRATION: by.id, CALIBRATED_AT: by.made.isoformat(), **rms}


def _calibrated(meta: dict[str, str]) -> AppliedCalibration | None:
    """Read a calibration back; :class:`ValueError` where it is none."""
    if CALIBRATION not in meta:
        return None
    rms = meta.get(CALIBRATED_RMS)
    made = datetime.fromisoformat(meta.get(CALIBRATED_AT, ""))
    return AppliedCalibration(meta[CALIBRATION], made, None if rms is None else float(rms))


def _read(body: bytes) -> SpectrumRow:
    try:
        read: SpectrumRow = msgspec.msgpack.decode(body, type=SpectrumRow)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no stored spectrum: {error}") from error
    return read


def _digest(axis: bytes, counts: np.ndarray[tuple[int], np.dtype[np.float64]], facts: SpectrumFacts) -> bytes:
    return hashlib.sha256(axis + counts.astype("<f8").tobytes() + msgspec.json.encode(facts)).digest()
