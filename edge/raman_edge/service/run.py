"""From a source into the journal: identified, committed, then shown; then the source remembers it as done."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from raman_edge import records
from raman_edge.identification import Identification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from threading import Event

    from raman_edge.journal import Journal
    from raman_edge.service.worker import IdentifiedSpectrum, Worker
    from raman_edge.sources import Batch, Source

AHEAD = 4
"""Batches that may be under way: two in the second process, one here, one to commit."""
STOPPED_S = 0.5
"""How long batches that the source will give again are still answered once the run was told to stop, s."""


class Observer(Protocol):
    """Who looks on while a source is answered."""

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Take one answer, which is in the journal by now and was not before."""

    def pulse(self, waiting: int) -> bool:
        """Come by after every commit, and about once a second where nothing comes; True ends the run between two batches."""


def follow(source: Source, crew: Worker, journal: Journal, watcher: Observer, stop: Event | None = None) -> None:
    """Answer everything that an open ``source`` gives: into the journal first, then shown.

    ``stop`` is for a source that gives again, in another run, what was not done, such as a folder: once it is set,
    batches under way are answered for :data:`STOPPED_S` and no longer. Without it all of them are.

    Raises :class:`raman_edge.errors.JournalError` where an answer cannot be kept: nothing of that batch is done,
    and a source that is opened anew gives it again.
    """
    under_way: deque[tuple[Batch, Future[list[IdentifiedSpectrum]]]] = deque()

    def commit() -> None:
        batch, asked = under_way.popleft()
        answers = crew.result(batch, asked)
        new = journal.add([answer.row for answer in answers])
        named = {answer.place for answer in answers if answer.decision != "fault"}
        batch.done({*range(len(batch.events))} - named)
        for answer, is_new in zip(answers, new, strict=True):
            if is_new:
                watcher.show(answer)

    for batch in source:
        if batch.events:
            under_way.append((batch, crew.answer(batch)))
        else:
            crew.rest()
        while under_way and (not batch.waiting or len(under_way) > AHEAD or under_way[0][1].done()):
            commit()
        if watcher.pulse(batch.waiting):
            break
    patience = monotonic() + STOPPED_S
    while under_way and not (stop is not None and stop.is_set() and monotonic() > patience):
        commit()


def identifications(source: Source, crew: Worker, journal: Journal) -> Iterator[Identification]:
    """Give what an open ``source`` gives, identified, each committed alone and before it is given; what the journal has is not given.

    A generator that is closed in the middle of a batch has neither committed nor given the rest, and the source gives that again.
    """
    for batch in source:
        answers = crew.result(batch, crew.answer(batch)) if batch.events else []
        for answer in answers:
            (is_new,) = journal.add([answer.row])
            if is_new and answer.event is not None:  # None is what a second process named
                yield Identification(records.decode(answer.row.facts.line), answer.event)
        batch.done({*range(len(batch.events))} - {answer.place for answer in answers if answer.decision != "fault"})
