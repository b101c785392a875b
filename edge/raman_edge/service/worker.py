"""A second process that names spectra while a backlog waits: Python alone keeps to one core.

It is started when many files wait and ended when none have for a while, so that an idle box
holds one model in memory and not two. What goes to and fro is pickled by
:mod:`multiprocessing`, between processes of our own and through a pipe that nobody else has.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from raman_edge import records
from raman_edge.journal import JournalEntry
from raman_edge.journal.writing import prepare
from raman_edge.matching.identify import BATCH, Reading, identify_all
from raman_edge.sources.parse import RawFile, values
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from raman_edge.journal.writing import Prepared
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.records import Provenance
    from raman_edge.sources import Batch
    from raman_edge.spectrum import Spectrum
    from raman_edge.wording import Answer as Verdict

    Event = Spectrum | Fault | RawFile
    Answered = Verdict | Literal["fault"]

MANY = 256
"""Files that must wait before a second process is worth its start, which takes as long as two hundred of them."""
QUEUED = 2
"""Batches that the second process has before it: the one in its hands and the next."""
IDLE_S = 60.0
"""Without a backlog for this long it is ended, s."""
ANSWER_S = 20.0
"""How long its answer to a batch may take before it counts as lost, s; half a second is usual on a slow box."""
PATIENCE_S = 5.0
"""How long it may take to end before it is killed, s."""


class IdentifiedSpectrum(NamedTuple):
    """What was said of one spectrum, and the row that the journal will have of it."""

    place: int
    """Of the event in its batch; a file of several spectra has several answers."""
    decision: Answered
    event: Reading | Fault | None
    """None where another process has it and so many come that nobody could look at each."""
    row: Prepared


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a second process needs to name spectra as the first one does."""

    path: Path
    """Of the model; another file in its place is refused by its digest."""
    threads: int
    library: Library
    means: Provenance


def answer_all(events: Sequence[Event], model: Model, library: Library, means: Provenance) -> list[IdentifiedSpectrum]:
    """Parse what is not parsed, name every spectrum and make its row; what cannot be named is a fault in its place."""
    parsed = [(place, value) for place, event in enumerate(events) for value in values(event)]
    made: list[Reading | Fault] = []
    for first in range(0, len(parsed), BATCH):
        made += identify_all([value for _, value in parsed[first : first + BATCH]], model, library)
    return [_answer(place, said, means) for (place, _), said in zip(parsed, made, strict=True)]


def _answer(place: int, said: Reading | Fault, means: Provenance) -> IdentifiedSpectrum:
    entry = JournalEntry(records.of(said, means), None if isinstance(said, Fault) else said.spectrum)
    decision: Answered = "fault" if isinstance(said, Fault) else said.verdict.decision
    return IdentifiedSpectrum(place, decision, said, prepare(entry, means.model.sha256, means.config))


