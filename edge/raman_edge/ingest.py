"""From a source into the journal: named, committed, then shown; and the source told that it is done."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from raman_edge import record
from raman_edge.journal import Entry
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from raman_edge.crew import Answers, Crew
    from raman_edge.journal import Journal
    from raman_edge.pipeline import Reading
    from raman_edge.record import Means, Record
    from raman_edge.sources import Batch, Source

AHEAD = 4
"""Batches that may be under way: two in the second process, one here, one to commit."""


class Watcher(Protocol):
    """Who looks on while a source is answered."""

    def show(self, event: Reading | Fault, said: Record) -> None:
        """Take one answer, which is in the journal by now and was not before."""

    def pulse(self, waiting: int) -> bool:
        """Come by after every commit, and about once a second where nothing comes; True ends the run between two batches."""


def follow(source: Source, crew: Crew, means: Means, journal: Journal, watcher: Watcher) -> None:
    """Answer everything that an open ``source`` gives: into the journal first, then shown.

    Raises :class:`raman_edge.errors.JournalError` where an answer cannot be kept: nothing of that batch is done,
    and a source that is opened anew gives it again.
    """
    under_way: deque[tuple[Batch, Future[Answers]]] = deque()

    def commit() -> None:
        batch, answers = under_way.popleft()
        _keep(batch, crew.result(batch, answers), means, journal, watcher.show)

    for batch in source:
        if batch.events:
            under_way.append((batch, crew.answer(batch)))
        else:
            crew.rest()
        while under_way and (not batch.waiting or len(under_way) > AHEAD or under_way[0][1].done()):
            commit()
        if watcher.pulse(batch.waiting):
            break
    while under_way:
        commit()


def _keep(
    batch: Batch, answers: Sequence[Reading | Fault], means: Means, journal: Journal, show: Callable[[Reading | Fault, Record], None]
) -> None:
    """Commit the answers to one batch, show those that are new, and tell the source."""
    said = [record.of(answer, means) for answer in answers]
    entries = [Entry(one, None if isinstance(answer, Fault) else answer.spectrum) for one, answer in zip(said, answers, strict=True)]
    new = journal.write(entries, model=means.model.sha256, config=means.config)
    batch.done([place for place, answer in enumerate(answers) if isinstance(answer, Fault)])
    for answer, one, is_new in zip(answers, said, new, strict=True):
        if is_new:
            show(answer, one)
