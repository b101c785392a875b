"""A second process that names spectra while a backlog waits: Python alone keeps to one core.

It is started when many files wait and ended when none have for a while, so that an idle box
holds one model in memory and not two. What goes to and fro is pickled by
:mod:`multiprocessing`, between processes of our own and through a pipe that nobody else has.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Self

from raman_edge.pipeline import Reading, identify_all
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from raman_edge.library import Library
    from raman_edge.model import Model
    from raman_edge.sources import Batch
    from raman_edge.spectrum import Spectrum

MANY = 256
"""Files that must wait before a second process is worth its start, which takes as long as two hundred of them."""
QUEUED = 2
"""Batches that the second process has before it: the one in its hands and the next."""
IDLE_S = 60.0
"""Without a backlog for this long it is ended, s."""
PATIENCE_S = 5.0
"""How long it may take to end before it is killed, s."""

Answers = list[Reading | Fault]
Rest = tuple[object, ...]
"""A reading without its spectrum, which the first process has: half of what would travel."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a second process needs to name spectra as the first one does."""

    path: Path
    sha256: str
    """Of the model; another file in its place is refused."""
    threads: int
    library: Library


class Crew:
    """Names batches: here, or in a second process as well while a backlog waits."""

    def __init__(self, model: Model, library: Library, path: Path, *, threads: int = 1, processors: int | None = None) -> None:
        """Use at most as many ``processors`` as this process may run on; with one of them nothing is ever started."""
        self._model, self._library = model, library
        self._opening = Opening(path, model.sha256, threads, library)
        self._alone = (processors or _processors()) <= threads
        self._second: Second | None = None
        self._last_busy = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

    def answer(self, batch: Batch) -> Future[Answers]:
        """Name a batch, now or soon; :func:`result` takes the answer."""
        if batch.waiting:
            self._last_busy = monotonic()
        if self._second is None and batch.waiting >= MANY and not self._alone:
            self._start()
        if self._second is not None and batch.waiting and self._second.has_room:
            return self._second.submit(batch.events)
        done: Future[Answers] = Future()
        done.set_result(identify_all(batch.events, self._model, self._library))
        return done

    def result(self, batch: Batch, answers: Future[Answers]) -> Answers:
        """Return the answers to a batch; where the second process was lost, they are found here, and it is not started again."""
        try:
            return answers.result()
        except (EOFError, OSError):
            self._alone = True
            self._end()
            return identify_all(batch.events, self._model, self._library)

    def rest(self) -> None:
        """End the second process if there was no backlog for a while."""
        if self._second is not None and monotonic() - self._last_busy > IDLE_S:
            self._end()

    def _start(self) -> None:
        try:
            self._second = Second(self._opening)
        except (OSError, RuntimeError):  # no memory, no process more; a script that imports us without a guard around its own work
            self._alone = True

    def _end(self) -> None:
        if self._second is not None:
            self._second.close()
        self._second = None


class Second:
    """The second process, and the thread that talks to it."""

    def __init__(self, opening: Opening) -> None:
        context = multiprocessing.get_context("spawn")  # onnxruntime does not survive a fork
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, opening), name="raman-edge", daemon=True)
        self._process.start()
        theirs.close()
        self._talk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="crew")
        self._ready: Future[object] = self._talk.submit(self._ours.recv)
        self._under_way: list[Future[Answers]] = []

    @property
    def has_room(self) -> bool:
        """Whether it is there, and a batch more would not wait for long."""
        self._under_way = [one for one in self._under_way if not one.done()]
        return self._ready.done() and self._ready.exception() is None and len(self._under_way) < QUEUED

    def submit(self, events: Sequence[Spectrum | Fault]) -> Future[Answers]:
        """Have a batch named; EOFError or OSError come of it where the process is lost."""
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

    def _ask(self, events: Sequence[Spectrum | Fault]) -> Answers:
        self._ours.send(events)
        told: list[Rest | Fault] = self._ours.recv()
        return [one if isinstance(one, Fault) else _whole(event, one) for event, one in zip(events, told, strict=True)]


def work(asked: Connection, opening: Opening) -> None:
    """Be the second process: open the model, say so, and name batches until the first process is gone."""
    from raman_edge.model import Model  # noqa: PLC0415 - in the second process only

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the first process decides
    model = Model.open(opening.path, threads=opening.threads, sha256=opening.sha256)
    asked.send(None)
    with contextlib.suppress(EOFError, OSError):
        while True:
            events = asked.recv()
            asked.send([_bare(answer) for answer in identify_all(events, model, opening.library)])


def _bare(answer: Reading | Fault) -> Rest | Fault:
    if isinstance(answer, Fault):
        return answer
    return answer.features, answer.peaks, answer.quality, answer.verdict, answer.timing


def _whole(event: Spectrum | Fault, rest: Rest) -> Reading:
    return Reading(event, *rest)  # type: ignore[arg-type]  # as _bare took it apart


def _processors() -> int:
    """Return how many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
