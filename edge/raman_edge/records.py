"""The one versioned record: the same line on a pipe, in the journal and at every sink.

Numbers are JSON numbers, never NaN; text is data, whatever it contains. A record is a
function of the reading and of the model: the same content gives the same ``id`` again.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from raman_edge.errors import JournalDamaged
from raman_edge.matching.identify import TOP, Reading, Timing
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.quality import Quality
from raman_edge.spectrum import LEFT_OUT
from raman_edge.wording import NAMED, Answer, named_before

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import AppliedCalibration, Fault, Origin

SCHEMA: Literal[2] = 2
"""``v`` of every record; a field that changes its meaning raises it.

1: a match needed no more than one name in its set and a similarity that 95 % of the known spectra reach; an unknown and a
rejected spectrum had probabilities and sets too. 2: see :func:`raman_edge.matching.ranking.decide`; ``names`` are listed, and
``score``, ``one_of`` and ``known`` are null where nothing is claimed.
"""
DAY_S = 86_400.0
ID_CHARACTERS = 32
"""Hexadecimal characters of an id: 128 bits."""
ESCAPED_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""How Python names a byte that is not UTF-8 (PEP 383), and how a record does."""


class RecordSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where it came from."""

    kind: str
    path: str
    sha256: str | None = None
    index: int = 0
    """Which spectrum of a file that holds several; left out for the first."""
    grown_from: str | None = None
    """Digest of an earlier content of the same path that this content begins with: this answer replaces that one's. Else left out."""
    left_out: str = ""
    """What of the file is not read on purpose, and why, as in ``'Dark' (dark)``; left out where nothing is."""


class ModelRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """What named it."""

    id: str
    """The network's name and digest."""
    sha256: str
    provider: str
    library: str = ""
    """Digest of the references that it was compared with, the user's own among them."""


class CalibrationRef(msgspec.Struct, frozen=True):
    """What made the wavenumber axis."""

    id: str
    """Digest of the calibration."""
    age_days: float
    """Days from the standard to the answer."""
    rms: float | None
    """Root mean square of the standard's lines about it, cm⁻¹; null where one line was all."""


class ResultRecord(msgspec.Struct, frozen=True, tag_field="event", tag="result", kw_only=True):
    """What was said of a spectrum."""

    v: Literal[1, 2] = SCHEMA
    id: str
    ts: str
    source: RecordSource
    decision: Answer
    names: tuple[str, ...] = ()
    """The names that the answer leaves; empty for unknown and rejected."""
    why: tuple[str, ...]
    matches: tuple[Candidate, ...]
    one_of: PredictionSets | None
    """Names among which the truth is in 90 and in 95 of 100 cases if it is in the library; null where nothing is claimed."""
    known: float | None
    """How probable it is that the material is in the library at all; null where that was not measured."""
    quality: Quality
    model: ModelRef
    calibration: CalibrationRef | None = None
    """null where the axis is as the instrument wrote it."""
    ms: Timing


class FaultRecord(msgspec.Struct, frozen=True, tag_field="event", tag="fault", kw_only=True):
    """Why there is no spectrum to say anything of."""

    v: Literal[1, 2] = SCHEMA
    id: str
    ts: str
    source: RecordSource
    why: str


Record = ResultRecord | FaultRecord


class Provenance(msgspec.Struct, frozen=True):
    """What decides an answer besides the content: made once a run, by :func:`means`."""

    model: ModelRef
    config: str
    """Digest of what, besides the model file, belongs to the question; a content is answered once for each."""


def means(
    model: Model, library: Library, laser_nm: float | None = None, calibration: str | None = None, axis: str | None = None
) -> Provenance:
    """Return what a run names spectra with; ``laser_nm`` (nm) and ``axis`` are for files that do not tell, ``calibration`` is an id.

    The library is no part of ``config``: a lab that teaches one more material does not want its whole folder answered anew.
    """
    laser = "" if laser_nm is None else f" laser={laser_nm:g}"
    made = "" if calibration is None else f" calibration={calibration}"
    told = "" if axis is None else f" axis={axis}"
    config = hashlib.sha256(f"{model.card.network} top={TOP}{laser}{made}{told}".encode()).hexdigest()[:ID_CHARACTERS]
    return Provenance(ModelRef(f"{model.card.name}-{model.card.network[:12]}", model.sha256, model.provider, library.sha256), config)


