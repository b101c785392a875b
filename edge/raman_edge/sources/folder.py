"""A watched folder: every distinct content that lies still in it is given once, whatever happens.

The scan is the mechanism; change events are not used, because they get lost without a
word. What was answered is remembered by a :class:`Memory` that outlives the process,
keyed by content: the same file is not read again, and a copy under another name is no
new work. Files are never changed, moved or held open.
"""

from __future__ import annotations

import hashlib
import os
import threading
from functools import partial
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Protocol

from raman_edge.errors import SourceLost
from raman_edge.sources.arrivals import Arrivals
from raman_edge.sources.complete import is_complete, read_complete
from raman_edge.sources.mount import is_network
from raman_edge.sources.parse import fault, parse
from raman_edge.sources.rest import Pace
from raman_edge.sources.root import Root
from raman_edge.sources.scan import Candidate, Rules, Scan, Signature
from raman_edge.sources.waiting import WaitingRoom
from raman_edge.spectrum import Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

POLL_S, STABLE_S, GLANCE_S = 0.5, 1.0, 0.1
NETWORK_POLL_S, NETWORK_STABLE_S = 2.0, 3.0
DRAIN_S = 30.0
"""How long a single pass waits for files that are still being written, s."""


class Memory(Protocol):
    """What is remembered of the files, across restarts."""

    def seen(self, path: str, signature: tuple[int, int, int, int, int]) -> bool:
        """Whether the file at the absolute ``path`` was answered in this very state."""

    def known(self, sha256: str) -> bool:
        """Whether this content was answered, under whatever name."""

    def mark(self, path: str, signature: tuple[int, int, int, int, int], sha256: str | None) -> None:
        """Note that the file was answered; None stands for a content that was not read."""

    def flush(self) -> None:
        """Make every mark durable."""


class FolderSource:
    """Spectra from the files in ``root`` and below, oldest first.

    A file is marked as answered when the value after its last one is asked for. ``once``
    gives what is there and ends. ``stop`` ends the source soon, between two values. ``note``
    is told, in one line, when the folder or a part of it cannot be read, and when it can again.
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
        network = is_network(os.fspath(root))
        self._leases = not network
        poll_s = _given(self._rules.poll_s, NETWORK_POLL_S if network else POLL_S)
        self._pace = Pace(poll_s, poll_s if network else min(GLANCE_S, poll_s))
        self._stable_s = _given(self._rules.stable_s, NETWORK_STABLE_S if network else STABLE_S)
        self._arrivals = Arrivals()
        self._moved: set[str] = set()
        self._settled: dict[str, Signature] = {}
        self._waiting = WaitingRoom()

    def __enter__(self) -> Self:
        self._root.open()
        if self._leases:  # on a network neither leases nor events tell what others do
            self._arrivals.open()
            self._arrivals.follow([self._root.path])
        return self

    def __exit__(self, *exc: object) -> None:
        self._arrivals.close()
        if not any(exc):
            self._memory.flush()

    def __iter__(self) -> Iterator[Spectrum | Fault]:
        patience = monotonic() + DRAIN_S
        while not self._stop.is_set():
            started = thread_time()
            found = self._look()
            cost_s = thread_time() - started
            for candidate in self._fresh(found):
                for value in self._answer(candidate):
                    yield value
                    patience = monotonic() + DRAIN_S
            self._memory.flush()
            unfinished = list(self._waiting.unfinished())
            if self._once and not self._stop.is_set() and (not unfinished or monotonic() > patience):
                yield from map(_unfinished, unfinished)
                return
            self._pace.rest(self._stop, found.folders, cost_s, self._waiting.due_s(self._stable_s, self._pace.poll_s))

    def _look(self) -> Scan:
        self._moved = self._arrivals.take()
        found = self._root.look()
        if found is None and self._once:
            msg = f"folder {self._root.path!r} went away while it was read: run again when it is back"
            raise SourceLost(msg)
        found = found or Scan()
        self._arrivals.follow(found.folders)
        return found

    def _fresh(self, found: Scan) -> list[Candidate]:
        """Return the files that are not in the state they were answered in, oldest first; forget those that are gone."""
        settled, fresh = {}, []
        for candidate in found.candidates:
            if self._settled.get(candidate.path) == candidate.signature:
                settled[candidate.path] = candidate.signature
            else:
                fresh.append(candidate)
        self._settled = settled
        self._waiting.keep(candidate.path for candidate in fresh)
        return sorted(fresh, key=lambda candidate: (candidate.signature.mtime_ns, candidate.path))

    def _answer(self, candidate: Candidate) -> Iterator[Spectrum | Fault]:
        """Give what is in one file, if it is complete and was not given before."""
        path, signature = candidate
        if self._stop.is_set():
            return
        if self._memory.seen(self._place(path), signature):
            self._settle(candidate)
            return
        state = self._waiting.enter(candidate, moved=path in self._moved)
        if not state.due:
            return
        size = signature.size if signature.size <= self._rules.max_bytes else 0
        finished = partial(is_complete, signature, unchanged_s=state.unchanged_s, stable_s=self._stable_s, moved=state.moved)
        try:
            data = read_complete(candidate, size, finished, leases=self._leases)
        except FileNotFoundError:
            return
        except OSError as error:
            if state.fail():
                yield fault(Origin("file", path), f"deferred: the file cannot be read ({error.strerror}); it is tried again until it can")
            return
        if data is not None:
            yield from self._values(candidate, data)

    def _values(self, candidate: Candidate, data: bytes) -> Iterator[Spectrum | Fault]:
        """Give the values in a complete file, and mark it when the last one was dealt with."""
        size, most = candidate.signature.size, self._rules.max_bytes
        sha256 = hashlib.sha256(data).hexdigest() if data else None
        origin = Origin("file", candidate.path, sha256)
        values: tuple[Spectrum | Fault, ...] = ()
        if size > most:
            values = (fault(origin, f"the file is {size / 2**20:.0f} MiB; at most {most / 2**20:g} MiB are read"),)
        elif sha256 is None:
            values = (fault(origin, "the file is empty; copy it again"),)
        elif not self._memory.known(sha256):
            values = parse(data, origin)
        for value in values:
            if self._stop.is_set():
                return  # not marked: it begins again at the next start
            yield value
        self._memory.mark(self._place(candidate.path), candidate.signature, sha256)
        self._settle(candidate)

    @staticmethod
    def _place(path: str) -> str:
        """Return the absolute path under which a file is remembered; links in it may come to point elsewhere."""
        return os.path.abspath(path)  # noqa: PTH100 - Path.resolve() would follow links

    def _settle(self, candidate: Candidate) -> None:
        self._settled[candidate.path] = candidate.signature
        self._waiting.leave(candidate.path)


def _unfinished(path: str) -> Fault:
    """Return the answer to a file that a single pass could not wait for."""
    return fault(Origin("file", path), f"deferred: the file was still being written after {DRAIN_S:g} s; run again when it is done")


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
