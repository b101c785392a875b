"""``raman-edge devices list | page | ports | probe | simulate | record | replay | validate | explain``: spectrometers as pages of facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli.devices import explain, listing, page, ports, probe, record, replay, simulate, validate

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for action in (listing, page, ports, probe, simulate, record, replay, validate, explain):
        action.add(actions)


def run(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    code: int = options.action(options)
    return code
