"""Where spectra come from: batches of spectra, with a fault where one could not be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

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


class FolderMemory(Protocol):
    """What is remembered of the files, across restarts."""

    def seen_each(self, files: Sequence[tuple[str, tuple[int, int, int, int, int]]]) -> list[bool]:
        """Return for each file, an absolute path and a state, whether it was answered in this very state."""

    def has_looked_into(self, folder: str) -> bool:
        """Whether any file below the absolute path ``folder`` was ever answered."""

    def known(self, sha256: str) -> bool:
        """Whether this content was answered, under whatever name."""

    def failed(self, sha256: str) -> bool:
        """Whether this content was answered, and only with faults."""

    def earlier(self, path: str) -> Sequence[tuple[int, str]]:
        """Return size (bytes) and digest of what was answered last under the absolute ``path``: a spectrum, a fault, both or none."""

    def mark(
        self, path: str, signature: tuple[int, int, int, int, int], sha256: str | None, *, failed: bool = False, recorded: bool = True
    ) -> None:
        """Note that the file is done; None stands for a content that was not read, ``failed`` for one without a spectrum.

        A content that is not ``recorded`` has no record: the file is known in this state, the content is not.
        """

    def flush(self) -> None:
        """Make every mark durable."""
