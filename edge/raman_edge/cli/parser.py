"""The parser of every command: arguments are shown as data, and help ends with examples and exit codes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from raman_edge.escaping import printable
from raman_edge.masking import masked_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping


class Parser(argparse.ArgumentParser):
    """argparse, with the pages of :mod:`raman_edge.cli.examples` in its help."""

    groups: Mapping[str, Mapping[str, str]] | None = None
    """Title → command → what it does, where commands are listed in groups."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2: what was typed may hold escape codes, and passwords."""
        super().error(printable(masked_arguments(message)))

    def format_help(self) -> str:
        """Return help with its examples and exit codes, as wide as the terminal."""
        from raman_edge.cli import helping  # noqa: PLC0415 - only where somebody asks

        page = helping.page_of(self)
        listed = helping.front(self, self.groups) if self.groups else super().format_help()
        return listed + (helping.ending(page) if page else "")
