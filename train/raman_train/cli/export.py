"""``raman-train export --onnx``: a checkpoint becomes what the edge runs; ``--library``: a lab's spectra become a library."""

from __future__ import annotations

import sys
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
    one.add_argument(
        "checkpoint", type=Path, nargs="?", metavar="CHECKPOINT",
        help="a checkpoint or the run folder that holds it (default: the newest finished run beneath runs/)",
    )  # fmt: skip
    one.add_argument("out", type=Path, nargs="?", metavar="OUT.onnx", help="default: model.onnx beside the checkpoint")
    one.add_argument("--data", type=Path, metavar="FILE.npz", help="dataset the library is made from (default: the training's)")
    one.add_argument("--precision", choices=["int8", "fp16", "fp32"], default="int8")
    one.add_argument("--compress", action="append", default=[], metavar="STEP", help=COMPRESS)
    one.add_argument(
        "--measured", type=Path, action="append", default=[], metavar="RUN",
        help="run whose held-out figures go into the card; the first gives the probabilities, the first under 'open' says what is unknown "
        "(default: the exported run itself, where it kept known species apart)",
    )  # fmt: skip
    one.add_argument("--table", nargs="?", type=Path, const=Path(), metavar="FILE.json", help=TABLE)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export and print the report."""
    from raman_edge.errors import ConfigError  # noqa: PLC0415 - only what the command needs

    if options.with_base and options.library is None:
        msg = "--with-base goes with --library FOLDER: it adds the model's own library to that of the folder"
        raise ConfigError(msg)
    if options.library is not None:
        if options.checkpoint is None or options.out is None:
            msg = "export --library FOLDER wants MODEL.onnx, the model that searches it, and OUT.library.npz, the file to write"
            raise ConfigError(msg)
        return library.run(options.library, options)
    from raman_export import export  # noqa: PLC0415 - onnx and torch take seconds to import

    source, out = options.checkpoint or _newest(Path("runs")), options.out
    if options.table is not None:
        file = None if options.table == Path() else options.table
        print(export.compare(options.measured[0] if options.measured else source, options.compress, file))
        if out is None:
            return 0
    if out is None:
        out = (source if source.is_dir() else source.parent) / "model.onnx"
    print(f"exporting {source} to {out}", file=sys.stderr, flush=True)
    print(export.run(source, out, options.precision, options.data, options.measured, options.compress))
    return 0


def _newest(folder: Path) -> Path:
    """Return the run folder beneath ``folder`` whose checkpoint is the newest; :class:`ConfigError` where there is none."""
    from raman_edge.errors import ConfigError  # noqa: PLC0415 - only what the command needs

    from raman_train.checkpoint import CHECKPOINT  # noqa: PLC0415 - torch takes seconds to import

    found = sorted(folder.glob(f"**/{CHECKPOINT}"), key=lambda file: (file.stat().st_mtime_ns, str(file)))
    if not found:
        msg = f"no finished run beneath {str(folder.resolve())!r}: name a CHECKPOINT, or train one with `raman-train fit --model drcnn`"
        raise ConfigError(msg)
    return found[-1].parent
