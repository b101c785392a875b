"""What a watched folder remembers of its files: an interface that the journal implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


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
