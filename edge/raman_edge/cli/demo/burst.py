"""A burst of files: half of them lie in the folder when it is looked into, the others land while they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Self

from raman_edge.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from raman_edge.cli.demo.exposures import Exposure

CHUNKS = 5
"""Pieces in which a slow instrument writes a file."""
CHUNK_S = 0.01
"""Between two pieces, s."""
PATIENCE_S = 30.0
"""How long it waits for the next answer, s."""
LOOK_S = 0.05
"""Between two looks at the answers, s."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that lies in the folder, complete."""

    exposure: Exposure
    at: datetime
    """When its last byte was written, or it was renamed."""


class Burst:
    """Drops files while the block runs; sets ``over`` when each was answered, when no answer comes for long, or after ``stop``."""

    def __init__(self, plan: Sequence[Exposure], folder: Path, answered: Callable[[], int], stop: Event) -> None:
        """``answered`` tells how many files have an answer by now."""
        self.dropped: list[Dropped] = []
        self.over = Event()
        self._plan, self._folder, self._answered, self._stop = plan, folder, answered, stop
        self._failure: OSError | None = None
        self._thread = Thread(target=self._run, name="burst", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._drop_all(self._plan[: len(self._plan) // 2])
        except OSError as error:
            raise self._told(error) from error
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self._thread.join()
        if self._failure is not None and not any(exc):
            raise self._told(self._failure) from self._failure

    def _run(self) -> None:
        try:
            self._drop_all(self._plan[len(self._plan) // 2 :])
            self._wait()
        except OSError as error:
            self._failure = error
        finally:
            self.over.set()

    @property
    def _is_over(self) -> bool:
        return self._stop.is_set() or self.over.is_set()

    def _drop_all(self, exposures: Sequence[Exposure]) -> None:
        for exposure in exposures:
            if self._is_over:
                return
            self._drop(exposure)

    def _drop(self, exposure: Exposure) -> None:
        """Write one file, by turns as careful and as slow software does."""
        (_in_pieces if len(self.dropped) % 2 else _renamed)(self._folder / exposure.name, exposure.content, self._stop)
        self.dropped.append(Dropped(exposure, datetime.now(UTC)))

    def _wait(self) -> None:
        """Wait until everything was answered, or nothing was for long."""
        seen, until = 0, monotonic() + PATIENCE_S
        while (answered := self._answered()) < len(self.dropped) and monotonic() < until and not self._is_over:
            if answered > seen:
                seen, until = answered, monotonic() + PATIENCE_S
            self.over.wait(LOOK_S)

    def _told(self, error: OSError) -> SourceLost:
        return SourceLost(f"the simulated instrument cannot write into {str(self._folder)!r}: {error.strerror}")


def _in_pieces(path: Path, content: bytes, stop: Event) -> None:
    """Write under the final name, piece by piece."""
    size = -(-len(content) // CHUNKS)
    with path.open("wb", buffering=0) as file:
        for begin in range(0, len(content), size):
            file.write(content[begin : begin + size])
            stop.wait(CHUNK_S)


def _renamed(path: Path, content: bytes, _: Event) -> None:
    """Write under a temporary name, then rename."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
