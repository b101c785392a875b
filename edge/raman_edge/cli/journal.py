"""``raman-edge journal list | show | export | verify | recheck | prune``: the results."""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.atomic_write import system_path
from raman_edge.cli import journal_options as choose
from raman_edge.cli import options as shared
from raman_edge.cli import record_text
from raman_edge.cli.output import as_json, is_terminal, new_file, progress, say, write, write_json, write_text
from raman_edge.errors import JournalError, JournalUnavailable, OutputError
from raman_edge.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.cli.parser import Parser
    from raman_edge.journal import Journal, Verification
    from raman_edge.spectrum import Spectrum

BAD_DATA = 65
HEAD = re.compile("[0-9a-f]{64}")
SCREENFUL = 50
"""Records shown on a terminal without ``--limit``."""
BEFORE = 54
"""Columns of a list before the path."""
PLACE = 24
"""Fewest characters of a path that a list shows, its last ones."""
ACTIONS = {
    "list": ("raman_edge.cli.journal:list", "list records, newest first"),
    "show": ("raman_edge.cli.journal_records:show", "show one record with its reasons, peaks, model and spectrum"),
    "export": ("raman_edge.cli.journal:export", "write records as CSV or JSON lines, or one spectrum as two columns"),
    "verify": ("raman_edge.cli.journal:verify", "check every row, record and spectrum against the hash chain"),
    "recheck": ("raman_edge.cli.journal_records:recheck", "identify kept spectra again and compare the answers"),
    "prune": ("raman_edge.cli.journal:prune", "remove old spectra; their records and hashes stay"),
}


def add_arguments(parser: Parser) -> None:
    """Add the command's actions."""
    parser.description = "The results: every record with its spectrum, in one file whose rows are chained by hashes."
    parser.examples = (
        ("raman-edge journal list --since 24h", "the results since yesterday"),
        ("raman-edge journal show 7b9065b6", "all of one record"),
        ("raman-edge journal verify", "check that nothing was changed"),
    )
    parser.add_commands("ACTION", ACTIONS)


# list


def add_list(parser: Parser) -> None:
    """Add the arguments of ``list``."""
    parser.describe(
        description=f"List the selected records, newest first: all of them in a pipe, the newest {SCREENFUL} on a terminal. "
        "The first column is the beginning of the id that `journal show`, `journal recheck` and `report` take. Times are UTC (Z).",
        examples=(
            ("raman-edge journal list", "newest first; the first column is the id"),
            ("raman-edge journal list --decision unknown --since 7d", "what could not be identified this week"),
            ("raman-edge journal list --json --limit 5", "the newest five for a script"),
        ),
        exits={65: "a row is damaged, or another program changed the journal"},
    )
    parser.add_argument("--limit", type=shared.at_least_one, metavar="N", help="only the newest N records")
    parser.add_argument("--replaced", action="store_true", help="also the answers to a part of a file that was measured further afterwards")
    choose.add_filters(parser)
    choose.add_journal(parser)
    shared.add_json(parser)


