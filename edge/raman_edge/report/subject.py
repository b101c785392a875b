"""What a page is about: a record with all that the journal holds beside it, and the means that are at hand to explain it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from raman_edge import records

if TYPE_CHECKING:
    from raman_edge.journal.query import StoredResult
    from raman_edge.matching.library import Library
    from raman_edge.model.card import ModelCard
    from raman_edge.peaks import Peaks
    from raman_edge.records import Record

BRIEF = 12
"""Characters of a digest in a sentence; whole digests stand in the tables."""

UNSAID = "reference peaks that the record does not hold"


@dataclass(frozen=True, eq=False, slots=True)
class CurrentModel:
    """A model and library as they are here and now."""

    sha256: str
    """Of the model file."""
    card: ModelCard
    library: Library


@dataclass(frozen=True, eq=False)
class ReportedResult:
    """One record, and what can be shown of it."""

    held: StoredResult
    means: CurrentModel | None
    """None where no model was opened."""

    @cached_property
    def record(self) -> Record:
        """What was said."""
        return records.decode(self.held.row.line)

    @property
    def anchor(self) -> str:
        """Name of its place in the document."""
        return f"r-{self.held.row.id}"

    @property
    def card(self) -> ModelCard | None:
        """The card of the model that answered; None where that model is not at hand."""
        return self.means.card if self.means and not self._other_model(self.means) else None

    @property
    def library(self) -> Library | None:
        """The library that was searched; None where it is not at hand."""
        means = self.means
        same = means and isinstance(self.record, records.ResultRecord) and means.library.sha256 == self.record.model.library
        return means.library if means and same and self.card else None

    def peaks(self, label: str) -> Peaks | None:
        """Return all peaks that the library has of ``label``; None where they cannot be known."""
        library = self.library
        return library.peaks[library.place[label]] if library and label in library.place else None

    @property
    def lacks(self) -> str:
        """What cannot be shown, and why: nothing is put in its place; empty where everything can."""
        said, means = self.record, self.means
        if not isinstance(said, records.ResultRecord) or self.library:
            return ""
        if means is None:
            return f"No model was opened: its card, and {UNSAID}, are not shown."
        if self._other_model(means):
            differ = _differ(said.model.sha256, means.sha256)
            return f"Another model answered ({differ}): its card, and {UNSAID}, cannot be shown. Give it with --model."
        differ = _differ(said.model.library, means.library.sha256)
        return f"Another library was searched ({differ}), such as before something was learned: {UNSAID} cannot be shown."

    def _other_model(self, means: CurrentModel) -> bool:
        return isinstance(self.record, records.ResultRecord) and means.sha256 != self.record.model.sha256


def _differ(then: str, now: str) -> str:
    return f"SHA-256 {then[:BRIEF] or 'not noted'}…, at hand is {now[:BRIEF]}…"
