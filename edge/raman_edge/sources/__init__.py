"""Sources of spectra: batches of spectra, with a fault in the place of one that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from raman_edge.sources.files import RawFile
    from raman_edge.spectrum import Fault, Spectrum


def _nothing(failed: Collection[int]) -> None:
    """Remember nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Values that a source gives together: one, many where many wait, or none as a sign of life."""

    events: tuple[Spectrum | Fault | RawFile, ...] = ()
    waiting: int = 0
    """How many more files are known to wait behind this batch."""
    done: Callable[[Collection[int]], None] = _nothing
    """Call it when every result is in the journal, with the places of the events that are faults.

    Only then does the source mark them; events that are given and never done come again.
    """


class Source(Protocol):
    """A source of spectra; opened by ``with``, read by ``for``.

    Recoverable faults are values; :class:`raman_edge.errors.SourceError` is raised for what ends
    the run. Where nothing comes, an empty batch comes about once a second, so that the reader can do
    other work. Several batches may be under way at once, and are done in any order.
    """

    def __enter__(self) -> Self:
        """Open the source; :class:`raman_edge.errors.SourceUnavailable` where that cannot be done."""

    def __exit__(self, *exc: object) -> None:
        """Release everything."""

    def __iter__(self) -> Iterator[Batch]:
        """Give batches until the source ends or is stopped."""


class FolderMemory(Protocol):
    """Memory of files across restarts; the journal implements it."""

    def seen_each(self, files: Sequence[tuple[str, tuple[int, int, int, int, int]]]) -> list[bool]:
        """Return for each file, an absolute path and a state, whether it is done in this state."""

    def has_looked_into(self, folder: str) -> bool:
        """Whether any file below the absolute path ``folder`` was ever done."""

    def known(self, sha256: str) -> bool:
        """Whether this content was identified, under any name."""

    def failed(self, sha256: str) -> bool:
        """Whether this content was read, and gave faults only."""

    def earlier(self, path: str) -> Sequence[tuple[int, str]]:
        """Return size (bytes) and digest of the last contents at the absolute ``path``: of a spectrum, of a fault, both or none."""

    def mark(
        self, path: str, signature: tuple[int, int, int, int, int], sha256: str | None, *, failed: bool = False, recorded: bool = True
    ) -> None:
        """Note that the file is done; None stands for a content that was not read, ``failed`` for one without a spectrum.

        A content that is not ``recorded`` has no record: the file is known in this state, the content is not.
        """

    def flush(self) -> None:
        """Make every mark durable."""
