"""A second process that identifies spectra while a backlog waits: Python alone keeps to one core.

It is started when many files wait and ended when none have for a while, so that an idle box holds one model in memory and
not two. Events and results are pickled by :mod:`multiprocessing`, between processes of ours and through a pipe that no other
process has. Why not concurrent.futures: docs/decisions/0023.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from raman_edge import records
from raman_edge.journal import JournalEntry
from raman_edge.journal.chain import prepare
from raman_edge.matching.identify import BATCH, Reading, identify_all
from raman_edge.model.model import Model
from raman_edge.sources.files import RawFile, values
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from raman_edge.journal.chain import Prepared
    from raman_edge.matching.library import Library
    from raman_edge.records import Provenance
    from raman_edge.sources import Batch
    from raman_edge.spectrum import Spectrum
    from raman_edge.wording import Answer as Verdict

    Event = Spectrum | Fault | RawFile
    Answered = Verdict | Literal["fault"]

MANY = 256
"""Files that must wait before a second process is worth its start, which takes as long as two hundred of them."""
QUEUED = 2
"""Batches in the second process: the one it works on and the next."""
IDLE_S = 60.0
"""The second process is ended when there was no backlog for this long, s."""
ANSWER_S = 20.0
"""A batch that takes longer counts as lost, s; half a second is usual on a slow box."""
PATIENCE_S = 5.0
"""The second process is killed when it takes longer to end, s."""


class IdentifiedSpectrum(NamedTuple):
    """Result for one spectrum, and its row of the journal."""

    place: int
    """Of the event in its batch; a file of several spectra has several results."""
    decision: Answered
    event: Reading | Fault | None
    """None where the second process has it: a backlog passes too fast to show each."""
    row: Prepared


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a second process needs to identify spectra as the first one does."""

    path: Path
    """Model file; another file in its place is refused by its digest."""
    threads: int
    library: Library
    provenance: Provenance


def answer_all(events: Sequence[Event], model: Model, library: Library, provenance: Provenance) -> list[IdentifiedSpectrum]:
    """Parse raw files, identify every spectrum and make its row; a spectrum that cannot be identified is a fault."""
    parsed = [(place, value) for place, event in enumerate(events) for value in values(event)]
    made: list[Reading | Fault] = []
    for first in range(0, len(parsed), BATCH):
        made += identify_all([value for _, value in parsed[first : first + BATCH]], model, library)
    return [_answer(place, value, provenance) for (place, _), value in zip(parsed, made, strict=True)]


def _answer(place: int, value: Reading | Fault, provenance: Provenance) -> IdentifiedSpectrum:
    entry = JournalEntry(records.of(value, provenance), None if isinstance(value, Fault) else value.spectrum)
    decision: Answered = "fault" if isinstance(value, Fault) else value.verdict.decision
    return IdentifiedSpectrum(place, decision, value, prepare(entry, provenance.model.sha256, provenance.config))


class Worker:
    """Identifies batches: in this process, and in a second one while a backlog waits."""

    def __init__(self, model: Model, settings: WorkerSettings, *, processors: int | None = None) -> None:
        """Use at most ``processors``, by default all that this process may run on; with one of them there is no second process."""
        self._model, self._settings = model, settings
        self._alone = (processors or _processors()) <= settings.threads
        self._process: WorkerProcess | None = None
        self._last_busy = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

    def answer(self, batch: Batch) -> Future[list[IdentifiedSpectrum]]:
        """Identify a batch, now or soon; :meth:`result` gives the results."""
        if batch.waiting:
            self._last_busy = monotonic()
        if self._process is not None and self._process.is_lost:
            self._do_without()
        if self._process is None and batch.waiting >= MANY and not self._alone:
            try:
                self._process = WorkerProcess(self._settings)
            except (OSError, RuntimeError):  # no memory, or too many processes
                self._alone = True
        if self._process is not None and batch.waiting and self._process.has_room:
            return self._process.submit(batch.events)
        done: Future[list[IdentifiedSpectrum]] = Future()
        done.set_result(self._here(batch))
        return done

    def result(self, batch: Batch, answers: Future[list[IdentifiedSpectrum]]) -> list[IdentifiedSpectrum]:
        """Return the results of a batch; where the second process fails, this one does its work, and does not start it again."""
        try:
            return answers.result(ANSWER_S)
        except Exception:  # noqa: BLE001 - lost, stuck or refused; a fault of the batch or the model shows here too
            self._do_without()
            return self._here(batch)

    def rest(self) -> None:
        """End the second process if there was no backlog for :data:`IDLE_S`."""
        if self._process is not None and monotonic() - self._last_busy > IDLE_S:
            self._end()

    def _here(self, batch: Batch) -> list[IdentifiedSpectrum]:
        return answer_all(batch.events, self._model, self._settings.library, self._settings.provenance)

    def _do_without(self) -> None:
        """End the second process for good."""
        self._alone = True
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process = None


