"""Files of a folder that are under way.

Files that are not read yet, because they are being written or access is denied; when to scan again; and the values of files
that are read, in batches, until their results are in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge.atomic_write import system_path
from raman_edge.sources import Batch
from raman_edge.sources.stability import OpenWriter, Readiness

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from raman_edge.sources.files import RawFile
    from raman_edge.sources.scan import FileCandidate, Signature
    from raman_edge.spectrum import Fault, Spectrum

SHARE_RESTING = 100
"""A rest is at least this many times as long as the scan before it: 1 % of a core, however full the folder."""
SHARE_HURRYING = 2
"""The same where a name is new or a file is due."""

RETRY_S = (0.5, 1.0, 2.0, 4.0, 30.0)
"""Waits after a file could not be read, s; the last one repeats, and with it the file counts as given up."""


@dataclass(slots=True)
class PendingFile:
    """One file that waits."""

    signature: Signature
    since: float
    """When it was first found in this state; monotonic, s."""
    moved: bool = False
    """Whether it was renamed into place in this state."""
    closed: bool = False
    """Whether its writer closed it, and no other one has written since."""
    failures: int = 0
    next_try: float = 0.0
    """Monotonic, s."""
    writer: OpenWriter = OpenWriter.UNKNOWN
    """What is known of its writer."""
    ready: Readiness = Readiness.NO
    declares_nothing: bool = False
    """Whether its content was read and does not declare its length."""
    is_noted: bool = False
    """Whether a note reported that a program keeps it open."""
    answered: AnsweredContent | None = None
    """The content that was identified in this state, whose next change may not show; None where none was."""

    @property
    def unchanged_s(self) -> float:
        """How long it has been in this state, s."""
        return monotonic() - self.since

    @property
    def due(self) -> bool:
        """Whether it may be tried now."""
        return monotonic() >= self.next_try

    @property
    def given_up(self) -> bool:
        """Whether a fault reported it as deferred; it is still tried."""
        return self.failures >= len(RETRY_S)

    def fail(self) -> bool:
        """Note a failed attempt and the time of the next; True once, when it is given up."""
        self.failures += 1
        self.next_try = monotonic() + RETRY_S[min(self.failures, len(RETRY_S)) - 1]
        return self.failures == len(RETRY_S)

    def begin(self, signature: Signature) -> None:
        """Begin the wait again, as after a change; failures are still counted."""
        self.signature, self.since = signature, monotonic()
        self.moved = self.declares_nothing = self.is_noted = False
        if self.answered is not None:
            self.answered, self.next_try = None, 0.0

    def look_again(self, answered: AnsweredContent, seconds: float) -> None:
        """Note the content that was identified, and when to compare it again."""
        self.answered, self.next_try = answered, monotonic() + seconds


@dataclass(frozen=True, slots=True)
class AnsweredContent:
    """The identified content of a file whose times may not show its next change."""

    digest: str
    """SHA-256 of the content."""
    failed: bool
    is_coarse: bool
    """Whether the next comparison is worth waking up for."""


class PendingFiles:
    """All files that wait, by path."""

    def __init__(self) -> None:
        self._files: dict[str, PendingFile] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def keep(self, there: Collection[str]) -> None:
        """Forget all files but these: the others are gone or done."""
        self._files = {path: state for path, state in self._files.items() if path in there}

    def enter(self, candidate: FileCandidate, *, moved: bool = False, closed: bool = False) -> PendingFile:
        """Return the state of a file; a change begins its wait again, but not its count of failures."""
        path, signature = candidate
        state = self._files.setdefault(path, PendingFile(signature, monotonic()))
        if state.signature != signature:
            state.begin(signature)
        state.moved |= moved
        state.closed = closed
        return state

    def leave(self, path: str) -> None:
        """Forget a file that is done."""
        self._files.pop(path, None)

    def unfinished(self) -> Iterator[str]:
        """Give the paths of the files that are worth waiting for."""
        return (path for path, state in self._files.items() if not state.given_up and state.answered is None)

    def due_s(self, stable_s: float, otherwise_s: float) -> float | None:
        """Return the seconds until the first file may be complete, None where none waits.

        It is ``otherwise_s`` where all could be complete by now: a program keeps them open.
        """
        now = monotonic()
        waiting = [state for state in self._files.values() if state.answered is None or state.answered.is_coarse]
        if not waiting:
            return None
        left = (max(state.next_try, 0.0 if state.answered else state.since + stable_s) - now for state in waiting)
        return min((seconds for seconds in left if seconds > 0), default=otherwise_s)


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """The rhythm of one folder, all in seconds."""

    poll_s: float
    """Rest between two scans of a small folder."""
    glance_s: float
    """Between two looks for news."""

    def rest(self, stop: threading.Event, came: Callable[[], bool], cost_s: float, due_s: float | None) -> Iterator[None]:
        """Wait for the next scan, after one that took ``cost_s`` of the processor, with a value at every glance.

        ``came`` returns whether something is new; ``due_s`` is when a waiting file may be complete.
        """
        began = monotonic()
        least = SHARE_HURRYING * cost_s
        most = max(self.poll_s, SHARE_RESTING * cost_s) if due_s is None else max(least, min(due_s, self.poll_s))
        while (left := began + most - monotonic()) > 0 and not stop.wait(min(self.glance_s, left)):
            if monotonic() - began >= least and came():
                return
            yield


def changed(folders: Mapping[str, int]) -> bool:
    """Whether a name came or went in any of ``folders`` (path → modification time, ns) since it was listed."""
    try:
        return any(Path(system_path(folder)).stat().st_mtime_ns != before for folder, before in folders.items())
    except OSError:
        return True


MOST = 32
"""Values in a batch."""
LATE_S = 0.1
"""A value waits at most about this long for others to join it, s."""


@dataclass(slots=True, eq=False)
class OpenFile:
    """A file whose values are under way."""

    candidate: FileCandidate
    sha256: str | None
    """Digest of its content; None where it was not read."""
    values: int
    settled: bool = True
    """Whether any later content has another state of the file."""
    has_failed: bool = False
    """Whether the content is known to have failed before."""
    is_movable: bool = True
    """Whether no process writes the file, as far as can be known; else it is moved later."""
    recorded: bool = True
    """Whether the journal has, or gets, a record of the content."""
    done: int = 0
    """Values whose results are in the journal."""
    failed: int = 0
    """Of these, how many are faults."""

    @property
    def is_failed(self) -> bool:
        """Whether it gave faults only, now or when the content was read before."""
        return self.has_failed or 0 < self.values == self.failed


class Batcher:
    """Fills batches; calls ``finish`` for every file whose values are all done."""

    def __init__(self, finish: Callable[[OpenFile], None]) -> None:
        self._finish = finish
        self._events: list[tuple[Spectrum | Fault | RawFile, OpenFile | None]] = []
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._events)

    @property
    def is_late(self) -> bool:
        """Whether the first value has waited long enough."""
        return bool(self._events) and monotonic() - self._since > LATE_S

    def add(self, values: Sequence[Spectrum | Fault | RawFile], given: OpenFile | None, left: int) -> Iterator[Batch]:
        """Take the values of a file and give every full batch; ``given`` is None for values without a mark."""
        if given is not None and not values:
            self._finish(given)
        for value in values:
            if not self._events:
                self._since = monotonic()
            self._events.append((value, given))
            if len(self._events) >= MOST:
                yield self.batch(left)

    def batch(self, left: int) -> Batch:
        """Return the batch so far; ``left`` files wait behind it."""
        owners = tuple(given for _, given in self._events)
        made = Batch(tuple(value for value, _ in self._events), left, partial(self._done, owners))
        self._events = []
        return made

    def _done(self, owners: tuple[OpenFile | None, ...], failed: Collection[int] = ()) -> None:
        for place, given in enumerate(owners):
            if given is not None:
                given.done += 1
                given.failed += place in failed
                if given.done == given.values:
                    self._finish(given)
