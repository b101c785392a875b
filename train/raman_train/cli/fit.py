"""``raman-train fit``: train what a configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_train.cli import options as shared

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("fit", help="train what a configuration says; goes on where a killed run stopped")
    shared.add_run(one)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train and print where the checkpoint lies."""
    from raman_train import distributed, loop, runs  # noqa: PLC0415 - torch takes seconds to import

    if options.keys:
        from raman_train import config_keys  # noqa: PLC0415 - only what the command needs

        print(config_keys.text())
        return 0
    chosen = shared.configuration(options)
    if distributed.leads():
        shared.announce(chosen, options.device)
    made = runs.fit(chosen, shared.run_folder(options, chosen), loop.pick_device(options.device), shared.Progress(chosen.training.epochs))
    if distributed.leads():
        print(made)
    return 0
