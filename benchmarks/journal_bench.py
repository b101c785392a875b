"""A year of one spectrum a minute in a journal: how large it is, how fast it lists, verifies and remembers.

``python benchmarks/journal_bench.py [--rows N] [--points N] [--noise COUNTS] [--into FILE]`` prints
one line of JSON. The records are real answers of the embedded model to simulated exposures of
many materials, the spectra are in whole counts, as a detector gives them; digests, times and
file names are new in every row, so that nothing is small because it was there before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
from raman_edge import records, synthetic
from raman_edge.journal import Filters, Journal, JournalEntry, chain
from raman_edge.matching import identify, library
from raman_edge.model import model
from raman_edge.spectrum import Axis, Origin

YEAR = 500_000
MATERIALS = 400
BATCH = 2000
START = datetime(2026, 1, 1, tzinfo=UTC)
READ_NOISE = 8.0
"""Counts, of a cooled detector of 16 bits."""


def answers(points: int, signal: float) -> list[JournalEntry]:
    """Return the embedded model's answers to one exposure each of many materials, of so many points and counts."""
    network = model.Model.open(model.default_path())
    references = library.Library.open(library.default_path(), network=network.card.network)
    means = records.provenance(network, references)
    axis = Axis(np.linspace(100.0, 2000.0, points) ** 0.99)  # uneven, as the axis of a grating is
    made = []
    for number, label in enumerate(references.labels[:: max(1, len(references.labels) // MATERIALS)]):
        table = references.peaks[references.place[label]]
        rng = np.random.default_rng(number)
        seen = synthetic.expose(
            axis, table, synthetic.SyntheticConditions(signal=signal, read_noise=READ_NOISE), rng, Origin("file", "", "0" * 64)
        )
        whole = replace(seen, counts=np.rint(seen.counts))
        record = records.of(identify.identify(whole, network, references), means)
        made.append(JournalEntry(record, whole))
    return made


def fill(path: Path, entries: list[JournalEntry], rows: int, *, spectra: bool) -> float:
    """Write ``rows`` rows, and mark each content, in batches; return the seconds it took."""
    started = perf_counter()
    run = {"model": entries[0].record.model.sha256, "config": "0" * 32}  # type: ignore[union-attr]  # they are results
    prepared = [chain.prepare(entry, **run) for entry in entries]
    with Journal.open(path) as journal:
        memory = journal.memory(**run)
        for first in range(0, rows, BATCH):
            with journal._database.transaction() as connection:
                writer = chain.JournalWriter(connection, with_spectra=spectra)
                for number in range(first, min(rows, first + BATCH)):
                    writer.add(_renamed(prepared[number % len(prepared)], entries[number % len(entries)], number))
            for number in range(first, min(rows, first + BATCH)):
                memory.mark(_path(number), _signature(number), _digest(number))
        memory.flush()
    return perf_counter() - started


def measure(path: Path, rows: int) -> dict[str, float]:
    """Return how long things take: the queries of commands (ms), whole commands (ms), a verification (s), a start's look-ups (s)."""
    with closing(Journal.open(path)) as journal:
        week_ago = START + timedelta(minutes=rows - 7 * 24 * 60)
        queries = {
            "list_ms": Filters(),
            "list_unknown_ms": Filters(decision="unknown"),
            "list_label_ms": Filters(label="quartz"),
            "list_since_ms": Filters(since=week_ago),
            "list_until_ms": Filters(until=START + timedelta(days=7)),
            "list_path_ms": Filters(path="*-499.csv"),
        }
        found = {name: 1e3 * min(_listing(journal, filters) for _ in range(3)) for name, filters in queries.items()}
        started = perf_counter()
        finding = journal.verify()
        if finding.wrong or finding.rows != rows:
            raise SystemExit(f"the journal is wrong: {finding}")
        found["verify_s"] = perf_counter() - started
        memory = journal.memory(json.loads(next(journal.records(1)))["model"]["sha256"], "0" * 32)
        files = [(_path(number), _signature(number)) for number in range(min(rows, 100_000))]
        for name, look in (("seen_each_us", memory.seen_each), ("seen_us", lambda all_: [memory.seen(*one) for one in all_])):
            started = perf_counter()
            if not all(look(files)):
                raise SystemExit("a mark is lost")
            found[name] = (perf_counter() - started) / len(files) * 1e6
    command = [sys.executable, "-m", "raman_edge", "journal", "list", "--limit", "50", "--journal", str(path)]
    started = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return found | {"process_ms": 1e3 * (perf_counter() - started)}


def _listing(journal: Journal, filters: Filters) -> float:
    """Return the seconds that a list of the newest 50, and the number of all, take."""
    started = perf_counter()
    list(journal.records(50, filters))
    journal.count(filters)
    return perf_counter() - started


def _renamed(prepared: chain.Prepared, entry: JournalEntry, number: int) -> chain.Prepared:
    """Return what is written of one more file with this spectrum."""
    sha256, ts = _digest(number), (START + timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    source = records.RecordSource("file", _path(number), sha256)
    record = msgspec.structs.replace(entry.record, id=_digest(number + 10**9)[:32], ts=ts, source=source)
    facts = replace(prepared.facts, id=record.id, sha256=sha256, path=source.path, ts=ts, line=records.encode(record).decode())
    return replace(prepared, facts=facts)


def _digest(number: int) -> str:
    return hashlib.sha256(number.to_bytes(8, "little")).hexdigest()


def _signature(number: int) -> tuple[int, int, int, int, int]:
    return 1, number, 20_000, 10**18 + number, 10**18 + number


def _path(number: int) -> str:
    when = START + timedelta(minutes=number)
    return f"/srv/raman/line-2/{when:%Y-%m-%d}/{when:%H%M%S}_sample-{number % 1000}.csv"


def main() -> None:
    """Fill a journal, measure it and print the numbers."""
    parser = argparse.ArgumentParser(description="A year of spectra in a journal.")
    parser.add_argument("--rows", type=int, default=YEAR)
    parser.add_argument("--points", type=int, default=1024)
    parser.add_argument("--signal", type=float, default=2000.0, help="counts at the top of the highest line")
    parser.add_argument("--without-spectra", action="store_true")
    parser.add_argument("--into", type=Path, help="keep the journal here")
    options = parser.parse_args()
    entries = answers(options.points, options.signal)
    with tempfile.TemporaryDirectory() as folder:
        path = options.into or Path(folder) / "journal.sqlite3"
        filled = fill(path, entries, options.rows, spectra=not options.without_spectra)
        size = path.stat().st_size
        facts = {"rows": options.rows, "points": options.points, "spectra": not options.without_spectra}
        sizes = {"bytes": size, "bytes_a_row": round(size / options.rows), "rows_a_second": round(options.rows / filled)}
        times = {name: round(value, 1) for name, value in measure(path, options.rows).items()}
    sys.stdout.write(json.dumps(facts | sizes | times) + "\n")


if __name__ == "__main__":
    main()
