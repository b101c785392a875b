"""Which records are meant: options that several actions share."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from raman_edge.errors import NoSuchRecord
from raman_edge.wording import ANSWERS

if TYPE_CHECKING:
    from raman_edge.journal import Filters, Journal
    from raman_edge.journal.query import StoredResult

DECISIONS = (*ANSWERS, "fault")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"([0-9]{1,6})([mhd])")
SHORTEST = 4
"""Characters of an id that must be given."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add ``--since``, ``--until``, ``--decision``, ``--label`` and ``--path``."""
    what = "2026-11-22, 2026-11-22T10:30 (UTC unless it says otherwise, as +01:00 does), or 90m, 24h, 7d ago"
    parser.add_argument("--since", type=moment, metavar="TIME", help=f"answered at that time or later: {what}")
    parser.add_argument("--until", type=moment, metavar="TIME", help="answered before that time")
    parser.add_argument(
        "--decision",
        choices=DECISIONS,
        metavar="ANSWER",
        help="that answer only: match, possible (named with a doubt), ambiguous (one of several), unknown, rejected, or fault, which is a "
        "file that could not be answered",
    )
    parser.add_argument("--label", metavar="NAME", help="that material was named; upper or lower case")
    parser.add_argument(
        "--path", metavar="GLOB", help="only files at such places, such as '/data/line-2/*' or '*/blank*.csv'; * is any text"
    )


def of(options: argparse.Namespace) -> Filters:
    """Return what the options mean."""
    from raman_edge.journal import Filters  # noqa: PLC0415 - with numpy

    return Filters(options.since, options.until, options.decision, options.label, options.path)


def moment(text: str) -> datetime:
    """Read a time, or how long ago it was."""
    if ago := AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        msg = f"expected a time such as 2026-11-22, 2026-11-22T10:30, or 90m, 24h, 7d for so long ago; got {text!r}"
        raise argparse.ArgumentTypeError(msg) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def beginning(text: str) -> str:
    """Read the beginning of an id."""
    if len(text) < SHORTEST or not text.isascii() or not text.isalnum():
        msg = f"expected an id of `raman-edge journal list`, or its first {SHORTEST} characters at least, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return text


def one(journal: Journal, beginning: str) -> StoredResult:
    """Return the one record whose id begins so; :class:`NoSuchRecord` where there is none, or several."""
    from raman_edge.journal import Filters  # noqa: PLC0415 - with numpy

    found = list(journal.results(2, Filters(id=beginning)))
    if not found:
        msg = f"no record's id begins with {beginning!r} in journal {str(journal.path)!r}: `raman-edge journal list` shows the ids"
        raise NoSuchRecord(msg)
    if len(found) > 1 and found[0].row.id != beginning:
        msg = f"several ids begin with {beginning!r}, such as {found[0].row.id} and {found[1].row.id}: give more of it"
        raise NoSuchRecord(msg)
    return found[0]
