"""Results to make pages of, and a page taken apart again."""

from __future__ import annotations

import html.parser
from typing import TYPE_CHECKING

import journals
import msgspec
from raman_edge import records
from raman_edge.journal import JournalRow
from raman_edge.journal.query import StoredResult
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.report import CurrentModel, ReportedResult, document

if TYPE_CHECKING:
    from datetime import tzinfo

    from raman_edge.journal import JournalEntry
    from raman_edge.spectrum import Spectrum

TS = "2026-03-01T12:00:00.000Z"
VOID = frozenset({"meta"})


def at_hand() -> CurrentModel:
    """Return the tiny model and its library as means of explanation."""
    model, library = journals.pair()
    return CurrentModel(model.sha256, model.card, library)


def result(label: str = "Quartz", number: int = 0, **changes: object) -> ResultRecord:
    """Return the record of an answer; ``changes`` replace fields."""
    record = journals.answer(number, label).record
    assert isinstance(record, ResultRecord)
    return msgspec.structs.replace(record, ts=TS, **changes)


def fault(**changes: object) -> FaultRecord:
    """Return the record of a fault; ``changes`` replace fields."""
    record = journals.failure().record
    assert isinstance(record, FaultRecord)
    return msgspec.structs.replace(record, ts=TS, **changes)


def spectrum(label: str = "Quartz", number: int = 0) -> Spectrum:
    """Return the spectrum that belongs to :func:`result`."""
    measured = journals.answer(number, label).spectrum
    assert measured is not None
    return measured


def subject(record: ResultRecord | FaultRecord, measured: Spectrum | None = None, means: CurrentModel | None = None) -> ReportedResult:
    """Return a record with what the journal would hold beside it."""
    digest = None if isinstance(record, FaultRecord) else "d" * 64
    return ReportedResult(
        StoredResult(JournalRow(7, record.id, records.encode(record).decode()), "m" * 64, "c" * 32, "e" * 64, digest, measured), means
    )


def of(entry: JournalEntry) -> ReportedResult:
    """Return an entry as its page would see it, with the model at hand."""
    return subject(msgspec.structs.replace(entry.record, ts=TS), entry.spectrum, at_hand())


def text(*subjects: ReportedResult, zone: tzinfo | None = None) -> str:
    """Return the document about these."""
    return "".join(document(subjects, zone))


class Taken(html.parser.HTMLParser):
    """A document taken apart; what is not closed, or closed twice, is an error."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its attributes."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note words."""
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words of the document."""
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        """Return what all attributes of that name say."""
        return [value or "" for _, attribute, value in self.attributes if attribute == name]
