"""The journal of a year, or as much of it as there is time for: :mod:`journal_bench`, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from raman_edge.errors import SourceLost

COMMAND = Path(__file__).parents[1] / "journal_bench.py"
YEAR = 500_000


def measure(rows: int, points: int = 1024) -> dict[str, float]:
    """Return what the command prints about a journal of so many rows; :class:`SourceLost` where it fails."""
    command = [sys.executable, str(COMMAND), "--rows", str(rows), "--points", str(points)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SourceLost(f"{COMMAND.name} ended with {done.returncode}; message: {done.stderr.strip()[-300:]}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def lines(measured: dict[str, float]) -> list[str]:
    """Return the numbers as lines."""
    a_row = measured["bytes"] / measured["rows"]
    lists = f"the newest 50 and the number of all {measured['list_ms']:.1f} ms; of one material {measured['list_label_ms']:.1f} ms"
    return [
        f"journal of {measured['rows']:.0f} rows with their spectra of {measured['points']:.0f} points",
        f"  {measured['bytes'] / 1e6:.0f} MB, {a_row:.0f} bytes a row ({a_row * YEAR / 1e9:.2f} GB a year of one a minute)",
        f"  {lists}; `journal list` with its start {measured['process_ms']:.0f} ms; verified in {measured['verify_s']:.1f} s",
    ]
