"""The versioned record: the same JSON line on a pipe, in the journal and in every output.

Numbers are JSON numbers, never NaN; text is data and may contain anything. A record is a
function of the spectrum and of the model: the same content gives the same ``id`` again.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from raman_edge.errors import JournalDamaged
from raman_edge.matching.aligned import Aligned
from raman_edge.matching.identify import TOP, Reading, Timing
from raman_edge.matching.ranking import Candidate, Cause, PredictionSets
from raman_edge.quality import Quality
from raman_edge.spectrum import LEFT_OUT
from raman_edge.wording import NAMED, Answer, named_before

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import AppliedCalibration, Fault, Origin

SCHEMA: Literal[3] = 3
"""``v`` of every record; it increases when a field changes its meaning.

1: a match needed no more than one name in its set and a similarity that 95 % of the known spectra reach; an unknown and a
rejected spectrum had probabilities and sets too. 2: see :func:`raman_edge.matching.ranking.decide`; ``names`` are listed, and
``score``, ``one_of`` and ``known`` are null where nothing is claimed. 3: ``group`` is a decision, which were ``ambiguous`` or
``possible`` before; candidates have ``synonyms``, ``formula`` and ``packs``; ``cause`` says why nothing is named.
"""
DAY_S = 86_400.0
ID_CHARACTERS = 32
"""Hexadecimal characters of an id: 128 bits."""
ESCAPED_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""A byte that is not UTF-8 as Python has it in a string (PEP 383) → as a record has it."""


class RecordSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a spectrum came from."""

    kind: str
    path: str
    sha256: str | None = None
    index: int = 0
    """Number of the spectrum in a file that holds several; left out for the first."""
    grown_from: str | None = None
    """Digest of an earlier content of the same path that this content begins with: this result replaces that one. Else left out."""
    left_out: str = ""
    """What of the file is not read on purpose, and why, as in ``'Dark' (dark)``; left out where all of it is read."""


class ModelRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """What identified a spectrum."""

    id: str
    """The network's name and digest."""
    sha256: str
    provider: str
    library: str = ""
    """Digest of the references that it was compared with, those of the user library included."""


class CalibrationRef(msgspec.Struct, frozen=True):
    """The calibration of the wavenumber axis."""

    id: str
    """Digest of the calibration."""
    age_days: float
    """Days from the measurement of the standard to the result."""
    rms: float | None
    """Root mean square of the residuals of the standard's lines, cm⁻¹; null where there is one line."""


class ResultRecord(msgspec.Struct, frozen=True, tag_field="event", tag="result", kw_only=True):
    """The identification of a spectrum."""

    v: Literal[1, 2, 3] = SCHEMA
    id: str
    ts: str
    source: RecordSource
    decision: Answer
    names: tuple[str, ...] = ()
    """Labels that the decision leaves possible; empty for unknown and rejected."""
    group: str | None = None
    """Group that all of several names belong to; null where they share none, and where one or none is named."""
    cause: Cause | None = None
    """Probable cause of an unknown or rejected spectrum; null where something is named."""
    aligned: Aligned | None = None
    """The whole reference spectrum that decided; null where the network did. Then ``score``, ``one_of`` and ``known`` are null."""
    why: tuple[str, ...]
    matches: tuple[Candidate, ...]
    one_of: PredictionSets | None
    """Labels that contain the true one in 90 and in 95 of 100 cases if it is in the library; null where nothing is named."""
    known: float | None
    """Probability that the material is in the library at all; null where that was not measured."""
    quality: Quality
    model: ModelRef
    calibration: CalibrationRef | None = None
    """null where the axis is the instrument's."""
    ms: Timing


class FaultRecord(msgspec.Struct, frozen=True, tag_field="event", tag="fault", kw_only=True):
    """Why there is no spectrum to identify."""

    v: Literal[1, 2, 3] = SCHEMA
    id: str
    ts: str
    source: RecordSource
    why: str


