"""``raman-train transfer``: what was learned on minerals, retrained on one's own library, compared and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
        help="retrain on your own library what was learned on minerals, compare by k-fold, keep the model",
        description="Pretrains each system on the source, retrains it on TARGET fold by fold (every replicate is asked once), compares "
        "it with the same network from scratch and with library search, and keeps a model of the whole TARGET for `raman-train export`. "
        "Run again, it goes on where it stopped. Without TARGET it prints the tables of --results.",
    )
    one.add_argument("target", nargs="?", type=Path, metavar="TARGET", help="a dataset of `raman-train import`, or what that reads")
    one.add_argument(
        "--source", action="append", type=Path, metavar="PATH", help=f"what to pretrain on; several times for several (default: {SOURCE})"
    )
    one.add_argument("--systems", type=_words, default=_words(SYSTEMS), metavar="NAME,…", help=f"default: {SYSTEMS}; drcnn wants a GPU")
    one.add_argument("--folds", type=int, metavar="N", help="default: 4, or as many as there are replicates")
    one.add_argument(
        "--shots", type=int, default=0, metavar="K", help="learn from K replicates of a label, ask the rest (default: ask one)"
    )
    one.add_argument("--seeds", default="0-2", metavar="0-2", help="seeds of the retraining (default: 0-2)")
    one.add_argument("--out", type=Path, default=Path("runs/transfer"), metavar="DIR", help="pretrained networks, states, the model kept")
    one.add_argument("--results", type=Path, metavar="FILE.jsonl", help="one line a run is appended (default: OUT/results.jsonl)")
    one.add_argument("--keep", type=Path, metavar="RUN", help="folder of the model retrained on all of TARGET (default: OUT/final)")
    one.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as pretraining.epochs=4, or zhang_dnn.retraining.epochs=20"
    )
    one.add_argument("--budget", metavar="9m", help="stop in time, such as after 90s, 9m or 2h; the same command goes on")
    shared.add_device(one)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, keep, print the table."""
    from raman_train.transfer import lines, table  # noqa: PLC0415 - torch takes seconds to import

    results = options.results or options.out / "results.jsonl"
    if options.target is None:
        print(table.sections(lines.read(results)))
        return 0
    study = _study(options, results)
    _say(study.describe())
    done = _in_time(study, options)
    print(f"\n{study.table()}")
    if not done:
        print("\nstopped: the budget is spent. Run the same command again to go on")
    return 0


def _study(options: argparse.Namespace, results: Path) -> Study:
    """Read the target and return the study that the options name."""
    from raman_train import loop  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.benchmark import grid  # noqa: PLC0415 - the same
    from raman_train.benchmark.budget import Budget, duration  # noqa: PLC0415 - the same
    from raman_train.data import readers  # noqa: PLC0415 - the same
    from raman_train.transfer import folds, plan, study  # noqa: PLC0415 - the same

    target, left_out = readers.read(options.target)
    for line in left_out[:20]:
        print(f"left out   {line}")
    request = study.Request(
        name=options.target.name,
        target=target,
        sources=tuple(options.source or [SOURCE]),
        systems=plan.read(options.systems, options.set),
        folds=folds.usual(target) if options.folds is None else options.folds,
        shots=options.shots,
        seeds=grid.seeds(options.seeds),
        out=options.out,
        results=results,
        device=loop.pick_device(options.device),
        budget=Budget(duration(options.budget) if options.budget else None),
    )
    return study.Study(request, _say, shared.Progress)


def _in_time(study: Study, options: argparse.Namespace) -> bool:
    """Do everything; False where the budget was spent before."""
    from raman_train.benchmark.budget import OutOfTime, alarm  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.transfer.keep import EXPORTED, keep  # noqa: PLC0415 - the same

    try:
        with alarm(study.request.budget):
            if EXPORTED in study.request.systems:  # first: it is what a user came for, the comparison can take days
                made = keep(study, EXPORTED, options.keep or options.out / "final")
                _say(f"kept       {made}; next: raman-train export --onnx {made.parent} {options.target.stem}.onnx")
            study.run()
    except OutOfTime:
        return False
    return True


def _say(text: str) -> None:
    """Print at once, also into a log: minutes lie between two lines."""
    print(text, flush=True)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
