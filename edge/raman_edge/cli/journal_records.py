"""``raman-edge journal show | recheck``, and the table of ``export``: what needs numpy."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from raman_edge import records
from raman_edge.cli import journal_options as choose
from raman_edge.cli import opening, record_text
from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, say, write_json, write_text
from raman_edge.errors import SpectrumError
from raman_edge.matching.identify import identify
from raman_edge.outputs import files
from raman_edge.terminal import plot
from raman_edge.wording import IF, chemistry, marked, percent, title

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from raman_edge.cli.parser import Parser
    from raman_edge.journal.query import StoredResult
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.peaks import PeakMatch
    from raman_edge.records import CalibrationRef, FaultRecord, ResultRecord
    from raman_edge.spectrum import Spectrum

DIFFERENT, BAD_DATA = 1, 65
NAME = 10
"""Columns of the names of facts."""
PLOT_ROWS = 10
SATURATED = {True: "saturated", False: "not saturated", None: "saturation unknown"}


# show


def add_show(parser: Parser) -> None:
    """Add the arguments of ``show``."""
    parser.describe(
        description="Show all of one record: the answer and its reasons, peaks, quality, model, and the spectrum as it was measured. In a "
        "pipe, or with --json, one object: the record as it was written, its row in the journal, and the spectrum's numbers.",
        examples=(
            ("raman-edge journal show 7b9065b6", "reasons, peaks, quality, model and spectrum"),
            ("raman-edge journal show 7b9065b6 --json", "the same with the spectrum's numbers"),
        ),
        exits={65: "no such record, or its row is damaged"},
    )
    parser.add_argument(
        "id", type=choose.record_id, metavar="ID", help="of the record, or its first characters: the first column of `journal list`"
    )
    choose.add_journal(parser)
    shared.add_json(parser)


def run_show(options: argparse.Namespace) -> int:
    """Print the record."""
    with choose.open_journal(options, create=False) as journal:
        stored = choose.find_record(journal, options.id)
    if as_json(options):
        row = {"seq": stored.row.seq, "chain": stored.chain, "config": stored.config, "spectrum_sha256": stored.digest}
        write_json({"record": json.loads(stored.row.line), "journal": row, "spectrum": stored.spectrum and _numbers(stored.spectrum)})
    else:
        for line in lines_of(stored, shutil.get_terminal_size().columns):
            write_text(line)
    return 0


def _numbers(spectrum: Spectrum) -> dict[str, object]:
    return {
        "shift": spectrum.axis.shift.tolist(),
        "counts": spectrum.counts.tolist(),
        "taken_at": spectrum.taken_at.isoformat() if spectrum.taken_at else None,
        "exposure_s": spectrum.exposure_s,
        "saturation": spectrum.saturation,
        "meta": dict(spectrum.meta),
    }


def lines_of(stored: StoredResult, width: int) -> list[str]:
    """Return a record as lines: names and values, and the spectrum as a plot of ``width`` columns."""
    lines = [f"{name:{NAME}}  {value}" for name, value in facts(stored)]
    return lines + (_plot(stored.spectrum, width, ascii_only=not _shows_braille()) if stored.spectrum else [])


def facts(stored: StoredResult) -> Iterator[tuple[str, str]]:
    """Give names and values: the answer first, then its evidence, its source and its place in the journal."""
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


# export --format csv


def table(lines: Iterator[str]) -> Iterator[str]:
    """Give the rows of the table, the header first."""
    rows = chain([files.COLUMNS], (files.cells(records.decode(line)) for line in lines))
    return (files.encoded(row).decode().removesuffix("\r\n") for row in rows)


# recheck


class Outcome(NamedTuple):
    """Whether the model gives the same answer to a spectrum today."""

    same: bool | None
    """None where there is no spectrum to identify."""
    differences: tuple[str, ...]
    """What differs, or why there is nothing to compare."""
    notes: tuple[str, ...]
    """That another model or library answers now."""


def add_recheck(parser: Parser) -> None:
    """Add the arguments of ``recheck``."""
    parser.describe(
        description="Identify the spectra in the journal with today's model and library, and report whether decision, names and scores "
        "are the same (probabilities to 0.05 percentage points). A model or library that differs from that of the record is named. "
        "Nothing is written.",
        examples=(
            ("raman-edge journal recheck --last 100", "do today's model and library give the same answers?"),
            ("raman-edge journal recheck 7b9065b6 --model new.onnx", "one record, with another model"),
        ),
        exits={1: "an answer differs", 65: "there was no spectrum to identify, or a row is damaged"},
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "id", nargs="?", type=choose.record_id, metavar="ID", help="of a record, or its first characters: see `journal list`"
    )
    which.add_argument("--last", type=shared.at_least_one, metavar="N", help="the newest N records")
    which.add_argument("--all", action="store_true", help="every record")
    choose.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_json(parser)


def run_recheck(options: argparse.Namespace) -> int:
    """Identify again and print what differs; 1 where something does, 65 where there was nothing to identify."""
    counts = {True: 0, False: 0, None: 0}
    with choose.open_journal(options, create=False) as journal:
        chosen = iter([choose.find_record(journal, options.id)]) if options.id else journal.results(options.last)
        model, library = opening.open_model(options)
        for stored in chosen:
            outcome = _again(stored, model, library)
            counts[outcome.same] += 1
            if as_json(options):
                write_json({"id": stored.row.id, "same": outcome.same, "differs": outcome.differences, "notes": outcome.notes})
                continue
            word = {True: "same", False: "differs", None: "not identified"}[outcome.same]
            write_text(f"{stored.row.id[: record_text.ID]}  {'; '.join((word, *outcome.differences))}")
            for note in outcome.notes:
                write_text(f"{'':{record_text.ID}}  {note}")
    say(f"{counts[True]} the same, {counts[False]} different, {counts[None]} without a spectrum")
    if counts[False]:
        return DIFFERENT
    return 0 if counts[True] or not counts[None] else BAD_DATA


def _again(stored: StoredResult, model: Model, library: Library) -> Outcome:
    before = records.decode(stored.row.line)
    if isinstance(before, records.FaultRecord):
        return Outcome(None, ("the record is a fault, without a spectrum",), ())
    if stored.spectrum is None:
        return Outcome(None, ("its spectrum is not kept: pruned, or written by an older raman-edge",), ())
    try:
        now = records.of(identify(stored.spectrum, model, library), records.provenance(model, library))
    except SpectrumError as error:
        return Outcome(same=False, differences=(f"it cannot be identified any more: {error}",), notes=())
    if isinstance(now, records.FaultRecord):
        return Outcome(same=False, differences=(now.why,), notes=())
    differences = records.differences(before, now)
    return Outcome(not differences, differences, records.other_provenance(before, now))
