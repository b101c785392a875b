"""The tree of commands, and the manual page that is made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raman_edge import cli
from raman_edge.cli import manual, tree
from raman_edge.cli.parser import Parser

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


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


@pytest.mark.parametrize(
    ("name", "dest", "usage"),
    [
        ("one", "names", "NAME..."),
        ("one", "extra", "[EXTRA]..."),
        ("one", "size", "[--size N]"),
        ("one", "out", "--out FILE"),
        ("one", "kind", "[--kind {a,b}]"),
        ("one", "flag", "[--flag]"),
        ("two", "maybe", "[MAYBE]"),
    ],
)
def test_usage_tells_what_must_and_what_may_be_given(name: str, dest: str, usage: str) -> None:
    """What may be left out stands in brackets, what may be repeated has dots, a choice its values."""
    assert manual._usage(taken(name)[dest]) == usage


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--out", "\\-\\-out"),
        (".hidden", "\\&.hidden"),
        ("a \\ b", "a \\e b"),
        ("'it's'", "\\(aqit\\(aqs\\(aq"),
        ('"`x`"', "\\(dq\\(gax\\(ga\\(dq"),
        ("cm⁻¹", "cm\\[u207B]\\[u00B9]"),
    ],
)
def test_text_is_no_request_to_roff(text: str, shown: str) -> None:
    """Dots, quotes, backslashes, hyphens and the field's own characters arrive on paper as they are typed."""
    assert manual._escaped(text) == shown


def test_lines_are_short_and_none_begins_a_request() -> None:
    """Text is wrapped before it is escaped, and a line that would begin with a dot does not."""
    lines = manual._text("a sentence that goes on and on and on and on and comes to .csv files " * 5)
    assert len(lines) > 3
    assert all(len(line) <= manual.LINE + 20 and not line.startswith(".") for line in lines)
    assert manual._bold("one two") == ["\\fBone two\\fR"]
    assert [manual._bold("word " * 30)[0][:3], manual._bold("word " * 30)[-1][-3:]] == ["\\fB", "\\fR"]


def test_an_option_of_many_commands_is_told_once() -> None:
    """--journal stands whole among the common options, and by name in each command that has it."""
    shown = manual.page().replace("\\-", "-").replace("\\(aq", "'")
    assert shown.count("\n\\fB--journal FILE\\fR\n") == 1
    having = [branch for branch in tree.branches(cli.whole()) if "--journal" in branch.parser._option_string_actions]
    assert len(having) > manual.COMMON
    commands = shown.split("\n.SS ")[1:]
    told = [command for command in commands if "--journal" in command.partition(".SH")[0]]
    assert len(told) >= len(having)


def test_the_page_is_written_where_it_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a place the page goes there; the same parser gives the same page."""
    place = tmp_path / "page.1"
    assert manual.main([str(place)]) == 0
    assert place.read_text("utf-8") == manual.page()
    assert str(place) in capsys.readouterr().err
