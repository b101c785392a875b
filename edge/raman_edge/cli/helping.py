"""Help as a terminal shows it: commands in groups, examples, exit codes."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

from raman_edge.cli.examples import PAGES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from raman_edge.cli.examples import Page

NARROW = 40
"""Least columns that help is made for."""
MORE = (
    "Every command explains itself, with examples: raman-edge COMMAND --help. raman-edge --version tells the version; with raman-edge "
    "completion your shell completes commands, options and names."
)


def page_of(parser: argparse.ArgumentParser) -> Page | None:
    """Return the page of a command; what it says the command is for becomes the parser's description."""
    page = PAGES.get(parser.prog)
    if page and page.about:
        parser.description = page.about.replace("%", "%%")
    return page


def front(parser: argparse.ArgumentParser, groups: Mapping[str, Mapping[str, str]]) -> str:
    """Return the list of commands by what they are for."""
    lines = [parser.format_usage(), *_wrapped(parser.description or "")]
    longest = 2 + max(len(name) for group in groups.values() for name in group)
    for title, group in groups.items():
        lines += ["", f"{title}:"]
        for name, what in group.items():
            lines += _wrapped(what, f"  {name:<{longest}}", " " * (longest + 2))
    return "\n".join([*lines, "", *_wrapped(MORE), ""])


def ending(page: Page) -> str:
    """Return examples and exit codes as they stand at the end of a command's help."""
    lines = ["", "examples:"]
    for line, what in page.examples:
        lines += [f"  {line}", *_wrapped(what, " " * 6, " " * 6)]
    if page.exits:
        lines += ["", "exit codes:"]
        for code, meaning in page.exits.items():
            lines += _wrapped(meaning, f"  {code:<5} ", " " * 8)
    return "\n".join([*lines, ""])


def _wrapped(text: str, first: str = "", others: str = "") -> list[str]:
    """Return lines no wider than argparse makes its own."""
    width = max(NARROW, shutil.get_terminal_size().columns - 2)
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