Record = ResultRecord | FaultRecord


class Provenance(msgspec.Struct, frozen=True):
    """What decides a result besides the content; made once in a run."""

    model: ModelRef
    config: str
    """Digest of the options that belong to a result besides the model file; a content is identified once for each."""


def provenance(
    model: Model, library: Library, laser_nm: float | None = None, calibration: str | None = None, axis: str | None = None
) -> Provenance:
    """Return the provenance of a run; ``laser_nm`` (nm) and ``axis`` are for files that do not name them, ``calibration`` is an id.

    The library is not part of ``config``: a new material in the user library does not make a whole folder new.
    """
    laser = "" if laser_nm is None else f" laser={laser_nm:g}"
    calibrated = "" if calibration is None else f" calibration={calibration}"
    axis_option = "" if axis is None else f" axis={axis}"
    config = hashlib.sha256(f"{model.card.network} top={TOP}{laser}{calibrated}{axis_option}".encode()).hexdigest()[:ID_CHARACTERS]
    return Provenance(ModelRef(f"{model.card.name}-{model.card.network[:12]}", model.sha256, model.provider, library.sha256), config)


def of(event: Reading | Fault, made_by: Provenance) -> Record:
    """Return the record of ``event``, with the time of now."""
    return _result(event, made_by) if isinstance(event, Reading) else _fault(event, made_by)


def encode(record: Record) -> bytes:
    """Return the record as one line of JSON without the newline."""
    return msgspec.json.encode(record)


def decode(line: bytes | str) -> Record:
    """Read a line; one of version 1 loses the probabilities and sets that belong to no name.

    :class:`JournalDamaged` where it is not a record.
    """
    try:
        record: Record = msgspec.json.decode(line, type=Record)
        datetime.fromisoformat(record.ts)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise JournalDamaged(
            kind="not a record",
            place="a line of the journal",
            cause=str(error)[:200],
            advice="`raman-edge journal verify` tests all of it",
        ) from error
    return _of_version_1(record) if isinstance(record, ResultRecord) and record.v == 1 else record


def _of_version_1(record: ResultRecord) -> ResultRecord:
    if record.decision not in NAMED:
        nameless = tuple(replace(match, score=None) for match in record.matches)
        return msgspec.structs.replace(record, matches=nameless, one_of=None)
    sets = record.one_of or PredictionSets()
    names = named_before(record.decision, [match.label for match in record.matches], sets.p90, sets.p95)
    return msgspec.structs.replace(record, names=names)


def _result(reading: Reading, made_by: Provenance) -> ResultRecord:
    spectrum, verdict, timing = reading.spectrum, reading.verdict, reading.timing
    content = spectrum.origin.sha256 or hashlib.sha256(spectrum.axis.shift.tobytes() + spectrum.counts.tobytes()).hexdigest()
    now = datetime.now(UTC)
    calibrated = (spectrum.calibrated.id,) if spectrum.calibrated else ()
    return ResultRecord(
        id=_digest(content, str(spectrum.origin.index), made_by.model.sha256, made_by.config, *calibrated),
        ts=_stamp(now),
        source=_source(spectrum.origin, spectrum.meta.get(LEFT_OUT, "")),
        decision=verdict.decision,
        names=verdict.names,
        group=verdict.group,
        cause=verdict.cause,
        aligned=verdict.aligned,
        why=verdict.doubts,
        matches=verdict.ranked,
        one_of=verdict.sets,
        known=verdict.known,
        quality=reading.quality,
        model=made_by.model,
        calibration=_calibration(spectrum.calibrated, now),
        ms=Timing(*(round(value, 3) for value in (timing.read, timing.prepare, timing.infer, timing.total))),
    )


def _fault(fault: Fault, made_by: Provenance) -> FaultRecord:
    origin = fault.origin
    content = origin.sha256 or f"{origin.path}\0{fault.why}"
    return FaultRecord(
        id=_digest("fault", content, str(origin.index), made_by.model.sha256, made_by.config),
        ts=_stamp(datetime.now(UTC)),
        source=_source(origin),
        why=_text(fault.why),
    )


