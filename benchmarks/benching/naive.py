"""What anybody would write first: read, parse and infer one file after the other, in one process."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.formats import read
from raman_edge.journal import Journal, JournalEntry
from raman_edge.journal.chain import prepare
from raman_edge.matching.identify import identify
from raman_edge.spectrum import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.records import Provenance


@dataclass(frozen=True, eq=False, slots=True)
class Naive:
    """The loop, with what it names spectra with."""

    model: Model
    library: Library
    means: Provenance

    @classmethod
    def of(cls, model: Model, library: Library) -> Naive:
        """Name spectra with ``model`` and ``library``."""
        return cls(model, library, records.provenance(model, library))

    def plain(self, files: Sequence[Path], lines: Path) -> float:
        """Write a line for every file, without digest, journal or waiting; return the seconds it took."""
        started = perf_counter()
        with lines.open("wb") as out:
            for file in files:
                for spectrum in read(file.read_bytes(), Origin("file", str(file))):
                    out.write(records.encode(records.of(identify(spectrum, self.model, self.library), self.means)) + b"\n")
        return perf_counter() - started

    def kept(self, files: Sequence[Path], lines: Path, journal: Path) -> float:
        """Do the same with the digest of every file, and a transaction in a journal before its line; return the seconds it took."""
        started = perf_counter()
        with ExitStack() as stack:
            out, rows = stack.enter_context(lines.open("wb")), stack.enter_context(Journal.open(journal))
            for file in files:
                data = file.read_bytes()
                for spectrum in read(data, Origin("file", str(file), hashlib.sha256(data).hexdigest())):
                    record = records.of(identify(spectrum, self.model, self.library), self.means)
                    rows.add([prepare(JournalEntry(record, spectrum), self.means.model.sha256, self.means.config)])
                    out.write(records.encode(record) + b"\n")
        return perf_counter() - started
