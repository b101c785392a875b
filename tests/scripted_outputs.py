"""Records and journals to feed sinks with, and waiting for what a thread or a process will do."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Self

from raman_edge import records
from raman_edge.journal import Journal, JournalEntry, JournalRow
from raman_edge.matching.identify import Timing
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.quality import Quality
from raman_edge.records import FaultRecord, ModelRef, RecordSource, ResultRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from raman_edge.outputs import Standing
    from raman_edge.records import Record

RUN = {"model": "a" * 64, "config": "c" * 32}
TS = "2026-11-22T10:00:00.000Z"


def result(number: int, label: str = "Quartz", path: str = "", **more: object) -> ResultRecord:
    """Return the record that has this number in its id."""
    facts: dict[str, object] = {
        "id": f"{number:032x}",
        "ts": TS,
        "source": RecordSource("file", path or f"/in/{number}.csv", f"{number:064x}"),
        "decision": "match",
        "names": (label,),
        "why": (),
        "matches": (Candidate(label, 0.97, 0.95),),
        "one_of": PredictionSets((label, "Opal"), (label, "Opal", "Gypsum")),
        "known": 0.9,
        "quality": Quality(41.0, None, 0.98),
        "model": ModelRef("net-b74c5d", RUN["model"], "CPUExecutionProvider"),
        "ms": Timing(0.4, 0.2, 1.3, 1.9),
    }
    return ResultRecord(**(facts | more))  # type: ignore[arg-type]  # the fields of a record


def fault(number: int, why: str = "it is no spectrum") -> FaultRecord:
    """Return a fault that has this number in its id."""
    return FaultRecord(id=f"{number:032x}", ts=TS, source=RecordSource("file", f"/in/{number}.csv"), why=why)


def row(number: int, record: Record | None = None) -> JournalRow:
    """Return the row of this number: of ``record``, or of a result."""
    record = record or result(number)
    return JournalRow(number, record.id, records.encode(record).decode())


def rows(count: int, first: int = 1) -> list[JournalRow]:
    """Return rows with the numbers from ``first`` on."""
    return [row(number) for number in range(first, first + count)]


def write(path: Path, count: int, first: int = 1) -> list[str]:
    """Write results with the numbers from ``first`` on into the journal at ``path`` and return their ids."""
    made = [result(number) for number in range(first, first + count)]
    with Journal.open(path) as journal:
        journal.write([JournalEntry(record, None) for record in made], **RUN)
    return [record.id for record in made]


def ids(lines: Iterable[str | bytes]) -> list[str]:
    """Return the ids of lines of JSON."""
    return [json.loads(line)["id"] for line in lines]


def first_times(found: Sequence[str]) -> list[str]:
    """Return what was found without what was there before: what a reader keeps that drops what it knows."""
    return list(dict.fromkeys(found))


def wait_until(happened: Callable[[], bool], what: str, patience_s: float = 120.0) -> None:
    """Wait for a thread or a process; the patience only bounds a failure."""
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


class Alone:
    """An overview of a run in which nothing is known."""

    def newest(self) -> int:
        """Nothing is known."""
        return 0

    def standings(self) -> Sequence[Standing]:
        """There are no others."""
        return ()

    def backlog(self) -> int | None:
        """Unknown."""
        return None


class Script:
    """A scripted output: confirms, refuses, takes half and fails, or waits."""

    def __init__(self, name: str = "script", *, remembers: bool = True) -> None:
        self.name = name
        self.remembers = remembers
        self.taken: list[str] = []
        """Ids, in the order of arrival."""
        self.batches: list[int] = []
        """How many came at once."""
        self.behave: Callable[[int], None] = lambda _: None
        """Called before the n-th row of a batch is taken; raises what the sink shall raise."""
        self.opening: Callable[[], None] = lambda: None
        """Called when it is opened."""
        self.closed = 0

    def __enter__(self) -> Self:
        self.opening()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed += 1

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Take what the script lets pass."""
        for number, one in enumerate(rows):
            self.behave(number)
            self.taken.append(one.id)
        self.behave(len(rows))
        if rows:
            self.batches.append(len(rows))
