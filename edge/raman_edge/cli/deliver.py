"""``raman-edge deliver``: feed outputs from a journal without watching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.errors import ConfigError, JournalDamaged, SinkError
from raman_edge.service.run import open_outputs
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_output(parser)
    parser.add_argument("--once", action="store_true", help="deliver what is there and end; else also what comes, until stopped")
    parser.add_argument("--from-now", action="store_true", help="to an output that this journal never fed: only what comes from now on")
    shared.add_journal(parser)


def run(options: argparse.Namespace) -> int:
    """Deliver until stopped; 65 where a row is damaged, with ``--once`` 73 where an output could not take everything."""
    if not options.output:
        msg = "there is no output to deliver to: give one with --output, such as --output csv:results.csv"
        raise ConfigError(msg)
    with stopping() as stop:
        with shared.open_journal(options, create=False) as journal:
            path = journal.path
        with open_outputs(options.output, path, say, stop=stop.event, from_start=not options.from_now) as outputs:
            if not options.once:
                stop.event.wait()
    for name, count in outputs.delivered().items():
        say(f"{name}: {count} records delivered")
    if outputs.damaged():
        return stop.code(JournalDamaged.exit_code)
    return stop.code(SinkError.exit_code if options.once and (outputs.owed() or outputs.refused()) else 0)
