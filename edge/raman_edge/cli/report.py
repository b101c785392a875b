"""``raman-edge report ID… -o FILE.html``: a page about each result, to file or print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.atomic_write import system_path
from raman_edge.cli import journal_options as choose
from raman_edge.cli import opening
from raman_edge.cli import options as shared
from raman_edge.cli.output import new_file, say, write
from raman_edge.errors import NoSuchRecord, OutputError
from raman_edge.report import CurrentModel, ReportedResult, document
from raman_edge.wording import counted

if TYPE_CHECKING:
    import argparse

    from raman_edge.cli.parser import Parser
    from raman_edge.journal import Filters, Journal
    from raman_edge.journal.query import StoredResult

MOST = 1000
"""Results in one document: a browser lays out as many in seconds."""
STANDARD_OUTPUT = Path("-")


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Write one HTML file about results in the journal, to file or to print on A4: the answer and its reasons, the spectrum with the "
        "reference's peaks, candidates, quality, calibration, model, hashes. It needs no other file and no network. Several results get "
        "a contact sheet before them. The reference and the model's card are shown if the model that answered is the current one."
    )
    parser.examples = (
        ("raman-edge report 7b9065b6 -o quartz.html", "one result, by the first characters of its id in `journal list`"),
        ("raman-edge report --since 24h --decision unknown -o unknown.html", "what could not be identified since yesterday"),
        ("raman-edge report --last 20 -o - > batch.html", "a contact sheet and twenty pages, through a pipe"),
    )
    parser.exits = {65: "no such record", 73: "the file exists already, or cannot be written"}
    parser.add_argument(
        "ids", nargs="*", type=choose.record_id, metavar="ID", help="of a record, or its first characters: see `journal list`"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="the file, written all or nothing; - is standard output"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--last", type=shared.at_least_one, metavar="N", help="the newest N of the selected records")
    which.add_argument("--all", action="store_true", help=f"every record, at most {MOST}")
    choose.add_filters(parser)
    choose.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    parser.set_defaults(usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    """Write the document."""
    filters = choose.filters_of(options)
    selects = bool(options.last or options.all or filters.given)
    if not (options.ids or selects):
        options.usage_error("expected ids from `raman-edge journal list`, --last N, --all, --since, --decision, --label or --path")
    if options.ids and selects:
        options.usage_error("got ids and a selection: leave out the ids, or --last, --all and the filters")
    with choose.open_journal(options, create=False) as journal:
        _check(options.out, journal, force=options.force)
        chosen = _chosen(options, journal, filters)
    current = _current_model(options, chosen)
    parts = (part.encode() for part in document([ReportedResult(stored, current) for stored in chosen]))
    if options.out == STANDARD_OUTPUT:
        for part in parts:
            write(part.removesuffix(b"\n"))
    else:
        with new_file(options.out, "-o") as file:
            size = sum(file.write(part) for part in parts)
        say(f"{counted(len(chosen), 'result')} in {str(options.out)!r}, {size / 1000:.0f} kB")
    return 0


def _check(out: Path, journal: Journal, *, force: bool) -> None:
    """Refuse to overwrite a file, before anything is read."""
    if out == STANDARD_OUTPUT or not system_path(out).exists():
        return
    if system_path(out).samefile(system_path(journal.path)):
        raise OutputError(kind="is the journal itself", place=repr(str(out)), advice="Give another file with -o")
    if not force:
        raise OutputError(kind="exists already", place=repr(str(out)), advice="Replace it with --force, or give another file with -o")


def _chosen(options: argparse.Namespace, journal: Journal, filters: Filters) -> list[StoredResult]:
    """Return the chosen records, each once: in the order of the ids, or newest first."""
    if options.ids:
        found = (choose.find_record(journal, beginning) for beginning in options.ids)
        chosen = list({stored.row.seq: stored for stored in found}.values())
    else:
        chosen = list(journal.results(min(options.last or MOST + 1, MOST + 1), filters))
    if not chosen:
        place = f"journal {str(journal.path)!r}"
        raise NoSuchRecord(kind="no such record", place=place, advice="`raman-edge journal list` shows the records")
    if len(chosen) > MOST:
        options.usage_error(f"got more than {MOST} results, a document takes {MOST}: select fewer with --last, --since or --label")
    return chosen


def _current_model(options: argparse.Namespace, chosen: list[StoredResult]) -> CurrentModel | None:
    """Open the model, unless all records are faults, which need none."""
    if all(stored.digest is None for stored in chosen):
        return None
    model, library = opening.open_model(options)
    return CurrentModel(model.sha256, model.card, library)
