"""Where spectra come from: batches of spectra, with a fault where one could not be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from raman_edge.sources.parse import RawFile
    from raman_edge.spectrum import Fault, Spectrum


def _nothing(failed: Collection[int]) -> None:
    """Remember nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """What a source gives at a time: one spectrum where one came, many where many wait, none as a sign of life."""

    events: tuple[Spectrum | Fault | RawFile, ...] = ()
    waiting: int = 0
    """How many more files are known to wait behind this batch."""
    done: Callable[[Collection[int]], None] = _nothing
    """To be called when every answer to it is in the journal, with the places of those events that ended as faults.

    Only then does the source remember that it gave them; what was given and never done comes again.
    """


class Source(Protocol):
    """A place spectra come from; opened by ``with``, read by ``for``.

    Recoverable faults are values; :class:`raman_edge.errors.SourceError` is raised for what ends
    the run. Where nothing comes, an empty batch does about once a second, so that whoever reads can
    look after other things. Several batches may be under way at once; they are done in any order.
    """

    def __enter__(self) -> Self:
        """Open the source; :class:`raman_edge.errors.SourceUnavailable` where that cannot be done."""

    def __exit__(self, *exc: object) -> None:
        """Release everything, whatever happened."""

    def __iter__(self) -> Iterator[Batch]:
        """Give what comes, until the source ends or is told to stop."""
