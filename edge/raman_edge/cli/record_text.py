"""A record of the journal as text for a person: one line of a list, or all of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from raman_edge.errors import JournalDamaged
from raman_edge.wording import IF, chemistry, marked, named_before, percent, printable, title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.journal.query import StoredResult
    from raman_edge.peaks import PeakMatch
    from raman_edge.records import CalibrationRef, FaultRecord, ResultRecord
    from raman_edge.spectrum import Spectrum

ID = 8
"""Characters of an id that are shown; they distinguish a million records."""
ANSWER = 20
"""Columns of an answer in a list."""
MOST = 2
"""Names of an answer that are written out in a list."""
NAME = 10
"""Columns of the names of facts."""
PLOT_ROWS = 10
SATURATED = {True: "saturated", False: "not saturated", None: "saturation unknown"}


class _SourceText(msgspec.Struct):
    path: str
    index: int = 0


class _MatchText(msgspec.Struct):
    label: str
    score: float | None = None
    packs: tuple[str, ...] = ()


class _SetsText(msgspec.Struct):
    p90: tuple[str, ...] = ()
    p95: tuple[str, ...] = ()


class _RecordText(msgspec.Struct):
    """The fields of a record that a list shows; :mod:`raman_edge.records` takes longer to import and to decode."""

    id: str
    ts: str
    source: _SourceText
    why: str | tuple[str, ...]
    decision: str = "fault"
    matches: tuple[_MatchText, ...] = ()
    names: tuple[str, ...] | None = None
    """None in a record of version 1."""
    one_of: _SetsText | None = None
    group: str | None = None

    @property
    def reason(self) -> str:
        """The first reason, or nothing."""
        return self.why if isinstance(self.why, str) else (self.why[0] if self.why else "")

    @property
    def answer(self) -> str:
        """The answer in words, a match with its probability."""
        names = self.names
        if names is None:
            sets = self.one_of or _SetsText()
            names = named_before(self.decision, [match.label for match in self.matches], sets.p90, sets.p95)
        words = printable(str(title(self.decision, names, MOST, group=self.group, candidates=self.matches)))
        score = self.matches[0].score if self.decision == "match" and self.matches else None
        return words if score is None else f"{words} {percent(score)}"


def brief(line: str, room: int) -> str:
    """Return a record as id, time, answer, path in ``room`` columns, and reason."""
    record = _decoded(line)
    when = f"{record.ts[:19].replace('T', ' ')}Z"
    return f"{printable(record.id)[:ID]}  {when}  {record.answer:<{ANSWER}}  {_place(record, room):<{room}}  {record.reason}".rstrip()


def row(line: str, room: int, *, cut: bool) -> tuple[str, str]:
    """Return the decision of a record, and its file in at least ``room`` columns (no more with ``cut``), answer and reason as one line."""
    record = _decoded(line)
    answer = "no spectrum" if record.decision == "fault" else record.answer
    place = _place(record, room if cut else None)
    return record.decision, f"{place:<{room}}  {answer:<{ANSWER}}  {record.reason}".rstrip()


def _decoded(line: str) -> _RecordText:
    try:
        return msgspec.json.decode(line, type=_RecordText)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise JournalDamaged(
            kind="a line is no record", place="journal", cause=str(error)[:200], advice="`raman-edge journal verify` checks all of it"
        ) from error


def _place(record: _RecordText, room: int | None = None) -> str:
    """Return the file of a record, with the number of the spectrum if it is not the first of its file.

    A path that is longer than ``room`` loses its beginning.
    """
    place = printable(record.source.path + (f" [{record.source.index + 1}]" if record.source.index else ""))
    return place if room is None or len(place) <= room else f"…{place[1 - room :]}"


def full(stored: StoredResult, width: int) -> list[str]:
    """Return a record as lines: names and values, and the spectrum as a plot of ``width`` columns."""
    lines = [f"{name:{NAME}}  {value}" for name, value in facts(stored)]
    return lines + (_plot(stored.spectrum, width, ascii_only=not _shows_braille()) if stored.spectrum else [])


def facts(stored: StoredResult) -> Iterator[tuple[str, str]]:
    """Give names and values: the answer first, then its evidence, its source and its place in the journal."""
    from raman_edge import records  # noqa: PLC0415 - numpy; a list does without

    record = records.decode(stored.row.line)
    yield from _fault(record) if isinstance(record, records.FaultRecord) else _result(record)
    source = record.source
    yield "file", source.path + (f"  (spectrum {source.index + 1} of it)" if source.index else "")
    yield "content", f"SHA-256 {source.sha256}" if source.sha256 else "not read"
    yield "time", record.ts.replace("T", " ").replace("Z", " UTC")
    if isinstance(record, records.ResultRecord):
        model = record.model
        yield "model", f"{model.id} on {model.provider}, SHA-256 {model.sha256[:12]}, library {model.library[:12] or 'not recorded'}"
        if record.calibration:
            yield "axis", _calibration(record.calibration)
    if stored.spectrum:
        yield "spectrum", _measured(stored.spectrum)
    elif stored.digest:
        yield "spectrum", f"not kept; its SHA-256 is {stored.digest}"
    yield "journal", f"row {stored.row.seq}, id {stored.row.id}, hash {stored.chain}"


def _calibration(reference: CalibrationRef) -> str:
    scatter = "one line" if reference.rms is None else f"{reference.rms:g} cm⁻¹ rms"
    return f"calibration {reference.id[:12]}, {reference.age_days:g} days old at that time, {scatter}"


def _fault(record: FaultRecord) -> Iterator[tuple[str, str]]:
    yield "answer", "none: the file could not be read"
    yield "why", record.why


def _result(record: ResultRecord) -> Iterator[tuple[str, str]]:
    words = title(record.decision, record.names, group=record.group, candidates=record.matches)
    yield "answer", f"{words}, {record.decision}" if record.names else str(words)
    if len(record.names) == 1 and record.matches and (beside := chemistry(record.matches[0].synonyms, record.matches[0].formula)):
        yield "", beside
    for number, why in enumerate(record.why):
        yield "" if number else "why", why
    if any(match.score is not None for match in record.matches):
        yield "", f"probabilities hold {IF}:"
    for number, match in enumerate(record.matches):
        score = "" if match.score is None else f"{percent(match.score, 2):>7}  "
        yield "" if number else "nearest", f"{score}{marked(match)}, similarity {match.similarity:.3f}"
    if record.one_of:
        for share, names in (("90", record.one_of.p90), ("95", record.one_of.p95)):
            yield "", f"{IF}, it is in {share} of 100 cases one of {', '.join(names)}"
    if record.known is not None:
        yield "known", f"probability of being in the library: {percent(record.known)}"
    if record.aligned:
        yield "whole", record.aligned.text
    if record.matches:
        yield from _peaks(record.matches[0].label, record.matches[0].peaks)
    quality = record.quality
    yield "quality", f"signal-to-noise {quality.snr:g}, {SATURATED[quality.saturated]}, {quality.coverage:.0%} of the model's range"


def _peaks(label: str, found: PeakMatch) -> Iterator[tuple[str, str]]:
    both = ", ".join(f"{peak.at:g} ({peak.delta:+g})" for peak in found.matched)
    yield "peaks", f"of {label}, cm⁻¹ (deviation): {both or 'none'}"
    yield "", f"of {label}, missing here: {', '.join(f'{peak.at:g}' for peak in found.missing) or 'none'}"
    yield "", f"here, not of {label}: {', '.join(f'{peak.at:g}' for peak in found.extra) or 'none'}"


def _measured(spectrum: Spectrum) -> str:
    axis, counts = spectrum.axis, spectrum.counts
    texts = [f"{len(spectrum)} points, {axis.start:g} to {axis.stop:g} cm⁻¹, {counts.min():g} to {counts.max():g} counts"]
    texts += [f"laser {spectrum.meta['laser_nm']} nm"] if "laser_nm" in spectrum.meta else []
    texts += [f"exposure {spectrum.exposure_s:g} s"] if spectrum.exposure_s else []
    texts += [f"taken {spectrum.taken_at:%Y-%m-%d %H:%M:%S %z}"] if spectrum.taken_at else []
    return ", ".join(texts)


def _plot(spectrum: Spectrum, width: int, *, ascii_only: bool) -> list[str]:
    from raman_edge.terminal import plot  # noqa: PLC0415 - numpy; a list does without

    shift, counts = spectrum.axis.shift, spectrum.counts
    drawn = plot.ascii_plot if ascii_only else plot.braille
    lines = drawn(shift, counts, plot.window(shift, counts, (float(shift[0]), float(shift[-1]))), width - 1, PLOT_ROWS)
    ends = f"{shift[0]:.0f}", f"{shift[-1]:.0f} cm⁻¹"
    return [*lines, ends[0] + ends[1].rjust(max(0, width - 1 - len(ends[0])))]


def _shows_braille() -> bool:
    try:
        "\u28ff".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
