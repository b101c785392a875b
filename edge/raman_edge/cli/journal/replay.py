"""``raman-edge journal replay``: the spectra in the journal answered again, and whether the answers are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from raman_edge.cli import options as shared
from raman_edge.cli.journal import filters
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from raman_edge.journal import Journal
    from raman_edge.journal.query import StoredResult
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model

DIFFERENT, NOTHING_TO_REPLAY = 1, 65


class Outcome(NamedTuple):
    """What answering one spectrum again came to."""

    same: bool | None
    """None where there is no spectrum to answer."""
    lines: tuple[str, ...]
    """What differs, or why there is nothing to compare."""
    notes: tuple[str, ...]
    """Whether another model or library answers now."""


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "replay",
        help="answer spectra in the journal again, and say whether the answer is the same",
        description="Take the spectra that the journal holds through the model and library of today, and say whether decision, names and "
        "scores are the same (to 0.05 %%). Another model or library than the one that answered then is named. Nothing is written. "
        "The exit code is 1 where an answer differs.",
        allow_abbrev=False,
    )
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", type=filters.beginning, metavar="ID", help="of a record, or how it begins: see `journal list`")
    which.add_argument("--last", type=shared.at_least_one, metavar="N", help="the newest N records")
    which.add_argument("--all", action="store_true", help="every record")
    shared.add_journal(one)
    shared.add_model(one)
    shared.add_user_library(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Answer again, say what differs; 1 where something does, 65 where there was nothing to answer."""
    as_json = options.json or not is_terminal()
    counts = {True: 0, False: 0, None: 0}
    with shared.open_journal(options, create=False) as journal:
        wanted = _wanted(journal, options)
        model, library = shared.opened(options)
        for held in wanted:
            outcome = _again(held, model, library)
            counts[outcome.same] += 1
            _show(held, outcome, as_json=as_json)
    say(f"{counts[True]} the same, {counts[False]} different, {counts[None]} without a spectrum to answer")
    if counts[False]:
        return DIFFERENT
    return 0 if counts[True] or not counts[None] else NOTHING_TO_REPLAY


def _wanted(journal: Journal, options: argparse.Namespace) -> Iterator[StoredResult]:
    if options.id:
        return iter([filters.one(journal, options.id)])
    return journal.held(options.last)


def _again(held: StoredResult, model: Model, library: Library) -> Outcome:
    from raman_edge import records  # noqa: PLC0415 - with the model
    from raman_edge.errors import SpectrumError  # noqa: PLC0415
    from raman_edge.journal import comparison  # noqa: PLC0415
    from raman_edge.matching.identify import identify  # noqa: PLC0415

    before = records.decode(held.row.line)
    if isinstance(before, records.FaultRecord):
        return Outcome(None, ("it was a fault: there never was a spectrum",), ())
    if held.spectrum is None:
        return Outcome(None, ("its spectrum is not kept: it was taken away, or written by an older raman-edge",), ())
    try:
        now = records.of(identify(held.spectrum, model, library), records.provenance(model, library))
    except SpectrumError as error:
        return Outcome(same=False, lines=(f"it cannot be answered any more: {error}",), notes=())
    if isinstance(now, records.FaultRecord):
        return Outcome(same=False, lines=(now.why,), notes=())
    differences = comparison.differences(before, now)
    return Outcome(not differences, differences, comparison.other_means(before, now))


def _show(held: StoredResult, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        facts = {"id": held.row.id, "same": outcome.same, "differs": list(outcome.lines), "notes": list(outcome.notes)}
        write(json.dumps(facts, ensure_ascii=False).encode())
        return
    word = {True: "same", False: "differs", None: "not answered"}[outcome.same]
    write_text(f"{held.row.id[:8]}  {'; '.join((word, *outcome.lines))}")
    for note in outcome.notes:
        write_text(f"          {note}")
