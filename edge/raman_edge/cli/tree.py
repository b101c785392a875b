"""The whole command line as a tree: what completion is made from, and the tests of help."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Branch(NamedTuple):
    """One command, or one action of a command."""

    parser: argparse.ArgumentParser
    what: str
    """The line that stands beside it in the list above it; empty for the root."""
    leaf: bool
    """Whether it does something itself, instead of asking for an action."""


def branches(root: argparse.ArgumentParser, what: str = "") -> Iterator[Branch]:
    """Give every command with its actions after it, the root first."""
    below = [action for action in arguments(root) if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - has no public name
    yield Branch(root, what, not below)
    for action in below:
        told = {choice.dest: choice.help or "" for choice in action._get_subactions()}  # noqa: SLF001 - nothing public tells their help
        for name, parser in action.choices.items():
            yield from branches(parser, told.get(name, ""))


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a parser takes, in the order in which it was added."""
    return list(parser._actions)  # noqa: SLF001 - argparse has no public list of them


def told(action: argparse.Action, prog: str) -> str:
    """Return an argument's help as `--help` shows it."""
    return (action.help or "") % {**vars(action), "prog": prog}


def placeholder(action: argparse.Action) -> str:
    """Return what stands for an argument's value; empty where it takes none."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper()
