"""``raman-edge journal list``: what was said."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, printable, write, write_text

if TYPE_CHECKING:
    import argparse

PLACE = 36
"""Characters of a path that are shown, its last ones: a line of 80 columns has the answer and the file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every record, the newest first", allow_abbrev=False)
    listing.add_argument("--limit", type=shared.at_least_one, metavar="N", help="the newest N records only")
    shared.add_journal(listing)
    shared.add_json(listing)
    listing.set_defaults(action=list_records)


def run(options: argparse.Namespace) -> int:
    """Run the action that was asked for."""
    code: int = options.action(options)
    return code


def list_records(options: argparse.Namespace) -> int:
    """Print the records: as they went out, or a line each for a person."""
    as_json = options.json or not is_terminal()
    width = shutil.get_terminal_size().columns
    with shared.opened_journal(options, create=False) as journal:
        for line in journal.records(options.limit):
            if as_json:
                write(line.encode())
            else:
                write_text(_brief(line), width)
    return 0


def _brief(line: str) -> str:
    """Return a record as time, answer, place and reason."""
    from raman_edge import record  # noqa: PLC0415 - lines of JSON are passed on without being read

    said = record.decode(line)
    if isinstance(said, record.FaultRecord):
        answer, why = "fault", said.why
    else:
        named = said.decision == "match" and said.matches
        answer = f"{said.matches[0].label} {said.matches[0].score:.0%}" if named else said.decision
        why = said.why[0] if said.why else ""
    place = printable(said.source.path + (f" [{said.source.index + 1}]" if said.source.index else ""))
    if len(place) > PLACE:
        place = f"…{place[1 - PLACE :]}"
    return f"{said.ts[:19].replace('T', ' ')}  {answer:<20}  {place:<{PLACE}}  {why}".rstrip()
