"""``raman-train import``: read files and archives into one dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.wording import printable

if TYPE_CHECKING:
    import argparse

SHOWN = 20
"""Files left out that are listed."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("import", help="read archives, arrays or folders of spectra into one dataset, and print a summary")
    one.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH",
        help="a zip or folder of RRUFF text files, paper_datasets.npz, handheld_785.npz, a copy of pyopenspecy (its wheel or folder), "
        "a dataset of this command, or a folder of instrument files: the label is the name of the sub-folder, else of the file without a "
        "trailing replicate number",
    )  # fmt: skip
    one.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read, merge, save, and print a summary."""
    from raman_train.data import datasets, readers  # noqa: PLC0415 - scikit-learn takes a second to import

    read = [readers.read(path) for path in options.paths]
    left_out = [line for _, lines in read for line in lines]
    dataset = datasets.merge(*(part for part, _ in read))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    dataset.save(options.out)
    print(dataset.census())
    print(f"duplicates {sum(len(part) for part, _ in read) - len(dataset)} spectra with the name of an earlier one, left out")
    print(f"left out   {len(left_out)} files" + "".join(f"\n           {printable(line)}" for line in left_out[:SHOWN]))
    return 0
