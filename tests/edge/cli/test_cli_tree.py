"""The tree of commands that help and completion are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import tree
from raman_edge.cli.parser import Parser

if TYPE_CHECKING:
    import argparse


def parser() -> argparse.ArgumentParser:
    """Return a small command line of every kind of argument."""
    root = Parser(prog="tool", description="What it is for.")
    actions = root.add_subparsers(metavar="ACTION")
    one = actions.add_parser("one", help="the first")
    one.add_argument("names", nargs="+", metavar="NAME")
    one.add_argument("extra", nargs="*")
    one.add_argument("--size", default=3, metavar="N", help="how many of %(prog)s, 50 %% of them (default: %(default)s)")
    one.add_argument("-o", "--out", required=True, metavar="FILE")
    one.add_argument("--kind", choices=("a", "b"))
    one.add_argument("--flag", action="store_true")
    actions.add_parser("two", help="the second").add_argument("maybe", nargs="?", metavar="MAYBE")
    return root


def taken(name: str) -> dict[str, argparse.Action]:
    """Return the arguments of an action by what they are stored as."""
    found = {branch.parser.prog: branch.parser for branch in tree.branches(parser())}
    return {action.dest: action for action in tree.arguments(found[f"tool {name}"])}


def test_the_tree_has_every_branch_in_order() -> None:
    """The root comes first, each command before its actions, with the line that stands beside it; leaves do something themselves."""
    found = [(branch.parser.prog, branch.what, branch.leaf) for branch in tree.branches(parser())]
    assert found == [("tool", "", False), ("tool one", "the first", True), ("tool two", "the second", True)]


def test_help_is_told_as_argparse_tells_it() -> None:
    """Defaults and names are filled in, and a doubled percent sign is one."""
    assert tree.told(taken("one")["size"], "tool one") == "how many of tool one, 50 % of them (default: 3)"
    assert tree.told(taken("one")["names"], "tool one") == ""


def test_a_placeholder_stands_for_what_an_argument_takes() -> None:
    """The metavar, else the choices, else the name in capitals; a flag takes nothing."""
    one = taken("one")
    assert {name: tree.placeholder(one[name]) for name in ("names", "extra", "size", "out", "kind", "flag")} == {
        "names": "NAME",
        "extra": "EXTRA",
        "size": "N",
        "out": "FILE",
        "kind": "{a,b}",
        "flag": "",
    }
    assert tree.placeholder(taken("two")["maybe"]) == "MAYBE"
