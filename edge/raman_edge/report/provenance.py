"""Where a page comes from: source, times, calibration, model, journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from raman_edge import __version__
from raman_edge.matching.ranking import EVEN, LEAST_CHANCE
from raman_edge.records import ResultRecord
from raman_edge.report.markup import NOTHING, Html, datum, facts, joined, section, tag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from raman_edge.model.card import ModelCard
    from raman_edge.records import CalibrationRef
    from raman_edge.report.markup import Child
    from raman_edge.report.subject import ReportedResult
    from raman_edge.spectrum import Spectrum

    Facts = Iterator[tuple[str, Child]]

HEADERS = 12
"""Facts of a file's header that are shown."""
HEADER = 80
"""Characters of one of them."""


def sections(subject: ReportedResult, zone: tzinfo | None) -> tuple[Html, ...]:
    """Return them as sections; times are in UTC and in ``zone``, None for that of this machine."""
    made = [section("Source", facts(_source(subject, zone)))]
    if isinstance(said := subject.record, ResultRecord):
        made.append(section("Wavenumber calibration", facts(_calibration(said.calibration))))
        made.append(section("Model", _lacks(subject.lacks), facts(_model(subject, said))))
    made.append(section("Times", facts(_times(subject, zone))))
    made.append(section("Journal", facts(_journal(subject))))
    return tuple(made)


def _lacks(why: str) -> Html:
    return tag("p", why, class_="lacks") if why else NOTHING


def _source(subject: ReportedResult, zone: tzinfo | None) -> Facts:
    source, spectrum = subject.record.source, subject.held.spectrum
    yield source.kind, datum(source.path)
    yield "SHA-256", _digest(source.sha256) if source.sha256 else "none: no content was read"
    if source.index:
        yield "spectrum", f"number {source.index + 1} of the file"
    if spectrum is not None:
        yield from _measured(spectrum, zone)
    elif isinstance(subject.record, ResultRecord):
        yield "spectrum", joined(["not kept; its SHA-256 is ", _digest(subject.held.digest or "not noted")])


def _measured(spectrum: Spectrum, zone: tzinfo | None) -> Facts:
    axis = spectrum.axis
    yield "recorded", f"{len(axis)} points, {axis.start:g} to {axis.stop:g} cm⁻¹"
    if spectrum.exposure_s is not None:
        yield "exposure", f"{spectrum.exposure_s:g} s"
    if spectrum.taken_at is not None:
        yield "taken", _both(spectrum.taken_at, zone)
    shown = sorted(spectrum.meta.items())[:HEADERS]
    if shown:
        parts = [part for name, value in shown for part in (datum(f"{name}: {value}"[:HEADER]), "; ")]
        more = f" and {len(spectrum.meta) - HEADERS} more" if len(spectrum.meta) > HEADERS else ""
        yield "header", joined([*parts[:-1], more])


def _calibration(by: CalibrationRef | None) -> Facts:
    if by is None:
        yield "axis", "as the instrument wrote it"
        return
    yield "id", _digest(by.id)
    yield "age", f"{by.age_days:g} days when it answered"
    yield "residual", "one line was all" if by.rms is None else f"{by.rms:g} cm⁻¹ rms about the standard's lines"


def _model(subject: ReportedResult, said: ResultRecord) -> Facts:
    yield "name", datum(said.model.id)
    yield "SHA-256", _digest(said.model.sha256)
    yield "library", _digest(said.model.library) if said.model.library else "not noted"
    yield "ran on", datum(said.model.provider)
    if card := subject.card:
        yield from _card(card)


def _card(card: ModelCard) -> Facts:
    made, decision, axis = card.provenance, card.decision, card.recipe.axis
    yield "exported", joined([datum(made.created), ", revision ", datum(made.revision), f", {card.precision}"])
    yield "range", f"{axis.start:g} to {axis.stop:g} cm⁻¹"
    yield "trained on", datum(made.trained_on)
    yield "terms", datum(made.licence)
    yield "unknown", f"where it is less than {decision.familiar.least:.1%} sure that the material is in the library"
    unsure = f"less than {EVEN:.0%} sure that the material is in the library, or less than {LEAST_CHANCE:.0%} that the name is right"
    yield "possible", f"where it is {unsure}, or the lines of spectrum and references contradict each other"
    several = f"where the best name has less than {decision.ambiguous_below:.0%}, or another has at least {decision.least_90:.1%}"
    yield "ambiguous", f"{several}: then the set of 90 of 100 cases holds several"


def _times(subject: ReportedResult, zone: tzinfo | None) -> Facts:
    said = subject.record
    yield "answered", _both(datetime.fromisoformat(said.ts), zone)
    if isinstance(said, ResultRecord):
        ms = said.ms
        yield "took", f"read {ms.read:.1f}, prepare {ms.prepare:.1f}, infer {ms.infer:.1f}, in all {ms.total:.1f} ms"


def _journal(subject: ReportedResult) -> Facts:
    held = subject.held
    yield "row", f"{held.row.seq}"
    yield "record", _digest(held.row.id)
    yield "chain hash", _digest(held.chain)
    if held.digest:
        yield "spectrum", joined(["SHA-256 ", _digest(held.digest)])
    yield "checked by", tag("code", "raman-edge journal verify")
    yield "versions", f"record {subject.record.v}, page by raman-edge {__version__}"


def _both(when: datetime, zone: tzinfo | None) -> str:
    """Return a time in UTC and in ``zone``."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {when.astimezone(zone):%Y-%m-%d %H:%M:%S %z} local"


def _digest(text: str) -> Html:
    return tag("code", text)
