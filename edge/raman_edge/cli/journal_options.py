"""Options that choose a journal and records in it, and what they name."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge import journal as journals
from raman_edge.cli import options as shared
from raman_edge.errors import NoSuchRecord
from raman_edge.journal import Filters, Journal
from raman_edge.wording import ANSWERS

if TYPE_CHECKING:
    from raman_edge.journal.query import StoredResult

JOURNAL_VARIABLE = "RAMAN_EDGE_JOURNAL"
DECISIONS = (*ANSWERS, "fault")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"([0-9]{1,6})([mhd])")
SHORTEST = 4
"""Fewest characters of an id that identify a record."""


def add_journal(parser: argparse.ArgumentParser) -> None:
    """Add ``--journal``."""
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help=f"the journal; default: {JOURNAL_VARIABLE}, else one in the user's state folder"
    )


def open_journal(options: argparse.Namespace, *, create: bool = True) -> Journal:
    """Open the journal of :func:`journal_path`."""
    return Journal.open(journal_path(options), create=create)


def journal_path(options: argparse.Namespace) -> Path:
    """Return the path of the journal of the options, the environment or a settings file, else the user's."""
    return Path(shared.merged(options).journal or journals.default_path())


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add ``--since``, ``--until``, ``--decision``, ``--label`` and ``--path``."""
    what = "2026-11-22, 2026-11-22T10:30 (UTC without an offset such as +01:00), or 90m, 24h, 7d ago"
    parser.add_argument("--since", type=moment, metavar="TIME", help=f"results of that time or later: {what}")
    parser.add_argument("--until", type=moment, metavar="TIME", help="results before that time")
    parser.add_argument(
        "--decision",
        choices=DECISIONS,
        metavar="ANSWER",
        help="only this answer: match, group (one of a group), possible (named with a doubt), ambiguous (one of several), unknown, "
        "rejected, or fault (a file that could not be read)",
    )
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="only results that name this material, by its label, a synonym or its formula, in upper or lower case",
    )
    parser.add_argument(
        "--path", metavar="GLOB", help="only files at these places, such as '/data/line-2/*' or '*/blank*.csv'; * is any text"
    )


def filters_of(options: argparse.Namespace) -> Filters:
    """Return the filters that the options give."""
    return Filters(options.since, options.until, options.decision, _labels(options.label), options.path)


def _labels(name: str | None) -> tuple[str, ...] | None:
    """Return the labels that a name stands for: ``sodium sulfate`` finds Thenardite."""
    if name is None:
        return None
    from raman_edge.matching.pack import labels_named  # noqa: PLC0415 - numpy, which a list without a name does without

    return labels_named(name)


def moment(text: str) -> datetime:
    """Read a time, or how long ago it was."""
    if ago := AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        msg = f"expected a time such as 2026-11-22 or 2026-11-22T10:30, or an age such as 90m, 24h or 7d; got {text!r}"
        raise argparse.ArgumentTypeError(msg) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def record_id(text: str) -> str:
    """Read an id, or its first characters."""
    if len(text) < SHORTEST or not text.isascii() or not text.isalnum():
        msg = f"expected an id from `raman-edge journal list`, or at least its first {SHORTEST} characters; got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return text


def find_record(journal: Journal, beginning: str) -> StoredResult:
    """Return the one record whose id begins like this; :class:`NoSuchRecord` where there is none, or more than one."""
    found = list(journal.results(2, Filters(id=beginning)))
    place, got = f"journal {str(journal.path)!r}", f"id {beginning!r}"
    if not found:
        raise NoSuchRecord(kind="no such record", place=place, got=got, advice="`raman-edge journal list` shows the ids")
    if len(found) > 1 and found[0].row.id != beginning:
        several = f"{got} of {found[0].row.id} and {found[1].row.id}"
        raise NoSuchRecord(kind="more than one record", place=place, got=several, advice="Give more characters of the id")
    return found[0]
