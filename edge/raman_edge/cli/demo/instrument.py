"""A simulated instrument: it writes files into a folder as instrument software does, and stops when all are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Self

from raman_edge.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_edge.cli.demo.exposures import Exposure

CHUNKS = 5
"""Pieces in which a slow instrument writes a file."""
CHUNK_S = 0.08
"""Between two pieces, s."""
TAIL_S = 3.0
"""At the end of the time, left for the last answers, s."""
PATIENCE_S = 10.0
"""How long it waits for answers that do not come, s."""
SHORTEST_S = 0.1
"""Least time between two exposures, s."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that lies in the folder, complete."""

    exposure: Exposure
    at: datetime
    """When its last byte was written, or it was renamed."""


class Instrument:
    """Measures in a thread while the block runs; sets ``done`` when everything it dropped was answered."""

    def __init__(self, plan: Sequence[Exposure], folder: Path, seconds: float, done: Event) -> None:
        self.folder = folder
        self.dropped: list[Dropped] = []
        self.answered = 0
        """Counted up by whoever answers."""
        self._plan, self._done = plan, done
        self._ends = monotonic() + seconds
        self._pause = max(SHORTEST_S, (seconds - TAIL_S) / len(plan))
        self._failure: OSError | None = None
        self._thread = Thread(target=self._run, name="instrument", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join(timeout=PATIENCE_S)
        if self._failure is not None and not any(exc):
            msg = f"the simulated instrument cannot write into {str(self.folder)!r}: {self._failure.strerror}"
            raise SourceLost(msg) from self._failure

    def _run(self) -> None:
        try:
            self._measure()
            self._wait()
        except OSError as error:
            self._failure = error
        finally:
            self._done.set()

    def _measure(self) -> None:
        """Write one file after the other, by turns slowly and by renaming; the time may be up before the last one."""
        for i, exposure in enumerate(self._plan):
            began = monotonic()
            if i and monotonic() > self._ends - min(TAIL_S, self._pause):
                return
            path = self.folder / exposure.name
            (_in_pieces if i % 2 else _renamed)(path, exposure.content, self._done)
            self.dropped.append(Dropped(exposure, datetime.now(UTC)))
            if self._done.wait(max(0.0, began + self._pause - monotonic())):
                return

    def _wait(self) -> None:
        """Wait until everything was answered, a bounded time."""
        until = max(monotonic(), self._ends) + PATIENCE_S
        while self.answered < len(self.dropped) and monotonic() < until and not self._done.wait(SHORTEST_S):
            pass
        # The last answer stays on the screen for a moment.
        self._done.wait(min(1.0, max(0.0, self._ends - monotonic())))


def _in_pieces(path: Path, content: bytes, stop: Event) -> None:
    """Write as slow software does: under the final name, piece by piece."""
    size = -(-len(content) // CHUNKS)
    with path.open("wb", buffering=0) as file:
        for begin in range(0, len(content), size):
            file.write(content[begin : begin + size])
            stop.wait(CHUNK_S)


def _renamed(path: Path, content: bytes, stop: Event) -> None:
    """Write as careful software does: under a temporary name, then renamed."""
    temporary = path.with_name(path.name + ".tmp")
    _in_pieces(temporary, content, stop)
    temporary.replace(path)
