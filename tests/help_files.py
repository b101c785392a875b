"""The help of every command as a file: ``python tests/help_files.py`` writes the files of tests/data/help."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from raman_edge import cli
from raman_edge.cli.completion import branches

FOLDER = Path(__file__).parent / "data" / "help"
COLUMNS = "100"
PYTHON = (3, 11)
"""argparse lays help out differently in other versions."""


def texts() -> dict[str, str]:
    """Return file name → the help of a command and its actions, as a terminal of 100 columns shows it."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        found: dict[str, list[str]] = {}
        for branch in branches(cli.whole()):
            words = branch.parser.prog.split()
            found.setdefault(f"{words[min(1, len(words) - 1)]}.txt", []).append(branch.parser.format_help())
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    line = "\n" + "-" * int(COLUMNS) + "\n\n"
    return {name: line.join(helps) for name, helps in found.items()}


def write() -> None:
    """Write the files, and delete those of commands that are gone."""
    if sys.version_info[:2] != PYTHON:
        sys.exit(f"run this with Python {'.'.join(map(str, PYTHON))}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = texts()
    for file in FOLDER.glob("*.txt"):
        if file.name not in made:
            file.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write()
