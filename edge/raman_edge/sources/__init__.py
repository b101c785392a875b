"""Where spectra come from: iterators of spectra, with a fault where one could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.spectrum import Fault, Spectrum


class Source(Protocol):
    """A place spectra come from; opened by ``with``, read by ``for``.

    A value is asked for only when the one before it is dealt with: a source that
    remembers what it gave remembers it then, and not before. Recoverable faults are
    values; :class:`raman_edge.errors.SourceError` is raised for what ends the run.
    """

    def __enter__(self) -> Self:
        """Open the source; :class:`raman_edge.errors.SourceUnavailable` where that cannot be done."""

    def __exit__(self, *exc: object) -> None:
        """Release everything, whatever happened."""

    def __iter__(self) -> Iterator[Spectrum | Fault]:
        """Give what comes, until the source ends or is told to stop."""
