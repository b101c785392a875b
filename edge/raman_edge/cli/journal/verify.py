"""``raman-edge journal verify``: whether the journal is what was written."""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.cli.progress import Progress
from raman_edge.errors import JournalError, JournalUnavailable

if TYPE_CHECKING:
    from raman_edge.journal import Journal, Verification

CHANGED = 65
HEAD = re.compile("[0-9a-f]{64}")


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "verify",
        help="whether the journal is what was written: every row, line and spectrum",
        description="Read the whole journal and test every row against its hash, which covers the row before it too: a row that was "
        "changed, removed, added or moved shows, and so does a spectrum that `prune` did not remove: the first one is named, "
        "and the exit code is 65. Rows taken off the end, or a journal "
        "written anew from its start, only show against a head that was noted elsewhere: write down the head that this prints, and give "
        "it with --head the next time.",
        allow_abbrev=False,
    )
    one.add_argument("--head", type=_head, metavar="HASH", help="a head that an earlier verify printed: it must still be in the journal")
    shared.add_journal(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print what was found; 65 where something is wrong."""
    with shared.open_journal(options, create=False) as journal:
        try:
            with Progress("rows") as progress:
                finding = journal.verify(options.head, progress)
        except JournalUnavailable:
            raise
        except JournalError as error:
            say(str(error))
            return CHANGED
        if options.json or not is_terminal():
            write(_as_json(finding))
        else:
            _show(finding, journal, options.head)
    if finding.wrong:
        say(f"journal {str(journal.path)!r} is not what was written: {finding.wrong}")
        return CHANGED
    return 0


def _as_json(finding: Verification) -> bytes:
    facts = {
        "ok": finding.wrong is None,
        "rows": finding.rows,
        "spectra": finding.spectra,
        "pruned": finding.pruned,
        "unexplained": finding.unexplained,
        "head": finding.head,
        "noted": finding.noted,
        "wrong": finding.wrong,
    }
    return json.dumps(facts).encode()


def _show(finding: Verification, journal: Journal, noted: str | None) -> None:
    write_text(f"{finding.rows} rows of {str(journal.path)!r} are as they were written, {finding.spectra} of them with their spectrum")
    if finding.pruned:
        write_text(f"{finding.pruned} of them are without their spectrum because of `journal prune`, or never had it; the chain says so")
    if finding.unexplained:
        write_text(
            f"{finding.unexplained} of them were without their spectrum when this journal was brought up to schema 3: an older raman-edge "
            "did not note whether it was pruned or removed by hand"
        )
    if noted and finding.noted is not None:
        write_text(f"the noted head is that of row {finding.noted}: nothing up to there was taken away or written anew")
    if finding.wrong is None:
        write_text(f"head {finding.head}")


def _head(text: str) -> str:
    """Read a hash."""
    if not HEAD.fullmatch(text.lower()):
        msg = f"expected a head of 64 hexadecimal digits as `raman-edge journal verify` prints it, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return text.lower()
