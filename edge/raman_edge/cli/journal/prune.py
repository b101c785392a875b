"""``raman-edge journal prune``: take old spectra away, keep what was said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.journal import filters
from raman_edge.cli.output import say

if TYPE_CHECKING:
    import argparse


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "prune",
        help="take old spectra away; the records and the proof of what they were stay",
        description="Take the spectra of old records away. The records stay, and so does the digest of each spectrum, which the chain "
        "covers; the chain says that they were taken away. `verify` holds as before, "
        "`replay` has nothing to answer again. The room is used for new rows; the file does not shrink.",
        allow_abbrev=False,
    )
    one.add_argument(
        "--spectra-before", type=filters.moment, metavar="TIME", required=True, help="of records before that time, or so long ago"
    )
    shared.add_journal(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Take them away and say how many."""
    with shared.open_journal(options, create=False) as journal:
        taken = journal.prune(options.spectra_before)
    say(f"{taken} {'spectrum' if taken == 1 else 'spectra'} taken away; every record is still there")
    return 0
