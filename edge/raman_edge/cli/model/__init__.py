"""``raman-edge model info | verify | bench``: what runs here, whether to trust it, how fast it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli.model import bench, info, verify

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for action in (info, verify, bench):
        action.add(actions)


def run(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    code: int = options.action(options)
    return code
