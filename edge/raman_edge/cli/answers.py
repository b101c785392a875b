"""Results for a person: all of the answer to one spectrum, or a table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from raman_edge import records, wording
from raman_edge.atomic_write import system_path
from raman_edge.cli.output import is_terminal, say, write_text
from raman_edge.cli.record_text import row
from raman_edge.terminal.headline import describe
from raman_edge.terminal.terminal import needs_ascii
from raman_edge.terminal.theme import ASCII, STYLE, UNICODE
from raman_edge.wording import counted, printable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from raman_edge.identification import Identification

MOST_REASONS = 5
"""Reasons of faults that are written out below a table."""
PLACE = 24
"""Columns of a file in a table on a narrow terminal, and where the names are not known before."""


class ResultTable:
    """Writes records to standard output for a person, one line each: sign, file, answer, first reason.

    Lines are as wide as the terminal; in a pipe they are not cut.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        """``paths`` are those of the files, as far as they are known, for the width of their column."""
        self._console = Console(highlight=False, soft_wrap=True)
        self._theme = ASCII if needs_ascii(self._console) else UNICODE
        self._width = self._console.width if is_terminal() else None
        """None in a pipe."""
        self._room = max((len(printable(path)) for path in paths), default=PLACE)
        if self._width is not None:
            self._room = min(self._room, max(PLACE, self._width // 3))

    def write(self, line: str) -> None:
        """Write one record, given as its line of JSON."""
        decision, text = row(line, self._room, cut=self._width is not None)
        shown = self._theme.safe(text, None if self._width is None else self._width - 3)
        if self._width is None:
            write_text(f"{self._theme.sign[decision]} {shown}")
        else:
            self._console.print(Text.assemble((f"{self._theme.sign[decision]} ", STYLE[decision]), shown))


class Answers:
    """For a person: all of the answer to one spectrum, a line each and a tally for several."""

    def __init__(self, files: Sequence[str], *, each_in_full: bool) -> None:
        self._files, self._each_in_full = files, each_in_full
        self._first: Identification | None = None
        self._table: ResultTable | None = None
        self._faults: dict[str, list[str]] = {}
        """Reason → files."""

    def add(self, result: Identification) -> None:
        """Write one result; the first one waits until it is known whether there are more."""
        if self._each_in_full:
            _describe(result)
        elif self._first is None:
            self._first = result
        else:
            if self._table is None:
                self._table = ResultTable(_paths(self._files))
                self._row(self._table, self._first)
            self._row(self._table, result)

    def _row(self, table: ResultTable, result: Identification) -> None:
        table.write(records.encode(result.record).decode())
        if result.decision == "fault" and is_terminal():  # there the line is cut
            self._faults.setdefault(result.reasons[0], []).append(result.record.source.path)

    def end(self, tally: Counter[str]) -> None:
        """Write what is left: the only result, or the tally and why files failed."""
        if self._table is None and self._first is not None:
            _describe(self._first)
        elif tally.total() > 1:
            write_text(wording.tally(tally))
        for why, (first, *others) in list(self._faults.items())[:MOST_REASONS]:
            more = f" and {counted(len(others), 'other')}" if others else ""
            say(f"{first}{more}: {why}")
        if len(self._faults) > MOST_REASONS:
            say(f"{counted(len(self._faults) - MOST_REASONS, 'other reason')}: identify such a file alone to see it")


def _paths(files: Sequence[str]) -> list[str]:
    """Return the paths that the files, and those in the folders among them, are shown with."""
    found = []
    for path in files:
        try:
            found += [os.path.join(path, name) for name in os.listdir(system_path(path))]  # noqa: PTH118, PTH208 - as the records name them
        except OSError:  # no folder
            found.append(path)
    return found


def _describe(result: Identification) -> None:
    """Write all of one result."""
    console = Console(highlight=False)
    console.print(describe(result.event, ascii_only=needs_ascii(console)), soft_wrap=True)
