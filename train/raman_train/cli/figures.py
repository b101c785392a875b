"""``raman-train figures``: figures of finished runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser(
        "figures",
        help="draw finished runs as PNG and SVG",
        description="Draw learning curves, level weights and accuracy by class size of all RUNs together, "
        "and confusions, confused pairs and reliability of each.",
    )
    one.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the figures, such as docs/benchmarks/figures")
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw and print every file; a figure without data is left out, with the reason on stderr. Return 1 if there are none."""
    from raman_train import run_figures  # noqa: PLC0415 - torch and matplotlib take seconds to import
    from raman_train.figures import style  # noqa: PLC0415 - same

    written = 0
    for one in run_figures.all_figures(run_figures.read(options.runs)):
        try:
            figure = one.draw()
        except ConfigError as error:
            print(f"left out {one.stem}: {error}", file=sys.stderr)
            continue
        for file in style.save(figure, options.out, one.stem):
            print(file)
            written += 1
    return 0 if written else 1
