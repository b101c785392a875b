"""``raman-edge journal list``: what was said, the newest first."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.journal import filters
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from raman_edge.journal import Filters, Journal

SCREENFUL = 50
"""Records on a terminal unless more are asked for."""
BEFORE = 53
"""Columns before the path."""
PLACE = 24
"""Characters of a path that are shown at least, its last ones."""


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "list",
        help="every record, the newest first",
        description=f"Every record that is meant, the newest first: all in a pipe, the newest {SCREENFUL} on a terminal. "
        "The first column is the beginning of the id that `raman-edge journal show` and `replay` take. Times are UTC.",
        allow_abbrev=False,
    )
    one.add_argument("--limit", type=shared.at_least_one, metavar="N", help="the newest N records only")
    one.add_argument(
        "--replaced", action="store_true", help="also the answers to a part of a file that the answer to more of the file has replaced"
    )
    filters.add(one)
    shared.add_journal(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print the records: as they went out, or a line each for a person."""
    meant = filters.of(options)
    with shared.open_journal(options, create=False) as journal:
        if options.json or not is_terminal():
            for line in _chosen(journal, meant, options.limit, replaced=options.replaced)[0]:
                write(line.encode())
        else:
            _show(journal, meant, options.limit, replaced=options.replaced)
    return 0


def _chosen(journal: Journal, meant: Filters, limit: int | None, *, replaced: bool) -> tuple[Iterator[str], int]:
    """Return the records to show, and how many are left out because they are replaced."""
    return (journal.records(limit, meant), 0) if replaced else journal.current(limit, meant)


def _show(journal: Journal, meant: Filters, limit: int | None, *, replaced: bool) -> None:
    from raman_edge.cli.journal.brief import brief  # noqa: PLC0415 - lines of JSON are passed on without being read

    width = shutil.get_terminal_size().columns
    shown = 0
    lines, hidden = _chosen(journal, meant, limit or SCREENFUL, replaced=replaced)
    for line in lines:
        write_text(brief(line, max(PLACE, (width - BEFORE) // 2)), width)
        shown += 1
    more = journal.count(meant) - shown - hidden
    if more > 0:
        say(f"{more} older {'record' if more == 1 else 'records'}: --limit N shows N, --since, --decision, --label and --path find some")
    if hidden:
        say(f"{hidden} replaced by the answer to more of the same file: --replaced shows {'it' if hidden == 1 else 'them'}")
    if not shown:
        say(f"no such record in journal {str(journal.path)!r}" if meant.given else f"journal {str(journal.path)!r} is empty")