class WorkerProcess:
    """The second process, and the thread that waits for it."""

    def __init__(self, settings: WorkerSettings) -> None:
        context = multiprocessing.get_context("spawn")  # onnxruntime does not survive a fork
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, settings), name="raman-edge", daemon=True)
        with _isolated():
            self._process.start()
        theirs.close()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
        self._ready: Future[object] = self._thread.submit(self._receive)
        self._under_way: list[Future[list[IdentifiedSpectrum]]] = []

    @property
    def is_lost(self) -> bool:
        """Whether it ended before it was ready."""
        return self._ready.done() and self._ready.exception() is not None

    @property
    def has_room(self) -> bool:
        """Whether it is ready, and another batch would not wait long."""
        self._under_way = [one for one in self._under_way if not one.done()]
        return self._ready.done() and not self.is_lost and len(self._under_way) < QUEUED

    def submit(self, events: Sequence[Event]) -> Future[list[IdentifiedSpectrum]]:
        """Identify a batch in the second process; the future has an exception where that is lost."""
        result = self._thread.submit(self._exchange, events)
        self._under_way.append(result)
        return result

    def close(self) -> None:
        """End the process, also one that hangs."""
        self._process.terminate()
        self._process.join(PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._thread.shutdown()
        self._ours.close()
        self._process.close()

    def _exchange(self, events: Sequence[Event]) -> list[IdentifiedSpectrum]:
        self._ours.send(events)
        self._wait()
        results: list[IdentifiedSpectrum] = self._ours.recv()
        return results

    def _receive(self) -> object:
        """Return the next message; EOFError where the process ends without one."""
        self._wait()
        return self._ours.recv()

    def _wait(self) -> None:
        """Wait for a message, or for the process to end without one: EOFError.

        On Windows the pipe stays open in this process if the other one ends before it has taken its end of it.
        """
        if self._ours not in connection.wait((self._ours, self._process.sentinel)):
            raise EOFError


@contextmanager
def _isolated() -> Iterator[None]:
    """Let a process start without our main module and without Ctrl-C.

    :mod:`multiprocessing` would run the main module once more: a user's script, perhaps without a guard around its work.
    Ctrl-C reaches both processes, and the first one decides.
    """
    ours = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        if sys.platform == "win32":
            yield
            return
        resource_tracker.ensure_running()  # started later it would unblock the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        sys.modules["__main__"] = ours


def work(pipe: Connection, settings: WorkerSettings) -> None:
    """Open the model, report that, and identify batches until the first process is gone: the second process.

    A failure ends it without a message: the first process does the same work then, and reports what is wrong.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _work(pipe, settings)
    except Exception:  # noqa: BLE001 - see above
        return


def _work(pipe: Connection, settings: WorkerSettings) -> None:
    model = Model.open(settings.path, threads=settings.threads, sha256=settings.provenance.model.sha256)
    pipe.send(None)
    while True:
        events = pipe.recv()
        *others, last = answer_all(events, model, settings.library, settings.provenance)
        pipe.send([*(one if isinstance(one.event, Fault) else one._replace(event=None) for one in others), last])


def _processors() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
