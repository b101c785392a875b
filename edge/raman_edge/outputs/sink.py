"""What every output is: a sink of journal rows, and what it can report of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal import JournalRow


class Sink(Protocol):
    """A place that records are sent to; opened by ``with``, anew after every :class:`raman_edge.errors.SinkError`."""

    @property
    def name(self) -> str:
        """Name without secrets, and without options that leave it the same sink."""

    @property
    def remembers(self) -> bool:
        """Whether the next run goes on where this one stopped; else each run begins with its own records."""

    def __enter__(self) -> Self:
        """Open it; SinkError for a failure that may pass."""

    def __exit__(self, *exc: object) -> None:
        """Release everything."""

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Return when the receiver has confirmed all ``rows``; without rows, when it is there.

        Raises RecordsRefused where it has all but those that it can never take.
        Raises SinkError for a failure that may pass; all ``rows`` are then sent again.
        BrokenPipeError and OutputError end the run: standard output has no reader.
        """


@dataclass(frozen=True, slots=True)
class Standing:
    """State of one sink."""

    name: str
    owed: int
    """Records in the journal that it has not confirmed."""
    failing: bool


class Overview(Protocol):
    """What a sink can report about the run besides the records."""

    def newest(self) -> int:
        """Return the number of the journal's newest record; 0 where there is none."""

    def standings(self) -> Sequence[Standing]:
        """Return the states of the sinks that remember."""

    def backlog(self) -> int | None:
        """Return how many files wait to be read; None is unknown."""
