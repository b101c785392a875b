"""From a source into the journal: identified, committed, then shown; then the source remembers it as done."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from raman_edge import records
from raman_edge.errors import ConfigError
from raman_edge.identification import Identification
from raman_edge.journal import Journal
from raman_edge.outputs.forwarding import Forwarding
from raman_edge.service.settings import FILE_OUTPUTS
from raman_edge.service.worker import Worker, WorkerSettings
from raman_edge.sources.scan import lies_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from threading import Event

    from raman_edge.records import Provenance
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.worker import IdentifiedSpectrum
    from raman_edge.sources import Batch, Source

AHEAD = 4
"""Batches under way at most: two in the worker process, one here, one to commit."""
STOPPED_S = 0.5
"""How long batches that the source gives again are still identified after a stop, s."""
STDOUT = "stdout"
"""The output that writes JSON lines to standard output."""


class Observer(Protocol):
    """What follows the progress of :func:`follow`."""

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Take one result, which is new in the journal."""

    def heartbeat(self, waiting: int) -> bool:
        """Run after every commit, and about once a second while nothing comes; True ends the run between two batches."""


def follow(source: Source, worker: Worker, journal: Journal, observer: Observer, stop: Event | None = None) -> None:
    """Identify everything that an open ``source`` gives: committed to the journal first, then shown.

    ``stop`` is for a source that gives again, in another run, what was not done, such as a folder: once it is set,
    batches under way are identified for :data:`STOPPED_S` and no longer. Without it all of them are.

    Raises :class:`raman_edge.errors.JournalError` where a result cannot be committed: nothing of that batch is done,
    and a source that is opened anew gives it again.
    """
    under_way: deque[tuple[Batch, Future[list[IdentifiedSpectrum]]]] = deque()

    def commit() -> None:
        batch, pending = under_way.popleft()
        answers = worker.result(batch, pending)
        new = journal.add([answer.row for answer in answers])
        batch.done(_failed(batch, answers))
        for answer, is_new in zip(answers, new, strict=True):
            if is_new:
                observer.show(answer)

    for batch in source:
        if batch.events:
            under_way.append((batch, worker.answer(batch)))
        else:
            worker.rest()
        while under_way and (not batch.waiting or len(under_way) > AHEAD or under_way[0][1].done()):
            commit()
        if observer.heartbeat(batch.waiting):
            break
    deadline = monotonic() + STOPPED_S
    while under_way and not (stop is not None and stop.is_set() and monotonic() > deadline):
        commit()


def identifications(source: Source, worker: Worker, journal: Journal) -> Iterator[Identification]:
    """Yield what an open ``source`` gives, identified; each is committed alone and first, and what the journal has is left out.

    A generator that is closed in the middle of a batch has neither committed nor given the rest, and the source gives that again.
    """
    for batch in source:
        answers = worker.result(batch, worker.answer(batch)) if batch.events else []
        for answer in answers:
            (is_new,) = journal.add([answer.row])
            if is_new and answer.event is not None:  # None where a worker process identified it
                yield Identification(records.decode(answer.row.facts.line), answer.event)
        batch.done(_failed(batch, answers))


def _failed(batch: Batch, answers: Sequence[IdentifiedSpectrum]) -> set[int]:
    """Return the places of the batch that gave no spectrum."""
    return {*range(len(batch.events))} - {answer.place for answer in answers if answer.decision != "fault"}


def open_worker(identifier: Identifier, provenance: Provenance, *, processors: int | None = None) -> Worker:
    """Return what identifies batches with the model and the library that ``identifier`` has now, on at most ``processors``."""
    library = identifier.library
    return Worker(identifier.model, WorkerSettings(identifier.path, identifier.threads, library, provenance), processors=processors)


def output_files(specs: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of the files among the outputs that ``specs`` name."""
    return tuple(spec.partition(":")[2] for spec in specs if spec.startswith(FILE_OUTPUTS))


def open_outputs(
    specs: Sequence[str],
    journal: Path,
    note: Callable[[str], None],
    *,
    stop: Event,
    stdout: bool = False,
    from_start: bool = False,
    watched: Path | None = None,
) -> Forwarding:
    """Return the outputs that ``specs`` name, with standard output where ``stdout``; they forward records inside a ``with`` block.

    ``note`` is called from other threads. ``stop`` ends the run, and is set where standard output has no reader any more;
    leaving the block raises the reason. ConfigError for a mistake, such as a file in the ``watched`` folder.
    """
    wanted = [*([STDOUT] if stdout and STDOUT not in specs else []), *specs]
    for path in output_files(wanted):
        if watched is not None and lies_within(
            path, watched
        ):  # every line of it would be read as a spectrum, and answered with another line
            raise ConfigError(
                kind="output in the watched folder",
                place="--output",
                got=repr(path),
                expected=f"a file outside {str(watched)!r}",
                advice="Give another place",
            )
    return Forwarding(lambda: Journal.open(journal, create=False), note, stop, from_start=from_start).add(*wanted)
