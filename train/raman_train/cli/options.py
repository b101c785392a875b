"""Options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from raman_train.config import Config


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the options for a run."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--keys", action="store_true", help="train nothing: list the keys of a configuration, their defaults and meanings")
    which.add_argument("--config", type=Path, metavar="FILE.toml", help="a configuration of your own")
    which.add_argument("--model", metavar="NAME", help="a system with its packaged configuration, such as drcnn, liu, root-derivative")
    parser.add_argument("--out", type=Path, metavar="RUN", help="folder of the run (default: runs/ and a name for the configuration)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key, such as data.protocol=spectrum")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option for the device."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")


def names(text: str) -> tuple[str, ...]:
    """Parse names that are separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def configuration(options: argparse.Namespace) -> Config:
    """Return the configuration of the options."""
    from raman_train import config  # noqa: PLC0415 - scipy, through the recipes, takes a second to import

    return config.read(options.config or config.of_model(options.model), options.set)


def run_folder(options: argparse.Namespace, config: Config) -> Path:
    """Return the folder of the run, by default one per configuration."""
    out: Path | None = options.out
    return out or Path("runs", f"{config.system}-{config.sha256[:8]}")
