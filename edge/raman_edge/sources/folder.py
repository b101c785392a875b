"""A watched folder: every distinct content that is complete is given exactly once, also after crashes.

The scan is the mechanism; events only wake it, because they get lost without notice. A :class:`FolderMemory`
that outlives the process remembers what was identified, by content: the same file is not read again, and a copy
under another name is no new work. Files are never changed or held open, and moved only with ``move_failed``.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic, thread_time
from typing import TYPE_CHECKING

from raman_edge import formats
from raman_edge.errors import SourceLost
from raman_edge.sources import Batch, failed
from raman_edge.sources.failed import FailedFiles
from raman_edge.sources.files import RawFile, fault
from raman_edge.sources.notify import FolderEvents
from raman_edge.sources.pending import AnsweredContent, Batcher, OpenFile, PendingFile, PendingFiles, PollSchedule, changed
from raman_edge.sources.scan import FileCandidate, Scan, ScanRules, WatchedFolder, candidate_at, is_network
from raman_edge.sources.stability import (
    COARSE_S,
    OPEN_WHOLE_S,
    SKEW_S,
    OpenWriter,
    Readiness,
    is_settled,
    open_for_writing,
    patience_s,
    read_complete,
    readiness,
    resolution_s,
)
from raman_edge.sources.windows import is_in_use
from raman_edge.spectrum import Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from raman_edge.sources import FolderMemory

POLL_S, STABLE_S, GLANCE_S = 0.5, 1.0, 0.1
QUICK_GLANCE_S = 0.02
"""The same where the kernel reports new files: one system call, however many folders there are."""
NETWORK_POLL_S, NETWORK_STABLE_S = 2.0, 3.0
PULSE_S = 1.0
"""Between two signs of life, s."""
DRAIN_S = 30.0
"""How long a single pass waits for files that are still being written, s."""
STRETCH_S = 2.0
"""A backlog is interrupted this often for a look at new files, s."""
SMALL = 256 * 1024
"""Bytes; a smaller file is parsed where its spectra are identified."""
TOGETHER = 256
"""Files in one query of the memory."""
OUTPUTS = (b'{"event":"', b"id,ts,path,sha256,")
"""Beginnings of what raman-edge writes: a record, and the columns of its table."""
SHARE_LOOKING = 20
"""Or less often: a stretch is at least this many times as long as the look before it."""


class _Stopped(Exception):
    """Ends a look at a folder of very many files."""


class FolderSource:
    """Spectra from the files in ``root`` and below: new files first, then those that were there, the oldest first.

    ``once`` gives what is there and ends. ``stop`` ends the source soon, between two files. ``note``
    gets one line when the folder or a part of it cannot be read, and when it can again.

    A file that its writer closes before it is complete and that is unchanged for ``stable_s`` is given as it is, and
    again when it has changed: each content counts by itself. Where the earlier content is the beginning of the later
    one, the later one's origin names it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        memory: FolderMemory,
        rules: ScanRules | None = None,
        *,
        once: bool = False,
        stop: threading.Event | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._rules = rules or ScanRules()
        self._root = WatchedFolder(os.fspath(root), self._rules, note)
        self._memory = memory
        self._once = once
        self._stop = stop or threading.Event()
        self._note = note
        self._network = network = is_network(os.fspath(root))
        poll_s = _given(self._rules.poll_s, NETWORK_POLL_S if network else POLL_S)
        self._pace = PollSchedule(poll_s, poll_s if network else min(GLANCE_S, poll_s))
        self._stable_s = _given(self._rules.stable_s, NETWORK_STABLE_S if network else STABLE_S)
        self._arrivals = FolderEvents()
        self._moved: set[str] = set()
        self._touched: set[str] = set()
        """Files that were closed by a writer or renamed into place since they were read: their times may not show the change."""
        self._writing: frozenset[tuple[int, int]] | None = None
        """(device, inode) of the files that visible processes have open for writing; None until a look needs it."""
        self._settled: set[int] = set()
        self._given: dict[str, str | None] = {}
        """Path → digest of the files whose values are under way."""
        self._waiting = PendingFiles()
        self._failed = FailedFiles(self._rules.move_failed, note, leases=not network)
        self._noted: set[str] = set()
        self.ignored: Counter[str] = Counter()
        """How many names the last look ignored, by the reason."""
        self.answered_before = 0
        """Files, also copies of others, whose content the memory has; each is counted once."""
        self._started_ns = time.time_ns()
        self._pulsed = monotonic()

    def __enter__(self) -> Self:
        self._root.open()
        if not self._network:  # there leases and events do not show what other machines do
            self._arrivals.open()
            self._arrivals.follow([self._root.path])
        if self._arrivals.listening:
            self._pace = PollSchedule(self._pace.poll_s, min(QUICK_GLANCE_S, self._pace.poll_s))
        return self

    def __exit__(self, *exc: object) -> None:
        self._arrivals.close()
        self._failed.report()
        if not any(exc):
            self._memory.flush()

    def __iter__(self) -> Iterator[Batch]:
        drain_s = DRAIN_S + patience_s(self._stable_s)
        patience = monotonic() + drain_s
        if self._rules.newest is not None and not self._memory.has_looked_into(self._place(self._root.path)):
            self._skip_older(self._rules.newest)
        while not self._stop.is_set():
            started = thread_time()
            found, queue = self._look()
            cost_s = thread_time() - started
            until = monotonic() + max(STRETCH_S, SHARE_LOOKING * cost_s)
            for batch in self._batches(queue, until):
                yield batch
                patience = monotonic() + drain_s
            self._memory.flush()
            self._failed.move_due()
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
        """Whether anything seems to be new; without events the folders' modification times show new names."""
        return self._arrivals.pending() if self._arrivals.listening else changed(found.folders)

    def _look(self) -> tuple[Scan, list[tuple[bool, int, str]]]:
        """Return what one scan found, and the files whose state is not known as done, in the order of their turn."""
        moved, written = self._arrivals.take()
        self._moved |= moved
        self._touched |= moved | written
        self._writing = None
        queue: list[tuple[bool, int, str]] = []
        settled: set[int] = set()

        def meet(candidate: FileCandidate) -> None:
            if self._stop.is_set():
                raise _Stopped
            state = hash(candidate)
            if state in self._settled and candidate.path not in self._touched:
                settled.add(state)
            elif candidate.path not in self._given:
                written = candidate.signature.mtime_ns
                queue.append((written < self._started_ns, written, candidate.path))

        try:
            found = self._root.look(meet)
        except _Stopped:
            return Scan(), []
        if found is None and self._once:
            raise SourceLost(kind="gone while it was read", place=f"folder {self._root.path!r}", advice="Run again when it is back")
        if found is not None:
            self._settled = settled
            self._arrivals.follow(found.folders)
            self._tidy(found)
        queue.sort()
        hints = (self._moved, self._touched, self._arrivals.closed, self._arrivals.writing)
        there = {path for *_, path in queue} | self._given.keys() if self._waiting or any(hints) else set()
        self._waiting.keep(there)
        for hint in hints if found is not None else ():
            hint &= there  # noqa: PLW2901 - the sets themselves become smaller
        return found or Scan(), queue

    def _tidy(self, found: Scan) -> None:
        """Give back what an interrupted move left, and report a file of ours that is in the folder under another name."""
        for stage in found.stages:
            with suppress(OSError):
                failed.give_back(stage)
        self.ignored = found.ignored
        for path in set(found.ours) - self._noted:
            self._noted.add(path)
            if self._place(path) not in map(self._place, self._rules.written):
                self._note(f"file {path!r} is not read: this command writes it, under this or another name")

    def _skip_older(self, newest: int) -> None:
        """Mark all files in the folder as done, but for the newest ones.

        Only where a folder is watched for the first time: files that came between two runs are not lost.
        """
        _, queue = self._look()
        older = sorted(queue, key=lambda turn: turn[1])[: max(0, len(queue) - newest)]
        there = [found for *_, path in older if (found := candidate_at(path)) is not None]
        fresh = (found.signature for found in there if not is_settled(found.signature, 0.0, network=self._network))
        self._stop.wait(max((resolution_s(signature, network=self._network) for signature in fresh), default=0.0))
        for candidate in there:
            if candidate_at(candidate.path) == candidate:
                self._memory.mark(self._place(candidate.path), candidate.signature, None)
                self._settle(candidate)
        self._memory.flush()

    def _batches(self, queue: list[tuple[bool, int, str]], until: float) -> Iterator[Batch]:
        """Give the values of these files in batches, until the time ``until``."""
        gathering = Batcher(self._finish)
        for candidate, left in self._unanswered(queue):
            if self._stop.is_set():
                return  # what is in the batcher is not marked: the next run reads it again
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

    def _unanswered(self, queue: list[tuple[bool, int, str]]) -> Iterator[tuple[FileCandidate, int]]:
        """Give the files that the memory does not know in their state, each with the number of files behind it."""
        for first in range(0, len(queue), TOGETHER):
            there = [found for *_, path in queue[first : first + TOGETHER] if (found := candidate_at(path)) is not None]
            answered = self._memory.seen_each([(self._place(path), signature) for path, signature in there])
            fresh = []
            for candidate, is_answered in zip(there, answered, strict=True):
                if is_answered and candidate.path not in self._touched:
                    self.answered_before += 1
                    self._settle(candidate)
                else:
                    fresh.append(candidate)
            behind = max(0, len(queue) - first - TOGETHER)
            for place, candidate in enumerate(fresh, start=1):
                yield candidate, behind + len(fresh) - place

    def _answer(self, candidate: FileCandidate) -> tuple[tuple[Spectrum | Fault | RawFile, ...], OpenFile | None]:
        """Return the values of one file; none where its content was given before, it is not complete, or gone."""
        path = candidate.path
        state = self._waiting.enter(candidate, moved=path in self._moved, closed=path in self._arrivals.closed)
        self._moved.discard(path)  # it was complete when it came; later writes are another matter
        is_due = state.due or (state.answered is not None and path in self._touched)
        if not is_due or (self._rules.written and candidate.signature[:2] in self._rules.ours()):
            return (), None
        settled = candidate.signature.size == 0 or is_settled(candidate.signature, state.unchanged_s, network=self._network)
        try:
            data = self._read(candidate, state, twice=not settled)
        except FileNotFoundError:
            return (), None
        except OSError as error:
            if is_in_use(error):
                self._note_open(path, state)
                return (), None
            why = f"deferred: the file cannot be read ({error.strerror}); it is tried again until it can"
            return ((fault(Origin("file", path), why),) if state.fail() else ()), None
        if data is None:
            return (), None
        self._touched.discard(path)
        return self._values(candidate, data, state, settled=settled)

    def _note_open(self, path: str, state: PendingFile) -> None:
        """Report, once, a file that its writer does not share for long: it is no fault, and read when that program closes it."""
        if state.unchanged_s >= OPEN_WHOLE_S and not state.is_noted:
            state.is_noted = True
            self._note(
                f"file {path!r} is unchanged for {state.unchanged_s:.0f} s, and a program keeps it to itself: it is read when closed"
            )

    def _read(self, candidate: FileCandidate, state: PendingFile, *, twice: bool) -> bytes | None:
        """Return the bytes of a complete file, none of one that is too large; None where it is not complete."""
        size = candidate.signature.size if candidate.signature.size <= self._rules.max_bytes else 0
        data = read_complete(candidate, size, partial(self._is_ready, candidate, state), leases=not self._network, twice=twice)
        if data is None or state.ready is Readiness.YES or state.answered is not None:
            return data
        pixels = self._rules.calibration is not None
        if formats.is_whole(data, Origin("file", candidate.path), laser_nm=self._rules.laser_nm, axis=self._rules.axis, pixels=pixels):
            return data
        state.declares_nothing = True
        return None

    def _is_ready(self, candidate: FileCandidate, state: PendingFile, writer: OpenWriter) -> bool:
        """Whether to read the file now; ``writer`` is the answer of the kernel, and ``/proc`` or events may know more."""
        signature, unchanged_s = candidate.signature, state.unchanged_s
        judge = partial(
            readiness, signature, unchanged_s=unchanged_s, stable_s=self._stable_s,
            moved=state.moved, closed=state.closed, network=self._network,
        )  # fmt: skip
        state.ready = judge(writer)
        if writer is OpenWriter.UNKNOWN and state.ready is not Readiness.NO:
            if self._writing is None:
                self._writing = open_for_writing()
            if candidate.path in self._arrivals.writing or signature[:2] in self._writing:
                writer = OpenWriter.OPEN
                state.ready = judge(writer)
        state.writer = writer
        if writer is OpenWriter.OPEN and state.ready is not Readiness.NO and not state.is_noted:
            state.is_noted = True
            when = "when the program closes it" if state.ready is Readiness.IF_WHOLE else "as it is"
            self._note(f"file {candidate.path!r} is unchanged for {unchanged_s:.0f} s, and a program keeps it open: it is read {when}")
        if state.answered is not None:
            return writer is not OpenWriter.OPEN
        return state.ready is Readiness.YES or (state.ready is Readiness.IF_WHOLE and signature.size > 0 and not state.declares_nothing)

    def _values(
        self, candidate: FileCandidate, data: bytes, state: PendingFile, *, settled: bool
    ) -> tuple[tuple[Spectrum | Fault | RawFile, ...], OpenFile | None]:
        """Return the values of a complete file; none where its content was identified before, or is under way."""
        size, most = candidate.signature.size, self._rules.max_bytes
        sha256 = hashlib.sha256(data).hexdigest() if data else None
        if sha256 is not None and sha256 in self._given.values():
            return (), None  # a copy: by the next look the journal knows it
        before = state.answered
        if before is not None and before.digest == sha256:
            if settled:
                return (), OpenFile(candidate, sha256, 0, has_failed=before.failed, is_movable=self._is_movable(state))
            self._look_again(candidate, before)
            return (), None
        if before is not None and state.writer is OpenWriter.UNKNOWN:
            state.begin(candidate.signature)  # another content in the same state: it has to be unchanged in its turn
            return (), None
        origin = Origin("file", candidate.path, sha256)
        values: tuple[Spectrum | Fault | RawFile, ...] = ()
        has_failed, recorded = False, True
        if size > most:
            values = (fault(origin, f"the file is {size / 2**20:.0f} MiB; at most {most / 2**20:g} MiB are read"),)
        elif sha256 is None:
            values = (fault(origin, "the file is empty; copy it again"),)
        elif self._memory.known(sha256):
            has_failed = self._failed.folder is not None and self._memory.failed(sha256)
            self.answered_before += 1
        else:
            # A large file may hold a whole map: it is parsed here, and its spectra go on a few at a time.
            origin = replace(origin, grown_from=self._beginning(candidate.path, data))
            recorded = origin.grown_from is None or not self._is_output(candidate.path, data)
            if recorded:
                unread = RawFile(origin, data, self._rules.laser_nm, self._rules.calibration, self._rules.axis)
                values = (unread,) if len(data) <= SMALL else unread.values()
        self._given[candidate.path] = sha256
        settled |= sha256 is None  # of a file that is too large there is nothing to compare
        return values, OpenFile(candidate, sha256, len(values), settled, has_failed, self._is_movable(state), recorded)

    def _beginning(self, path: str, data: bytes) -> str | None:
        """Return the digest of the last content under this path where it is the beginning of ``data``."""
        for size, sha256 in sorted(self._memory.earlier(self._place(path)), reverse=True):
            if 0 < size < len(data) and hashlib.sha256(memoryview(data)[:size]).hexdigest() == sha256:
                return sha256
        return None

    def _is_output(self, path: str, data: bytes) -> bool:
        """Whether a growing file holds records of another raman-edge process: each record of it would make one more."""
        if not data.startswith(OUTPUTS):
            return False
        if path not in self._noted:
            self._noted.add(path)
            self._note(f"file {path!r} holds records of raman-edge and grows: it is read once and not again. Write it to another folder")
        return True

    def _is_movable(self, state: PendingFile) -> bool:
        """Whether no process writes the file, as far as is known; else it is moved later."""
        if state.writer is OpenWriter.NONE or state.moved or state.closed or state.unchanged_s >= failed.LATER_S:
            return True
        age_s = (time.time_ns() - state.signature.ctime_ns) / 1e9
        return age_s >= failed.LATER_S + SKEW_S * self._network

    def _finish(self, given: OpenFile) -> None:
        """Mark a file whose values are all in the journal, and move it where it failed and ``move_failed`` is set."""
        candidate, place = given.candidate, self._place(given.candidate.path)
        self._given.pop(candidate.path, None)
        is_leaving = given.is_failed and self._failed.wants(candidate.path) and not self._has_ended()
        if is_leaving and (given.is_movable or given.settled):
            # Marked in no state: where this run is killed before the move, the next one moves the file.
            self._memory.mark(place, _no_state(candidate), given.sha256, failed=True)
            self._memory.flush()
            if given.is_movable:
                self._waiting.leave(candidate.path)
                self._failed.move(candidate, given.sha256)
            else:
                self._settle(candidate)
                self._failed.move_later(candidate, given.sha256)
        elif given.settled or given.sha256 is None:
            self._memory.mark(place, candidate.signature, given.sha256, failed=given.is_failed, recorded=given.recorded)
            self._settle(candidate)
        else:
            self._memory.mark(place, _no_state(candidate), given.sha256, failed=given.is_failed, recorded=given.recorded)
            self._look_again(candidate, AnsweredContent(given.sha256, given.is_failed, self._is_coarse(candidate)))

    def _look_again(self, candidate: FileCandidate, answered: AnsweredContent) -> None:
        """Compare the content again until a tick has passed, often enough to meet one that is unchanged for ``stable_s``."""
        state = self._waiting.enter(candidate)
        left_s = resolution_s(candidate.signature, network=self._network) - state.unchanged_s
        state.look_again(answered, min(max(left_s, 0.0), self._stable_s / 2))

    def _is_coarse(self, candidate: FileCandidate) -> bool:
        return resolution_s(candidate.signature, network=self._network) > COARSE_S

    def _has_ended(self) -> bool:
        """Whether files may have failed only because the calibration expired: they stay for the next calibration."""
        calibration = self._rules.calibration
        return calibration is not None and datetime.now(UTC) >= calibration.expires

    @staticmethod
    def _place(path: str) -> str:
        """Return the absolute path under which a file is marked; links in it may change."""
        return os.path.abspath(path)  # noqa: PTH100 - Path.resolve() would follow links

    def _settle(self, candidate: FileCandidate) -> None:
        self._settled.add(hash(candidate))
        self._waiting.leave(candidate.path)


def _no_state(candidate: FileCandidate) -> tuple[int, int, int, int, int]:
    """Return the state of no file: the content is marked with its size, and the file is read again."""
    return (0, 0, candidate.signature.size, 0, 0)


def _unfinished(path: str) -> Fault:
    """Return the fault of a file that a single pass could not wait for."""
    return fault(Origin("file", path), f"deferred: the file was still being written after {DRAIN_S:g} s; run again when it is complete")


def _given(value: float | None, default: float) -> float:
    return default if value is None else value
