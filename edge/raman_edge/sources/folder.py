"""A watched folder: every distinct content that lies still in it is given once, whatever happens.

The scan is the mechanism; events only wake it, because they get lost without a word. What was
answered is remembered by a :class:`Memory` that outlives the process, keyed by content: the same
file is not read again, and a copy under another name is no new work. Files are never changed or
held open, and moved only where that was asked for.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import UTC, datetime
from functools import partial
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Protocol

from raman_edge.errors import SourceLost
from raman_edge.sources import Batch, failed
from raman_edge.sources.arrivals import Arrivals
from raman_edge.sources.complete import is_complete, read_complete
from raman_edge.sources.gather import Gathering, Given
from raman_edge.sources.mount import is_network
from raman_edge.sources.parse import Unread, fault
from raman_edge.sources.rest import Pace, changed
from raman_edge.sources.root import Root
from raman_edge.sources.scan import Candidate, Rules, Scan, candidate_at
from raman_edge.sources.waiting import Waiting, WaitingRoom
from raman_edge.spectrum import Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

POLL_S, STABLE_S, GLANCE_S = 0.5, 1.0, 0.1
QUICK_GLANCE_S = 0.02
"""The same where the kernel tells of new files: one system call, however many folders there are."""
NETWORK_POLL_S, NETWORK_STABLE_S = 2.0, 3.0
PULSE_S = 1.0
"""Between two signs of life, s."""
DRAIN_S = 30.0
"""How long a single pass waits for files that are still being written, s."""
STRETCH_S = 2.0
"""A backlog is interrupted this often for a look at what came meanwhile, s."""
SMALL = 256 * 1024
"""Bytes of a file that is parsed where its spectra are named."""
TOGETHER = 256
"""Files that the memory is asked for at once."""
SHARE_LOOKING = 20
"""Or less often: a stretch is at least this many times as long as the look before it."""


class Memory(Protocol):
    """What is remembered of the files, across restarts."""

    def seen_each(self, files: Sequence[tuple[str, tuple[int, int, int, int, int]]]) -> list[bool]:
        """Return for each file, an absolute path and a state, whether it was answered in this very state."""

    def has_looked_into(self, folder: str) -> bool:
        """Whether any file below the absolute path ``folder`` was ever answered."""

    def known(self, sha256: str) -> bool:
        """Whether this content was answered, under whatever name."""

    def mark(self, path: str, signature: tuple[int, int, int, int, int], sha256: str | None, *, failed: bool = False) -> None:
        """Note that the file was answered; None stands for a content that was not read, ``failed`` for one without a spectrum."""

    def flush(self) -> None:
        """Make every mark durable."""


class FolderSource:
    """Spectra from the files in ``root`` and below: what comes goes first, then what was there, the oldest first.

    ``once`` gives what is there and ends. ``stop`` ends the source soon, between two files. ``note``
    is told, in one line, when the folder or a part of it cannot be read, and when it can again.

    A file that is closed before it is whole and lies still for ``stable_s`` is given as it lies, and
    given again when it has changed: each of its contents is one of its own.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        memory: Memory,
        rules: Rules | None = None,
        *,
        once: bool = False,
        stop: threading.Event | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._rules = rules or Rules()
        self._root = Root(os.fspath(root), self._rules, note)
        self._memory = memory
        self._once = once
        self._stop = stop or threading.Event()
        self._note = note
        network = is_network(os.fspath(root))
        self._leases = not network
        poll_s = _given(self._rules.poll_s, NETWORK_POLL_S if network else POLL_S)
        self._pace = Pace(poll_s, poll_s if network else min(GLANCE_S, poll_s))
        self._stable_s = _given(self._rules.stable_s, NETWORK_STABLE_S if network else STABLE_S)
        self._arrivals = Arrivals()
        self._moved: set[str] = set()
        self._settled: set[int] = set()
        self._given: dict[str, str | None] = {}
        """Path → digest of the files whose values are under way."""
        self._waiting = WaitingRoom()
        self._started_ns = time.time_ns()
        self._pulsed = monotonic()

    def __enter__(self) -> Self:
        self._root.open()
        if self._leases:  # on a network neither leases nor events tell what others do
            self._arrivals.open()
            self._arrivals.follow([self._root.path])
        if self._arrivals.listening:
            self._pace = Pace(self._pace.poll_s, min(QUICK_GLANCE_S, self._pace.poll_s))
        return self

    def __exit__(self, *exc: object) -> None:
        self._arrivals.close()
        if not any(exc):
            self._memory.flush()

    def __iter__(self) -> Iterator[Batch]:
        patience = monotonic() + DRAIN_S
        if self._rules.newest is not None and not self._memory.has_looked_into(self._place(self._root.path)):
            self._skip_older(self._rules.newest)
        while not self._stop.is_set():
            started = thread_time()
            found, queue = self._look()
            cost_s = thread_time() - started
            until = monotonic() + max(STRETCH_S, SHARE_LOOKING * cost_s)
            for batch in self._batches(queue, until):
                yield batch
                patience = monotonic() + DRAIN_S
            self._memory.flush()
            yield from self._pulse()
            if monotonic() > until:
                continue
            unfinished = list(self._waiting.unfinished())
            if self._once and not self._stop.is_set() and (not unfinished or monotonic() > patience):
                if unfinished:
                    yield Batch(tuple(map(_unfinished, unfinished)))
                return
            came = partial(self._came, found)
            for _ in self._pace.rest(self._stop, came, cost_s, self._waiting.due_s(self._stable_s, self._pace.poll_s)):
                yield from self._pulse()

    def _pulse(self) -> Iterator[Batch]:
        """Give a sign of life about once a second."""
        if monotonic() - self._pulsed >= PULSE_S:
            self._pulsed = monotonic()
            yield Batch()

    def _came(self, found: Scan) -> bool:
        """Whether anything seems to be new; without events the folders' modification times tell of new names."""
        return self._arrivals.pending() if self._arrivals.listening else changed(found.folders)

    def _look(self) -> tuple[Scan, list[tuple[bool, int, str]]]:
        """Return what one scan found, and the files that are not in the state they were answered in, in the order of their turn."""
        self._moved |= self._arrivals.take()
        queue: list[tuple[bool, int, str]] = []
        settled: set[int] = set()

        def meet(candidate: Candidate) -> None:
            state = hash(candidate)
            if state in self._settled:
                settled.add(state)
            elif candidate.path not in self._given:
                written = candidate.signature.mtime_ns
                queue.append((written < self._started_ns, written, candidate.path))

        found = self._root.look(meet)
        if found is None and self._once:
            msg = f"folder {self._root.path!r} went away while it was read: run again when it is back"
            raise SourceLost(msg)
        if found is not None:
            self._settled = settled
            self._arrivals.follow(found.folders)
        queue.sort()
        there = {path for *_, path in queue} if self._waiting or self._moved else set()
        self._waiting.keep(there)
        self._moved &= there
        return found or Scan(), queue

    def _skip_older(self, newest: int) -> None:
        """Take all files that lie there as answered, in the state they are in, but the newest ones.

        Only where a folder is watched for the first time: what came while nobody watched is not to be lost.
        """
        _, queue = self._look()
        for *_, path in sorted(queue, key=lambda turn: turn[1])[: max(0, len(queue) - newest)]:
            candidate = candidate_at(path)
            if candidate is not None:
                self._memory.mark(self._place(path), candidate.signature, None)
                self._settle(candidate)
        self._memory.flush()

    def _batches(self, queue: list[tuple[bool, int, str]], until: float) -> Iterator[Batch]:
        """Give what is in these files, as many at once as there are ready, until a time has come."""
        gathering = Gathering(self._finish)
        for candidate, left in self._unanswered(queue):
            if self._stop.is_set():
                return  # what was gathered is not marked: it begins again at the next start
            for batch in gathering.add(*self._answer(candidate), left):
                yield batch
                if self._stop.is_set():
                    return
            if gathering.is_late:
                yield gathering.batch(left)
            if monotonic() > until:
                break
        if gathering:
            yield gathering.batch(0)

    def _unanswered(self, queue: list[tuple[bool, int, str]]) -> Iterator[tuple[Candidate, int]]:
        """Give the files that the memory does not know in their state, each with how many are left behind it."""
        for first in range(0, len(queue), TOGETHER):
            there = [found for *_, path in queue[first : first + TOGETHER] if (found := candidate_at(path)) is not None]
            answered = self._memory.seen_each([(self._place(path), signature) for path, signature in there])
            for candidate, is_answered in zip(there, answered, strict=True):
                if is_answered:
                    self._settle(candidate)
            fresh = [candidate for candidate, is_answered in zip(there, answered, strict=True) if not is_answered]
            behind = max(0, len(queue) - first - TOGETHER)
            for place, candidate in enumerate(fresh, start=1):
                yield candidate, behind + len(fresh) - place

    def _answer(self, candidate: Candidate) -> tuple[tuple[Spectrum | Fault | Unread, ...], Given | None]:
        """Return what is in one file; nothing where its content was given before, it is not complete, or gone."""
        path = candidate.path
        state = self._waiting.enter(candidate, moved=path in self._moved)
        self._moved.discard(path)  # it was whole when it came, and says nothing of what is written later
        if not state.due:
            return (), None
        try:
            data = self._read(candidate, state)
        except FileNotFoundError:
            return (), None
        except OSError as error:
            why = f"deferred: the file cannot be read ({error.strerror}); it is tried again until it can"
            return ((fault(Origin("file", path), why),) if state.fail() else ()), None
        return self._values(candidate, data) if data is not None else ((), None)

    def _read(self, candidate: Candidate, state: Waiting) -> bytes | None:
        """Return the bytes of a complete file, none of one that is too large; None where it is not complete."""
        size = candidate.signature.size if candidate.signature.size <= self._rules.max_bytes else 0
        finished = partial(
            is_complete, candidate.signature, unchanged_s=state.unchanged_s, stable_s=self._stable_s, moved=state.moved
        )  # fmt: skip
        return read_complete(candidate, size, finished, leases=self._leases)

    def _values(self, candidate: Candidate, data: bytes) -> tuple[tuple[Spectrum | Fault | Unread, ...], Given | None]:
        """Return the values in a complete file; none where its content was answered before, or is under way."""
        size, most = candidate.signature.size, self._rules.max_bytes
        sha256 = hashlib.sha256(data).hexdigest() if data else None
        if sha256 is not None and sha256 in self._given.values():
            return (), None  # a copy: by the next look the journal knows it
        origin = Origin("file", candidate.path, sha256)
        values: tuple[Spectrum | Fault | Unread, ...] = ()
        if size > most:
            values = (fault(origin, f"the file is {size / 2**20:.0f} MiB; at most {most / 2**20:g} MiB are read"),)
        elif sha256 is None:
            values = (fault(origin, "the file is empty; copy it again"),)
        elif not self._memory.known(sha256):
            # A large file may hold a whole map: it is parsed here, and its spectra go on a few at a time.
            unread = Unread(origin, data, self._rules.laser_nm, self._rules.calibration, self._rules.axis)
            values = (unread,) if len(data) <= SMALL else unread.values()
        self._given[candidate.path] = sha256
        return values, Given(candidate, sha256, len(values))

    def _finish(self, given: Given) -> None:
        """Remember a file whose every value is in the journal."""
        candidate = given.candidate
        self._memory.mark(self._place(candidate.path), candidate.signature, given.sha256, failed=given.is_failed)
        self._given.pop(candidate.path, None)
        self._settle(candidate)
        if given.is_failed and self._rules.move_failed is not None and not self._has_ended():
            self._memory.flush()
            try:
                failed.move(candidate, self._rules.move_failed)
            except OSError as error:
                self._note(f"file {candidate.path!r} cannot be moved to {self._rules.move_failed!r}: {error.strerror}; it stays")

    def _has_ended(self) -> bool:
        """Whether files may have failed for nothing but their age of calibration: they stay where the next one finds them."""
        calibration = self._rules.calibration
        return calibration is not None and datetime.now(UTC) >= calibration.expires

    @staticmethod
    def _place(path: str) -> str:
        """Return the absolute path under which a file is remembered; links in it may come to point elsewhere."""
        return os.path.abspath(path)  # noqa: PTH100 - Path.resolve() would follow links

    def _settle(self, candidate: Candidate) -> None:
        self._settled.add(hash(candidate))
        self._waiting.leave(candidate.path)


def _unfinished(path: str) -> Fault:
    """Return the answer to a file that a single pass could not wait for."""
    return fault(Origin("file", path), f"deferred: the file was still being written after {DRAIN_S:g} s; run again when it is done")


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
