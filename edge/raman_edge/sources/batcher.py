"""Values of several files in one batch; each file is marked when the last of its values is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge.sources import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from raman_edge.sources.parse import RawFile
    from raman_edge.sources.scan import FileCandidate
    from raman_edge.spectrum import Fault, Spectrum

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
