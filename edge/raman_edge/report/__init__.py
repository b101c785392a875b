"""HTML pages about results, for filing and printing: self-contained files, rendered from the templates beside this module.

A document has one page for each result, and a contact sheet before several.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from raman_edge import __version__, quality, records, wording
from raman_edge.errors import ConfigError
from raman_edge.matching import ranking
from raman_edge.matching.ranking import objections
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.report import figure as figures
from raman_edge.terminal.state import name_of
from raman_edge.terminal.theme import UNICODE, safe_text
from raman_edge.terminal.widgets import lights
from raman_edge.wording import Title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from jinja2.runtime import Context

    from raman_edge.journal.query import StoredResult
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Candidate
    from raman_edge.model.card import ModelCard
    from raman_edge.peaks import PeakMatch
    from raman_edge.records import Record
    from raman_edge.report.figure import SvgElement
    from raman_edge.spectrum import Spectrum

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
    from markupsafe import Markup
except ImportError as missing:
    raise ConfigError(
        kind="package not installed", place="raman-edge report", expected="jinja2", advice="pip install 'raman-edge[report]'"
    ) from missing

CARD_CELLS = 72
"""Length of an answer and of a file name on the contact sheet."""
SATURATED = {True: "yes", False: "no", None: "not known: neither the file nor the instrument states the saturation level"}


def document(results: Sequence[ReportedResult], zone: tzinfo | None = None) -> Iterator[str]:
    """Yield one HTML document about one result or more, in pieces of whole lines: the same bytes for the same results.

    Times are given in UTC and in ``zone``; None is the zone of this machine.
    """
    from_template = ENVIRONMENT.get_template
    single = len(results) == 1
    counts = Counter(result.kind for result in results)
    listed = ", ".join(f"{counts[kind]} {kind}" for kind in (*wording.ANSWERS, "fault") if counts[kind])
    title = str(results[0].title) if single else f"{len(results)} results"
    yield from_template("head.html").render(results=results, title=title, counts=listed) + "\n"
    page = from_template("result.html")
    for result in results:
        yield page.render(result=result, zone=zone, heading="h1" if single else "h2") + "\n"
    yield "</body></html>\n"


def peak_rows(found: PeakMatch) -> list[tuple[str, str, str, str, float]]:
    """Return kind, measured and reference position, difference and height of each peak, in order of Raman shift."""
    rows = [(p.at, "matched", f"{p.at:.1f}", f"{p.reference:.1f}", f"{p.delta + 0.0:+.1f}", p.height) for p in found.matched]
    rows += [(p.at, "missing", "–", f"{p.at:.1f}", "", p.height) for p in found.missing]
    rows += [(p.at, "extra", f"{p.at:.1f}", "–", "", p.height) for p in found.extra]
    return [row[1:] for row in sorted(rows)]


@pass_context
def _clock(context: Context, when: datetime) -> str:
    """Return a time in UTC and in the zone of the document."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {when.astimezone(context['zone']):%Y-%m-%d %H:%M:%S %z} local"


def _visible(value: object) -> object:
    """Make control characters of text visible; Jinja escapes markup afterwards. Markup was rendered by a template here."""
    return safe_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


