"""``raman-train figures``: the pictures of finished runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the pictures, such as docs/benchmarks/figures")
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw, print every file, and say on stderr why a picture was left out; 1 where none could be drawn."""
    from raman_edge.errors import ConfigError  # noqa: PLC0415 - only what the command needs

    from raman_train.figures import album, finished, style  # noqa: PLC0415 - torch takes seconds to import

    written = 0
    for picture in album.pictures(finished.read(options.runs)):
        try:
            figure = picture.draw()
        except ConfigError as error:
            print(f"left out {picture.stem}: {error}", file=sys.stderr)
            continue
        for file in style.save(figure, options.out, picture.stem):
            print(file)
            written += 1
    return 0 if written else 1
