"""``raman-edge report ID… -o FILE.html``: a page about each result, to file or print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge import atomic_write
from raman_edge.cli import options as shared
from raman_edge.cli.journal import filters
from raman_edge.cli.output import say, write
from raman_edge.errors import NoSuchRecord, OutputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from raman_edge.journal import Filters, Journal
    from raman_edge.journal.query import StoredResult
    from raman_edge.report import CurrentModel

MOST = 1000
"""Results in one document: a browser lays out as many in seconds."""
STANDARD_OUTPUT = Path("-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Make one HTML file about results in the journal, to file or to print on A4: the answer and why, the spectrum with the reference's "
        "peaks, candidates, peaks, quality, calibration, model, hashes. It needs nothing but itself, no network either. Several results "
        "have a contact sheet before them. The reference and the model's card are shown where the model that answered is the one at hand."
    )
    parser.add_argument("ids", nargs="*", type=filters.beginning, metavar="ID", help="of a record, or how it begins: see `journal list`")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="write it there, whole or not at all; - is standard output"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--last", type=shared.at_least_one, metavar="N", help="the newest N records, of those that are meant")
    which.add_argument("--all", action="store_true", help=f"every record, at most {MOST}")
    filters.add(parser)
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    parser.set_defaults(usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    """Write the document."""
    meant = filters.of(options)
    selects = bool(options.last or options.all or meant.given)
    if not (options.ids or selects):
        options.usage_error("name a result: ids of `raman-edge journal list`, --last N, --all, --since, --decision, --label or --path")
    if options.ids and selects:
        options.usage_error("ids name the results already: leave out --last, --all and what selects")
    with shared.open_journal(options, create=False) as journal:
        _check(options.out, journal, force=options.force)
        chosen = _chosen(options, journal, meant)
    from raman_edge.report import ReportedResult, document  # noqa: PLC0415 - with rich and numpy

    means = _at_hand(options, chosen)
    parts = (part.encode() for part in document([ReportedResult(held, means) for held in chosen]))
    if options.out == STANDARD_OUTPUT:
        for part in parts:
            write(part.removesuffix(b"\n"))
    else:
        size = _put(options.out, parts)
        say(f"{len(chosen)} {'result' if len(chosen) == 1 else 'results'} in {str(options.out)!r}, {size / 1000:.0f} kB")
    return 0


def _check(out: Path, journal: Journal, *, force: bool) -> None:
    """Refuse what would overwrite, before anything is read."""
    if out == STANDARD_OUTPUT or not out.exists():
        return
    if out.samefile(journal.path):
        raise OutputError(f"{str(out)!r} is the journal itself: give another place with -o")
    if not force:
        raise OutputError(f"{str(out)!r} is there already: --force replaces it, or give another place with -o")


def _chosen(options: argparse.Namespace, journal: Journal, meant: Filters) -> list[StoredResult]:
    """Return the records that are meant, each once: as given, or the newest first."""
    if options.ids:
        found = (filters.one(journal, beginning) for beginning in options.ids)
        chosen = list({held.row.seq: held for held in found}.values())
    else:
        chosen = list(journal.held(min(options.last or MOST + 1, MOST + 1), meant))
    if not chosen:
        raise NoSuchRecord(f"no such record in journal {str(journal.path)!r}: `raman-edge journal list` shows what there is")
    if len(chosen) > MOST:
        options.usage_error(f"more than {MOST} results are meant, and one document takes {MOST}: narrow it with --last, --since or --label")
    return chosen


def _at_hand(options: argparse.Namespace, chosen: list[StoredResult]) -> CurrentModel | None:
    """Open the model, unless nothing but faults is meant: they need none."""
    if all(held.digest is None for held in chosen):
        return None
    model, library = shared.opened(options)
    from raman_edge.report import CurrentModel  # noqa: PLC0415 - numpy, after its threads were limited

    return CurrentModel(model.sha256, model.card, library)


def _put(out: Path, parts: Iterable[bytes]) -> int:
    """Write a file that appears when it is whole; return its bytes."""
    try:
        with atomic_write.written(out) as file:
            return sum(file.write(piece) for piece in parts)
    except OSError as error:
        msg = f"{str(out)!r} cannot be written: {error.strerror or error}. Give another place with -o"
        raise OutputError(msg) from error
