"""``raman-train export --onnx``: a checkpoint becomes what the edge runs; ``--library``: a lab's spectra become a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_train.cli import library

if TYPE_CHECKING:
    import argparse

COMPRESS = (
    "before the conversion, in the order given: rank=R factors the first dense layer, levels=K keeps the first K recursions, "
    "embedding=E shortens what the library is searched with; may be given again"
)
TABLE = (
    "measure fp32, fp16, int8 and every step of --compress side by side on what the --measured run (default: CHECKPOINT) "
    "kept apart, print the table, and write it as JSON to FILE.json where one is given; without OUT.onnx nothing else is done"
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("export", help="write a checkpoint as the model and library that the edge runs")
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--onnx", action="store_true", help="the format: ONNX, the only one there is")
    what.add_argument("--library", type=Path, metavar="FOLDER", help=library.HELP)
    library.add_options(one)
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint or the run folder that holds it")
    one.add_argument("out", type=Path, nargs="?", metavar="OUT.onnx")
    one.add_argument("--data", type=Path, metavar="FILE.npz", help="dataset the library is made from (default: the training's)")
    one.add_argument("--precision", choices=["int8", "fp16", "fp32"], default="int8")
    one.add_argument("--compress", action="append", default=[], metavar="STEP", help=COMPRESS)
    one.add_argument(
        "--measured", type=Path, action="append", default=[], metavar="RUN",
        help="run whose held-out figures go into the card; the first gives the probabilities, the first under 'open' says what is unknown",
    )  # fmt: skip
    one.add_argument("--table", nargs="?", type=Path, const=Path(), metavar="FILE.json", help=TABLE)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export and print the report."""
    if options.out is None and (options.table is None or options.library is not None):
        from raman_edge.errors import ConfigError  # noqa: PLC0415 - only where it is said

        msg = "export wants OUT, the file to write; only --onnx --table does without"
        raise ConfigError(msg)
    if options.with_base and options.library is None:
        from raman_edge.errors import ConfigError  # noqa: PLC0415 - only where it is said

        msg = "--with-base goes with --library FOLDER: it adds the model's own library to that of the folder"
        raise ConfigError(msg)
    if options.library is not None:
        return library.run(options.library, options)
    from raman_export import export  # noqa: PLC0415 - onnx and torch take seconds to import

    if options.table is not None:
        file = None if options.table == Path() else options.table
        print(export.compare(options.measured[0] if options.measured else options.checkpoint, options.compress, file))
    if options.out is not None:
        print(export.run(options.checkpoint, options.out, options.precision, options.data, options.measured, options.compress))
    return 0
