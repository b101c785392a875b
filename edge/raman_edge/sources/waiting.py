"""Files that are there but not answered yet: still being written, or denied; and when to look at them again."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from raman_edge.sources.scan import Candidate, Signature

RETRY_S = (0.5, 1.0, 2.0, 4.0, 30.0)
"""Waits after a file could not be read, s; the last one repeats, and with it the file counts as given up."""


@dataclass(slots=True)
class Waiting:
    """One file that waits."""

    signature: Signature
    since: float
    """When it was first found in this state; monotonic, s."""
    moved: bool = False
    """Whether it was seen being renamed into place in this state."""
    failures: int = 0
    next_try: float = 0.0
    """Monotonic, s."""

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
        """Whether it was answered with a deferral; it is tried on all the same."""
        return self.failures >= len(RETRY_S)

    def fail(self) -> bool:
        """Note that it could not be read and when to try again; True the one time that it is given up."""
        self.failures += 1
        self.next_try = monotonic() + RETRY_S[min(self.failures, len(RETRY_S)) - 1]
        return self.failures == len(RETRY_S)


class WaitingRoom:
    """All files that wait, by path."""

    def __init__(self) -> None:
        self._files: dict[str, Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def keep(self, there: Collection[str]) -> None:
        """Forget all files but these: the others are gone or answered."""
        self._files = {path: state for path, state in self._files.items() if path in there}

    def enter(self, candidate: Candidate, *, moved: bool) -> Waiting:
        """Return the state of a file; a change begins its wait again, but not its count of failures."""
        path, signature = candidate
        state = self._files.setdefault(path, Waiting(signature, monotonic()))
        if state.signature != signature:
            state.signature, state.since, state.moved = signature, monotonic(), False
        state.moved |= moved
        return state

    def leave(self, path: str) -> None:
        """Forget a file that was answered."""
        self._files.pop(path, None)

    def unfinished(self) -> Iterator[str]:
        """Give the paths of the files that are worth waiting for."""
        return (path for path, state in self._files.items() if not state.given_up)

    def due_s(self, stable_s: float, otherwise_s: float) -> float | None:
        """Return in how many seconds the first file may be complete, None where none waits.

        It is ``otherwise_s`` where all could be by now: somebody keeps them open.
        """
        if not self._files:
            return None
        now = monotonic()
        left = (max(state.next_try, state.since + stable_s) - now for state in self._files.values())
        return min((seconds for seconds in left if seconds > 0), default=otherwise_s)
