"""``raman-train transfer``: retrain networks on your own library, compare them, and write a model for the export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.wording import printable

from raman_train.cli import options as shared

if TYPE_CHECKING:
    import argparse

    from raman_train.transfer.study import Study

SYSTEMS = "drcnn-edge,zhang_cnn,zhang_dnn,drcnn,root-derivative"
SOURCE = Path("runs/rruff.npz")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser(
        "transfer",
        help="retrain networks on your own library, compare them by cross-validation, write the model",
        description="Pretrain each system on the source, retrain it on TARGET fold by fold (every replicate is tested once), compare it "
        "with the same network from scratch and with library search, and train a model on the whole TARGET for `raman-train export`. "
        "The same command resumes after an interruption. Without TARGET it prints the tables of --results.",
    )
    one.add_argument(
        "target", nargs="?", type=Path, metavar="TARGET", help="a dataset of `raman-train import`, or a file or folder that it reads"
    )
    one.add_argument(
        "--source", action="append", type=Path, metavar="PATH", help=f"dataset of the pretraining; may be repeated (default: {SOURCE})"
    )
    one.add_argument(
        "--systems",
        type=shared.names,
        default=shared.names(SYSTEMS),
        metavar="NAME,…",
        help=f"default: {SYSTEMS}; drcnn takes hours without a GPU",
    )
    one.add_argument("--folds", type=int, metavar="N", help="default: 4, or the number of replicates if that is smaller")
    one.add_argument(
        "--shots", type=int, default=0, metavar="K", help="train on K replicates of a label and test the others (default: test one)"
    )
    one.add_argument("--seeds", default="0-2", metavar="0-2", help="seeds of the retraining (default: 0-2)")
    one.add_argument("--out", type=Path, default=Path("runs/transfer"), metavar="DIR", help="pretrained networks, states, the model")
    one.add_argument("--results", type=Path, metavar="FILE.jsonl", help="append one line per run (default: OUT/results.jsonl)")
    one.add_argument("--keep", type=Path, metavar="RUN", help="folder of the model retrained on all of TARGET (default: OUT/final)")
    one.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key, such as pretraining.epochs=4, or zhang_dnn.retraining.epochs=20",
    )
    one.add_argument("--budget", metavar="9m", help="time limit, such as 90s, 9m or 2h; the same command resumes")
    shared.add_device(one)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train the model, compare, print the table."""
    from raman_train.transfer import results as transfer_results  # noqa: PLC0415 - torch takes seconds to import

    results = options.results or options.out / "results.jsonl"
    if options.target is None:
        print(transfer_results.sections(transfer_results.read(results)))
        return 0
    study = _study(options, results)
    _log(study.describe())
    done = _in_time(study, options)
    print(f"\n{study.table()}")
    if not done:
        print("\nout of time: run the same command again to resume")
    return 0


def _study(options: argparse.Namespace, results: Path) -> Study:
    """Read the target and return the study of the options."""
    from raman_train import device  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.benchmark import budget, grid  # noqa: PLC0415 - same
    from raman_train.cli import progress  # noqa: PLC0415 - same
    from raman_train.data import readers  # noqa: PLC0415 - same
    from raman_train.transfer import folds, study, systems  # noqa: PLC0415 - same

    target, left_out = readers.read(options.target)
    for line in left_out[:20]:
        print(f"left out   {printable(line)}")
    request = study.TransferRequest(
        name=options.target.name, target=target, sources=tuple(options.source or [SOURCE]),
        systems=systems.read(options.systems, options.set), folds=folds.default_folds(target) if options.folds is None else options.folds,
        shots=options.shots, seeds=grid.seeds(options.seeds), out=options.out, results=results, device=device.pick(options.device),
        budget=budget.TimeBudget(budget.duration(options.budget) if options.budget else None),
    )  # fmt: skip
    return study.Study(request, _log, progress.epoch_progress)


def _in_time(study: Study, options: argparse.Namespace) -> bool:
    """Train and compare everything; False if the budget was too short."""
    from raman_train.benchmark.budget import OutOfTime, alarm  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.transfer.study import EXPORTED, train_final  # noqa: PLC0415 - same

    try:
        with alarm(study.request.budget):
            if EXPORTED in study.request.systems:  # first, since the comparison can take days
                path = train_final(study, EXPORTED, options.keep or options.out / "final")
                _log(f"model      {path}; next: raman-train export --onnx {path.parent} {options.target.stem}.onnx")
            study.run()
    except OutOfTime:
        return False
    return True


def _log(text: str) -> None:
    """Print and flush, since minutes pass between two lines."""
    print(text, flush=True)
