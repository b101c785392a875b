"""``raman-train pack``: make the packs that are installed with raman-edge, and measure them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("pack", help="make the library packs that are installed with raman-edge, or measure them")
    actions = one.add_subparsers(required=True, metavar="ACTION")
    make = actions.add_parser("build", help="make packs from the raw data; the same data give the same files")
    make.add_argument("names", nargs="+", metavar="NAME", help="minerals, everyday")
    make.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="the raw data, such as ../shared/data")
    make.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the embeddings by the embedded model go there too")
    make.set_defaults(run=build)
    convert = actions.add_parser("convert", help="make a pack of a dataset of raman-train import, such as the library of Open Specy")
    convert.add_argument("dataset", type=Path, metavar="FILE.npz")
    convert.add_argument("out", type=Path, metavar="NAME.pack.npz")
    convert.add_argument("--licence", default="", metavar="TEXT")
    convert.add_argument("--attribution", default="", metavar="TEXT", help="whom to name where the pack is passed on")
    convert.set_defaults(run=convert_dataset)
    measure = actions.add_parser("measure", help="measure groups, everyday materials and causes, and print the tables")
    measure.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="the raw data, such as ../shared/data")
    measure.add_argument("--rruff", type=Path, metavar="FILE.npz", help="a dataset of raman-train import")
    measure.add_argument("--model", type=Path, metavar="FILE.onnx", help="measure everyday materials alone, with another model")
    measure.add_argument(
        "--networks",
        type=Path,
        nargs="+",
        default=(),
        metavar="RUN",
        help="runs of raman-train evaluate on dataset_2, protocol sample, to measure groups with, one for each split",
    )
    measure.set_defaults(run=print_measurements)


def build(options: argparse.Namespace) -> int:
    """Write packs, and the embeddings by the embedded model."""
    from raman_edge.matching.library import Library, default_path  # noqa: PLC0415 - onnxruntime and scikit-learn take a second to import
    from raman_edge.matching.pack import END, Pack  # noqa: PLC0415
    from raman_edge.model import model  # noqa: PLC0415

    from raman_train.packs import build as packs  # noqa: PLC0415

    embedded = model.Model.open(model.default_path())
    library = Library.open(default_path(), network=embedded.card.network)
    for name in options.names:
        pack, remarks = packs.build(name, options.data, library)
        path = options.out / f"{name}{END}"
        pack.save(path)
        for line in remarks:
            print(line)
        print(f"{path}: {path.stat().st_size} bytes, {len(pack.contents.materials)} materials, {len(pack.spectra)} references")
        if pack.spectra:
            stored = Pack.open(path).store_embeddings(embedded, options.out)
            print(f"{stored}: {stored.stat().st_size} bytes, by {embedded.card.name}-{embedded.card.network[:12]}")
    return 0


def convert_dataset(options: argparse.Namespace) -> int:
    """Write the pack of a dataset."""
    from raman_edge.matching.pack import END, PackSource  # noqa: PLC0415 - as in build()

    from raman_train.data import datasets  # noqa: PLC0415 - as in build()
    from raman_train.packs import build as packs  # noqa: PLC0415 - as in build()

    source = PackSource(title=options.dataset.stem, licence=options.licence, attribution=options.attribution)
    pack, left_out = packs.of_dataset(datasets.load(options.dataset), options.out.name.removesuffix(END), source)
    pack.save(options.out)
    for line in left_out:
        print(line)
    print(f"{options.out}: {options.out.stat().st_size} bytes, {len(pack.spectra)} references")
    return 0


def print_measurements(options: argparse.Namespace) -> int:
    """Print the tables of docs/benchmarks/packs.md."""
    from raman_edge.errors import ConfigError  # noqa: PLC0415 - as in build()

    from raman_train.packs import measure  # noqa: PLC0415

    if options.model is not None:
        measure.print_everyday(options.data, options.model, print)
        return 0
    if options.rruff is None:
        raise ConfigError(kind="option missing", place="pack measure", expected="--rruff FILE.npz, or --model FILE.onnx")
    measure.print_tables(options.data, options.rruff, options.networks, print)
    return 0
