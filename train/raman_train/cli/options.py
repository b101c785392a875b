"""What several commands share: which run, on which device, and how far it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from raman_train.config import Config
    from raman_train.loop import Epoch


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a run."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--keys", action="store_true", help="train nothing: list the keys of a configuration, their defaults and meanings")
    which.add_argument("--config", type=Path, metavar="FILE.toml", help="a configuration of your own")
    which.add_argument("--model", metavar="NAME", help="a system as its paper trains it, such as drcnn, liu, root-derivative")
    parser.add_argument("--out", type=Path, metavar="RUN", help="folder of the run (default: runs/ and a name for the configuration)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key, such as data.protocol=spectrum")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the device."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")


def configuration(options: argparse.Namespace) -> Config:
    """Return the configuration that the options name."""
    from raman_train import config  # noqa: PLC0415 - only what the command needs

    return config.read(options.config or config.of_model(options.model), options.set)


def run_folder(options: argparse.Namespace, config: Config) -> Path:
    """Return the folder of the run: the same configuration goes on in the same one."""
    out: Path | None = options.out
    return out or Path("runs", f"{config.system}-{config.sha256[:8]}")


def announce(config: Config, device: str) -> None:
    """Write on stderr what is trained, where, in which arithmetic and with which allocator."""
    from raman_train.device import describe  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.loop import pick_device  # noqa: PLC0415 - same

    print(f"{config.system}: {describe(config.training.precision, pick_device(device))}", file=sys.stderr, flush=True)


BAR = 20
"""Columns of the bar on a terminal."""


class Progress:
    """Says on stderr how far a training is: a live bar on a terminal, a line an epoch elsewhere."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console  # noqa: PLC0415 - only what the command needs

        self._console = Console(stderr=True)
        self._epochs = epochs

    def __call__(self, done: Epoch) -> None:
        """Tell of one more epoch."""
        left = done.seconds * (self._epochs - done.epoch - 1)
        checked = "" if done.validation is None else f"  validation top-1 {done.validation:.4f}"
        text = f"epoch {done.epoch + 1}/{self._epochs}  loss {done.loss:.4f}{checked}  {done.seconds:.1f} s, {left / 60:.1f} min left"
        if not self._console.is_terminal:
            print(text, file=sys.stderr, flush=True)
            return
        filled = round(BAR * (done.epoch + 1) / self._epochs)
        bar = "━" * filled + "╌" * (BAR - filled)
        end = "\r" if left else "\n"
        self._console.print(f"{bar} {text}", markup=False, highlight=False, no_wrap=True, overflow="crop", crop=True, end=end)
