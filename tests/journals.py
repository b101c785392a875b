"""Journals to test with: small, real, and written by other processes where it matters."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import build
import command
from raman_edge import records
from raman_edge.journal import Filters, Journal, JournalEntry
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from raman_edge.records import Provenance

RUN = {"model": "m" * 64, "config": "c" * 32}
STATE = (1, 2, 3, 4, 5)


@lru_cache(maxsize=1)
def pair() -> tuple[Model, Library]:
    """Return the tiny model and its library."""
    model, library = build.write_pair(Path(mkdtemp(prefix="raman-edge-test-")))
    opened = Model.open(model)
    return opened, Library.open(library, network=opened.card.network)


def means() -> Provenance:
    """Return what answers in these tests."""
    return records.provenance(*pair())


def answer(number: int = 0, label: str = "Quartz", path: str = "") -> JournalEntry:
    """Return the answer to a spectrum of its own, with its spectrum."""
    sha256 = f"{number:064x}"
    spectrum = build.spectrum(label, number, origin=Origin("file", path or f"in/{label}-{number}.csv", sha256))
    return JournalEntry(records.of(identify(spectrum, *pair()), means()), spectrum)


def failure(number: int = 0, path: str = "in/bad.csv") -> JournalEntry:
    """Return the answer to a content that is no spectrum."""
    return JournalEntry(records.of(Fault(Origin("file", path, f"{number:063x}f"), "it is no spectrum"), means()), None)


def write(path: Path, *entries: JournalEntry, **options: bool) -> None:
    """Write these answers into the journal at ``path``."""
    answering = means()
    with Journal.open(path, **options) as journal:
        journal.write(entries, model=answering.model.sha256, config=answering.config)


def change(path: Path, statement: str, values: tuple[object, ...] = ()) -> int:
    """Change the file behind the journal's back and return how many rows that changed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).rowcount


def ask(path: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """Return what is in the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(query, values).fetchall()


def ids(path: Path) -> list[str]:
    """Return the ids in the journal, oldest first."""
    with Journal.open(path) as journal:
        return [json.loads(line)["id"] for line in journal.records(oldest=True)]


def with_id(entry: JournalEntry) -> Filters:
    """Return what finds this entry."""
    return Filters(id=entry.record.id)


def child(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a Python process with ``script``, whose lines of output are read as it goes."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=command.environment(),
    )
