"""``raman-train evaluate``: train, unless that is done, and measure on what was kept apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_train.cli import options as shared

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("evaluate", help="train (unless that is done) and measure on what was kept apart")
    shared.add_run(one)
    one.add_argument("--record", type=Path, metavar="FILE.jsonl", help="append the result as one line of JSON")
    one.add_argument("--harder", action="store_true", help="ask again with backgrounds, spikes, shifted axes and shorter ranges")
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print the table, append the line."""
    import msgspec  # noqa: PLC0415 - only what the command needs
    from raman_edge.outputs.append_only import JSON_LINES, AppendOnlyFile  # noqa: PLC0415

    from raman_train import checkpoint, harder, loop, runs  # noqa: PLC0415 - torch takes seconds to import

    if options.keys:
        from raman_train import config_keys  # noqa: PLC0415 - only what the command needs

        print(config_keys.text())
        return 0
    chosen = shared.configuration(options)
    out = shared.run_folder(options, chosen)
    if not (out / checkpoint.CHECKPOINT).exists():
        shared.announce(chosen, options.device)
        runs.fit(chosen, out, loop.pick_device(options.device), shared.Progress(chosen.training.epochs))
    made = checkpoint.load(out)
    made.network.to(loop.pick_device(options.device))
    material = runs.prepare(made.about.config)
    if options.harder:
        print(harder.table(harder.ask(made, material)))
        return 0
    result, _ = runs.measure(made, material)
    print(runs.table(result))
    if options.record:
        AppendOnlyFile(options.record, JSON_LINES).append([msgspec.json.encode(result) + b"\n"])
    return 0
