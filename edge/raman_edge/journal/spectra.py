"""A spectrum as the journal keeps it: everything that identification needs to give the same numbers again."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from raman_edge.spectrum import AppliedCalibration, Axis, Origin, Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_edge.records import RecordSource

    Array = NDArray[np.float64]
    Whole = NDArray[np.int64]

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
    return PackedSpectrum(_digest(axis, counts, facts), axis, shift, msgspec.msgpack.encode(SpectrumRow(facts, pack_array(counts))))


def axis_digest(shift: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    """Return SHA-256 of the Raman shifts as 64-bit floats, little-endian."""
    return hashlib.sha256(shift.astype("<f8").tobytes()).digest()


def digest(shift: bytes, body: bytes) -> bytes:
    """Return the digest of a stored spectrum: SHA-256 of axis digest, counts (64-bit floats, little-endian) and facts (JSON)."""
    read = _read(body)
    return _digest(_axis(shift), unpack_array(read.counts), read.facts)


@lru_cache(maxsize=16)
def _axis(shift: bytes) -> bytes:
    """Return the digest of a packed axis; an instrument keeps one for months."""
    return axis_digest(unpack_array(shift))


def restore(shift: bytes, body: bytes, source: RecordSource) -> Spectrum:
    """Return the spectrum; :class:`ValueError` where the bytes are not a stored spectrum."""
    read = _read(body)
    facts = read.facts
    calibrated = _calibrated(facts.meta)
    return Spectrum(
        Axis(unpack_array(shift)),
        unpack_array(read.counts),
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
    """Read a calibration back; :class:`ValueError` where it is not one."""
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


MOST_DECIMALS = 9
BINARY32, BINARY64 = 32, 64
"""Forms beside the numbers of decimals, 0 to :data:`MOST_DECIMALS`: the bits of a float, as a whole number."""
POWERS = 10.0 ** np.arange(MOST_DECIMALS + 1)[:, np.newaxis]
FEW = 16
"""About so many values exclude the forms that do not fit."""
MEASURED = 512
"""About so many values estimate the size of the differences."""
MOST_ORDER = 3
"""Differences of differences of differences; more make noise larger."""
MOST_VALUES = 2**24
LEVEL = 4
"""Of zlib: 6 takes a quarter longer for one percent."""
HEADER = struct.Struct("<BBBBI")
"""Form, order of the differences, bits a value that are stored apart, bytes a value of the rest; number of values."""


class _Split(NamedTuple):
    """Numbers whose lowest bits are stored apart."""

    bits: int
    planes: int
    data: bytes


def pack_array(values: Array) -> bytes:
    """Return ``values`` (float64, finite, (n,)) as bytes; :func:`unpack_array` restores every bit."""
    form, whole = _whole(values)
    order, rest = _differenced(whole)
    folded = _folded(rest)
    split = _split(folded, _noisy_bits(folded))
    return HEADER.pack(form, order, split.bits, split.planes, values.size) + split.data


def unpack_array(data: bytes) -> Array:
    """Return the values; :class:`ValueError` for other bytes than those of :func:`pack_array`."""
    try:
        form, order, bits, planes, size = HEADER.unpack_from(data)
        if size > MOST_VALUES or planes > 8 or bits >= 64 or order > MOST_ORDER:  # noqa: PLR2004 - bytes and bits of a 64-bit number
            raise ValueError(f"no packed numbers: {size} values of {planes} bytes and {bits} bits, differenced {order} times")
        whole = _unfolded(_joined(data[HEADER.size :], size, bits, planes))
        for _ in range(order):
            whole = np.cumsum(whole, dtype=np.int64)
        return _values(form, whole)
    except (struct.error, zlib.error) as error:
        raise ValueError(f"no packed numbers: {error}") from error


def _whole(values: Array) -> tuple[int, Whole]:
    """Return the form and the whole numbers that stand for ``values``."""
    few = values[:: max(1, values.size // FEW)]
    for form in (*_decimals(few), BINARY32):
        if (whole := _exact(values, form)) is not None:
            return form, whole
    return BINARY64, values.view(np.int64)


def _decimals(few: Array) -> list[int]:
    """Return the numbers of decimals with which a few values are exact."""
    with np.errstate(over="ignore", invalid="ignore"):
        exact = (np.rint(few * POWERS) / POWERS == few).all(axis=1)
    return [int(form) for form in np.flatnonzero(exact)]


def _exact(values: Array, form: int) -> Whole | None:
    """Return the whole numbers that restore every bit of ``values`` in ``form``; None where none do."""
    with np.errstate(over="ignore", invalid="ignore"):
        if form == BINARY32:
            whole = values.astype(np.float32).view(np.int32).astype(np.int64)
        else:
            scaled = np.rint(values * 10.0**form)
            if not (np.abs(scaled) < 2.0**53).all():
                return None
            whole = scaled.astype(np.int64)
    same = np.array_equal(_values(form, whole).view(np.int64), values.view(np.int64))
    return whole if same else None


def _values(form: int, whole: Whole) -> Array:
    """Return the values of whole numbers; a decimal is the float nearest to it, as in a text reader."""
    if form == BINARY64:
        return whole.view(np.float64)
    if form == BINARY32:
        return whole.astype(np.int32).view(np.float32).astype(np.float64)
    if form > MOST_DECIMALS:
        raise ValueError(f"no packed numbers: form {form}")
    return whole / 10.0**form


def _differenced(whole: Whole) -> tuple[int, Whole]:
    """Return the order of differences that needs the fewest bits, and the differences; the first value is in front."""
    order, least = 0, _bits(whole)
    while order < MOST_ORDER:
        further = whole.copy()
        further[1:] -= whole[:-1]  # wraps around, and so does the sum that undoes it
        bits = _bits(further)
        if bits >= least:
            break
        order, least, whole = order + 1, bits, further
    return order, whole


def _bits(whole: Whole) -> float:
    """Estimate how many bits the numbers need, by some of them."""
    return float(np.log2(np.abs(whole[:: max(1, whole.size // MEASURED)].astype(np.float64)) + 1.0).sum())


def _folded(whole: Whole) -> NDArray[np.uint64]:
    """Return signed numbers as unsigned ones of the same size: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return ((whole << 1) ^ (whole >> 63)).view(np.uint64)