class Worker:
    """Names batches: here, or in a second process as well while a backlog waits."""

    def __init__(self, model: Model, opening: WorkerSettings, *, processors: int | None = None) -> None:
        """Use at most as many ``processors`` as this process may run on; with one of them nothing is ever started."""
        self._model, self._opening = model, opening
        self._alone = (processors or _processors()) <= opening.threads
        self._second: WorkerProcess | None = None
        self._last_busy = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

    def answer(self, batch: Batch) -> Future[list[IdentifiedSpectrum]]:
        """Name a batch, now or soon; :func:`result` takes the answer."""
        if batch.waiting:
            self._last_busy = monotonic()
        if self._second is not None and self._second.is_lost:
            self._do_without()
        if self._second is None and batch.waiting >= MANY and not self._alone:
            self._start()
        if self._second is not None and batch.waiting and self._second.has_room:
            return self._second.submit(batch.events)
        done: Future[list[IdentifiedSpectrum]] = Future()
        done.set_result(self._here(batch))
        return done

    def result(self, batch: Batch, answers: Future[list[IdentifiedSpectrum]]) -> list[IdentifiedSpectrum]:
        """Return the answers to a batch; where the second process fails, they are found here, and it is not started again."""
        try:
            return answers.result(ANSWER_S)
        except Exception:  # noqa: BLE001 - lost, stuck or refused: what is wrong with the batch or the model itself is wrong here too
            self._do_without()
            return self._here(batch)

    def rest(self) -> None:
        """End the second process if there was no backlog for a while."""
        if self._second is not None and monotonic() - self._last_busy > IDLE_S:
            self._end()

    def _here(self, batch: Batch) -> list[IdentifiedSpectrum]:
        return answer_all(batch.events, self._model, self._opening.library, self._opening.means)

    def _start(self) -> None:
        try:
            self._second = WorkerProcess(self._opening)
        except (OSError, RuntimeError):  # no memory, no process more
            self._alone = True

    def _do_without(self) -> None:
        """End the second process for good."""
        self._alone = True
        self._end()

    def _end(self) -> None:
        if self._second is not None:
            self._second.close()
        self._second = None


class WorkerProcess:
    """The second process, and the thread that talks to it."""

    def __init__(self, opening: WorkerSettings) -> None:
        context = multiprocessing.get_context("spawn")  # onnxruntime does not survive a fork
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, opening), name="raman-edge", daemon=True)
        with _apart():
            self._process.start()
        theirs.close()
        self._talk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="crew")
        self._ready: Future[object] = self._talk.submit(self._ours.recv)
        self._under_way: list[Future[list[IdentifiedSpectrum]]] = []

    @property
    def is_lost(self) -> bool:
        """Whether it never came to be ready."""
        return self._ready.done() and self._ready.exception() is not None

    @property
    def has_room(self) -> bool:
        """Whether it is there, and a batch more would not wait for long."""
        self._under_way = [one for one in self._under_way if not one.done()]
        return self._ready.done() and not self.is_lost and len(self._under_way) < QUEUED

    def submit(self, events: Sequence[Event]) -> Future[list[IdentifiedSpectrum]]:
        """Have a batch named; an exception comes of it where the process is lost."""
        asked = self._talk.submit(partial(self._ask, events))
        self._under_way.append(asked)
        return asked

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.terminate()
        self._process.join(PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._talk.shutdown()
        self._ours.close()
        self._process.close()

    def _ask(self, events: Sequence[Event]) -> list[IdentifiedSpectrum]:
        self._ours.send(events)
        told: list[IdentifiedSpectrum] = self._ours.recv()
        return told


@contextmanager
def _apart() -> Iterator[None]:
    """Have a process start that knows nothing of ours but what it is given.

    Neither our main module, which :mod:`multiprocessing` would run once more (anybody's script, perhaps without a guard
    around its work), nor Ctrl-C, which reaches both: the first process decides.
    """
    ours = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        if sys.platform == "win32":
            yield
            return
        from multiprocessing import resource_tracker  # noqa: PLC0415 - not on Windows

        resource_tracker.ensure_running()  # started later it would unblock the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        sys.modules["__main__"] = ours


def work(asked: Connection, opening: WorkerSettings) -> None:
    """Be the second process: open the model, say so, and name batches until the first process is gone.

    Whatever fails ends it without a word: the first process does the same work then, and says what is wrong there too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _work(asked, opening)
    except Exception:  # noqa: BLE001 - see above
        return


def _work(asked: Connection, opening: WorkerSettings) -> None:
    from raman_edge.model.model import Model  # noqa: PLC0415 - in the second process only

    model = Model.open(opening.path, threads=opening.threads, sha256=opening.means.model.sha256)
    asked.send(None)
    while True:
        events = asked.recv()
        *others, last = answer_all(events, model, opening.library, opening.means)
        asked.send([*(one if isinstance(one.event, Fault) else one._replace(event=None) for one in others), last])


def _processors() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
