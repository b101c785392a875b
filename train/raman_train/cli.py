"""``raman-train``: from a database to a measured model file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import RamanEdgeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_train.loop import Epoch

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except RamanEdgeError as error:
        print(f"raman-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("raman-train: interrupted; run the same command again to go on", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="raman-train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("import", help="read RRUFF zips, folders or the paper's arrays into one dataset, and print its census")
    one.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a zip or folder of RRUFF text files, or paper_datasets.npz")
    one.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    one.set_defaults(run=_import)

    one = commands.add_parser("fit", help="train what a configuration says; goes on where a killed run stopped")
    _run_options(one)
    one.set_defaults(run=_fit)

    one = commands.add_parser("evaluate", help="train (unless that is done) and measure on what was kept apart")
    _run_options(one)
    one.add_argument("--record", type=Path, metavar="FILE.jsonl", help="append the result as one line of JSON")
    one.set_defaults(run=_evaluate)

    one = commands.add_parser("export", help="write a checkpoint as the model and library that the edge runs")
    one.add_argument("--onnx", action="store_true", required=True, help="the format: ONNX, the only one there is")
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a checkpoint or the run folder that holds it")
    one.add_argument("out", type=Path, metavar="OUT.onnx")
    one.add_argument("--data", type=Path, metavar="FILE.npz", help="dataset the library is made from (default: the training's)")
    one.add_argument("--precision", choices=["int8", "fp32"], default="int8")
    one.add_argument(
        "--measured", type=Path, action="append", default=[], metavar="RUN",
        help="run whose held-out figures go into the card; the first one gives the thresholds",
    )  # fmt: skip
    one.set_defaults(run=_export)
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="FILE.toml")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key, such as data.protocol=spectrum")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")


def _import(options: argparse.Namespace) -> int:
    from raman_train.data import datasets, rruff  # noqa: PLC0415 - only what the command needs

    read = [rruff.read(path) for path in options.paths]
    left_out = [line for _, lines in read for line in lines]
    dataset = datasets.merge(*(part for part, _ in read))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    dataset.save(options.out)
    print(dataset.census())
    print(f"left out   {len(left_out)} files" + "".join(f"\n           {line}" for line in left_out[:20]))
    return 0


def _fit(options: argparse.Namespace) -> int:
    from raman_train import config, loop, runs  # noqa: PLC0415 - torch takes seconds to import

    chosen = config.read(options.config, options.set)
    made = runs.fit(chosen, options.out, loop.pick_device(options.device), _Progress(chosen.training.epochs))
    print(made)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415 - only what the command needs

    from raman_train import checkpoint, config, loop, runs  # noqa: PLC0415 - torch takes seconds to import

    chosen = config.read(options.config, options.set)
    if not (options.out / checkpoint.CHECKPOINT).exists():
        runs.fit(chosen, options.out, loop.pick_device(options.device), _Progress(chosen.training.epochs))
    made = checkpoint.load(options.out)
    result, _ = runs.measure(made, runs.prepare(made.about.config))
    print(runs.table(result))
    if options.record:
        with options.record.open("ab") as file:
            file.write(msgspec.json.encode(result) + b"\n")
    return 0


def _export(options: argparse.Namespace) -> int:
    from raman_export import export  # noqa: PLC0415 - onnx and torch take seconds to import

    print(export.run(options.checkpoint, options.out, options.precision, options.data, options.measured))
    return 0


class _Progress:
    """Says on stderr how far a training is: a live bar on a terminal, a line an epoch elsewhere."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - only what the command needs

        self._console = Console(stderr=True)
        self._epochs = epochs

    def __call__(self, done: Epoch) -> None:
        """Tell of one more epoch."""
        left = done.seconds * (self._epochs - done.epoch - 1)
        checked = "" if done.validation is None else f"  validation top-1 {done.validation:.4f}"
        filled = round(30 * (done.epoch + 1) / self._epochs)
        bar = "━" * filled + "╌" * (30 - filled)
        self._console.print(
            f"{bar} epoch {done.epoch + 1}/{self._epochs}  loss {done.loss:.4f}{checked}  {done.seconds:.1f} s, {left / 60:.1f} min left",
            markup=False, highlight=False, end="\r" if self._console.is_terminal and left else "\n",
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
