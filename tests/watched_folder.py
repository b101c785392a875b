"""A folder source to test with: a memory in a dictionary, one pass, or a thread that reads."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from raman_edge.sources.files import values
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from raman_edge.sources import Source
    from raman_edge.spectrum import Spectrum

QUICK = ScanRules(poll_s=0.02, stable_s=0.1)
Signature = tuple[int, int, int, int, int]


class Remembered:
    """A memory in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[Signature, str | None]] = {}
        self.contents: dict[str, bool] = {}
        """Digest → whether there were only faults in it."""

    def seen_each(self, files: Sequence[tuple[str, Signature]]) -> list[bool]:
        """Compare the states."""
        return [path in self.files and self.files[path][0] == signature for path, signature in files]

    def has_looked_into(self, folder: str) -> bool:
        """Look for a path below."""
        return any(path.startswith(folder + os.sep) for path in self.files)

    def known(self, sha256: str) -> bool:
        """Look the content up."""
        return sha256 in self.contents

    def failed(self, sha256: str) -> bool:
        """Look the content up."""
        return self.contents.get(sha256, False)

    def earlier(self, path: str) -> list[tuple[int, str]]:
        """Look the file up."""
        signature, sha256 = self.files.get(path, (None, None))
        return [(signature[2], sha256)] if signature and sha256 else []

    def mark(self, path: str, signature: Signature, sha256: str | None, *, failed: bool = False, recorded: bool = True) -> None:
        """Remember state and content."""
        self.files[path] = signature, sha256
        if sha256 and recorded:
            self.contents[sha256] = failed

    def flush(self) -> None:
        """Nothing is durable here."""


def once(root: Path, memory: Remembered | None = None, **rules: object) -> list[Spectrum | Fault]:
    """Return what a single pass gives."""
    settings: dict[str, object] = {"poll_s": 0.02, "stable_s": 0.1}
    settings.update(rules)
    with FolderSource(root, memory or Remembered(), ScanRules(**settings), once=True) as source:  # type: ignore[arg-type]  # fields of Rules
        return list(dealt_with(source))


def dealt_with(source: Source) -> Iterator[Spectrum | Fault]:
    """Give the values of a source one by one; a batch is done when its last value was dealt with."""
    for batch in source:
        failed = set()
        for place, event in enumerate(batch.events):
            read = values(event)
            yield from read
            if all(isinstance(value, Fault) for value in read):
                failed.add(place)
        batch.done(failed)


def names(values: list[Spectrum | Fault], root: Path) -> list[str]:
    """Return where the values came from, relative to ``root``."""
    return [os.path.relpath(value.origin.path, root) for value in values]


PATIENCE_S = 60.0


def attempts(most: int = 20) -> Iterator[int]:
    """Count the attempts of a test that is repeated where the machine was too busy for its timing; fail after the last."""
    yield from range(most)
    pytest.fail(f"the machine was too busy {most} times")


class Watched:
    """A source that is read in a thread."""

    def __init__(self, root: Path, memory: Remembered | None = None, rules: ScanRules = QUICK) -> None:
        self.stop = threading.Event()
        self.values: list[Spectrum | Fault] = []
        self.notes: list[str] = []
        self._source = FolderSource(root, memory or Remembered(), rules, stop=self.stop, note=self.notes.append)
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        self.values.extend(dealt_with(self._source))

    def __enter__(self) -> Self:
        self._source.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self._thread.join()
        self._source.__exit__(*exc)

    def wait_for(self, values: int = 0, notes: int = 0) -> None:
        """Wait until so many values and notes have come."""
        self.wait_until(lambda: len(self.values) >= values and len(self.notes) >= notes, f"{values} values and {notes} notes")

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until ``holds`` returns true; the patience only bounds a failure."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"waited for {what}, got {self.values} and {self.notes}"
            time.sleep(0.005)
