"""``raman-edge watch DIR``: identify what lands in a folder, each content exactly once."""

from __future__ import annotations

import argparse
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge import wording
from raman_edge.cli import journal_options, limit_threads
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say
from raman_edge.cli.parser import STOPS
from raman_edge.service.signals import stopping
from raman_edge.service.systemd import ServiceManager
from raman_edge.wording import counted

if TYPE_CHECKING:
    from raman_edge.cli.parser import Parser

LISTED = 20
"""Results that ``--once`` lists at its end on a terminal, the newest."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Identify what lands in a folder, exactly once: each content gets one row in the journal, whatever crashes, before it is shown. "
        "A terminal gets a live screen, a pipe JSON lines. No file is ever changed."
    )
    parser.examples = (
        ("raman-edge watch ./incoming", "identify new files, live, until Ctrl-C; a restart repeats and loses nothing"),
        ("raman-edge watch ./incoming --once --output csv:results.csv", "identify the files there are, append to a table, and end"),
        ("raman-edge watch ./incoming --once --table > today.txt", "a line for each new file, to read"),
        ("raman-edge watch /data --match '*.spc' --backlog newest=100", "only these files, and of the old ones the newest 100"),
    )
    parser.exits = {1: "with --once: some files could not be read; the journal has the reasons", 69: "no such folder", **STOPS}
    parser.add_argument("folder", metavar="DIR", nargs="?", help="the folder, and those below it; a settings file may name it instead")
    parser.add_argument("--once", action="store_true", help="identify what is there and end")
    parser.add_argument("--match", action="append", metavar="GLOB", help="only files of these names, such as '*.csv'; may be repeated")
    parser.add_argument(
        "--stable",
        type=shared.seconds,
        metavar="S",
        help="a file is complete once unchanged for S seconds (1; network: 3); ten times as long, 10 s at most, where it cannot be "
        "known whether a program still writes it",
    )
    parser.add_argument("--poll", type=shared.seconds, metavar="S", help="scan every S seconds (0.5; network: 2)")
    parser.add_argument(
        "--backlog",
        type=_backlog,
        metavar="process|skip|newest=N",
        help="what to do with files that exist when a folder is watched for the first time: identify them (the default), leave "
        "them, or identify the newest N",
    )
    parser.add_argument(
        "--move-failed",
        type=Path,
        metavar="DIR",
        help="move files that hold no spectrum there, once the journal has the reason, and only if they are unchanged and no "
        "program writes them; without it no file is ever moved",
    )
    shared.add_output(parser)
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_calibration(
        parser, ". Where it expires while files are watched, each is a fault until there is a new one, and then identified"
    )
    journal_options.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_json(parser)
    shared.add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Watch until stopped; with ``--once`` 1 where some files could not be identified."""
    with stopping(reload=True) as stop:
        settings = shared.merged(options)
        settings.require_folder()
        as_lines = shared.writes_lines(options, settings.output)
        limit_threads(settings.threads)
        from raman_edge.cli import opening  # noqa: PLC0415 - numpy, after the limit of its threads
        from raman_edge.service.watch import WatchRun  # noqa: PLC0415 - as above

        table = None
        if not as_lines:
            from raman_edge.cli.answers import ResultTable  # noqa: PLC0415 - rich

            table = ResultTable([])
        is_piped = not is_terminal()
        newest: deque[str] = deque(maxlen=LISTED)
        each = None if table is None else (table.write if is_piped else newest.append)
        watching = WatchRun(
            settings,
            journal_options.journal_path(options),
            stop,
            ServiceManager.from_environment(),
            reload=lambda: shared.merged(options),
            open_display=opening.open_display(as_lines=as_lines or is_piped),
            once=options.once,
            stdout=as_lines,
            each=each,
        )
        tally = watching.run()
    if table is not None:
        for line in newest if options.once else ():
            table.write(line)
        if options.once and (earlier := tally.total() - len(newest)) > 0 and not is_piped:
            say(f"and {counted(earlier, 'result')} before these: raman-edge journal list")
    parts = [wording.tally(tally)]
    parts += [f"{watching.answered_before} answered before"] if watching.answered_before else []
    if reasons := ", ".join(f"{count} {why}" for why, count in sorted(watching.ignored.items())):
        parts.append(f"{watching.ignored.total()} ignored ({reasons})")
    say("; ".join([*parts, f"journal {str(watching.path)!r}"]))
    return stop.code(1 if options.once and tally["fault"] else 0)


def _backlog(text: str) -> str:
    """Read what to do with files that exist at the start."""
    kind, _, number = text.partition("=")
    if text in {"process", "skip"} or (kind == "newest" and number.isascii() and number.isdigit() and int(number) >= 1):
        return text
    msg = f"expected process, skip or newest=N with N of at least 1, got {text!r}"
    raise argparse.ArgumentTypeError(msg)
