"""``raman-edge journal list | show | export | verify | replay | prune``: what was said, and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli.journal import export, listing, prune, replay, show, verify

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for action in (listing, show, export, verify, replay, prune):
        action.add(actions)


def run(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    code: int = options.action(options)
    return code
