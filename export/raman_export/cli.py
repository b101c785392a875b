"""Commands that this package adds to ``raman-train`` through entry points: ``export`` and ``sign``.

``python -m raman_export.cli`` runs ``raman-train`` with them in a checkout that is not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    import argparse

COMPRESS = (
    "before the conversion, in this order: rank=R factors the first dense layer, levels=K keeps the first K recursions, "
    "embedding=E shortens the embedding for the library search; may be repeated"
)
LIBRARY = (
    "instead of a checkpoint, a folder of your own spectra: write its library for MODEL.onnx; the label is the name of the sub-folder, "
    "else of the file without a trailing replicate number"
)
TABLE = (
    "measure fp32, fp16, int8 and every step of --compress on the test spectra of the --measured run (default: CHECKPOINT), print the "
    "table, and write it as JSON to FILE.json if given; without OUT.onnx nothing is exported"
)


def add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``raman-train export`` to the parser."""
    one = commands.add_parser("export", help="write a checkpoint as the model and library of the edge")
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--onnx", action="store_true", help="the format: ONNX, the only one")
    what.add_argument("--library", type=Path, metavar="FOLDER", help=LIBRARY)
    one.add_argument("--with-base", action="store_true", help="with --library: include the library beside the model")
    one.add_argument(
        "checkpoint", type=Path, nargs="?", metavar="CHECKPOINT",
        help="a checkpoint or its run folder (default: the newest finished run below runs/)",
    )  # fmt: skip
    one.add_argument("out", type=Path, nargs="?", metavar="OUT.onnx", help="default: model.onnx beside the checkpoint")
    one.add_argument("--data", type=Path, metavar="FILE.npz", help="dataset for the library (default: that of the training)")
    one.add_argument("--precision", choices=["int8", "fp16", "fp32"], default="int8")
    one.add_argument("--compress", action="append", default=[], metavar="STEP", help=COMPRESS)
    one.add_argument(
        "--measured", type=Path, action="append", default=[], metavar="RUN",
        help="run whose test figures go into the card; the first gives the probabilities, the first with protocol 'open' the rule for "
        '"unknown" (default: the exported run, if it has test spectra of known species)',
    )  # fmt: skip
    one.add_argument("--table", nargs="?", type=Path, const=Path(), metavar="FILE.json", help=TABLE)
    one.set_defaults(run=run_export)


def add_sign(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``raman-train sign`` to the parser."""
    one = commands.add_parser("sign", help="sign a model and its library with an Ed25519 key, or make a key")
    one.add_argument("model", type=Path, nargs="?", metavar="MODEL", help="a model file; the signature is written beside it as MODEL.sig")
    one.add_argument("--library", type=Path, metavar="FILE", help="library of the model; default: the .library.npz beside it")
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", type=Path, metavar="FILE", help="private key: PEM, Ed25519, without a password")
    which.add_argument("--new-key", type=Path, metavar="FILE.pem", help="make a key pair instead: FILE.pem and FILE.pub.pem")
    one.set_defaults(run=run_sign, error=one.error)


def run_export(options: argparse.Namespace) -> int:
    """Export and print the report."""
    if options.library is not None:
        return _export_library(options)
    if options.with_base:
        msg = "--with-base needs --library FOLDER: it adds the library of the model to that of the folder"
        raise ConfigError(msg)
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


def _export_library(options: argparse.Namespace) -> int:
    if options.checkpoint is None or options.out is None:
        msg = "export --library FOLDER expects MODEL.onnx, the model that searches the library, and OUT.library.npz, the file to write"
        raise ConfigError(msg)
    from raman_export import library  # noqa: PLC0415 - onnxruntime takes a second to import

    print(library.of_folder(options.library, options.checkpoint, options.out, with_base=options.with_base))
    return 0


def _newest(folder: Path) -> Path:
    """Return the run folder below ``folder`` with the newest checkpoint; :class:`ConfigError` if there is none."""
    from raman_train.checkpoint import CHECKPOINT  # noqa: PLC0415 - torch takes seconds to import

    found = sorted(folder.glob(f"**/{CHECKPOINT}"), key=lambda file: (file.stat().st_mtime_ns, str(file)))
    if not found:
        msg = f"no finished run below {str(folder.resolve())!r}: give a CHECKPOINT, or train one with `raman-train fit --model drcnn`"
        raise ConfigError(msg)
    return found[-1].parent


def run_sign(options: argparse.Namespace) -> int:
    """Sign a model or make a key, and print the path."""
    if (options.model is None) == (options.new_key is None):
        options.error("expected MODEL and --key, or only --new-key")
    from raman_export import sign  # noqa: PLC0415 - cryptography is optional

    if options.new_key:
        print(f"public key {sign.new_key(options.new_key)}; keep {options.new_key} secret")
        return 0
    print(sign.sign(options.model, options.library, options.key))
    return 0


if __name__ == "__main__":
    from raman_train.cli import main

    sys.exit(main(added=(add_export, add_sign)))
