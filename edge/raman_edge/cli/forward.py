"""``raman-edge forward``: feed outputs from a journal without watching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import journal_options
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.parser import STOPS
from raman_edge.errors import ConfigError, JournalDamaged, SinkError
from raman_edge.service.run import open_outputs
from raman_edge.service.signals import stopping
from raman_edge.wording import counted

if TYPE_CHECKING:
    import argparse

    from raman_edge.cli.parser import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Send results from the journal to files, a broker or a pipe. The journal keeps a position for each output: an output receives "
        "what it missed, and nothing twice."
    )
    parser.examples = (
        ("raman-edge forward --once --output csv:results.csv", "append what the table does not have yet, and end"),
        ("raman-edge forward --output mqtt://user@broker/lab/raman", "publish new results, until Ctrl-C"),
    )
    parser.exits = {65: "a row is damaged; the others are sent", 73: "with --once: an output could not take everything", **STOPS}
    shared.add_output(parser)
    parser.add_argument("--once", action="store_true", help="send what the journal holds and end; default: also new results, until stopped")
    parser.add_argument("--from-now", action="store_true", help="an output that is new to this journal receives only new results")
    journal_options.add_journal(parser)


def run(options: argparse.Namespace) -> int:
    """Forward until stopped; 65 where a row is damaged, with ``--once`` 73 where an output could not take everything."""
    if not options.output:
        raise ConfigError(kind="missing", place="--output", expected="an output such as --output csv:results.csv")
    with stopping() as stop:
        with journal_options.open_journal(options, create=False) as journal:
            path = journal.path
        with open_outputs(options.output, path, say, stop=stop.event, from_start=not options.from_now) as outputs:
            if not options.once:
                stop.event.wait()
    for name, count in outputs.delivered().items():
        say(f"{name}: {counted(count, 'record')} sent")
    if outputs.damaged():
        return stop.code(JournalDamaged.exit_code)
    return stop.code(SinkError.exit_code if options.once and (outputs.owed() or outputs.refused()) else 0)
