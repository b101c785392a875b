"""An earlier revision and this checkout on the same files, in turn: ``python benchmarks/before_after.py REVISION``.

What a user waits for: the first answer of ``identify``, and files a second and memory of ``watch --once``. This checkout runs twice,
with the pack of minerals alone, which is what earlier revisions had, and with all packs. Read the ratios.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benching import folders
from raman_edge.matching import library
from raman_edge.model import model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parents[1]
LONGEST_S = 600.0
"""Longest run of one command, s."""


class Variant(NamedTuple):
    """A revision and its options."""

    name: str
    code: Path
    """Folder of the package ``raman_edge``'s parent."""
    options: tuple[str, ...] = ()


class Run(NamedTuple):
    """One command."""

    seconds: float
    processor_s: float
    """Of all processors together; a busy machine changes it less than the time."""
    memory_mb: float
    """Largest resident memory."""


def main() -> None:
    """Print each figure by variant, and its ratio to the earlier revision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="of git, such as a commit before a change")
    parser.add_argument("--turns", type=int, default=5, help="runs of each command (default: 5)")
    parser.add_argument("--files", type=int, default=1000, help="files of a backlog (default: 1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        git = ("git", "-C", str(HERE), "worktree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(folder / "before"), options.revision], check=True)
        try:
            variants = (
                Variant(options.revision, folder / "before" / "edge"),
                Variant("this checkout, --packs minerals", HERE / "edge", ("--packs", "minerals")),
                Variant("this checkout", HERE / "edge"),
            )
            _report(variants, _files(folder, options.files), options.turns, folder)
        finally:
            subprocess.run([*git, "remove", "--force", str(folder / "before")], check=True)


def _files(folder: Path, count: int) -> Path:
    """Write the files of a backlog and return their folder."""
    files = folder / "files"
    files.mkdir()
    network = model.Model.open(model.default_path())
    folders.simulated(files, library.Library.open(library.default_path(), network=network.card.network), count)
    return files


def _report(variants: Sequence[Variant], files: Path, turns: int, folder: Path) -> None:
    count = sum(1 for _ in files.iterdir())
    first = min(files.iterdir())
    commands = {"identify, the first answer": ("identify", str(first)), f"watch --once, {count} files": ("watch", str(files), "--once")}
    for what, command in commands.items():
        runs: dict[str, list[Run]] = {variant.name: [] for variant in variants}
        for turn in range(turns):
            for variant in variants:
                runs[variant.name].append(_run(variant, command, folder / f"{turn}-{variants.index(variant)}-{command[0]}"))
        print(what)
        print(*_lines(runs), sep="\n", flush=True)


def _run(variant: Variant, command: Sequence[str], folder: Path) -> Run:
    """Run a command with a fresh journal; its answers go into a file."""
    folder.mkdir()
    places = {"XDG_DATA_HOME": str(folder), "XDG_CACHE_HOME": str(folder.parent / "cache")}
    environment = {**os.environ, **places, "PYTHONPATH": str(variant.code)}
    journal = ("--journal", str(folder / "journal.sqlite3")) if command[0] == "watch" else ()
    whole = [sys.executable, "-m", "raman_edge", *command, *journal, *variant.options]
    with (folder / "answers.jsonl").open("wb") as answers, (folder / "messages").open("wb") as messages:
        began = time.perf_counter()
        process = subprocess.Popen(whole, stdout=answers, stderr=messages, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    if (code := os.waitstatus_to_exitcode(status)) != 0:
        why = (folder / "messages").read_text(errors="replace")[-500:]
        raise SystemExit(f"{variant.name}: {' '.join(whole)} ended with {code}: {why}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _lines(runs: dict[str, list[Run]]) -> Iterator[str]:
    """Return a line for each variant; the first one is what the others are compared with."""
    before, *_ = runs.values()
    yield f"  {'':34}" + "".join(f"{what:>18}" for what in ("time, s", "processor, s", "memory, MB"))
    for name, made in runs.items():
        cells = []
        for column, digits in ((0, 2), (1, 2), (2, 0)):
            ratio = median(one[column] / other[column] for one, other in zip(made, before, strict=True))
            cells.append(f"{median(one[column] for one in made):.{digits}f} ({ratio:.2f} ×)")
        yield f"  {name:34}" + "".join(f"{cell:>18}" for cell in cells)


if __name__ == "__main__":
    main()
