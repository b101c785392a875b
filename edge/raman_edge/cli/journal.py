"""``raman-edge journal list | show | export | verify | recheck | prune``: the results."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raman_edge.cli import options as shared
from raman_edge.cli import record_text
from raman_edge.cli.output import as_json, is_terminal, new_file, progress, say, write, write_json, write_text
from raman_edge.errors import JournalError, JournalUnavailable, NoSuchRecord, OutputError, SpectrumError
from raman_edge.journal import Filters, comparison
from raman_edge.wording import ANSWERS, counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.cli.parser import Actions, Parser
    from raman_edge.journal import Journal, Verification
    from raman_edge.journal.query import StoredResult
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Spectrum

DIFFERENT, BAD_DATA = 1, 65
DECISIONS = (*ANSWERS, "fault")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
AGO = re.compile(r"([0-9]{1,6})([mhd])")
HEAD = re.compile("[0-9a-f]{64}")
SHORTEST = 4
"""Fewest characters of an id that identify a record."""
SCREENFUL = 50
"""Records shown on a terminal without ``--limit``."""
BEFORE = 54
"""Columns of a list before the path."""
PLACE = 24
"""Fewest characters of a path that a list shows, its last ones."""


def add_arguments(parser: Parser) -> None:
    """Add the command's actions."""
    parser.description = "The results: every record with its spectrum, in one file whose rows are chained by hashes."
    parser.examples = (
        ("raman-edge journal list --since 24h", "the results since yesterday"),
        ("raman-edge journal show 7b9065b6", "all of one record"),
        ("raman-edge journal verify", "check that nothing was changed"),
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for add in (_add_list, _add_show, _add_export, _add_verify, _add_recheck, _add_prune):
        add(actions)


# Which records


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
    from raman_edge.matching.pack import labels_named  # noqa: PLC0415 - numpy; a list without a name does without

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


# list


def _add_list(actions: Actions) -> None:
    one = actions.add_parser(
        "list",
        help="list records, newest first",
        description=f"List the selected records, newest first: all of them in a pipe, the newest {SCREENFUL} on a terminal. "
        "The first column is the beginning of the id that `journal show`, `journal recheck` and `report` take. Times are UTC (Z).",
        examples=(
            ("raman-edge journal list", "newest first; the first column is the id"),
            ("raman-edge journal list --decision unknown --since 7d", "what could not be identified this week"),
            ("raman-edge journal list --json --limit 5", "the newest five for a script"),
        ),
        exits={65: "a row is damaged, or another program changed the journal"},
    )
    one.add_argument("--limit", type=shared.at_least_one, metavar="N", help="only the newest N records")
    one.add_argument("--replaced", action="store_true", help="also the answers to a part of a file that was measured further afterwards")
    add_filters(one)
    shared.add_journal(one)
    shared.add_json(one)
    one.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    """Print the records: as they were written, or a line each for a person."""
    chosen = filters_of(options)
    with shared.open_journal(options, create=False) as journal:
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


# show


def _add_show(actions: Actions) -> None:
    one = actions.add_parser(
        "show",
        help="show one record with its reasons, peaks, model and spectrum",
        description="Show all of one record: the answer and its reasons, peaks, quality, model, and the spectrum as it was measured. In a "
        "pipe, or with --json, one object: the record as it was written, its row in the journal, and the spectrum's numbers.",
        examples=(
            ("raman-edge journal show 7b9065b6", "reasons, peaks, quality, model and spectrum"),
            ("raman-edge journal show 7b9065b6 --json", "the same with the spectrum's numbers"),
        ),
        exits={65: "no such record, or its row is damaged"},
    )
    one.add_argument("id", type=record_id, metavar="ID", help="of the record, or its first characters: the first column of `journal list`")
    shared.add_journal(one)
    shared.add_json(one)
    one.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    """Print the record."""
    with shared.open_journal(options, create=False) as journal:
        stored = find_record(journal, options.id)
    if as_json(options):
        row = {"seq": stored.row.seq, "chain": stored.chain, "config": stored.config, "spectrum_sha256": stored.digest}
        write_json({"record": json.loads(stored.row.line), "journal": row, "spectrum": stored.spectrum and _numbers(stored.spectrum)})
    else:
        for line in record_text.full(stored, shutil.get_terminal_size().columns):
            write_text(line)
    return 0


def _numbers(spectrum: Spectrum) -> dict[str, object]:
    return {
        "shift": spectrum.axis.shift.tolist(),
        "counts": spectrum.counts.tolist(),
        "taken_at": spectrum.taken_at.isoformat() if spectrum.taken_at else None,
        "exposure_s": spectrum.exposure_s,
        "saturation": spectrum.saturation,
        "meta": dict(spectrum.meta),
    }


# export


def _add_export(actions: Actions) -> None:
    one = actions.add_parser(
        "export",
        help="write records as CSV or JSON lines, or one spectrum as two columns",
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
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--format", choices=("csv", "jsonl"), help="records as a table, or one JSON object a line")
    what.add_argument("--spectrum", type=record_id, metavar="ID", help="the spectrum of this record, in a form that `identify` reads")
    one.add_argument("--out", type=Path, metavar="FILE", help="write to this file, all of it or nothing; default: standard output")
    add_filters(one)
    shared.add_journal(one)
    one.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    """Write records or a spectrum; 65 where the spectrum is not kept."""
    with shared.open_journal(options, create=False) as journal:
        if options.spectrum:
            spectrum = find_record(journal, options.spectrum).spectrum
            if spectrum is None:
                say("the spectrum is not in the journal: the record is a fault, or its spectrum was pruned or never kept")
                return BAD_DATA
            lines = _columns(spectrum)
        else:
            lines = journal.records(None, filters_of(options), oldest=True)
            lines = lines if options.format == "jsonl" else _table(lines)
        if options.out:
            if options.out.exists() and options.out.samefile(journal.path):
                raise OutputError(kind="is the journal itself", place=repr(str(options.out)), advice="Give another file with --out")
            with new_file(options.out, "--out") as file:
                file.writelines(line.encode() + b"\n" for line in lines)
        else:
            for line in lines:
                write_text(line) if is_terminal() else write(line.encode())
    return 0


def _table(lines: Iterator[str]) -> Iterator[str]:
    """Give the rows of the table, the header first."""
    from raman_edge import records  # noqa: PLC0415 - numpy; JSON lines are not decoded
    from raman_edge.outputs import files  # noqa: PLC0415

    rows = chain([files.COLUMNS], (files.cells(records.decode(line)) for line in lines))
    return (files.encoded(row).decode().removesuffix("\r\n") for row in rows)


def _columns(spectrum: Spectrum) -> Iterator[str]:
    yield "Raman shift (cm-1),Intensity (counts)"
    for shift, count in zip(spectrum.axis.shift.tolist(), spectrum.counts.tolist(), strict=True):
        yield f"{shift!r},{count!r}"


# verify


def _add_verify(actions: Actions) -> None:
    one = actions.add_parser(
        "verify",
        help="check every row, record and spectrum against the hash chain",
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
    one.add_argument("--head", type=_head, metavar="HASH", help="a head that verify printed before: it must still be in the journal")
    shared.add_journal(one)
    shared.add_json(one)
    one.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    """Print what was found; 65 where something is wrong."""
    with shared.open_journal(options, create=False) as journal:
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


# recheck


class Outcome(NamedTuple):
    """Whether the model gives the same answer to a spectrum today."""

    same: bool | None
    """None where there is no spectrum to identify."""
    differences: tuple[str, ...]
    """What differs, or why there is nothing to compare."""
    notes: tuple[str, ...]
    """That another model or library answers now."""


def _add_recheck(actions: Actions) -> None:
    one = actions.add_parser(
        "recheck",
        help="identify kept spectra again and compare the answers",
        description="Identify the spectra in the journal with today's model and library, and report whether decision, names and scores "
        "are the same (probabilities to 0.05 percentage points). A model or library that differs from that of the record is named. "
        "Nothing is written.",
        examples=(
            ("raman-edge journal recheck --last 100", "do today's model and library give the same answers?"),
            ("raman-edge journal recheck 7b9065b6 --model new.onnx", "one record, with another model"),
        ),
        exits={1: "an answer differs", 65: "there was no spectrum to identify, or a row is damaged"},
    )
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", type=record_id, metavar="ID", help="of a record, or its first characters: see `journal list`")
    which.add_argument("--last", type=shared.at_least_one, metavar="N", help="the newest N records")
    which.add_argument("--all", action="store_true", help="every record")
    shared.add_journal(one)
    shared.add_model(one)
    shared.add_user_library(one)
    shared.add_json(one)
    one.set_defaults(run=_recheck)


def _recheck(options: argparse.Namespace) -> int:
    """Identify again and print what differs; 1 where something does, 65 where there was nothing to identify."""
    counts = {True: 0, False: 0, None: 0}
    with shared.open_journal(options, create=False) as journal:
        chosen = iter([find_record(journal, options.id)]) if options.id else journal.results(options.last)
        model, library = shared.opened(options)
        for stored in chosen:
            outcome = _again(stored, model, library)
            counts[outcome.same] += 1
            if as_json(options):
                write_json({"id": stored.row.id, "same": outcome.same, "differs": outcome.differences, "notes": outcome.notes})
                continue
            word = {True: "same", False: "differs", None: "not identified"}[outcome.same]
            write_text(f"{stored.row.id[: record_text.ID]}  {'; '.join((word, *outcome.differences))}")
            for note in outcome.notes:
                write_text(f"{'':{record_text.ID}}  {note}")
    say(f"{counts[True]} the same, {counts[False]} different, {counts[None]} without a spectrum")
    if counts[False]:
        return DIFFERENT
    return 0 if counts[True] or not counts[None] else BAD_DATA


def _again(stored: StoredResult, model: Model, library: Library) -> Outcome:
    from raman_edge import records  # noqa: PLC0415 - numpy; `list` and `export` do without
    from raman_edge.matching.identify import identify  # noqa: PLC0415

    before = records.decode(stored.row.line)
    if isinstance(before, records.FaultRecord):
        return Outcome(None, ("the record is a fault, without a spectrum",), ())
    if stored.spectrum is None:
        return Outcome(None, ("its spectrum is not kept: pruned, or written by an older raman-edge",), ())
    try:
        now = records.of(identify(stored.spectrum, model, library), records.provenance(model, library))
    except SpectrumError as error:
        return Outcome(same=False, differences=(f"it cannot be identified any more: {error}",), notes=())
    if isinstance(now, records.FaultRecord):
        return Outcome(same=False, differences=(now.why,), notes=())
    differences = comparison.differences(before, now)
    return Outcome(not differences, differences, comparison.other_means(before, now))


# prune


def _add_prune(actions: Actions) -> None:
    one = actions.add_parser(
        "prune",
        help="remove old spectra; their records and hashes stay",
        description="Remove the spectra of old records. The records stay, and so does the hash of each spectrum; the chain records the "
        "removal, so `verify` still succeeds, and `recheck` has nothing to identify. The space is used for new rows; the file does not "
        "shrink.",
        examples=(
            ("raman-edge journal prune --spectra-before 90d", "spectra older than ninety days"),
            ("raman-edge journal prune --spectra-before 2026-01-01", "spectra of last year"),
        ),
    )
    one.add_argument("--spectra-before", type=moment, metavar="TIME", required=True, help="of records before that time, or that old")
    shared.add_journal(one)
    one.set_defaults(run=_prune)


def _prune(options: argparse.Namespace) -> int:
    """Remove the spectra and print how many."""
    with shared.open_journal(options, create=False) as journal:
        removed = journal.prune(options.spectra_before)
    say(f"{counted(removed, 'spectrum', 'spectra')} removed; every record is still there")
    return 0
