"""``raman-train export --library FOLDER MODEL.onnx OUT.library.npz``: a lab's own spectra become a library. Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = (
    "instead of a checkpoint, a lab's own spectra: a library of FOLDER for MODEL.onnx; the label is the name of the sub-folder, "
    "else of the file without a trailing replicate number"
)


def add_options(export: argparse.ArgumentParser) -> None:
    """Add what ``export --library`` needs beside FOLDER."""
    export.add_argument("--with-base", action="store_true", help="with --library: together with the library beside the model")


def run(folder: Path, options: argparse.Namespace) -> int:
    """Build the library and print the report."""
    from raman_export import lab  # noqa: PLC0415 - onnxruntime, only where it is needed

    print(lab.run(folder, Path(options.checkpoint), Path(options.out), with_base=options.with_base))
    return 0