def _unfolded(folded: NDArray[np.uint64]) -> Whole:
    half = (folded >> np.uint64(1)).view(np.int64)
    return half ^ -(folded & np.uint64(1)).view(np.int64)


def _noisy_bits(folded: NDArray[np.uint64]) -> int:
    """Return how many of the lowest bits are noise: none where half the numbers are small, as of an even axis."""
    middle = folded.size // 2
    return max(0, int(np.log2(float(np.partition(folded, middle)[middle]) + 1.0)) - 1)


def _split(folded: NDArray[np.uint64], bits: int) -> _Split:
    """Return the lowest ``bits`` of every number as they are, then the rest by bytes of equal weight, compressed."""
    rest = folded >> np.uint64(bits)
    planes = (int(rest.max()).bit_length() + 7) // 8
    high = _bytes(rest)[:, :planes].T.tobytes()
    low = np.packbits(np.unpackbits(_bytes(folded), axis=1, count=bits, bitorder="little")).tobytes() if bits else b""
    # Without the noise there are runs of zeros and few repeats: matches would only cost bits.
    squeezed = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, 9, zlib.Z_RLE if bits else zlib.Z_DEFAULT_STRATEGY)
    return _Split(bits, planes, low + squeezed.compress(high) + squeezed.flush())


def _joined(data: bytes, size: int, bits: int, planes: int) -> NDArray[np.uint64]:
    """Return the numbers of :func:`_split`."""
    apart = (size * bits + 7) // 8
    expected = size * planes
    squeezed = zlib.decompressobj(-15)
    high = squeezed.decompress(data[apart:], expected + 1)
    if len(data) < apart or len(high) != expected or not squeezed.eof or squeezed.unused_data:
        raise ValueError(f"no packed numbers: {len(high)} bytes of {expected}")
    rest = np.zeros((size, 8), dtype=np.uint8)
    rest[:, :planes] = np.frombuffer(high, dtype=np.uint8).reshape(planes, size).T
    whole = rest.view("<u8")[:, 0].astype(np.uint64) << np.uint64(bits)
    if not bits:
        return whole
    low = np.zeros((size, 64), dtype=np.uint8)
    low[:, :bits] = np.unpackbits(np.frombuffer(data, dtype=np.uint8, count=apart), count=size * bits).reshape(size, bits)
    joined: NDArray[np.uint64] = whole | np.packbits(low, axis=1, bitorder="little").view("<u8")[:, 0]
    return joined


def _bytes(numbers: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the bytes of each number, the lowest first, (n, 8)."""
    return numbers.astype("<u8").view(np.uint8).reshape(-1, 8)