def of(event: Reading | Fault, means: Provenance) -> Record:
    """Make the record of ``event``, now."""
    return _result(event, means) if isinstance(event, Reading) else _fault(event, means)


def encode(record: Record) -> bytes:
    """Return the record as one line of JSON without the newline."""
    return msgspec.json.encode(record)


def decode(line: bytes | str) -> Record:
    """Read a line back; one of version 1 without the probabilities and sets that belong to no name.

    :class:`JournalDamaged` where it is no record.
    """
    try:
        record: Record = msgspec.json.decode(line, type=Record)
        datetime.fromisoformat(record.ts)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        msg = f"a line of the journal is no record: {str(error)[:200]}. `raman-edge journal verify` tests the whole of it"
        raise JournalDamaged(msg) from error
    return _of_version_1(record) if isinstance(record, ResultRecord) and record.v == 1 else record


def _of_version_1(said: ResultRecord) -> ResultRecord:
    if said.decision not in NAMED:
        nameless = tuple(replace(match, score=None) for match in said.matches)
        return msgspec.structs.replace(said, matches=nameless, one_of=None)
    sets = said.one_of or PredictionSets()
    names = named_before(said.decision, [match.label for match in said.matches], sets.p90, sets.p95)
    return msgspec.structs.replace(said, names=names)


def _result(reading: Reading, means: Provenance) -> ResultRecord:
    spectrum, verdict, timing = reading.spectrum, reading.verdict, reading.timing
    content = spectrum.origin.sha256 or hashlib.sha256(spectrum.axis.shift.tobytes() + spectrum.counts.tobytes()).hexdigest()
    now = datetime.now(UTC)
    calibrated = (spectrum.calibrated.id,) if spectrum.calibrated else ()
    return ResultRecord(
        id=_digest(content, str(spectrum.origin.index), means.model.sha256, means.config, *calibrated),
        ts=_stamp(now),
        source=_source(spectrum.origin, spectrum.meta.get(LEFT_OUT, "")),
        decision=verdict.decision,
        names=verdict.names,
        why=verdict.doubts,
        matches=verdict.ranked,
        one_of=verdict.sets,
        known=verdict.known,
        quality=reading.quality,
        model=means.model,
        calibration=_calibration(spectrum.calibrated, now),
        ms=Timing(*(round(value, 3) for value in (timing.read, timing.prepare, timing.infer, timing.total))),
    )


def _fault(fault: Fault, means: Provenance) -> FaultRecord:
    origin = fault.origin
    content = origin.sha256 or f"{origin.path}\0{fault.why}"
    return FaultRecord(
        id=_digest("fault", content, str(origin.index), means.model.sha256, means.config),
        ts=_stamp(datetime.now(UTC)),
        source=_source(origin),
        why=_text(fault.why),
    )


def _source(origin: Origin, left_out: str = "") -> RecordSource:
    return RecordSource(origin.kind, _text(origin.path), origin.sha256, origin.index, origin.grown_from, _text(left_out))


def _text(data: str) -> str:
    """Return ``data`` as JSON can carry it: what is not UTF-8 in a file name travels as escapes."""
    return data.translate(ESCAPED_BYTES).encode("utf-8", "backslashreplace").decode()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:ID_CHARACTERS]


def _calibration(by: AppliedCalibration | None, now: datetime) -> CalibrationRef | None:
    if by is None:
        return None
    return CalibrationRef(by.id, round((now - by.made).total_seconds() / DAY_S, 2), None if by.rms is None else round(by.rms, 3))


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