def run_list(options: argparse.Namespace) -> int:
    """Print the records: as they were written, or a line each for a person."""
    chosen = choose.filters_of(options)
    with choose.open_journal(options, create=False) as journal:
        limit = options.limit or (None if as_json(options) else SCREENFUL)
        lines, hidden = (journal.records(limit, chosen), 0) if options.replaced else journal.current(limit, chosen)
        if as_json(options):
            for line in lines:
                write(line.encode())
            return 0
        width, shown = shutil.get_terminal_size().columns, 0
        for line in lines:
            write_text(record_text.brief(line, max(PLACE, (width - BEFORE) // 2)), width)
            shown += 1
        older = journal.count(chosen) - shown - hidden
        if older > 0:
            say(f"{counted(older, 'older record')}: --limit N shows N; --since, --decision, --label and --path select")
        if hidden:
            say(f"{hidden} replaced by the answer to more of the same file: --replaced shows {'it' if hidden == 1 else 'them'}")
        if not shown:
            say(f"no such record in journal {str(journal.path)!r}" if chosen.given else f"journal {str(journal.path)!r} is empty")
    return 0


# export


def add_export(parser: Parser) -> None:
    """Add the arguments of ``export``."""
    parser.describe(
        description="Write records, oldest first, or one spectrum. The columns of CSV are those of `watch --output csv:FILE` "
        "(docs/outputs.md): UTF-8, with a header; a text that a spreadsheet would run as a formula (it begins with = + - @) gets a ' "
        "before it, and characters that do not print are escaped. JSON lines are the records as they were written.",
        examples=(
            ("raman-edge journal export --format csv --out results.csv", "every record as a table"),
            ("raman-edge journal export --format jsonl --since 2026-11-01 --label quartz", "selected records as they were written"),
            ("raman-edge journal export --spectrum 7b9065b6 --out again.csv", "one spectrum, which `identify` reads"),
        ),
        exits={65: "no such record, its spectrum is not kept, or a row is damaged", 73: "the file cannot be written"},
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--format", choices=("csv", "jsonl"), help="records as a table, or one JSON object a line")
    what.add_argument(
        "--spectrum", type=choose.record_id, metavar="ID", help="the spectrum of this record, in a form that `identify` reads"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write to this file, all of it or nothing; default: standard output")
    choose.add_filters(parser)
    choose.add_journal(parser)


def run_export(options: argparse.Namespace) -> int:
    """Write records or a spectrum; 65 where the spectrum is not kept."""
    with choose.open_journal(options, create=False) as journal:
        if options.spectrum:
            spectrum = choose.find_record(journal, options.spectrum).spectrum
            if spectrum is None:
                say("the spectrum is not in the journal: the record is a fault, or its spectrum was pruned or never kept")
                return BAD_DATA
            lines = _columns(spectrum)
        else:
            lines = journal.records(None, choose.filters_of(options), oldest=True)
            if options.format == "csv":
                from raman_edge.cli import journal_records  # noqa: PLC0415 - numpy, which JSON lines do without

                lines = journal_records.table(lines)
        if options.out:
            there = system_path(options.out)
            if there.exists() and there.samefile(system_path(journal.path)):
                raise OutputError(kind="is the journal itself", place=repr(str(options.out)), advice="Give another file with --out")
            with new_file(options.out, "--out") as file:
                file.writelines(line.encode() + b"\n" for line in lines)
        else:
            for line in lines:
                write_text(line) if is_terminal() else write(line.encode())
    return 0


def _columns(spectrum: Spectrum) -> Iterator[str]:
    yield "Raman shift (cm-1),Intensity (counts)"
    for shift, count in zip(spectrum.axis.shift.tolist(), spectrum.counts.tolist(), strict=True):
        yield f"{shift!r},{count!r}"


# verify


def add_verify(parser: Parser) -> None:
    """Add the arguments of ``verify``."""
    parser.describe(
        description="Check every row of the journal against its hash, which also covers the row before it: a changed, removed, added or "
        "moved row is found, and a spectrum that was removed other than by `prune`. The first one is named, and the exit code is 65. Rows "
        "removed from the end, or a journal written anew from its start, are found only with a head noted elsewhere: keep the head "
        "that this prints, and give it with --head next time.",
        examples=(
            ("raman-edge journal verify", "check every row; keep the head that it prints"),
            ('raman-edge journal verify --head "$NOTED"', "also check that nothing was removed from the end since then"),
        ),
        exits={65: "the journal was changed"},
    )
    parser.add_argument("--head", type=_head, metavar="HASH", help="a head that verify printed before: it must still be in the journal")
    choose.add_journal(parser)
    shared.add_json(parser)


def run_verify(options: argparse.Namespace) -> int:
    """Print what was found; 65 where something is wrong."""
    with choose.open_journal(options, create=False) as journal:
        try:
            with progress("rows") as show:
                found = journal.verify(options.head, show)
        except JournalUnavailable:
            raise
        except JournalError as error:
            say(str(error))
            return BAD_DATA
        if as_json(options):
            names = ("rows", "spectra", "pruned", "head", "noted", "wrong")
            write_json({"ok": found.wrong is None, **{name: getattr(found, name) for name in names}})
        else:
            _show_verification(found, journal, options.head)
    if found.wrong:
        say(f"journal {str(journal.path)!r} is not what was written: {found.wrong}")
        return BAD_DATA
    return 0


def _show_verification(found: Verification, journal: Journal, noted: str | None) -> None:
    write_text(f"{str(journal.path)!r}: {counted(found.rows, 'row')}, each as it was written; {found.spectra} with the spectrum")
    if found.pruned:
        write_text(f"{found.pruned} without the spectrum: pruned or never kept, which the chain confirms")
    if noted and found.noted is not None:
        write_text(f"the noted head is that of row {found.noted}: nothing up to there was removed or written anew")
    if found.wrong is None:
        write_text(f"head {found.head}")


def _head(text: str) -> str:
    """Read a hash."""
    if not HEAD.fullmatch(text.lower()):
        msg = f"expected a head of 64 hexadecimal digits as `raman-edge journal verify` prints it, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return text.lower()


# prune


def add_prune(parser: Parser) -> None:
    """Add the arguments of ``prune``."""
    parser.describe(
        description="Remove the spectra of old records. The records stay, and so does the hash of each spectrum; the chain records the "
        "removal, so `verify` still succeeds, and `recheck` has nothing to identify. The space is used for new rows; the file does not "
        "shrink.",
        examples=(
            ("raman-edge journal prune --spectra-before 90d", "spectra older than ninety days"),
            ("raman-edge journal prune --spectra-before 2026-01-01", "spectra of last year"),
        ),
    )
    parser.add_argument(
        "--spectra-before", type=choose.moment, metavar="TIME", required=True, help="of records before that time, or that old"
    )
    choose.add_journal(parser)


def run_prune(options: argparse.Namespace) -> int:
    """Remove the spectra and print how many."""
    with choose.open_journal(options, create=False) as journal:
        removed = journal.prune(options.spectra_before)
    say(f"{counted(removed, 'spectrum', 'spectra')} removed; every record is still there")
    return 0