def _source(origin: Origin, left_out: str = "") -> RecordSource:
    return RecordSource(origin.kind, _text(origin.path), origin.sha256, origin.index, origin.grown_from, _text(left_out))


def _text(data: str) -> str:
    """Return ``data`` as JSON can hold it: bytes of a file name that are not UTF-8 become escapes."""
    return data.translate(ESCAPED_BYTES).encode("utf-8", "backslashreplace").decode()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:ID_CHARACTERS]


def _calibration(by: AppliedCalibration | None, now: datetime) -> CalibrationRef | None:
    if by is None:
        return None
    return CalibrationRef(by.id, round((now - by.made).total_seconds() / DAY_S, 2), None if by.rms is None else round(by.rms, 3))


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Whether a spectrum that is identified again gives the record of the journal


LEAST = 0.0005
"""Scores that differ by no more are equal: records have four digits, and processors round differently."""

OTHER_LINES = 0.06
"""Largest difference from the probability of being in the library in a record of version 1. There the peaks of one reference counted
as the material's: the share of explained peaks, which has a small weight in it, was smaller."""


def differences(before: ResultRecord, again: ResultRecord) -> tuple[str, ...]:
    """Return the differences of ``again`` from ``before``, a line each; none where decision, names and scores are equal.

    A different decision comes with the first new reason.
    """
    return (*_decided(before, again), *_numbers(before, again))


def _decided(before: ResultRecord, again: ResultRecord) -> list[str]:
    """Return the differences of decision and names."""
    found = []
    if before.decision != again.decision:
        why = next((f" ({reason})" for reason in again.why if reason not in before.why), "")
        found.append(f"decision {before.decision}, now {again.decision}{why}")
    if _named(before) != _named(again):
        found.append(f"named {_named(before) or 'nothing'}, now {_named(again) or 'nothing'}")
    return found


def _numbers(before: ResultRecord, again: ResultRecord) -> list[str]:
    """Return the differences of the probabilities, or of the similarities where one record has no probabilities."""
    found = []
    was, now = ({match.label: match for match in result.matches} for result in (before, again))
    for label in {**was, **now}:
        old, new = was.get(label), now.get(label)
        if old and new and (old.score is None or new.score is None):
            if abs(old.similarity - new.similarity) > LEAST:
                found.append(f"similarity of {label} {old.similarity:.4f}, now {new.similarity:.4f}")
            continue
        # A candidate that is not listed has less than the last listed one.
        scores = [match.score if match and match.score is not None else 0.0 for match in (old, new)]
        if abs(scores[0] - scores[1]) > LEAST:
            found.append(f"{label} {scores[0]:.2%}, now {scores[1]:.2%}")
    within = LEAST if before.v == again.v else OTHER_LINES
    if before.known is not None and again.known is not None and abs(before.known - again.known) > within:
        found.append(f"known {before.known:.2%}, now {again.known:.2%}")
    return found


def other_provenance(before: ResultRecord, again: ResultRecord) -> tuple[str, ...]:
    """Return the differences of model, rules and library, a line each."""
    found = []
    if before.model.sha256 != again.model.sha256:
        found.append(f"the model is another one: it was {_short(before.model.sha256)}, it is {_short(again.model.sha256)}")
    if before.v != again.v:
        same = "; the numbers are the same" if _decided(before, again) and not _numbers(before, again) else ""
        found.append(f"the rules of the decision differ: the record is of version {before.v}, the rules now are of version {again.v}{same}")
    if before.model.library and before.model.library != again.model.library:
        found.append(f"the library is another one: it was {_short(before.model.library)}, it is {_short(again.model.library)}")
    return tuple(found)


def _named(result: ResultRecord) -> str | None:
    return result.names[0] if result.names else None


def _short(digest: str) -> str:
    return digest[:12]
