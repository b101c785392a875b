"""``raman-train fit`` and ``raman-train evaluate``: train a configuration, and measure it on the test spectra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_train.cli import options as shared

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands to the parser."""
    fit = commands.add_parser("fit", help="train a configuration; resume an interrupted training")
    shared.add_run(fit)
    fit.set_defaults(run=run_fit)
    evaluate = commands.add_parser("evaluate", help="train a configuration (unless that is done) and measure it on the test spectra")
    shared.add_run(evaluate)
    evaluate.add_argument("--record", type=Path, metavar="FILE.jsonl", help="append the result as one line of JSON")
    evaluate.add_argument(
        "--robustness", action="store_true", help="measure with backgrounds, spikes, shifted axes and shorter ranges instead"
    )
    evaluate.set_defaults(run=run_evaluate)


def run_fit(options: argparse.Namespace) -> int:
    """Train and print the path of the checkpoint."""
    if options.keys:
        return _print_keys()
    from raman_train import device, distributed, runs  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.cli import progress  # noqa: PLC0415 - same

    chosen = shared.configuration(options)
    if distributed.is_first():
        progress.announce(chosen, options.device)
    with progress.epoch_progress(chosen.training.epochs) as on_epoch:
        path = runs.fit(chosen, shared.run_folder(options, chosen), device.pick(options.device), on_epoch)
    if distributed.is_first():
        print(path)
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Measure, print the table and append the line."""
    if options.keys:
        return _print_keys()
    import msgspec  # noqa: PLC0415 - loaded with the modules below
    from raman_edge.outputs.files import JSON_LINES, AppendOnlyFile  # noqa: PLC0415

    from raman_train import checkpoint, device, robustness, runs  # noqa: PLC0415 - torch takes seconds to import

    chosen = shared.configuration(options)
    out = shared.run_folder(options, chosen)
    if not (out / checkpoint.CHECKPOINT).exists():
        from raman_train.cli import progress  # noqa: PLC0415 - imports torch

        progress.announce(chosen, options.device)
        with progress.epoch_progress(chosen.training.epochs) as on_epoch:
            runs.fit(chosen, out, device.pick(options.device), on_epoch)
    trained = checkpoint.load(out)
    trained.network.to(device.pick(options.device))
    prepared = runs.prepare(trained.about.config)
    if options.robustness:
        print(robustness.table(robustness.measure(trained, prepared)))
        return 0
    result, _ = runs.measure(trained, prepared)
    print(runs.table(result))
    if options.record:
        AppendOnlyFile(options.record, JSON_LINES).append([msgspec.json.encode(result) + b"\n"])
    return 0


def _print_keys() -> int:
    from raman_train import config  # noqa: PLC0415 - scipy, through the recipes, takes a second to import

    print(config.keys_text())
    return 0
