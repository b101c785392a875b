"""``raman-edge journal show ID``: one record, whole."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.journal import filters
from raman_edge.cli.output import is_terminal, write, write_text
from raman_edge.wording import IF, title

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from raman_edge.journal.query import StoredResult
    from raman_edge.peaks import PeakMatch
    from raman_edge.records import CalibrationRef, FaultRecord, ResultRecord
    from raman_edge.spectrum import Spectrum

NAME = 10
"""Columns of the names of facts."""
PLOT_ROWS = 10
SATURATED = {True: "saturated", False: "not saturated", None: "whether it is saturated is not known"}


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "show",
        help="one record with its reasons, peaks, model and spectrum",
        description="One record, whole: what was said and why, the peaks, what answered, and the spectrum as it was measured. In a pipe, "
        "or with --json, one object: the record as it went out, its row in the journal, and the spectrum's numbers.",
        allow_abbrev=False,
    )
    one.add_argument("id", type=filters.beginning, metavar="ID", help="of the record, or how it begins: the first column of `journal list`")
    shared.add_journal(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print the record."""
    with shared.open_journal(options, create=False) as journal:
        held = filters.one(journal, options.id)
    if options.json or not is_terminal():
        write(_as_json(held))
        return 0
    width, ascii_only = shutil.get_terminal_size().columns, not _braille_shows()
    lines = [f"{name:{NAME}}  {value}" for name, value in _facts(held)]
    lines += _plot(held.spectrum, width, ascii_only=ascii_only) if held.spectrum else []
    for line in lines:
        write_text(line.replace("cm⁻¹", "1/cm") if ascii_only else line)
    return 0


def _as_json(held: StoredResult) -> bytes:
    journal = {"seq": held.row.seq, "chain": held.chain, "config": held.config, "spectrum_sha256": held.digest}
    facts = {"record": json.loads(held.row.line), "journal": journal, "spectrum": held.spectrum and _numbers(held.spectrum)}
    return json.dumps(facts, ensure_ascii=False).encode()


def _numbers(spectrum: Spectrum) -> dict[str, object]:
    return {
        "shift": spectrum.axis.shift.tolist(),
        "counts": spectrum.counts.tolist(),
        "taken_at": spectrum.taken_at.isoformat() if spectrum.taken_at else None,
        "exposure_s": spectrum.exposure_s,
        "saturation": spectrum.saturation,
        "meta": dict(spectrum.meta),
    }


def _facts(held: StoredResult) -> Iterator[tuple[str, str]]:
    """Give names and values, in the order of what a reader asks."""
    from raman_edge import records  # noqa: PLC0415

    said = records.decode(held.row.line)
    yield from _fault(said) if isinstance(said, records.FaultRecord) else _result(said)
    source = said.source
    yield "file", source.path + (f"  (spectrum {source.index + 1} of it)" if source.index else "")
    yield "content", f"SHA-256 {source.sha256}" if source.sha256 else "none was read"
    yield "answered", said.ts.replace("T", " ").replace("Z", " UTC")
    if isinstance(said, records.ResultRecord):
        yield (
            "by",
            f"{said.model.id} on {said.model.provider}, model {said.model.sha256[:12]}, library {said.model.library[:12] or 'not noted'}",
        )
        if said.calibration:
            yield "axis", _calibration(said.calibration)
    if held.spectrum:
        yield "spectrum", _measured(held.spectrum)
    elif held.digest:
        yield "spectrum", f"not kept; its SHA-256 is {held.digest}"
    yield "journal", f"row {held.row.seq}, id {held.row.id}, hash {held.chain}"


def _calibration(by: CalibrationRef) -> str:
    scatter = "one line" if by.rms is None else f"{by.rms:g} cm⁻¹ rms"
    return f"calibrated by {by.id[:12]}, {by.age_days:g} days old then, {scatter}"


def _fault(said: FaultRecord) -> Iterator[tuple[str, str]]:
    yield "answer", "none: it could not be read"
    yield "why", said.why


def _result(said: ResultRecord) -> Iterator[tuple[str, str]]:
    words = title(said.decision, said.names)
    yield "answer", f"{words}, {said.decision}" if said.names else str(words)
    for number, why in enumerate(said.why):
        yield "" if number else "why", why
    if any(match.score is not None for match in said.matches):
        yield "", f"probabilities hold {IF}:"
    for number, match in enumerate(said.matches):
        score = "" if match.score is None else f"{match.score:7.2%}  "
        yield "" if number else "nearest", f"{score}{match.label}, similarity {match.similarity:.3f}"
    if said.one_of:
        for share, names in (("90", said.one_of.p90), ("95", said.one_of.p95)):
            yield "", f"{IF}, it is in {share} of 100 cases one of {', '.join(names)}"
    if said.known is not None:
        yield "known", f"in the library at all: {said.known:.0%}"
    if said.matches:
        yield from _peaks(said.matches[0].label, said.matches[0].peaks)
    quality = said.quality
    yield "quality", f"signal {quality.snr:g} times the noise, {SATURATED[quality.saturated]}, {quality.coverage:.0%} of the model's range"


def _peaks(label: str, found: PeakMatch) -> Iterator[tuple[str, str]]:
    both = ", ".join(f"{peak.at:g} ({peak.delta:+g})" for peak in found.matched)
    yield "peaks", f"of {label}, cm⁻¹ (off by): {both or 'none'}"
    yield "", f"of {label}, not here: {', '.join(f'{peak.at:g}' for peak in found.missing) or 'none'}"
    yield "", f"here, not of {label}: {', '.join(f'{peak.at:g}' for peak in found.extra) or 'none'}"


def _measured(spectrum: Spectrum) -> str:
    axis, counts = spectrum.axis, spectrum.counts
    facts = [f"{len(spectrum)} points, {axis.start:g} to {axis.stop:g} cm⁻¹, {counts.min():g} to {counts.max():g} counts"]
    facts += [f"laser {spectrum.meta['laser_nm']} nm"] if "laser_nm" in spectrum.meta else []
    facts += [f"exposed {spectrum.exposure_s:g} s"] if spectrum.exposure_s else []
    facts += [f"taken {spectrum.taken_at:%Y-%m-%d %H:%M:%S %z}"] if spectrum.taken_at else []
    return ", ".join(facts)


def _plot(spectrum: Spectrum, width: int, *, ascii_only: bool) -> list[str]:
    from raman_edge.terminal import plot  # noqa: PLC0415 - only where there is something to draw

    shift, counts = spectrum.axis.shift, spectrum.counts
    drawn = plot.ascii_plot if ascii_only else plot.braille
    lines = drawn(shift, counts, plot.window(shift, counts, (float(shift[0]), float(shift[-1]))), width - 1, PLOT_ROWS)
    ends = f"{shift[0]:.0f}", f"{shift[-1]:.0f} cm⁻¹"
    return [*lines, ends[0] + ends[1].rjust(max(0, width - 1 - len(ends[0])))]


def _braille_shows() -> bool:
    try:
        "\u28ff".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