ENVIRONMENT = Environment(
    loader=PackageLoader("raman_edge.report"),
    autoescape=True,
    finalize=_visible,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals.update(
    clock=_clock,
    cut=lambda text: safe_text(text, CARD_CELLS),
    lights=lights,
    peak_rows=peak_rows,
    sign=UNICODE.sign,
    version=__version__,
    quality_limits=quality,
    ranking=ranking,
    saturated=SATURATED,
    wording=wording,
)


SHORT_DIGEST = 12
"""Characters of a digest in a sentence; whole digests stand in the tables."""
NAME_CELLS = 80
"""Length of one name in a title."""
NOT_SHOWN = "reference peaks that the record does not contain"
EARLIER = "Decided by the rules of version 1, which required less for a match. The current rules say: "
"""Precedes the objection to a match that an older raman-edge recorded."""


@dataclass(frozen=True, eq=False, slots=True)
class CurrentModel:
    """The model and library that are in use now."""

    sha256: str
    """Of the model file."""
    card: ModelCard
    library: Library


@dataclass(frozen=True, eq=False)
class ReportedResult:
    """One record, and what can be shown of it."""

    stored: StoredResult
    current: CurrentModel | None
    """None if no model was opened."""

    @cached_property
    def record(self) -> Record:
        """The record."""
        return records.decode(self.stored.row.line)

    @property
    def spectrum(self) -> Spectrum | None:
        """The spectrum; None for a fault, and where the journal no longer keeps it."""
        return self.stored.spectrum

    @property
    def anchor(self) -> str:
        """Name of the page within the document."""
        return f"r-{self.stored.row.id}"

    @property
    def identified(self) -> bool:
        """Whether there is a result, not a fault."""
        return isinstance(self.record, ResultRecord)

    @property
    def kind(self) -> str:
        """The decision, or ``fault``."""
        return self.record.decision if isinstance(self.record, ResultRecord) else "fault"

    @property
    def title(self) -> Title:
        """The answer: a name, several, or that there is none; each name is cut to :data:`NAME_CELLS`."""
        if isinstance(self.record, FaultRecord):
            return Title("Not read")
        record = self.record
        title = wording.title(record.decision, record.names, group=record.group, candidates=record.matches)
        return title._replace(names=tuple(safe_text(name, NAME_CELLS) for name in title.names), group=safe_text(title.group, NAME_CELLS))

    @property
    def chemistry(self) -> str:
        """Synonym and formula of the one material that is named; empty where nothing is known of it, or several are named."""
        one = self.best if isinstance(self.record, ResultRecord) and len(self.record.names) == 1 else None
        return wording.chemistry(one.synonyms, one.formula) if one else ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """What supports the decision, or speaks against another one."""
        record = self.record
        if isinstance(record, FaultRecord):
            return (record.why,)
        if record.v == 1 and record.decision == "match" and record.matches:
            return (*(f"{EARLIER}{reason}" for reason in objections(record.matches[0], record.known)[:1]), *record.why)
        return record.why

    @property
    def file_name(self) -> str:
        """The last part of the path, with the number of the spectrum if it is not the first of its file."""
        return name_of(self.record.source)

    @property
    def answered_at(self) -> datetime:
        """When the record was made."""
        return datetime.fromisoformat(self.record.ts)

    @property
    def best(self) -> Candidate | None:
        """The first candidate."""
        return self.record.matches[0] if isinstance(self.record, ResultRecord) and self.record.matches else None

    @property
    def score(self) -> float | None:
        """Probability of a match; None for every other decision."""
        return self.best.score if self.best and self.kind == "match" else None

    @property
    def card(self) -> ModelCard | None:
        """The card of the model that answered; None if that model is not in use now."""
        return self.current.card if self.current and not self._other_model(self.current) else None

    @property
    def library(self) -> Library | None:
        """The library that was searched; None if it is not in use now."""
        current = self.current
        same = current and isinstance(self.record, ResultRecord) and current.library.sha256 == self.record.model.library
        return current.library if current and same and self.card else None

    @property
    def lacks(self) -> str:
        """What cannot be shown, and why; empty if everything can. Nothing is shown in its place."""
        record, current = self.record, self.current
        if not isinstance(record, ResultRecord) or self.library:
            return ""
        if current is None:
            return f"No model was opened: its card, and {NOT_SHOWN}, are not shown."
        if self._other_model(current):
            differ = _differ(record.model.sha256, current.sha256)
            return f"Another model answered ({differ}): its card, and {NOT_SHOWN}, cannot be shown. Select it with --model."
        differ = _differ(record.model.library, current.library.sha256)
        return f"Another library was searched ({differ}), for example before a reference was added: {NOT_SHOWN} cannot be shown."

    @cached_property
    def figure(self) -> figures.Figure | None:
        """The spectrum above the peaks of the best candidate; None without a spectrum."""
        library, best = self.library, self.best
        reference = library.peaks[library.place[best.label]] if library and best and best.label in library.place else None
        return figures.figure(self.spectrum, self._model_range, best, reference) if self.spectrum else None

    @property
    def thumbnail(self) -> tuple[SvgElement, ...]:
        """The curve alone, for a contact sheet."""
        return figures.thumbnail(self.spectrum, self._model_range) if self.spectrum else ()

    @property
    def _model_range(self) -> tuple[float, float] | None:
        return (self.card.recipe.axis.start, self.card.recipe.axis.stop) if self.card else None

    def _other_model(self, current: CurrentModel) -> bool:
        return isinstance(self.record, ResultRecord) and current.sha256 != self.record.model.sha256


def _differ(then: str, now: str) -> str:
    return f"SHA-256 {then[:SHORT_DIGEST] or 'not recorded'}…, in use now is {now[:SHORT_DIGEST]}…"
